import { InvalidArgumentError } from "../errors.ts";
import type { Authority } from "../net/authority.ts";
import type { SoapTransport } from "../soap/transport.ts";

/** A server's time is told to the second: smaller differences cannot be told from none. */
const PRECISION_MS = 2_000;

/** The time that messages bear: this machine's, moved by a fixed offset or by what the server's clock differs. */
export class MessageClock {
  readonly #transport: SoapTransport;
  readonly #authority: Authority;
  readonly #offset: number | "server";

  /** @throws InvalidArgumentError for an offset that is neither a number nor `"server"`. */
  constructor(transport: SoapTransport, authority: Authority, offset: number | "server") {
    // Beyond a few years nobody means it, and times could not be written any more.
    if (offset !== "server" && !(Math.abs(offset) < 1e12)) {
      throw new InvalidArgumentError('clockOffsetMs must be a number of milliseconds, or "server"');
    }
    this.#transport = transport;
    this.#authority = authority;
    this.#offset = offset;
  }

  /** Milliseconds since 1970, as they are to be written. */
  now(): number {
    return Date.now() + this.offsetMs;
  }

  /** Milliseconds that are put to this machine's clock. */
  get offsetMs(): number {
    if (this.#offset !== "server") return this.#offset;
    const skewMs = this.#transport.serverTime?.(this.#authority)?.skewMs ?? 0;
    return Math.abs(skewMs) > PRECISION_MS ? skewMs : 0;
  }

  get followsServer(): boolean {
    return this.#offset === "server";
  }

  /** Milliseconds the server's clock is ahead of ours, if it told its time since `since`. */
  skewSince(since: number): number | undefined {
    const time = this.#transport.serverTime?.(this.#authority);
    return time && time.receivedAt.getTime() >= since ? time.skewMs : undefined;
  }
}
