import { timedOut, withTimeout } from "../../net/deadline.ts";
import { HeldSessions, SIDES } from "../bridge-held.ts";
import type { BridgeSide } from "../bridge-side.ts";
import type { SessionSide } from "../session-event.ts";
import type { SideRecord, SidesRecord } from "./record.ts";

export interface EndOptions {
  readonly server: string;
  readonly principal: string;
  /** Doors that nobody else calls with. */
  readonly sides: Readonly<Record<SessionSide, BridgeSide>>;
  readonly timeoutMs: number;
}

/**
 * Ends sessions at the server, each once, however many sides use it. One that has ended is no failure.
 *
 * @returns what failed.
 */
export async function endSessions(
  records: readonly SidesRecord[],
  { server, principal, sides, timeoutMs }: EndOptions,
): Promise<readonly unknown[]> {
  const never = new AbortController().signal;
  const late = (): Error => timedOut(server, "total", timeoutMs);
  return withTimeout(never, timeoutMs, late, async (signal) => {
    const failures: unknown[] = [];
    for (const record of records) {
      const held = new HeldSessions(sides, () => principal);
      const sessions = new Map<string, ReturnType<typeof heldOf>>();
      for (const side of SIDES) {
        const session = record[side];
        if (session === null) continue;
        const known = sessions.get(session.id) ?? heldOf(session, side);
        sessions.set(session.id, known);
        held.keep(side, known);
      }
      failures.push(...(await held.endAll(signal)));
    }
    return failures;
  });
}

function heldOf({ id }: SideRecord, origin: SessionSide) {
  return { id, owned: true, impersonated: false, origin, seenAtUse: 0 };
}
