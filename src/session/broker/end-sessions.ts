import { AbortedError } from "../../errors.ts";
import { timedOut, withTimeout } from "../../net/deadline.ts";
import { HeldSessions, SIDES } from "../bridge-held.ts";
import type { BridgeSide } from "../bridge-side.ts";
import type { SessionSide } from "../session-event.ts";
import type { SidesRecord } from "./record.ts";

export interface EndOptions {
  readonly server: string;
  readonly principal: string;
  /** Doors that nobody else calls with. */
  readonly sides: Readonly<Record<SessionSide, BridgeSide>>;
  readonly timeoutMs: number;
}

/** What became of sessions that were to be ended. */
export interface EndResult {
  /** IDs of those that are gone. */
  readonly ended: ReadonlySet<string>;
  readonly failures: readonly unknown[];
}

/**
 * Ends sessions at the server, each once, however many sides use it. One that has ended is no failure.
 *
 * @returns what failed.
 */
export async function endSessions(
  records: readonly SidesRecord[],
  options: EndOptions,
): Promise<readonly unknown[]> {
  return (await endEach(records, options)).failures;
}

/** As `endSessions`; tells which are gone. */
export async function endEach(
  records: readonly SidesRecord[],
  { server, principal, sides, timeoutMs }: EndOptions,
): Promise<EndResult> {
  const ended = new Set<string>();
  const failures: unknown[] = [];
  await within(server, timeoutMs, async (signal) => {
    const end = async (part: SidesRecord): Promise<void> => {
      const failed = await endOne(part, sides, principal, signal);
      // What the end of its time has cut off tells that.
      const isCutOff = (failure: unknown): boolean => signal.aborted && failure instanceof AbortedError;
      failures.push(...failed.map((failure) => (isCutOff(failure) ? signal.reason : failure)));
      if (failed.length > 0) return;
      for (const side of SIDES) if (part[side]) ended.add(part[side].id);
    };
    // The doors of a side end one after the other.
    for (const record of records) await Promise.all(partsOf(record).map(end));
  });
  return { ended, failures };
}

/** Whether the server knows a session at a side; one that it cannot be asked about may be alive. */
export async function isAlive(
  id: string,
  side: SessionSide,
  { server, sides, timeoutMs }: EndOptions,
): Promise<boolean> {
  return within(server, timeoutMs, async (signal) => {
    const taken = sides[side].takes(id, signal);
    return taken.then(
      (known) => known !== undefined,
      () => true,
    );
  });
}

/** What is shared, in one; else each side by itself, so that it is known which one failed. */
function partsOf({ vapi, vim }: SidesRecord): readonly SidesRecord[] {
  if (vapi !== null && vapi.id === vim?.id) return [{ vapi, vim }];
  return [
    { vapi, vim: null },
    { vapi: null, vim },
  ];
}

async function endOne(
  part: SidesRecord,
  sides: EndOptions["sides"],
  principal: string,
  signal: AbortSignal,
): Promise<readonly unknown[]> {
  const held = new HeldSessions(sides, () => principal);
  const [first] = SIDES.filter((side) => part[side] !== null);
  const session = first && part[first];
  if (!session) return [];
  const known = { id: session.id, owned: true, impersonated: false, origin: first, seenAtUse: 0 };
  for (const side of SIDES) if (part[side]) held.keep(side, known);
  if (part.vapi && part.vim) return held.endAll(signal);
  // At the other side another one may be ended meanwhile.
  return held.endAt(first, signal).then(
    () => [],
    (error: unknown) => [error],
  );
}

/** Runs work in the time there is for it. Nothing else stops it: each has a signal of its own. */
function within<T>(server: string, ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  return withTimeout(new AbortController().signal, ms, () => timedOut(server, "total", ms), work);
}
