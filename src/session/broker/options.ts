import { InvalidArgumentError } from "../../errors.ts";
import type { ConnectOptions } from "../connect-options.ts";
import type { KeepAliveOptions } from "../keep-alive.ts";
import type { SessionStore } from "../stores/session-store.ts";
import type { GivenCredential } from "./identity.ts";
import type { LockoutLimits, LockoutOptions } from "./lockout-guard.ts";

export interface SessionBrokerOptions {
  /** Where sessions are kept, and who shares them. Default a `MemoryStore`: this object alone. */
  readonly store?: SessionStore | undefined;
  /**
   * Encrypts the sessions that are stored (AES-256-GCM): a text, which scrypt makes a key of, or at least 32 random
   * bytes. All who share the store give the same. Default: entries are stored as they are.
   */
  readonly encryptionKey?: string | Uint8Array | undefined;
  /**
   * When sessions are ended: `last-holder` when nobody, in any process of the store, uses them any more; `never` leaves
   * that to `logout` and to the server. Default `last-holder`.
   */
  readonly logout?: "last-holder" | "never" | undefined;
  /** Seconds after which a session is not handed out any more, and another one is made. Default: any age will do. */
  readonly maxAgeSeconds?: number | undefined;
  /** Seconds to wait for room where the server has all the sessions it allows. Default 30. */
  readonly limitWaitSeconds?: number | undefined;
  /** When logins by password are not tried for a while, for they could lock the account; `false` always tries. */
  readonly lockout?: false | LockoutOptions | undefined;
  /**
   * Keeps sessions from idling out while they are held, by a call now and then, from when they are handed out. Here
   * `idleSeconds` is `Infinity` unless given: a hold ends by its release, however long nothing is called. Default true.
   */
  readonly keepAlive?: boolean | KeepAliveOptions | undefined;
  /** Takes what went wrong and hindered nobody, as one sentence without secrets. Default: it is not told. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

export interface BrokerConnectOptions extends Omit<ConnectOptions, "credential" | "keepAlive"> {
  /**
   * Who logs in; or a function that is asked for it when a login is needed, and then `principal` is to be given. A
   * store that is not shared gives a session only to who comes with the very credential it was made with: the same
   * name and password, or the same object or function.
   */
  readonly credential: GivenCredential;
  /**
   * Whose session: the name it is kept by. Default what the credential tells: the user name, the subject of a token,
   * the SHA-256 fingerprint of a certificate. Case does not matter, and `DOMAIN\user` is `user@DOMAIN`.
   */
  readonly principal?: string | undefined;
  /**
   * Where the account lives, by which refused logins are counted. Default the server; nodes of one SSO domain are to
   * be given one name.
   */
  readonly accountScope?: string | undefined;
}

export interface CheckedOptions {
  readonly endsWithLast: boolean;
  readonly maxAgeMs: number;
  readonly limitWaitMs: number;
  readonly keepAlive: KeepAliveOptions | undefined;
  readonly lockout: LockoutLimits | undefined;
}

/** @throws InvalidArgumentError */
export function checkBrokerOptions(options: SessionBrokerOptions): CheckedOptions {
  const { logout = "last-holder", lockout = {}, keepAlive = true } = options;
  if (logout !== "last-holder" && logout !== "never") {
    throw new InvalidArgumentError('logout must be "last-holder" or "never"');
  }
  const { refusals = 3, windowSeconds = 180, pauseSeconds = 300 } = lockout || {};
  if (!(Number.isInteger(refusals) && refusals > 0 && refusals <= MAX_REFUSALS)) {
    throw new InvalidArgumentError(`lockout.refusals must be a whole number from 1 to ${MAX_REFUSALS}`);
  }
  return {
    endsWithLast: logout === "last-holder",
    maxAgeMs: 1000 * seconds("maxAgeSeconds", options.maxAgeSeconds ?? Number.POSITIVE_INFINITY, 1),
    limitWaitMs: 1000 * seconds("limitWaitSeconds", options.limitWaitSeconds ?? 30, 0, MAX_SECONDS),
    keepAlive: keepAlive ? keptAlive(keepAlive === true ? {} : keepAlive) : undefined,
    lockout:
      lockout === false
        ? undefined
        : {
            refusals,
            windowSeconds: seconds("lockout.windowSeconds", windowSeconds, 1, MAX_SECONDS),
            pauseSeconds: seconds("lockout.pauseSeconds", pauseSeconds, 1, MAX_SECONDS),
          },
  };
}

function keptAlive({ idleSeconds = Number.POSITIVE_INFINITY, ...rest }: KeepAliveOptions): KeepAliveOptions {
  return { ...rest, idleSeconds };
}

const MAX_REFUSALS = 100;
const MAX_SECONDS = 2_000_000;

function seconds(name: string, value: number, least: number, most = Number.POSITIVE_INFINITY): number {
  if (value >= least && value <= most) return value;
  throw new InvalidArgumentError(`${name} must be a number of seconds of at least ${least}`);
}
