import { homedir } from "node:os";
import { posix, win32 } from "node:path";

const FOLDERS = ["vsphere-sso", "sessions"] as const;

/**
 * The folder for stored sessions where the platform keeps the state of programs: below `$XDG_STATE_HOME` where that is
 * an absolute path, else `~/.local/state`, or `~/Library/Application Support` on macOS; on Windows below
 * `%LOCALAPPDATA%`.
 *
 * Source: XDG Base Directory Specification 0.8 (a relative path is to be ignored).
 *
 * @throws Error of Node.js (`ERR_SYSTEM_ERROR`) when the user has no home folder.
 */
export function stateFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
  home?: string,
): string {
  if (platform === "win32") {
    const local = env.LOCALAPPDATA ?? "";
    const base = win32.isAbsolute(local) ? local : win32.join(home ?? homedir(), "AppData", "Local");
    return win32.join(base, ...FOLDERS);
  }
  const state = env.XDG_STATE_HOME ?? "";
  if (posix.isAbsolute(state)) return posix.join(state, ...FOLDERS);
  const base = platform === "darwin" ? ["Library", "Application Support"] : [".local", "state"];
  return posix.join(home ?? (env.HOME || homedir()), ...base, ...FOLDERS);
}
