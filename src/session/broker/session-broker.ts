import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { AbortedError, InvalidArgumentError } from "../../errors.ts";
import { formatAuthority, parseServer } from "../../net/authority.ts";
import { onAbort } from "../../net/deadline.ts";
import type { AdoptedSessions, AdoptOptions, BridgeConnectOptions } from "../connect-options.ts";
import type { SessionCredential } from "../principal.ts";
import { POOL, type PooledOptions } from "../session-pool.ts";
import { MemoryStore } from "../stores/memory-store.ts";
import type { SessionStore } from "../stores/session-store.ts";
import { VCenter } from "../vcenter.ts";
import { BrokerEntry } from "./entry.ts";
import type { EntryContext } from "./entry-context.ts";
import { CredentialMarks, requirePrincipalName } from "./identity.ts";
import { importSessions } from "./import-sessions.ts";
import { SessionLease } from "./lease.ts";
import { LeasePool } from "./lease-pool.ts";
import { LockoutGuard } from "./lockout-guard.ts";
import { logoutStored } from "./logout-stored.ts";
import { type BrokerConnectOptions, checkBrokerOptions, type SessionBrokerOptions } from "./options.ts";
import { noSeal, sealWith } from "./seal.ts";
import { isOf, StoredEntries } from "./stored-entries.ts";
import { type StoredSession, storedSession } from "./stored-session.ts";
import { Vault } from "./vault.ts";
import { reasonOf } from "./warning.ts";

/**
 * Shares sessions: of all who ask for one of the same principal at the same server, in this process and in all others
 * that use the same store, one logs in. A session is handed out when the server, asked by a call, takes it; it is kept
 * alive while it is held, made anew once for all when it has ended, and ended when the last holder leaves.
 *
 * Who has the store has the sessions: a store that is shared gives them to whoever can read it, whatever the
 * credential. Keep it as a password is kept.
 *
 * @example
 * await using broker = new SessionBroker({ store: new FileStore() });
 * const machines = await broker.use("vc01.corp.example", { credential: { username, password } }, (vc) =>
 *   vc.vapi.get("/api/vcenter/vm"),
 * );
 */
export class SessionBroker implements AsyncDisposable {
  readonly #store: SessionStore;
  readonly #ownsStore: boolean;
  readonly #vault: Vault;
  readonly #stored: StoredEntries;
  readonly #context: EntryContext;
  readonly #guard: LockoutGuard | undefined;
  readonly #marks = new CredentialMarks();
  readonly #entries = new Map<string, BrokerEntry>();
  readonly #leases = new Set<SessionLease>();
  /** Which servers share sessions between their sides, as they were seen to. */
  readonly #decisions = new Map<string, boolean>();
  readonly #opening = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  /** @throws InvalidArgumentError for an option that cannot be used. */
  constructor(options: SessionBrokerOptions = {}) {
    const { lockout, ...checked } = checkBrokerOptions(options);
    this.#ownsStore = options.store === undefined;
    this.#store = options.store ?? new MemoryStore();
    const { encryptionKey } = options;
    this.#vault = new Vault(this.#store, encryptionKey === undefined ? noSeal : sealWith(encryptionKey));
    const warn = onceInARow(options.onWarning);
    this.#stored = new StoredEntries(this.#vault, this.#marks, warn);
    this.#guard = lockout && new LockoutGuard(new Vault(this.#store, noSeal), lockout, warn);
    const holder = randomBytes(12).toString("base64url");
    this.#context = { vault: this.#vault, holder, warn, ...checked };
    Object.defineProperty(this, inspect.custom, {
      value: () => `SessionBroker ${inspect({ leases: this.#leases.size })}`,
    });
  }

  /**
   * A hold on the sessions of a principal: those that are kept, where the server takes them, else new ones.
   *
   * @param server `host`, `host:port`, `[ipv6]:port` or `https://host`.
   * @throws as `VCenter.connect`; SessionLimitError when there was no room for a session for too long;
   *   LoginSuspendedError instead of a login that could lock the account; StoreError, also for an entry that this
   *   program cannot read: no login is made that the store could not keep.
   */
  async acquire(server: string, options: BrokerConnectOptions): Promise<SessionLease> {
    this.#requireOpen();
    const abort = new AbortController();
    const releases = [options.signal, this.#closing.signal].map((signal) =>
      onAbort(signal, () => abort.abort(signal?.reason)),
    );
    const opening = this.#open(server, { ...options, signal: abort.signal });
    this.#opening.add(opening);
    try {
      return await opening;
    } finally {
      this.#opening.delete(opening);
      for (const release of releases) release();
    }
  }

  /**
   * Does work with a hold that is released afterwards.
   *
   * @throws as `acquire`; what the work throws, and then what the release throws is a warning; where the work was done,
   *   what the release throws, as `SessionLease.release`.
   */
  async use<T>(server: string, options: BrokerConnectOptions, work: (vc: VCenter) => Promise<T>): Promise<T> {
    const lease = await this.acquire(server, options);
    let result: T;
    try {
      result = await work(lease.vc);
    } catch (error) {
      // What the work threw is what went wrong.
      await lease.release().catch((failure: unknown) => this.#warn("A session was not released", failure));
      throw error;
    }
    await lease.release();
    return result;
  }

  /**
   * What the store has, of all servers and principals; entries that cannot be read are warned of.
   *
   * @throws StoreError where the store does not tell what it has.
   */
  async list(): Promise<readonly StoredSession[]> {
    const { found } = await this.#stored.all();
    return found
      .flatMap(({ key, record }) => storedSession(key, record) ?? [])
      .sort((a, b) => compare(a.server, b.server) || compare(a.principal, b.principal));
  }

  /**
   * What the store has of a server, of one principal or of all; entries that cannot be read are warned of.
   *
   * @throws InvalidArgumentError for what names no server; as `list`.
   */
  async find(server: string, principal?: string): Promise<readonly StoredSession[]> {
    const wanted = hostOf(server);
    return (await this.list()).filter((each) => each.server === wanted && isOf(each, principal));
  }

  /**
   * Keeps sessions that another program made, in the place of what is stored for their user. Each is verified by a
   * call. Nobody ends them but `logout`, also those that are stored already, by whichever name.
   *
   * @param options a `credential` is that of later logins, by which a store that is not shared tells callers apart;
   *   `principal` is the name to keep them by, by default the user the server tells.
   * @throws VapiError or VimFaultError `NOT_AUTHENTICATED` for a session that the server does not know;
   *   InvalidArgumentError for sessions or options that cannot be used, also where neither the server nor `principal`
   *   tells whose they are; StoreError; AbortedError; every error of the transport.
   */
  async import(
    server: string,
    sessions: AdoptedSessions,
    options: AdoptOptions & { readonly principal?: string | undefined },
  ): Promise<StoredSession> {
    this.#requireOpen();
    return importSessions(server, sessions, options, { vault: this.#vault, entries: this.#stored });
  }

  /**
   * Ends at the server what is stored for it, of one principal or of all, whoever holds it, and removes it from the
   * store. Who uses such a session is given another one.
   *
   * @returns what was ended.
   * @throws what the first logout that failed threw, after all were tried: that one stays stored; StoreError, also for
   *   an entry that cannot be read and may be one of these, after the others were ended.
   */
  async logout(
    server: string,
    options: BridgeConnectOptions & { readonly principal?: string | undefined },
  ): Promise<readonly StoredSession[]> {
    return logoutStored(server, options, { vault: this.#vault, entries: this.#stored });
  }

  /**
   * Releases all holds, gives up those that are being acquired, and closes the store unless it was given.
   *
   * @throws what the first release that failed threw, after all were tried.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const releaseAll = (): Promise<PromiseSettledResult<void>[]> =>
      Promise.allSettled([...this.#leases].map((lease) => lease.release()));
    this.#closing.abort(closedError());
    const results = await releaseAll();
    // They find out that it is closed, and release what they got.
    await Promise.allSettled([...this.#opening]);
    results.push(...(await releaseAll()));
    if (this.#ownsStore) await this.#store.close();
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }

  async #open(server: string, options: BrokerConnectOptions): Promise<SessionLease> {
    const { credential, principal: given, accountScope, ...rest } = options;
    if (credential === undefined) throw new InvalidArgumentError("There is no credential");
    const host = hostOf(server);
    const principal = await requirePrincipalName(credential, given);
    const key = this.#stored.keyOf(host, principal, credential);
    const entry = this.#entry(key, host, principal);
    let lease: SessionLease | undefined;
    const pool = new LeasePool({
      entry,
      credential,
      mark: this.#marks.markOf(credential),
      account: { scope: accountScope ?? host, principal, entry: key },
      guard: this.#guard,
      warn: (error) => this.#warn("A session's new ID was not stored", error),
      onLeft: () => {
        if (lease) this.#leases.delete(lease);
        this.#forget(entry);
      },
    });
    const connect: PooledOptions & typeof rest = {
      ...rest,
      decisions: pool.decisions(host, rest.decisions ?? this.#decisions),
      [POOL]: pool,
    };
    // The pool knows what to do with a function.
    const who = credential as SessionCredential;
    try {
      const vc = await VCenter.connect(server, { ...connect, credential: who, keepAlive: false });
      lease = new SessionLease(vc, () => vc.close());
      this.#leases.add(lease);
      if (this.#closed) {
        await lease.release();
        this.#requireOpen();
      }
      // Who has it may make no call for long.
      pool.used();
      return lease;
    } catch (error) {
      this.#forget(entry);
      throw error;
    }
  }

  #entry(key: string, host: string, principal: string): BrokerEntry {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = new BrokerEntry(key, host, principal, this.#context);
      this.#entries.set(key, entry);
    }
    return entry;
  }

  #forget(entry: BrokerEntry): void {
    if (!entry.isUsed && this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
  }

  #warn(what: string, error: unknown): void {
    this.#context.warn(`${what}: ${reasonOf(error)}`);
  }

  #requireOpen(): void {
    if (this.#closed === undefined) return;
    throw closedError();
  }
}

function closedError(): AbortedError {
  return new AbortedError("The broker is closed", { hint: "make another one" });
}

function hostOf(server: string): string {
  return formatAuthority(parseServer(server));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

/** The same again tells nothing. */
function onceInARow(tell: ((message: string) => void) | undefined): (message: string) => void {
  let last: string | undefined;
  return (message) => {
    if (message !== last) tell?.(message);
    last = message;
  };
}
