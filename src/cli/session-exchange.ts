import { isIPv6 } from "node:net";
import { join } from "node:path";
import type { CacheFolders, SessionInfo, SessionSide, VCenter } from "../index.ts";
import { formatAuthority, parseServer, userPrincipalName } from "../index.ts";
import type { CommandContext } from "./command.ts";
import { environmentCredentials } from "./credentials.ts";
import type { Environment } from "./environment.ts";
import { requireHomeFolder } from "./home-folder.ts";
import { nearest, UsageError } from "./usage.ts";

/** Programs whose sessions are files below a folder. */
export type CacheProgram = "govc" | "terraform";

/**
 * The format of `--format`.
 *
 * @param orElse What may be given in its place, for the advice.
 * @throws UsageError
 */
export function formatOf<Format extends string>(
  { flags }: Pick<CommandContext, "flags">,
  formats: readonly Format[],
  orElse = "",
): Format {
  const { format } = flags;
  const known = `one of: ${formats.join(", ")}`;
  if (format === undefined) throw new UsageError("no format is named", `give --format, ${known}${orElse}`);
  const found = formats.find((each) => each === format);
  if (found !== undefined) return found;
  const near = nearest(format, formats);
  throw new UsageError(`there is no format ${format}`, near ? `did you mean ${near}?` : known);
}

/**
 * Where a program stores its sessions: what is named, else what the program itself would take.
 *
 * @throws UsageError where that is in the home folder, and there is none.
 */
export function cacheFolders(
  program: CacheProgram,
  env: Environment,
  named: string | undefined,
): CacheFolders {
  // Terraform's provider does not know GOVMOMI_HOME.
  const base = named ?? (program === "govc" ? env.GOVMOMI_HOME : undefined);
  const below = (name: string): string =>
    join(base || join(requireHomeFolder(env, "name the folder"), ".govmomi"), name);
  const own = program === "terraform" && named === undefined;
  return {
    vim: (own && env.VSPHERE_VIM_SESSION_PATH) || below("sessions"),
    rest: (own && env.VSPHERE_REST_SESSION_PATH) || below("rest_sessions"),
  };
}

/**
 * The server as a program has it in its own variable, else as it is named to us: to the letter, for its files are named
 * by that.
 */
export function serverText(program: CacheProgram, env: Environment, server: string): string {
  const written = authorityText((program === "govc" ? env.GOVC_URL : env.VSPHERE_SERVER) ?? "");
  return written !== "" && sameServer(written, server) ? written : authorityText(server);
}

/** Host, and port where it is written, of a URL that may lack its scheme; an IPv6 address in brackets, as URLs have it. */
function authorityText(url: string): string {
  const text = url
    .trim()
    .replace(/^https:\/\//i, "")
    .replace(/[/?#\\].*$/s, "")
    .replace(/^.*@/s, "");
  return isIPv6(text) ? `[${text}]` : text;
}

function sameServer(text: string, server: string): boolean {
  try {
    return formatAuthority(parseServer(text)) === formatAuthority(parseServer(server));
  } catch {
    return false;
  }
}

/** Users that a program may name the session's file by: the one of the command line, and those of the environment. */
export function usersNamed(
  program: CacheProgram,
  context: Pick<CommandContext, "flags" | "env">,
  word: string | undefined,
): readonly string[] {
  const { flags, env } = context;
  if (flags.user !== undefined) return [flags.user];
  const own = program === "govc" ? env.GOVC_USERNAME : env.VSPHERE_USER;
  return [...new Set([own, environmentCredentials(context, word).user].flatMap((user) => user || []))];
}

/** Whose session it is, as each side tells it: asked of the server. */
export async function usersTold(vc: VCenter, signal: AbortSignal): Promise<readonly string[]> {
  const sides: Readonly<Record<SessionSide, SessionInfo | null>> = await vc.check({ signal });
  return distinctUsers(
    [sides.vapi, sides.vim].flatMap((side) => (side ? [userPrincipalName(side.user)] : [])),
  );
}

/** Users, each once, by the name that comes first: case tells no names apart. */
export function distinctUsers(users: readonly string[]): string[] {
  const keys = users.map((user) => userPrincipalName(user).toLowerCase());
  return users.filter((_, index) => keys.indexOf(keys[index] ?? "") === index);
}

/**
 * Whether two names are of one user. A domain may be left out, or be the first label of the other: servers tell the
 * short name of a domain of Active Directory.
 */
export function isSameUser(one: string, other: string): boolean {
  const [a, b] = [partsOf(one), partsOf(other)];
  if (a.name !== b.name) return false;
  if (a.domain === "" || b.domain === "" || a.domain === b.domain) return true;
  return a.domain.startsWith(`${b.domain}.`) || b.domain.startsWith(`${a.domain}.`);
}

function partsOf(user: string): { readonly name: string; readonly domain: string } {
  const text = userPrincipalName(user).toLowerCase();
  const at = text.lastIndexOf("@");
  return at < 0 ? { name: text, domain: "" } : { name: text.slice(0, at), domain: text.slice(at + 1) };
}
