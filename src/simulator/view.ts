import type { SimulatorFaults } from "./faults.ts";
import type { SimulatedGroup, SimulatedNode } from "./group.ts";
import type { Inventory } from "./inventory.ts";
import type { Federation } from "./oauth/provider.ts";
import type { RegistrationStore } from "./registration-store.ts";
import type { ServerBehaviours } from "./sessions/behaviours.ts";
import type { SessionTable } from "./sessions/table.ts";
import type { Sso } from "./sts/sso.ts";
import type { VapiState } from "./vapi/state.ts";
import type { VimState } from "./vim/state.ts";

/** What one node remembers. */
export interface NodeMemory {
  /** The node's own sessions. */
  readonly sessions: SessionTable;
  /** What the node manages. */
  readonly inventory: Inventory;
  /** What it remembers for its VIM sessions. */
  readonly vim: VimState;
  /** What its vAPI services remember. */
  readonly vapi: VapiState;
}

/** Where and when a request arrived, and what is known there. */
export interface NodeView extends NodeMemory {
  readonly node: SimulatedNode;
  readonly group: SimulatedGroup;
  readonly faults: SimulatorFaults;
  readonly sso: Sso;
  readonly federation: Federation;
  readonly registrations: RegistrationStore;
  readonly behaviours: ServerBehaviours;
  /** The node's clock, in milliseconds. */
  readonly now: number;
}
