/**
 * A linked group of vCenters on loopback, for tests and demonstrations.
 *
 * @module
 */

export type { ServiceName, SimulatorFaults } from "./faults.ts";
export type { ReceivedRequest } from "./server.ts";
export {
  type Simulator,
  type SimulatorOptions,
  type SimulatorServer,
  type SimulatorUser,
  startSimulator,
} from "./simulator.ts";
