import { ProtocolError } from "../errors.ts";
import type { TransportResponse } from "../net/transport.ts";
import { isHtml, isObject, own, parseJson } from "./json-text.ts";
import type { VapiResponse } from "./vapi-calls.ts";
import { withoutQuery } from "./vapi-request.ts";

const SERVICE = /^\/(?:api|rest)(?:[/?]|$)/;
const WRAPPING = /^\/rest(?:[/?]|$)/;

/** The text of an answer; a byte order mark is none of it. */
export function replyText(reply: TransportResponse): string {
  return reply.body.toString("utf8").replace(/^\uFEFF/, "");
}

export function isSuccess({ status }: TransportResponse): boolean {
  return status >= 200 && status < 300;
}

/**
 * A successful answer, read: JSON, with the wrapper of /rest taken off; null when it is empty; the text where it is
 * none.
 *
 * @throws ProtocolError for a page in the place of a service's answer, and for JSON that is broken.
 */
export function readReply(reply: TransportResponse, method: string, path: string): VapiResponse {
  const { status, headers } = reply;
  const text = replyText(reply);
  return { status, headers, text, value: bodyValue(text, reply, { method, path }) };
}

function bodyValue(
  text: string,
  { headers, url }: TransportResponse,
  { method, path }: { readonly method: string; readonly path: string },
): unknown {
  if (text.trim() === "") return null;
  const value = parseJson(text);
  if (value === undefined) {
    const what = `${method} ${withoutQuery(path)}`;
    if (/^\s*application\/(?:[\w.+-]+\+)?json\b/i.test(String(headers["content-type"] ?? ""))) {
      throw new ProtocolError("RESPONSE_UNEXPECTED", `${what} was answered with JSON that is broken`, {
        url,
        hint: "the server, or a proxy before it, broke off; try again",
      });
    }
    if (SERVICE.test(path) && isHtml(text, headers)) {
      throw new ProtocolError("RESPONSE_HTML", `${what} was answered with a web page`, {
        url,
        hint: "check the path and the host, and whether a proxy answers in the server's place",
      });
    }
    return text;
  }
  return WRAPPING.test(path) && isObject(value) && Object.hasOwn(value, "value")
    ? own(value, "value")
    : value;
}
