import type { SimulatorFaults } from "./faults.ts";
import { type Registration, registrationsKnownTo, type SimulatedGroup, type SimulatedNode } from "./group.ts";

interface Change {
  /** Number of the node that took the change. */
  readonly home: number;
  /** Undefined once it was deleted. */
  readonly row: Registration | undefined;
}

/** The group's registrations: those it was born with, and what was changed since. */
export class RegistrationStore {
  readonly #group: SimulatedGroup;
  readonly #changes = new Map<string, Change>();

  constructor(group: SimulatedGroup) {
    this.#group = group;
  }

  /** What `asked` knows while `faults` are in force; changes at a node it lags behind have not reached it. */
  knownTo(asked: SimulatedNode, faults: SimulatorFaults): Registration[] {
    const lagging = new Set(
      faults.replicationLag?.filter((lag) => lag.node === asked.number).map((lag) => lag.missing),
    );
    const left = new Map([...this.#changes].filter(([, { home }]) => !lagging.has(home)));
    const rows = registrationsKnownTo(asked, this.#group, faults).flatMap((row) => {
      const change = left.get(row.serviceId);
      left.delete(row.serviceId);
      if (!change) return [row];
      return change.row ? [change.row] : [];
    });
    return [...rows, ...[...left.values()].flatMap(({ row }) => row ?? [])];
  }

  /** Adds or replaces a row. */
  put(row: Registration, at: SimulatedNode): void {
    this.#changes.set(row.serviceId, { home: at.number, row });
  }

  delete(serviceId: string, at: SimulatedNode): void {
    this.#changes.set(serviceId, { home: at.number, row: undefined });
  }
}
