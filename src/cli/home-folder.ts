import { userInfo } from "node:os";
import { isAbsolute } from "node:path";
import type { Environment } from "./environment.ts";
import { UsageError } from "./usage.ts";

/**
 * The home folder of `HOME` (on Windows of `USERPROFILE`), else what the system has for the user; undefined where there
 * is none. A relative one does not count: what is trusted and stored would be in whichever folder a command is run in.
 */
export function homeFolder(env: Environment): string | undefined {
  const named = (process.platform === "win32" ? env.USERPROFILE : env.HOME) ?? "";
  if (isAbsolute(named)) return named;
  try {
    const { homedir } = userInfo();
    return isAbsolute(homedir) ? homedir : undefined;
  } catch {
    // A user without an entry, as in a container.
    return undefined;
  }
}

/** As `homeFolder`. @throws UsageError where there is none. */
export function requireHomeFolder(env: Environment, otherwise: string): string {
  const home = homeFolder(env);
  if (home !== undefined) return home;
  throw new UsageError("this user has no home folder", `set HOME to an absolute path, or ${otherwise}`);
}
