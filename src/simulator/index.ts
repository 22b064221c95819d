/**
 * A linked group of vCenters on loopback, for tests and demonstrations.
 *
 * @module
 */

export type { SimulatorSolutionUser, SimulatorUser, SmartCard } from "./accounts.ts";
export type { ServiceName, SimulatorFaults } from "./faults.ts";
export type { IdentityProvider, OAuthClient } from "./oauth/provider.ts";
export type { ReceivedRequest } from "./server.ts";
export type { ServerBehaviours } from "./sessions/behaviours.ts";
export type { SessionPolicy } from "./sessions/policy.ts";
export {
  type Simulator,
  type SimulatorAppliance,
  type SimulatorOptions,
  type SimulatorServer,
  type SimulatorSession,
  startSimulator,
} from "./simulator.ts";
export type { TokenPolicy } from "./sts/policy.ts";
