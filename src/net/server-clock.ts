import { type Authority, formatAuthority } from "./authority.ts";
import type { ResponseHeaders } from "./exchange.ts";

/** What a server's `Date` header said. */
export interface ServerTime {
  /** The server's clock, to the second. */
  readonly date: Date;
  /** Our clock when the reply came. */
  readonly receivedAt: Date;
  /** Milliseconds the server's clock is ahead of ours; exact to about one second. */
  readonly skewMs: number;
}

/** The latest time heard from each server. */
export class ServerClock {
  readonly #times = new Map<string, ServerTime>();
  #last: { readonly text: unknown; readonly date: Date } | undefined;

  note(authority: Authority, headers: ResponseHeaders): void {
    // Replies of one second have one date: it is read once.
    const last = this.#last;
    const date = last !== undefined && last.text === headers.date ? last.date : httpDate(headers.date);
    if (date === undefined) return;
    this.#last = { text: headers.date, date };
    const receivedAt = new Date();
    const skewMs = date.getTime() - receivedAt.getTime();
    this.#times.set(formatAuthority(authority), { date, receivedAt, skewMs });
  }

  get(authority: Authority): ServerTime | undefined {
    return this.#times.get(formatAuthority(authority));
  }
}

/** A header's HTTP date; undefined where it is missing, repeated or no date. */
export function httpDate(value: string | string[] | undefined): Date | undefined {
  // `Date` reads far more than RFC 9110 allows, a bare number for one.
  if (typeof value !== "string" || !/^[A-Z][a-z]{2,8},? .*\d\d:\d\d:\d\d/.test(value)) return undefined;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? undefined : date;
}
