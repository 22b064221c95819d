import type { SimulatorFaults } from "./faults.ts";
import type { SimulatedGroup, SimulatedNode } from "./group.ts";
import type { Federation } from "./oauth/provider.ts";
import type { RegistrationStore } from "./registration-store.ts";
import type { ServerBehaviours } from "./sessions/behaviours.ts";
import type { SessionTable } from "./sessions/table.ts";
import type { Sso } from "./sts/sso.ts";

/** Where and when a request arrived, and what is known there. */
export interface NodeView {
  readonly node: SimulatedNode;
  readonly group: SimulatedGroup;
  readonly faults: SimulatorFaults;
  readonly sso: Sso;
  readonly federation: Federation;
  readonly registrations: RegistrationStore;
  /** The node's own sessions. */
  readonly sessions: SessionTable;
  readonly behaviours: ServerBehaviours;
  /** The node's clock, in milliseconds. */
  readonly now: number;
}
