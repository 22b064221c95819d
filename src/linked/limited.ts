import { abortable, onAbort } from "../net/deadline.ts";

export interface Limit {
  /** Milliseconds; undefined for no limit. */
  readonly ms: number | undefined;
  /** The error when they are over. */
  readonly late: (ms: number) => Error;
  /** Stops the work as well, with the reason that is told. */
  readonly stop: { readonly signal: AbortSignal | undefined; readonly reason: () => unknown };
}

/** Runs `work` until its time is over or it is stopped, which `work` is told and need not look at. */
export async function limited<T>(limit: Limit, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const { ms, late, stop } = limit;
  const own = new AbortController();
  const { signal } = own;
  const release = onAbort(stop.signal, () => own.abort(stop.reason()));
  const timer = ms === undefined ? undefined : setTimeout(() => own.abort(late(ms)), ms);
  try {
    signal.throwIfAborted();
    return await abortable(work(signal), signal);
  } finally {
    clearTimeout(timer);
    release();
  }
}
