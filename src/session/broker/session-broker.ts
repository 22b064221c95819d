import { randomBytes } from "node:crypto";
import { inspect } from "node:util";
import { AbortedError, InvalidArgumentError, StoreError, VsphereSsoError } from "../../errors.ts";
import { formatAuthority, parseServer } from "../../net/authority.ts";
import { SIDES } from "../bridge-held.ts";
import type { AdoptedSessions, AdoptOptions, BridgeConnectOptions } from "../connect-options.ts";
import type { SessionCredential } from "../principal.ts";
import { POOL, type PooledOptions } from "../session-pool.ts";
import { MemoryStore } from "../stores/memory-store.ts";
import type { SessionStore } from "../stores/session-store.ts";
import { VCenter } from "../vcenter.ts";
import { assemble } from "../vcenter-parts.ts";
import { endSessions } from "./end-sessions.ts";
import { BrokerEntry, type EntryContext } from "./entry.ts";
import { withSession } from "./holding.ts";
import { CredentialMarks, entryKey, type GivenCredential, requirePrincipalName } from "./identity.ts";
import { SessionLease } from "./lease.ts";
import { LeasePool } from "./lease-pool.ts";
import { LockoutGuard } from "./lockout-guard.ts";
import { type BrokerConnectOptions, checkBrokerOptions, type SessionBrokerOptions } from "./options.ts";
import {
  DamagedEntryError,
  emptyRecord,
  RECORD_VERSION,
  readRecord,
  type SessionRecord,
  writeRecord,
} from "./record.ts";
import { noSeal, sealWith } from "./seal.ts";
import { type StoredSession, storedSession } from "./stored-session.ts";
import { Vault } from "./vault.ts";

/** Milliseconds for which a store keeps what was imported, unless it is used. */
const KEEP_MS = 7 * 24 * 3_600_000;
const END_TIMEOUT_MS = 10_000;

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
  readonly #context: EntryContext;
  readonly #guard: LockoutGuard | undefined;
  readonly #marks = new CredentialMarks();
  readonly #entries = new Map<string, BrokerEntry>();
  readonly #leases = new Set<SessionLease>();
  /** Which servers share sessions between their sides, as they were seen to. */
  readonly #decisions = new Map<string, boolean>();
  readonly #opening = new Set<Promise<unknown>>();
  #closed: Promise<void> | undefined;

  /** @throws InvalidArgumentError for an option that cannot be used. */
  constructor(options: SessionBrokerOptions = {}) {
    const { lockout, ...checked } = checkBrokerOptions(options);
    this.#ownsStore = options.store === undefined;
    this.#store = options.store ?? new MemoryStore();
    const { encryptionKey } = options;
    this.#vault = new Vault(this.#store, encryptionKey === undefined ? noSeal : sealWith(encryptionKey));
    const warn = onceInARow(options.onWarning);
    this.#guard = lockout && new LockoutGuard(this.#vault, lockout, warn);
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
    const opening = this.#open(server, options);
    this.#opening.add(opening);
    try {
      return await opening;
    } finally {
      this.#opening.delete(opening);
    }
  }

  /** Does work with a hold that is released afterwards. @throws as `acquire`, and what the work throws. */
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

  /** What the store has, of all servers and principals; entries that cannot be read are warned of. */
  async list(): Promise<readonly StoredSession[]> {
    const found = await this.#all();
    return found
      .flatMap(({ key, record }) => storedSession(key, record) ?? [])
      .sort((a, b) => compare(a.server, b.server) || compare(a.principal, b.principal));
  }

  /** What the store has of a server, of one principal or of all. */
  async find(server: string, principal?: string): Promise<readonly StoredSession[]> {
    const wanted = hostOf(server);
    return (await this.list()).filter((each) => each.server === wanted && isOf(each, principal));
  }

  /**
   * Keeps sessions that another program made, in the place of what is stored for their user. Each is verified by a
   * call. Nobody ends them but `logout`.
   *
   * @param options a `credential` is that of later logins, by which a store that is not shared tells callers apart;
   *   `principal` is the name to keep them by, by default the user the server tells.
   * @throws VapiError or VimFaultError `NOT_AUTHENTICATED` for a session that the server does not know; StoreError.
   */
  async import(
    server: string,
    sessions: AdoptedSessions,
    options: AdoptOptions & { readonly principal?: string | undefined },
  ): Promise<StoredSession> {
    this.#requireOpen();
    const { principal, credential, ...rest } = options;
    const vc = await VCenter.adopt(server, sessions, { ...rest, keepAlive: false });
    try {
      const info = await vc.check({ signal: options.signal });
      const { vapi, vim } = vc.session;
      const name = principal ?? info.vim?.user ?? info.vapi?.user;
      if (name === undefined || name.trim() === "") {
        throw new InvalidArgumentError("Whose session it is, the server does not tell", {
          hint: "name the user as `principal`",
        });
      }
      const now = Date.now();
      const sideOf = (id: string | undefined, side: "vapi" | "vim") =>
        id === undefined || info[side] === null
          ? null
          : {
              id,
              createdAt: Math.min(now, info[side].createdAt?.getTime() ?? now),
              imported: true,
              kept: true,
              key: info[side].key,
            };
      const key = this.#keyOf(vc.server, name, credential);
      const record = await this.#vault.locked(key, { signal: options.signal }, async (entry) => {
        const known = await this.#parse(() => entry.read(), DamagedEntryError);
        let imported = { ...(known ?? emptyRecord(vc.server, name.trim())), checkedAt: now };
        for (const side of SIDES) {
          const session = sideOf(side === "vapi" ? vapi?.id : vim?.id, side);
          if (session) imported = { ...imported, ...withSession(imported, side, session) };
        }
        await entry.write(writeRecord(imported), KEEP_MS);
        return imported;
      });
      const stored = storedSession(key, record);
      if (stored) return stored;
      throw new InvalidArgumentError("The session has ended since it was given", {
        hint: "make another one",
      });
    } finally {
      await vc.close();
    }
  }

  /**
   * Ends at the server what is stored for it, of one principal or of all, whoever holds it, and removes it from the
   * store. Who uses such a session is given another one.
   *
   * @returns what was ended.
   * @throws what the first logout that failed threw, after all were tried: that one stays stored; StoreError.
   */
  async logout(
    server: string,
    options: BridgeConnectOptions & { readonly principal?: string | undefined },
  ): Promise<readonly StoredSession[]> {
    const { principal, ...rest } = options;
    const wanted = hostOf(server);
    const entries = (await this.#all()).filter(
      ({ record }) => record.server === wanted && isOf(record, principal),
    );
    if (entries.length === 0) return [];
    const parts = assemble(server, { ...rest, keepAlive: false }, undefined);
    const ended: StoredSession[] = [];
    const failures: unknown[] = [];
    try {
      for (const { key } of entries) {
        try {
          const one = await this.#logout(key, parts, rest);
          if (one) ended.push(one);
        } catch (error) {
          failures.push(error);
        }
      }
    } finally {
      await parts.close();
    }
    if (failures.length > 0) throw failures[0];
    return ended;
  }

  /**
   * Releases all holds, also those that are being acquired, and closes the store unless it was given.
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
    const key = this.#keyOf(host, principal, credential);
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
      return lease;
    } catch (error) {
      this.#forget(entry);
      throw error;
    }
  }

  async #logout(
    key: string,
    { host, sides }: Pick<ReturnType<typeof assemble>, "host" | "sides">,
    { signal, closeTimeoutMs = END_TIMEOUT_MS }: BridgeConnectOptions,
  ): Promise<StoredSession | undefined> {
    return this.#vault.locked(key, { signal }, async (entry) => {
      const record = await this.#parse(() => entry.read());
      if (record === undefined) return undefined;
      const { principal, vapi, vim, retired } = record;
      const failures = await endSessions([{ vapi, vim }, ...retired], {
        server: host,
        principal,
        sides,
        timeoutMs: closeTimeoutMs,
      });
      if (failures.length > 0) throw failures[0];
      await entry.remove();
      return storedSession(key, record);
    });
  }

  #keyOf(host: string, principal: string, credential: GivenCredential | undefined): string {
    const mark = this.#vault.shared ? "" : this.#marks.markOf(credential);
    return entryKey("session", String(RECORD_VERSION), host, principal.trim().toLowerCase(), mark);
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

  async #all(): Promise<{ readonly key: string; readonly record: SessionRecord }[]> {
    const found: { readonly key: string; readonly record: SessionRecord }[] = [];
    for (const key of await this.#vault.keys()) {
      const record = await this.#parse(() => this.#vault.read(key));
      if (record) found.push({ key, record });
    }
    return found;
  }

  /** An entry that cannot be read, for a reason of the kind given, is none, with a warning. */
  async #parse(
    read: () => Promise<string | undefined>,
    kind: typeof StoreError | typeof DamagedEntryError = StoreError,
  ): Promise<SessionRecord | undefined> {
    try {
      const text = await read();
      return text === undefined ? undefined : readRecord(text);
    } catch (error) {
      if (!(error instanceof kind) || error.code !== "STORE_UNREADABLE") throw error;
      this.#context.warn(error.message);
      return undefined;
    }
  }

  #warn(what: string, error: unknown): void {
    const why = error instanceof VsphereSsoError ? error.message : "an error that is none of this package's";
    this.#context.warn(`${what}: ${why}`);
  }

  #requireOpen(): void {
    if (this.#closed === undefined) return;
    throw new AbortedError("The broker is closed", { hint: "make another one" });
  }
}

function hostOf(server: string): string {
  return formatAuthority(parseServer(server));
}

function isOf({ principal }: Pick<SessionRecord, "principal">, wanted: string | undefined): boolean {
  return wanted === undefined || principal.toLowerCase() === wanted.trim().toLowerCase();
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
