import { userInfo } from "node:os";
import { posix, win32 } from "node:path";
import { InvalidArgumentError } from "../../errors.ts";

/** What is below it is this program's own. */
export const PROGRAM_FOLDER = "vsphere-sso";

const FOLDERS = [PROGRAM_FOLDER, "sessions"] as const;

/**
 * The folder for stored sessions where the platform keeps the state of programs: below `$XDG_STATE_HOME` where that is
 * an absolute path, else `~/.local/state`, or `~/Library/Application Support` on macOS; on Windows below
 * `%LOCALAPPDATA%`. The home folder is that of `home`, else of `$HOME` (on Windows `%USERPROFILE%`) where that is an
 * absolute path, else what the system has for the user.
 *
 * Source: XDG Base Directory Specification 0.8 (a relative path is to be ignored).
 *
 * @throws InvalidArgumentError when the user has no home folder.
 */
export function stateFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
  platform: NodeJS.Platform = process.platform,
  home?: string,
): string {
  const { isAbsolute, join } = platform === "win32" ? win32 : posix;
  const state = (platform === "win32" ? env.LOCALAPPDATA : env.XDG_STATE_HOME) ?? "";
  if (isAbsolute(state)) return join(state, ...FOLDERS);
  const named = home ?? (platform === "win32" ? env.USERPROFILE : env.HOME) ?? "";
  return join(isAbsolute(named) ? named : homeOfUser(isAbsolute), ...below(platform), ...FOLDERS);
}

function below(platform: NodeJS.Platform): readonly string[] {
  switch (platform) {
    case "win32":
      return ["AppData", "Local"];
    case "darwin":
      return ["Library", "Application Support"];
    default:
      return [".local", "state"];
  }
}

/** A relative one would have the sessions in whichever folder the program is started in. */
function homeOfUser(isAbsolute: (path: string) => boolean): string {
  let cause: unknown;
  try {
    const { homedir } = userInfo();
    if (isAbsolute(homedir)) return homedir;
  } catch (error) {
    cause = error;
  }
  throw new InvalidArgumentError("No folder for stored sessions is known: this user has no home folder", {
    cause,
    hint: "Give a folder, or set XDG_STATE_HOME or HOME to an absolute path.",
  });
}
