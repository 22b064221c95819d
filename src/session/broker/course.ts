import { otherOf } from "../bridge-held.ts";
import type { SessionSide } from "../session-event.ts";
import type { PoolRequest } from "../session-pool.ts";
import { type EntryContext, type EntryUser, HOLD_MS } from "./entry-context.ts";
import { isHolder } from "./holding.ts";
import type { SessionRecord, SideRecord } from "./record.ts";
import type { RoomWait } from "./room.ts";

/** What one request has seen so far. */
export interface Course {
  readonly request: PoolRequest;
  readonly user: EntryUser;
  /** Sessions that the server does not know at this side. */
  readonly ended: Set<string>;
  readonly room: RoomWait;
  locksLost: number;
}

export interface Found {
  readonly session: SideRecord;
  readonly from: SessionSide;
}

/** A session that is worth asking the server about: of the side, or of the other where one may serve both. */
export async function findUsable(
  record: SessionRecord,
  { request, ended }: Course,
  { maxAgeMs }: EntryContext,
): Promise<Found | undefined> {
  const { side } = request;
  const usable = (session: SideRecord | null): session is SideRecord =>
    session !== null && !ended.has(session.id) && Date.now() - session.createdAt <= maxAgeMs;
  const own = record[side];
  if (usable(own)) return { session: own, from: side };
  const from = otherOf(side);
  const other = record[from];
  return usable(other) && (await request.mayShare()) ? { session: other, from } : undefined;
}

/** Whether this process is among the holders of a session, as it wants to be; not at the last minute. */
export function isHeld(
  record: SessionRecord,
  { session: { kept } }: Found,
  { endsWithLast, holder }: EntryContext,
): boolean {
  return (endsWithLast || kept) && isHolder(record, holder, Date.now() + HOLD_MS / 10);
}

/** `UserSession.key` of the session that a side has. */
export function keyAt(side: SessionSide, { bridge }: EntryUser): string | undefined {
  return side === "vim" ? bridge.sides.vim.sessionKey : undefined;
}
