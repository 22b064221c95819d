import { InvalidArgumentError } from "../../errors.ts";
import { SIDES } from "../bridge-held.ts";
import type { AdoptedSessions, AdoptOptions } from "../connect-options.ts";
import type { SessionSide } from "../session-event.ts";
import { VCenter } from "../vcenter.ts";
import { withSession } from "./holding.ts";
import { userPrincipalName } from "./identity.ts";
import { emptyRecord, KEEP_MS, type SessionRecord, type SideRecord, writeRecord } from "./record.ts";
import type { StoredEntries } from "./stored-entries.ts";
import { type StoredSession, storedSession } from "./stored-session.ts";
import type { Vault } from "./vault.ts";

export interface ImportOptions extends AdoptOptions {
  readonly principal?: string | undefined;
}

type Imported = { readonly [Name in SessionSide]: SideRecord | null };

interface Kept {
  readonly key: string;
  readonly stored: StoredSession | undefined;
}

/** As `SessionBroker.import`. */
export async function importSessions(
  server: string,
  sessions: AdoptedSessions,
  { principal, credential, ...rest }: ImportOptions,
  { vault, entries }: { readonly vault: Vault; readonly entries: StoredEntries },
): Promise<StoredSession> {
  const { signal } = rest;
  const vc = await VCenter.adopt(server, sessions, { ...rest, keepAlive: false });
  try {
    const { name, imported } = await verified(vc, principal, signal);
    const ids = new Set(SIDES.flatMap((side) => imported[side]?.id ?? []));
    const { found } = await entries.all();
    const others = found.filter(
      ({ record }) => record.server === vc.server && SIDES.some((side) => ids.has(record[side]?.id ?? "")),
    );
    const named = entries.keyOf(vc.server, name, credential);
    // What is stored already stays where it is, unless it is said by which name to keep it.
    const isFree = principal === undefined && credential === undefined;
    const present = isFree && others.some((other) => other.key !== named) ? others[0]?.key : undefined;
    const keep = (key: string): Promise<Kept | undefined> =>
      vault.locked(key, { signal }, async (entry) => {
        const known = await entries.read(entry);
        // It was ended meanwhile.
        if (known === undefined && key !== named) return undefined;
        let record = { ...(known ?? emptyRecord(vc.server, name)), checkedAt: Date.now() };
        for (const side of SIDES) {
          const session = imported[side];
          if (session) record = { ...record, ...withSession(record, side, session) };
        }
        await entry.write(writeRecord(record), KEEP_MS);
        return { key, stored: storedSession(key, record) };
      });
    const kept = (present && (await keep(present))) || (await keep(named));
    for (const other of others) {
      if (other.key === kept?.key) continue;
      await vault.locked(other.key, { signal }, async (entry) => {
        const record = await entries.read(entry);
        if (record) await entry.write(writeRecord(asImported(record, ids)), KEEP_MS);
      });
    }
    if (kept?.stored) return kept.stored;
    throw new InvalidArgumentError("The session has ended since it was given", {
      hint: "make another one",
    });
  } finally {
    await vc.close();
  }
}

/** What the server says of sessions. @throws InvalidArgumentError where nobody tells whose they are. */
async function verified(
  vc: VCenter,
  principal: string | undefined,
  signal: AbortSignal | undefined,
): Promise<{ readonly name: string; readonly imported: Imported }> {
  const info = await vc.check({ signal });
  const name = principal ?? info.vim?.user ?? info.vapi?.user;
  if (name === undefined || name.trim() === "") {
    throw new InvalidArgumentError("Whose session it is, the server does not tell", {
      hint: "name the user as `principal`",
    });
  }
  const now = Date.now();
  const sideOf = (side: SessionSide): SideRecord | null => {
    const id = vc.session[side]?.id;
    if (id === undefined || info[side] === null) return null;
    const { createdAt, key } = info[side];
    return { id, createdAt: Math.min(now, createdAt?.getTime() ?? now), imported: true, kept: true, key };
  };
  return { name: userPrincipalName(name), imported: { vapi: sideOf("vapi"), vim: sideOf("vim") } };
}

/** Nobody who holds it there ends it any more. */
function asImported(record: SessionRecord, ids: ReadonlySet<string>): SessionRecord {
  const mark = (session: SideRecord | null): SideRecord | null =>
    session !== null && ids.has(session.id) ? { ...session, imported: true, kept: true } : session;
  return { ...record, vapi: mark(record.vapi), vim: mark(record.vim) };
}
