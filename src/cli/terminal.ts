import { readFileSync } from "node:fs";

/**
 * Whether this process is of the group that the keys of a terminal send their signals to. Without a controlling
 * terminal it is of none.
 *
 * @param read Reads a file; for tests.
 */
export function isInForeground(read: (path: string) => string = readText): boolean {
  let status: string;
  try {
    status = read("/proc/self/stat");
  } catch {
    // Not Linux: whoever has a terminal before him is taken to sit at it.
    return process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  }
  // The name of the program, in parentheses, may hold anything.
  const [, , group, , terminal, foreground] = status.slice(status.lastIndexOf(")") + 2).split(" ");
  return terminal !== "0" && group !== undefined && group === foreground;
}

function readText(path: string): string {
  return readFileSync(path, "utf8");
}
