import { StoreError } from "../../errors.ts";
import { isHeaderValue } from "../header-value.ts";
import { isObject, type JsonObject, own, ownText, parseJson } from "../json-text.ts";
import type { SessionSide } from "../session-event.ts";
import { DamagedEntryError } from "../stores/damaged-entry.ts";

export { DamagedEntryError };

/** Milliseconds for which a store keeps an entry that nobody looks at: longer than any server keeps the session. */
export const KEEP_MS: number = 7 * 24 * 3_600_000;

/** Version of the format. Others are refused, for what they mean is not known. */
export const RECORD_VERSION = 1;

/** Characters of an entry that are read. */
export const MAX_ENTRY: number = 4 * 1024 * 1024;
const MAX_ID = 64 * 1024;
/** Holders that are kept, of which those count that were heard of last. */
const MAX_HOLDERS = 20_000;
/** Sessions that are not handed out any more, kept until they can be ended; beyond `MAX_RETIRED` that is seen to. */
export const MAX_RETIRED = 8;
const MAX_RETIRED_EVER = 100;

/** The session of one side. Times are milliseconds of the clock of the machine that wrote them. */
export interface SideRecord {
  readonly id: string;
  readonly createdAt: number;
  /** Whether somebody else made it: then it is not ended unless that is asked for. */
  readonly imported: boolean;
  /** Whether it stays when the last holder leaves, as the one who made it wanted. */
  readonly kept: boolean;
  /** `UserSession.key`; VIM only. */
  readonly key: string | null;
}

export type SidesRecord = Readonly<Record<SessionSide, SideRecord | null>>;

/** A process that uses the sessions. */
export interface HolderRecord {
  readonly id: string;
  /** Without another word from it, it counts until then. */
  readonly until: number;
}

/** The server had no room for a session. */
export interface LimitRecord {
  /** From then on somebody may ask again. */
  readonly until: number;
  /** How often it had none, in a row. */
  readonly refusals: number;
  readonly limit: number | null;
  readonly current: number | null;
}

/** What is kept of the sessions of one principal at one server. */
export interface SessionRecord extends SidesRecord {
  /** `host:port`. */
  readonly server: string;
  readonly principal: string;
  /** When the server last showed that it knows them. */
  readonly checkedAt: number;
  readonly holders: readonly HolderRecord[];
  readonly retired: readonly SidesRecord[];
  readonly limit: LimitRecord | null;
}

export function emptyRecord(server: string, principal: string): SessionRecord {
  const nothing = { vapi: null, vim: null, checkedAt: 0, holders: [], retired: [], limit: null };
  return { server, principal, ...nothing };
}

/** Whether there is anything in it that the next process has to know. */
export function isWorthKeeping({ vapi, vim, holders, retired, limit }: SessionRecord): boolean {
  return vapi !== null || vim !== null || limit !== null || holders.length > 0 || retired.length > 0;
}

export function writeRecord(record: SessionRecord): string {
  const { vapi, vim, checkedAt, holders, retired, limit, ...rest } = record;
  return JSON.stringify({
    version: RECORD_VERSION,
    type: "session",
    ...rest,
    vapi: vapi && writeSide(vapi),
    vim: vim && writeSide(vim),
    checkedAt: timeText(checkedAt),
    holders: latest(holders).map(({ id, until }) => ({ id, until: timeText(until) })),
    retired: retired.slice(-MAX_RETIRED_EVER).map((each) => ({
      vapi: each.vapi && writeSide(each.vapi),
      vim: each.vim && writeSide(each.vim),
    })),
    limit: limit && { ...limit, until: timeText(limit.until) },
  });
}

/**
 * The object in an entry that is of a known version.
 *
 * @param type `session` or `lockout`.
 * @returns undefined for an entry of another type.
 * @throws DamagedEntryError; StoreError `STORE_UNREADABLE` for another version.
 */
export function readEntry(text: string, type: string): JsonObject | undefined {
  if (text.length > MAX_ENTRY) throw new DamagedEntryError("it is too large");
  const value = parseJson(text);
  if (!isObject(value)) throw new DamagedEntryError("it is no JSON object");
  const version = own(value, "version");
  if (typeof version === "number" && version > RECORD_VERSION) {
    throw new StoreError(
      "STORE_UNREADABLE",
      `An entry of the session store is of version ${version}; this program knows version ${RECORD_VERSION}`,
      { hint: "a newer release wrote it: use that one, or another store for this one" },
    );
  }
  if (version !== RECORD_VERSION) throw new DamagedEntryError("it has no version");
  return own(value, "type") === type ? value : undefined;
}

/** @throws as `readEntry`. */
export function readRecord(text: string): SessionRecord | undefined {
  const value = readEntry(text, "session");
  if (value === undefined) return undefined;
  const server = ownText(value, "server");
  const principal = ownText(value, "principal");
  if (server === undefined || principal === undefined)
    throw new DamagedEntryError("it names no server or user");
  return {
    server,
    principal,
    vapi: readSide(own(value, "vapi")),
    vim: readSide(own(value, "vim")),
    checkedAt: readTime(value, "checkedAt"),
    holders: latest(readList(value, "holders").map(readHolder)),
    retired: readList(value, "retired", MAX_RETIRED_EVER).map((each) => ({
      vapi: readSide(own(each, "vapi")),
      vim: readSide(own(each, "vim")),
    })),
    limit: readLimit(own(value, "limit")),
  };
}

function writeSide({ id, createdAt, imported, kept, key }: SideRecord): JsonObject {
  return { id, createdAt: timeText(createdAt), imported, kept, ...(key !== null && { key }) };
}

function readSide(value: unknown): SideRecord | null {
  if (value === null || value === undefined) return null;
  if (!isObject(value)) throw new DamagedEntryError("a session is no object");
  const id = own(value, "id");
  if (!isHeaderValue(id) || id.length > MAX_ID)
    throw new DamagedEntryError("a session has no ID that can be sent");
  const key = ownText(value, "key") ?? null;
  if (key !== null && key.length > MAX_ID) throw new DamagedEntryError("the key of a session is too long");
  const [imported, kept] = ["imported", "kept"].map((name) => own(value, name) === true) as [
    boolean,
    boolean,
  ];
  return { id, createdAt: readTime(value, "createdAt"), imported, kept, key };
}

function readHolder(value: JsonObject): HolderRecord {
  const id = ownText(value, "id");
  if (id === undefined || id.length > 100) throw new DamagedEntryError("a holder has no ID");
  return { id, until: readTime(value, "until") };
}

function latest(holders: readonly HolderRecord[]): readonly HolderRecord[] {
  if (holders.length <= MAX_HOLDERS) return holders;
  return [...holders].sort((a, b) => b.until - a.until).slice(0, MAX_HOLDERS);
}

function readLimit(value: unknown): LimitRecord | null {
  if (value === null || value === undefined) return null;
  if (!isObject(value)) throw new DamagedEntryError("the limit is no object");
  const count = (name: string): number | null => {
    const number = own(value, name);
    return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 ? number : null;
  };
  return {
    until: readTime(value, "until"),
    refusals: count("refusals") ?? 0,
    limit: count("limit"),
    current: count("current"),
  };
}

/** The objects of a list. @throws DamagedEntryError */
export function readList(
  object: JsonObject,
  name: string,
  max: number = Number.POSITIVE_INFINITY,
): readonly JsonObject[] {
  const list = own(object, name) ?? [];
  if (!Array.isArray(list) || list.length > max || !list.every(isObject)) {
    throw new DamagedEntryError(`its ${name} cannot be read`);
  }
  return list;
}

/** A time that a record tells, in milliseconds. @throws DamagedEntryError */
export function readTime(object: JsonObject, name: string): number {
  const text = ownText(object, name);
  const time = text === undefined || text.length > 40 ? Number.NaN : Date.parse(text);
  if (Number.isNaN(time)) throw new DamagedEntryError(`its ${name} is no time`);
  return time;
}

export function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
