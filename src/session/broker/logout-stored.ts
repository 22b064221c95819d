import { formatAuthority, parseServer } from "../../net/authority.ts";
import { type BridgeConnectOptions, CLOSE_TIMEOUT_MS } from "../connect-options.ts";
import { assemble } from "../vcenter-parts.ts";
import { endSessions } from "./end-sessions.ts";
import { isOf, type StoredEntries } from "./stored-entries.ts";
import { endedSession, type StoredSession } from "./stored-session.ts";
import { requireLock, type Vault } from "./vault.ts";

export interface LogoutOptions extends BridgeConnectOptions {
  readonly principal?: string | undefined;
}

interface Stores {
  readonly vault: Vault;
  readonly entries: StoredEntries;
}

/** As `SessionBroker.logout`. */
export async function logoutStored(
  server: string,
  { principal, ...options }: LogoutOptions,
  stores: Stores,
): Promise<readonly StoredSession[]> {
  const { entries } = stores;
  const wanted = formatAuthority(parseServer(server));
  const { found, unreadable } = await entries.all();
  const meant = found.filter(({ record }) => record.server === wanted && isOf(record, principal));
  const ended: StoredSession[] = [];
  const failures: unknown[] = [];
  if (meant.length > 0) {
    const parts = assemble(server, { ...options, keepAlive: false }, undefined);
    try {
      for (const { key } of meant) {
        try {
          const one = await logoutOne(key, parts, options, stores);
          if (one) ended.push(one);
        } catch (error) {
          failures.push(error);
        }
      }
    } finally {
      await parts.close();
    }
  }
  const doubtful = unreadable.find(({ key }) => entries.mayBeOf(key, wanted, principal));
  if (doubtful) failures.push(doubtful.error);
  if (failures.length > 0) throw failures[0];
  return ended;
}

async function logoutOne(
  key: string,
  { host, sides }: Pick<ReturnType<typeof assemble>, "host" | "sides">,
  { signal, closeTimeoutMs = CLOSE_TIMEOUT_MS }: BridgeConnectOptions,
  { vault, entries }: Stores,
): Promise<StoredSession | undefined> {
  return vault.locked(key, { signal }, async (entry) => {
    const record = await entries.read(entry);
    if (record === undefined) return undefined;
    const { principal, vapi, vim, retired } = record;
    requireLock(entry);
    const failures = await endSessions([{ vapi, vim }, ...retired], {
      server: host,
      principal,
      sides,
      timeoutMs: closeTimeoutMs,
    });
    if (failures.length > 0) throw failures[0];
    await entry.remove();
    return endedSession(key, record);
  });
}
