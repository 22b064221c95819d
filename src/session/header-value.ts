import { InvalidArgumentError } from "../errors.ts";

/** Header that carries a session of vAPI, and of VI/JSON. */
export const SESSION_HEADER = "vmware-api-session-id";

/** What a field of HTTP can hold to the byte: no control and no wide characters, no white space at its ends. */
const FIELD_VALUE = /^[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/;

/** Whether a text gets to the other side in a header as it is. */
export function isHeaderValue(value: unknown): value is string {
  return typeof value === "string" && FIELD_VALUE.test(value);
}

/**
 * A session ID that somebody gave: any text that a header can hold.
 *
 * @throws InvalidArgumentError, which does not quote it.
 */
export function checkSessionId(sessionId: string): string {
  if (isHeaderValue(sessionId)) return sessionId;
  const what = sessionId === "" ? "is empty" : "holds characters that no header can";
  throw new InvalidArgumentError(`The session ID ${what}`, {
    hint: "Give it as the server did, without quotes, line breaks or white space around it.",
  });
}
