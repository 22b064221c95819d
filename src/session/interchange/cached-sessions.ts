import { join } from "node:path";
import { formatAuthority, parseServer } from "../../net/authority.ts";
import { isHeaderValue } from "../header-value.ts";
import { FoundSession } from "./found-session.ts";
import { type CachedSession, readRestDocument, readSoapDocument } from "./govmomi-document.ts";
import { authorityTexts, type CacheName, cacheFileName } from "./govmomi-names.ts";
import { readSessionFile, unreadable } from "./session-files.ts";

/** Whose session is looked for in a cache. */
export interface CacheSearch {
  /** `host`, `host:port`, `[ipv6]:port` or `https://host`. */
  readonly server: string;
  /** User name as the other program has it, to the letter. Default: that of a program without one. */
  readonly user?: string | undefined;
  /** Whether the other program verifies no certificates. Default: either; who does comes first. */
  readonly insecure?: boolean | undefined;
}

/** Where a cache has its files. */
export interface CacheFolders {
  /** Sessions of the VIM side. */
  readonly vim: string;
  /** Sessions of the vAPI side. */
  readonly rest: string;
}

export interface CacheReading {
  /** User names that files may be named by, likely ones first. */
  readonly users: readonly string[];
  /** Whether a file of the vAPI side may hold a bare ID, under the name of the VIM side. */
  readonly bareIds: boolean;
}

const SDK_PATHS = ["/sdk", "/sdk/"];
const REST_PATHS = ["/rest"];
const DIGESTS = ["sha256", "sha1"] as const;

type Read = (text: string, path: string) => CachedSession;

/**
 * Looks for a session by the names that its files can have. The sessions of both sides are those of one user and of
 * one decision on certificates.
 *
 * @throws StoreError for a file that is unsafe, damaged, or of another server than its name says.
 */
export async function findCachedSession(
  folders: CacheFolders,
  { server, insecure }: CacheSearch,
  { users, bareIds }: CacheReading,
): Promise<FoundSession | undefined> {
  const authority = formatAuthority(parseServer(server));
  const texts = authorityTexts(server);
  const decisions = insecure === undefined ? [false, true] : [insecure];
  for (const owner of users.flatMap((user) => decisions.map((decision) => ({ user, insecure: decision })))) {
    const names = (paths: readonly string[]): readonly CacheName[] =>
      texts.flatMap((text) => paths.map((path) => ({ ...owner, authority: text, path })));
    const look = (folder: string, paths: readonly string[], read: Read) =>
      firstSession(folder, names(paths), read, authority);
    const vim = await look(folders.vim, SDK_PATHS, readSoapDocument);
    const rest =
      (await look(folders.rest, REST_PATHS, readRestDocument)) ??
      (bareIds ? await look(folders.rest, SDK_PATHS, bareIdOf(authority)) : undefined);
    const found = [vim, rest].flatMap((each) => each ?? []);
    if (found.length > 0) {
      const files = found.map(({ file }) => file);
      return new FoundSession({ server: authority, vim: vim?.id, vapi: rest?.id, files });
    }
  }
  return undefined;
}

async function firstSession(
  folder: string,
  names: readonly CacheName[],
  read: Read,
  authority: string,
): Promise<{ id: string; file: string } | undefined> {
  for (const digest of DIGESTS) {
    for (const name of names) {
      const file = join(folder, cacheFileName(name, digest));
      const text = await readSessionFile(file);
      if (text === undefined) continue;
      const { server, id } = read(text, file);
      // Whoever put it there wants the session to go to another server.
      if (server !== authority) throw unreadable(file, `is of ${server}, and named as one of ${authority}`);
      if (id !== undefined) return { id, file };
    }
  }
  return undefined;
}

/** Early releases of Terraform's provider wrote nothing but the ID. */
function bareIdOf(authority: string): Read {
  return (text, path) => {
    const id = text.trim();
    if (isHeaderValue(id) && !/[\s{}"]/.test(id)) return { server: authority, id };
    throw unreadable(path, "holds no session ID");
  };
}
