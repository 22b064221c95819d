import { ProtocolError } from "../errors.ts";
import type { SessionInfo } from "./door.ts";
import { isHeaderValue, SESSION_HEADER } from "./header-value.ts";
import { isHtml, isObject, own, ownText, parseJson } from "./json-text.ts";
import type { VimResponse } from "./vim-calls.ts";

/**
 * The value of a successful answer; null for an empty one.
 *
 * @throws ProtocolError for what is no JSON.
 */
export function readValue(
  text: string,
  {
    what,
    url,
    headers,
  }: { readonly what: string; readonly url: string; readonly headers: VimResponse["headers"] },
): unknown {
  if (text.trim() === "") return null;
  const value = parseJson(text);
  if (value !== undefined) return value;
  if (isHtml(text, headers)) {
    throw new ProtocolError("RESPONSE_HTML", `${url} answered ${what} with a web page`, {
      url,
      hint: "check the host, and whether a proxy answers in the server's place",
    });
  }
  throw unexpected(url, `${what} with something else than JSON`);
}

/** The session ID in the header of an answer. */
export function sessionIdIn(headers: VimResponse["headers"]): string | undefined {
  const value = headers[SESSION_HEADER];
  const last = Array.isArray(value) ? value.at(-1) : value;
  return isHeaderValue(last) ? last : undefined;
}

/** ID of the SessionManager in the content of a ServiceInstance. */
export function managerIn(content: unknown): string | undefined {
  const reference = isObject(content) ? own(content, "sessionManager") : undefined;
  return isObject(reference) ? ownText(reference, "value") : undefined;
}

/**
 * `currentSession`; null where there is none.
 *
 * @throws ProtocolError for what is no session.
 */
export function sessionInfo(session: unknown, origin: string): SessionInfo | null {
  if (session === null) return null;
  const user = isObject(session) ? ownText(session, "userName") : undefined;
  if (!isObject(session) || user === undefined) {
    throw unexpected(origin, "currentSession with something else than a session");
  }
  return {
    user,
    createdAt: timeOf(own(session, "loginTime")),
    lastAccessedAt: timeOf(own(session, "lastActiveTime")),
    key: ownText(session, "key") ?? null,
  };
}

function timeOf(value: unknown): Date | null {
  const time = typeof value === "string" ? new Date(value) : undefined;
  return time === undefined || Number.isNaN(time.getTime()) ? null : time;
}

export function unexpected(url: string, problem: string): ProtocolError {
  return new ProtocolError("RESPONSE_UNEXPECTED", `${url} answered ${problem}`, {
    url,
    hint: "check that the server is a vCenter, and whether a proxy answers in its place",
  });
}
