import { AbortedError, InvalidArgumentError, VsphereSsoError } from "../errors.ts";
import type { SamlToken } from "../saml/token.ts";
import type { SecurityTokenService } from "./client.ts";
import { isCredentialRefusal } from "./credential-refusal.ts";
import type { IssueOptions } from "./options.ts";

export interface TokenSourceOptions {
  /** Asks for a new token; the signal fires when nobody waits for it any more. */
  readonly issue: (signal: AbortSignal) => Promise<SamlToken>;
  /** Renews a renewable token; without it a new one is issued. */
  readonly renew?: ((token: SamlToken, signal: AbortSignal) => Promise<SamlToken>) | undefined;
  /**
   * Seconds before a token's end from which on another one is asked for. Default a quarter of its lifetime, at most
   * 300; never more than half of it.
   */
  readonly renewAheadSeconds?: number | undefined;
  /** Clock in milliseconds. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
}

/** A token in hand. Times are of this machine's clock, whatever the server's shows. */
interface Held {
  readonly token: SamlToken;
  readonly endsAt: number;
  /** From here on another one is asked for. */
  refreshAt: number;
}

/** A request under way, with those who wait for it. */
interface Flight {
  readonly result: Promise<SamlToken>;
  readonly abort: AbortController;
  waiting: number;
  /** What is to run when a caller's signal fires. */
  readonly leaving: Map<AbortSignal, (() => void)[]>;
}

/** Requests that were given up, by what the last who waited was told. */
const givenUp = new WeakMap<object, Promise<unknown>>();

const MAX_AHEAD_MS = 300_000;
const RETRY_MS = 10_000;

/**
 * Hands out a valid token whenever one is asked for. A token near its end is renewed, else issued anew; when neither
 * works and the old one is still valid, that is handed out. However many ask at once, one request is under way.
 * Nothing happens between calls: no timer is set. Where the renewal was refused because the account is locked or its
 * password has expired, none is issued anew.
 *
 * Refused credentials (a wrong or expired password, a locked account, a wrong certificate) are not presented again,
 * for that is how accounts get locked: once the token in hand has ended, every call fails with the first refusal, the
 * same error object, and the server is not asked until `invalidate()` says that something has changed.
 *
 * @example
 * const tokens = TokenSource.of(sts, { credential, holderOfKey, renewable: true });
 * const token = await tokens.token({ signal });
 */
export class TokenSource {
  readonly #options: TokenSourceOptions;
  readonly #now: () => number;
  #held: Held | undefined;
  #flight: Flight | undefined;
  /** The refusal of the credentials, which stands until the source is told to forget it. */
  #refusal: { readonly error: unknown } | undefined;
  /** How often it was told so: what was asked for before tells nothing any more. */
  #epoch = 0;

  /** @throws InvalidArgumentError for a `renewAheadSeconds` that is no number of at least 0. */
  constructor(options: TokenSourceOptions) {
    const { renewAheadSeconds = 0 } = options;
    if (!(renewAheadSeconds >= 0 && Number.isFinite(renewAheadSeconds))) {
      throw new InvalidArgumentError("renewAheadSeconds must be a number of seconds of at least 0");
    }
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Tokens of one service, all issued alike. */
  static of(
    service: SecurityTokenService,
    options: Omit<IssueOptions, "signal">,
    more: Pick<TokenSourceOptions, "renewAheadSeconds" | "now"> = {},
  ): TokenSource {
    const { lifetimeSeconds, messageLifetimeSeconds, messageSignatureAlgorithm } = options;
    return new TokenSource({
      ...more,
      issue: (signal) => service.issue({ ...options, signal }),
      renew: (token, signal) =>
        service.renew(token, { lifetimeSeconds, messageLifetimeSeconds, messageSignatureAlgorithm, signal }),
    });
  }

  /**
   * A token that is valid now, and for a while yet.
   *
   * @throws AbortedError when the caller's signal fires; else what the request for a token throws, or threw when it
   *   was refused for the credentials.
   */
  async token(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<SamlToken> {
    const { signal } = options;
    if (signal?.aborted) throw aborted(signal);
    if (this.#held && this.#now() < this.#held.refreshAt) return this.#held.token;
    if (this.#refusal) {
      if (this.#held && this.#isValid(this.#held)) return this.#held.token;
      throw this.#refusal.error;
    }
    this.#flight ??= this.#depart();
    return this.#wait(this.#flight, signal);
  }

  /**
   * Forgets the token in hand, so that the next call asks for another: for one that a server refused. Given a token,
   * does so only if that is the one in hand, so that of many callers who were refused one asks anew. Given none, also
   * forgets that the credentials were refused: to be called when they were corrected, or the account unlocked.
   */
  invalidate(token?: SamlToken): void {
    if (token === undefined || token === this.#held?.token) this.#held = undefined;
    if (token !== undefined) return;
    this.#refusal = undefined;
    this.#epoch++;
  }

  #isValid(held: Held | undefined): boolean {
    return held !== undefined && this.#now() < held.endsAt;
  }

  #depart(): Flight {
    const abort = new AbortController();
    const held = this.#held;
    const flight: Flight = {
      result: this.#refresh(held, abort.signal).finally(() => {
        if (this.#flight === flight) this.#flight = undefined;
      }),
      abort,
      waiting: 0,
      leaving: new Map(),
    };
    // Those who wait are told; when all have left, nobody need be.
    flight.result.catch(() => undefined);
    return flight;
  }

  /** Waits for a request that others may wait for too; the last to leave ends it. */
  #wait(flight: Flight, signal: AbortSignal | undefined): Promise<SamlToken> {
    flight.waiting++;
    return new Promise((resolve, reject) => {
      flight.result.then(resolve, reject);
      if (signal === undefined) return;
      onAbort(flight, signal, () => {
        const error = aborted(signal);
        reject(error);
        if (--flight.waiting > 0) return;
        givenUp.set(error, flight.result);
        // Whoever comes next begins anew instead of joining what is being given up.
        if (this.#flight === flight) this.#flight = undefined;
        flight.abort.abort(signal.reason);
      });
    });
  }

  async #refresh(held: Held | undefined, signal: AbortSignal): Promise<SamlToken> {
    const stillValid = (): boolean => held === this.#held && this.#isValid(held);
    const epoch = this.#epoch;
    try {
      const token = await this.#obtain(held && stillValid() ? held.token : undefined, signal);
      if (!signal.aborted) {
        this.#held = this.#hold(token);
        this.#refusal = undefined;
      }
      return token;
    } catch (error) {
      // Though nobody waits any more: the server has counted it.
      if (isCredentialRefusal(error) && epoch === this.#epoch) this.#refusal = { error };
      if (held === undefined || signal.aborted || !stillValid()) throw error;
      // Nothing is lost yet. Credentials that were refused are not presented again before it is.
      held.refreshAt = isCredentialRefusal(error)
        ? held.endsAt
        : Math.min(held.endsAt, this.#now() + RETRY_MS);
      return held.token;
    }
  }

  /** Renews where that can be done, else asks for a new token. */
  async #obtain(old: SamlToken | undefined, signal: AbortSignal): Promise<SamlToken> {
    const { issue, renew } = this.#options;
    if (old && renew && old.renewable && old.signer) {
      try {
        return await renew(old, signal);
      } catch (error) {
        // Renewal is asked for by the key: its refusal is one of the token, unless the account itself is named.
        if (signal.aborted || isOfAccount(error)) throw error;
      }
    }
    return issue(signal);
  }

  #hold(token: SamlToken): Held {
    const received = this.#now();
    // Of a new token its length is certain. Its times are of two clocks, issuedAt of the server's, notBefore of who
    // asked: where these differ, a token may look ended when it is issued, and the server's tolerance covers it.
    const lifetimeMs = token.grantedLifetimeSeconds * 1000;
    const { renewAheadSeconds } = this.#options;
    const aheadMs =
      renewAheadSeconds === undefined ? Math.min(lifetimeMs / 4, MAX_AHEAD_MS) : renewAheadSeconds * 1000;
    const endsAt = received + lifetimeMs;
    return { token, endsAt, refreshAt: endsAt - Math.min(aheadMs, lifetimeMs / 2) };
  }
}

/** Runs `leave` when the signal fires before the flight ends. Callers share a listener: Node warns at eleven. */
function onAbort(flight: Flight, signal: AbortSignal, leave: () => void): void {
  const waiting = flight.leaving.get(signal);
  if (waiting) {
    waiting.push(leave);
    return;
  }
  const all = [leave];
  flight.leaving.set(signal, all);
  const listener = (): void => {
    for (const each of all) each();
  };
  signal.addEventListener("abort", listener, { once: true });
  const release = (): void => signal.removeEventListener("abort", listener);
  flight.result.then(release, release);
}

/** Says of the account that no other request will fare better, and that each may count against it. */
function isOfAccount(error: unknown): boolean {
  return (
    error instanceof VsphereSsoError && (error.code === "ACCOUNT_LOCKED" || error.code === "PASSWORD_EXPIRED")
  );
}

/** The request that an AbortedError of a source gave up; undefined where it goes on, or there was none. */
export function requestGivenUp(error: object): Promise<unknown> | undefined {
  return givenUp.get(error);
}

function aborted(signal: AbortSignal): AbortedError {
  return new AbortedError("Waiting for a token was aborted", { cause: signal.reason });
}
