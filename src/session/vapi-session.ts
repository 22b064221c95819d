import { ProtocolError } from "../errors.ts";
import type { TransportResponse } from "../net/transport.ts";
import type { SessionInfo } from "./door.ts";
import { isHeaderValue } from "./header-value.ts";
import { isObject, own, ownText, parseJson } from "./json-text.ts";
import { holdsVapiError } from "./vapi-error.ts";
import { isSuccess, replyText } from "./vapi-reply.ts";

/** Where a server has its sessions: `/api/session`, or `/rest/com/vmware/cis/session` before 7.0 U2. */
export type RestStyle = "api" | "rest";

export const SESSION_PATHS: Readonly<Record<RestStyle, string>> = {
  api: "/api/session",
  rest: "/rest/com/vmware/cis/session",
};

/** Whether an answer says that there is no such resource, or comes from something that is no vAPI. */
export function isMissing(reply: TransportResponse): boolean {
  const { status } = reply;
  if (status === 404 || status === 405 || status === 501 || (status >= 300 && status < 400)) return true;
  const text = replyText(reply);
  if (status === 400) return !holdsVapiError(text);
  if (!isSuccess(reply) || text.trim() === "") return false;
  const value = parseJson(text);
  // A page, or the JSON-RPC of releases that had nothing else under /api.
  return value === undefined || (isObject(value) && Object.hasOwn(value, "jsonrpc"));
}

/** The ID in an answer to a login: a bare JSON string, or the `value` of an object; undefined where there is none. */
export function sessionIdIn(value: unknown): string | undefined {
  const id = isObject(value) ? own(value, "value") : value;
  return isHeaderValue(id) ? id : undefined;
}

/** @throws ProtocolError for an answer that names no user. */
export function sessionInfo(reply: TransportResponse): SessionInfo {
  const body = parseJson(replyText(reply));
  const wrapped = isObject(body) ? own(body, "value") : undefined;
  const info = isObject(wrapped) ? wrapped : body;
  const user = isObject(info) ? ownText(info, "user") : undefined;
  if (!isObject(info) || user === undefined) {
    throw new ProtocolError(
      "RESPONSE_UNEXPECTED",
      `${reply.url} answered the question for the session without its user`,
      { url: reply.url, hint: "check that the server is a vCenter" },
    );
  }
  return {
    user,
    createdAt: timeOf(ownText(info, "created_time")),
    lastAccessedAt: timeOf(ownText(info, "last_accessed_time")),
    key: null,
  };
}

function timeOf(text: string | undefined): Date | null {
  const time = new Date(text ?? Number.NaN);
  return Number.isNaN(time.getTime()) ? null : time;
}
