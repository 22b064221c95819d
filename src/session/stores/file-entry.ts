import { InvalidArgumentError, StoreError } from "../../errors.ts";
import { DamagedEntryError } from "./damaged-entry.ts";
import { readPrivateFile } from "./private-file.ts";
import { checkTtl } from "./store-arguments.ts";

/** Bytes of a file. */
const MAX_BYTES = 2 ** 20;
const VERSION = 1;

/** What a file holds: the value, and when (milliseconds since 1970) it is forgotten. */
export interface FileEntry {
  readonly value: string;
  readonly expires: number | null;
}

/** @throws InvalidArgumentError for a value that is too large, or a time that is not above 0. */
export function formatEntry(value: string, ttlMs?: number): string {
  checkTtl(ttlMs);
  const until = ttlMs === undefined ? null : Date.now() + ttlMs;
  const text = `${JSON.stringify({ version: VERSION, expires: until, value })}\n`;
  if (Buffer.byteLength(text) > MAX_BYTES) {
    throw new InvalidArgumentError(`An entry of the store takes at most ${MAX_BYTES} bytes`);
  }
  return text;
}

/**
 * Undefined where there is no file, or its time is up.
 *
 * @throws DamagedEntryError; StoreError `STORE_UNREADABLE` for one that is too large or of a later version,
 * `STORE_UNAVAILABLE`.
 */
export async function readEntry(path: string): Promise<FileEntry | undefined> {
  const file = await readPrivateFile(path, MAX_BYTES);
  if (file === undefined) return undefined;
  const entry = parseEntry(file.text, path);
  return isExpired(entry) ? undefined : entry;
}

function isExpired({ expires }: FileEntry): boolean {
  return expires !== null && expires <= Date.now();
}

function parseEntry(text: string, path: string): FileEntry {
  const fields = parseObject(text);
  const { version, expires, value } = fields ?? {};
  if (typeof version === "number" && version > VERSION) {
    throw new StoreError(
      "STORE_UNREADABLE",
      `${path} is of version ${version}, this program knows ${VERSION}`,
      {
        hint: "Update this program, or remove the file.",
      },
    );
  }
  if (version !== VERSION || typeof value !== "string" || !(expires === null || isTime(expires))) {
    throw new DamagedEntryError(undefined, path);
  }
  return { value, expires };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // The error of JSON.parse quotes the text, which is secret.
    return undefined;
  }
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}
