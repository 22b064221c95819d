import { join } from "node:path";
import { InvalidArgumentError } from "../../errors.ts";
import type { XmlElement } from "../../xml/reader.ts";
import type { CallOptions } from "../door.ts";
import { checkSessionId } from "../header-value.ts";
import type { ServiceContent } from "../service-content.ts";
import type { ManagedObjectReference } from "../vim-calls.ts";
import { type CacheFolders, type CacheSearch, findCachedSession } from "./cached-sessions.ts";
import type { FoundSession } from "./found-session.ts";
import { restDocument, soapDocument } from "./govmomi-document.ts";
import { cacheFileName } from "./govmomi-names.ts";
import { writeCacheFile } from "./session-files.ts";

/** What a program on govmomi finds in its session cache. */
export interface GovcSession {
  /** Host, and port where it is written: the authority of `GOVC_URL`, to the letter, for files are named by it. */
  readonly server: string;
  /** User name as `GOVC_USERNAME` or `GOVC_URL` has it; default none. */
  readonly user?: string | undefined;
  /** As `GOVC_INSECURE` says, for it is part of a session's name. */
  readonly insecure: boolean;
  /** ID at the vAPI side; null where that has none. */
  readonly vapi: string | null;
  /** ID at the VIM side; null where that has none. */
  readonly vim: string | null;
  /** Of the server, as `cachedServiceContent` has it: needed for the VIM side. */
  readonly serviceContent: object;
}

/**
 * Writes a session into the folder that is, or is to be, `GOVMOMI_HOME` (default `~/.govmomi`), as govmomi's
 * `session/cache` reads it: a file for each side, in `sessions` and `rest_sessions`, named by the SHA-256 of the URL
 * with the user and of whether certificates are verified. That is how govc from 0.48 on names them.
 *
 * @returns the files that were written.
 * @throws StoreError where a file or its folder cannot be written, is a symbolic link, or is open to others; InvalidArgumentError where there is no ID, or one that cannot be sent.
 */
export async function writeGovcSessions(
  folder: string | CacheFolders,
  session: GovcSession,
): Promise<readonly string[]> {
  return writeCachedSessions(cacheFoldersOf(folder), session);
}

/**
 * Finds a session that govc, or another program on govmomi, keeps (`GOVC_PERSIST_SESSION`): by the user given, then by
 * none. Names of releases before 0.48 (SHA-1) are known too.
 *
 * @param folder `GOVMOMI_HOME`, or the folders of both sides.
 * @returns undefined where there is none. Whether it is alive, the server knows.
 * @throws StoreError for a file that is not the user's own, can be read by others, is damaged, or is of another server.
 * @example
 * const found = await readGovcSessions(join(homedir(), ".govmomi"), { server: "vc01.corp.example" });
 * const vc = found && (await VCenter.adopt("vc01.corp.example", found, { trust: { ca } }));
 */
export function readGovcSessions(
  folder: string | CacheFolders,
  search: CacheSearch,
): Promise<FoundSession | undefined> {
  const users = [...new Set([search.user ?? "", ""])];
  return findCachedSession(cacheFoldersOf(folder), search, { users, bareIds: false });
}

/** Folders of sessions below the one that programs on govmomi have in common. */
export function cacheFoldersOf(folder: string | CacheFolders): CacheFolders {
  if (typeof folder !== "string") return folder;
  return { vim: join(folder, "sessions"), rest: join(folder, "rest_sessions") };
}

/** Writes the files of both sides; those of a side without a session stay as they are. */
export async function writeCachedSessions(
  folders: CacheFolders,
  session: GovcSession,
): Promise<readonly string[]> {
  const { server, user = "", insecure, vapi, vim, serviceContent } = session;
  if (vapi === null && vim === null) throw new InvalidArgumentError("There is no session to write");
  for (const id of [vapi, vim]) if (id !== null) checkSessionId(id);
  const file = (folder: string, path: string): string =>
    join(folder, cacheFileName({ authority: server, user, path, insecure }));
  const client = { server, insecure };
  const files: string[] = [];
  const write = async (path: string, text: string): Promise<void> => {
    await writeCacheFile(path, text);
    files.push(path);
  };
  if (vim !== null) await write(file(folders.vim, "/sdk"), soapDocument(client, vim, serviceContent));
  if (vapi !== null) await write(file(folders.rest, "/rest"), restDocument(client, vapi));
  return files;
}

/** What knows the service content of a server. */
export interface ServiceContentSource {
  serviceContent(options?: CallOptions): Promise<ServiceContent>;
  call(
    operation: string,
    target: ManagedObjectReference,
    parameters: Readonly<Record<string, never>>,
    options: CallOptions & { readonly repeatable: boolean },
  ): Promise<readonly XmlElement[]>;
}

/**
 * The service content of a server as programs on govmomi keep it: references by their names, and `about`.
 *
 * @param soap `VCenter.soap`, or a `VimSoap`.
 * @throws as a call does.
 */
export async function cachedServiceContent(
  soap: ServiceContentSource,
  options: CallOptions = {},
): Promise<object> {
  const target = { type: "ServiceInstance", value: "ServiceInstance" };
  const [{ references }, [content]] = await Promise.all([
    soap.serviceContent(options),
    soap.call("RetrieveServiceContent", target, {}, { ...options, repeatable: true }),
  ]);
  const about = content?.children.find(({ local }) => local === "about")?.children ?? [];
  return { ...references, about: Object.fromEntries(about.map(({ local, text }) => [local, text.trim()])) };
}
