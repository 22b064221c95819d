import { readFile, realpath } from "node:fs/promises";
import { dirname } from "node:path";
import { InvalidArgumentError } from "../errors.ts";
import { type Authority, formatAuthority, parseServer } from "./authority.ts";
import { type Fingerprint, parseFingerprint } from "./fingerprint.ts";
import { makeFolders } from "./make-folders.ts";
import { replaceFile } from "./replace-file.ts";

interface Line {
  readonly text: string;
  /** `host:port` in normal form; absent for comments, blank lines and what does not begin with a server. */
  readonly authority?: string | undefined;
  /** Whatever follows the server, readable or not; `""` when the line ends there. */
  readonly thumbprint?: string | undefined;
}

/**
 * Certificates of known servers in the file format of govc (`GOVC_TLS_KNOWN_HOSTS`): one `host:port thumbprint`
 * a line, SHA-1 or SHA-256 in hex with colons; of several lines for one server the last counts.
 */
export class KnownHosts {
  /** File this was read from, and the default of `save`. */
  readonly path: string | undefined;
  #lines: Line[];

  /** @throws InvalidArgumentError when the text is binary, of another encoding than UTF-8, or was cut short. */
  constructor(text = "", path?: string) {
    this.path = path;
    const lines = text.split(/\r\n|\n|\r/);
    const ended = lines.at(-1) === "";
    if (ended) lines.pop();
    this.#lines = lines.map(parseLine);
    // A server that has an entry must not pass for one that has none because its line cannot be read.
    const what = /[\u0000\ufffd]/.test(text)
      ? "is not UTF-8 text"
      : !ended && this.#lines.at(-1)?.thumbprint === ""
        ? "was cut short: its last line has no thumbprint and no end"
        : undefined;
    if (what !== undefined) {
      throw new InvalidArgumentError(`The known hosts file ${path ?? ""} ${what}`.replace("  ", " "), {
        hint: "Correct it, or remove it and write it anew with: vsso trust HOST --write",
      });
    }
  }

  /**
   * Reads a file; one that does not exist yet is empty.
   *
   * @throws InvalidArgumentError when the file exists but cannot be read, and as the constructor.
   */
  static async load(path: string): Promise<KnownHosts> {
    let text: string;
    try {
      text = await readFile(path, "utf8");
    } catch (cause) {
      if (isCode(cause, "ENOENT")) return new KnownHosts("", path);
      throw new InvalidArgumentError(`Cannot read the known hosts file ${path}`, {
        hint: "Check the path and its permissions.",
        cause,
      });
    }
    return new KnownHosts(text, path);
  }

  /**
   * The thumbprint kept for a server.
   *
   * @throws InvalidArgumentError when there is an entry whose thumbprint is missing or cannot be read: it must not
   * count as none.
   */
  lookup(authority: Authority): Fingerprint | undefined {
    const key = formatAuthority(authority);
    const index = this.#lines.findLastIndex((line) => line.authority === key);
    const thumbprint = this.#lines[index]?.thumbprint;
    if (thumbprint === undefined) return undefined;
    try {
      return parseFingerprint(thumbprint);
    } catch (cause) {
      throw new InvalidArgumentError(
        `Line ${index + 1} of ${this.path ?? "the known hosts"} has no readable thumbprint for ${key}`,
        { hint: `Remove the line, or write it again with: vsso trust ${key} --write`, cause },
      );
    }
  }

  /**
   * Adds a server or replaces its entry; all other lines stay as they are.
   *
   * @throws InvalidArgumentError when the fingerprint cannot be read.
   */
  set(authority: Authority, fingerprint: string): void {
    const key = formatAuthority(authority);
    const { value } = parseFingerprint(fingerprint);
    const line: Line = { text: `${key} ${value}`, authority: key, thumbprint: value };
    const first = this.#lines.findIndex((known) => known.authority === key);
    if (first === -1) {
      this.#lines.push(line);
      return;
    }
    this.#lines[first] = line;
    this.#lines = this.#lines.filter((known, index) => index <= first || known.authority !== key);
  }

  toString(): string {
    return this.#lines.map((line) => `${line.text}\n`).join("");
  }

  /**
   * Writes the file (mode 0600) so that readers see the old or the new one, never a part.
   *
   * @throws InvalidArgumentError when no path is known, or the file cannot be written.
   */
  async save(path: string | undefined = this.path): Promise<void> {
    if (path === undefined) {
      throw new InvalidArgumentError("No known hosts file to write to", { hint: "Give its path." });
    }
    try {
      await makeFolders(dirname(path));
      // A link stays a link: the file it points at is replaced.
      await replaceFile(await realpath(path).catch(() => path), this.toString());
    } catch (cause) {
      throw new InvalidArgumentError(`Cannot write the known hosts file ${path}`, {
        hint: "Check that its folder exists and may be written.",
        cause,
      });
    }
  }
}

function parseLine(text: string): Line {
  // Marks that other formats put between the two end the server as well; the rest is then no thumbprint.
  const match = /^\s*([^\s#,;|=][^\s,;|=]*)(.*)$/.exec(text);
  if (!match?.[1]) return { text };
  try {
    return { text, authority: formatAuthority(parseServer(match[1])), thumbprint: match[2]?.trim() ?? "" };
  } catch {
    return { text };
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
