import { createHash } from "node:crypto";
import { type Authority, formatAuthority, parseServer } from "../../net/authority.ts";

/** What a file of govmomi's session cache is named by. */
export interface CacheName {
  /** Host, and port where it is written: the text between user and path of the program's URL. */
  readonly authority: string;
  /** User name as the program's URL has it; empty where it has none. */
  readonly user: string;
  readonly path: string;
  /** Whether the program does not verify certificates. */
  readonly insecure: boolean;
}

/** Digest of the names: SHA-256 today, SHA-1 until 2025; Terraform's provider changed to and fro before that. */
export type NameDigest = "sha256" | "sha1";

/** The name of a file: the digest of the URL without its password, and of whether certificates are verified. */
export function cacheFileName(name: CacheName, digest: NameDigest = "sha256"): string {
  const { authority, user, path, insecure } = name;
  const url = `https://${escapeUser(user)}@${authority}${path}`;
  return createHash(digest).update(`${url}#insecure=${insecure}`).digest("hex");
}

/** As Go's `net/url` writes a user name: it leaves fewer characters as they are than encodeURIComponent. */
function escapeUser(user: string): string {
  return [...Buffer.from(user, "utf8")]
    .map((byte) => {
      const character = String.fromCharCode(byte);
      if (/[A-Za-z0-9\-_.~$&+,;=]/.test(character)) return character;
      return `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");
}

/** The server as it may be written in the URL of a program, likely ways first. */
export function authorityTexts(server: string): readonly string[] {
  const authority = parseServer(server);
  const typed = server
    .trim()
    .replace(/^https:\/\//i, "")
    .replace(/[/?#\\].*$/, "");
  return [...new Set([typed, ...writtenForms(authority)])];
}

function writtenForms(authority: Authority): readonly string[] {
  const whole = formatAuthority(authority);
  return authority.port === 443 ? [whole.replace(/:443$/, ""), whole] : [whole];
}
