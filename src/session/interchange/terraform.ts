import { type CacheFolders, type CacheSearch, findCachedSession } from "./cached-sessions.ts";
import type { FoundSession } from "./found-session.ts";
import { cacheFoldersOf, type GovcSession, writeCachedSessions } from "./govc.ts";

/** What Terraform's vSphere provider finds where `persist_session` is set. */
export interface TerraformSession extends GovcSession {
  /** `vsphere_server`, to the letter. */
  readonly server: string;
  /** `user` of the provider, to the letter: it has no session without one. */
  readonly user: string;
  /** `allow_unverified_ssl`. */
  readonly insecure: boolean;
}

/**
 * Writes a session as Terraform's vSphere provider reads it today: files as govc's, named by the SHA-256 of the URL
 * with the provider's user, and of `allow_unverified_ssl`.
 *
 * @param folders `vim_session_path` and `rest_session_path`, or the folder that has both as `sessions` and
 *   `rest_sessions`: `~/.govmomi` is the provider's default.
 * @returns the files that were written.
 * @throws as `writeGovcSessions`.
 */
export function writeTerraformSessions(
  folders: string | CacheFolders,
  session: TerraformSession,
): Promise<readonly string[]> {
  return writeCachedSessions(cacheFoldersOf(folders), session);
}

/**
 * Finds a session that Terraform's vSphere provider keeps. Of older releases too: names by SHA-1, and the bare ID of
 * the vAPI side beside the name of the VIM side.
 *
 * @returns undefined where there is none. Whether it is alive, the server knows.
 * @throws as `readGovcSessions`.
 */
export function readTerraformSessions(
  folders: string | CacheFolders,
  search: CacheSearch & { readonly user: string },
): Promise<FoundSession | undefined> {
  return findCachedSession(cacheFoldersOf(folders), search, { users: [search.user], bareIds: true });
}
