import { SessionLimitError } from "../../errors.ts";
import { monotonicMs, sleep } from "../../net/deadline.ts";
import type { SessionSide } from "../session-event.ts";
import { abortedBy } from "../wait.ts";
import type { EntryName } from "./entry-context.ts";
import { MAX_PAUSE_MS } from "./holding.ts";
import type { LimitRecord, SessionRecord } from "./record.ts";

/** Whether the server is to be left alone, for it had no room. What is said to last longer was a wrong clock's. */
export function isLimited(
  record: SessionRecord | undefined,
): record is SessionRecord & { limit: LimitRecord } {
  if (!record?.limit) return false;
  const leftMs = record.limit.until - Date.now();
  return leftMs > 0 && leftMs <= 2 * MAX_PAUSE_MS;
}

/** How long one request has waited for room at the server. */
export class RoomWait {
  readonly #name: EntryName;
  readonly #side: SessionSide;
  readonly #waitMs: number;
  /** When there was none first, on a clock that nobody sets. */
  #since: number | undefined;
  #error: SessionLimitError | undefined;

  constructor(name: EntryName, side: SessionSide, waitMs: number) {
    this.#name = name;
    this.#side = side;
    this.#waitMs = waitMs;
  }

  /** To be told that a login found no room. */
  note(error: SessionLimitError): void {
    this.#since ??= monotonicMs();
    this.#error = error;
  }

  /** Waits until it is time to ask again. @throws SessionLimitError when there was none for too long; AbortedError. */
  async next(limit: LimitRecord, signal: AbortSignal): Promise<void> {
    this.#since ??= monotonicMs();
    const left = this.#waitMs - (monotonicMs() - this.#since);
    if (left <= 0) throw this.#error ?? this.#noRoom(limit);
    const jitter = 50 * Math.random();
    await sleep(Math.min(left, Math.max(0, limit.until - Date.now()) + jitter), signal).catch(() => {
      throw abortedBy(signal);
    });
  }

  #noRoom({ limit, current }: LimitRecord): SessionLimitError {
    const { server, principal } = this.#name;
    return new SessionLimitError(`${server} has had no room for a session of ${principal}`, {
      door: this.#side === "vapi" ? "vapi-rest" : "vim-soap",
      limit: limit ?? undefined,
      current: current ?? undefined,
      hint: "end sessions that nobody uses any more (vsso session list --server-side tells them), or wait until they idle out",
    });
  }
}
