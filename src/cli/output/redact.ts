import { redactJson } from "./redact-json.ts";
import { redactXml } from "./redact-xml.ts";
import { embedsSecret, isSecretName, mentionsSecret } from "./secret-names.ts";

const REDACTED = "[redacted]";
const UNREADABLE = "[redacted: cannot be read]";
const SESSION = "[redacted: a session]";
/**
 * What answers a secret under no name of its own: `/api/session` and `/rest/com/vmware/cis/session` a session's ID,
 * VI/JSON's AcquireCloneTicket and its like a ticket.
 */
const SESSION_PATH = /\/(?:session|acquire[a-z]{1,40}ticket)\/?$/i;
/** Headers whose values are secrets. */
const SECRET_HEADERS =
  /^(?:authorization|proxy-authorization|cookie|set-cookie|vmware-api-session-id|vmware-cgi-ticket|vcsessioncookie)$/i;
/** Messages within messages that are looked into. */
const MAX_NESTED = 8;
/** What a form has for a name; `code` is a secret only there and in a query: in JSON it is of an error. */
const FIELD_NAME = /^[\w.~[\]%-]{1,64}$/;

/**
 * A message with its secrets replaced, be it XML, JSON or a form, also with one of these in a string or as escaped
 * text of another. Of what cannot be read nothing is left if it so much as mentions a secret.
 *
 * @param url Where it was sent to or came from, when that is known: of a session nothing is shown.
 */
export function redactBody(body: string, url?: string): string {
  if (body.trim() === "") return body;
  if (url !== undefined && isSession(url)) return SESSION;
  return redactMessage(body, 0) ?? redactForm(body) ?? (mentionsSecret(body) ? UNREADABLE : body);
}

/** Whether the value of a header is a secret. */
export function isSecretHeader(name: string): boolean {
  return SECRET_HEADERS.test(name);
}

/** Shorter values may stand in a text by chance. */
const LEAST_SECRET = 8;

/**
 * The secrets in a header whose value is one: of a cookie the value without its name, of an authorization what
 * stands behind the scheme.
 */
export function secretsOfHeader(name: string, value: string): readonly string[] {
  if (!isSecretHeader(name)) return [];
  const parts = /^(?:set-)?cookie$/i.test(name)
    ? value.split(";").map((pair) => pair.slice(pair.indexOf("=") + 1))
    : /authorization$/i.test(name)
      ? value
          .replace(/^\S+ /, "")
          .split(/,\s*/)
          .map((parameter) => parameter.replace(/^\w+=(?=")/, ""))
      : [value];
  return parts.map((part) => part.trim().replace(/^"|"$/g, "")).filter((part) => part.length >= LEAST_SECRET);
}

/** A URL with the values of secret fields of its query and fragment replaced. */
export function redactUrl(url: string): string {
  return url.replace(/([?&#])([^=&#?\s]{1,100})=([^&#\s]*)/g, (all, mark: string, name: string, value) =>
    isSecretField(name) || embedsSecret(value) ? `${mark}${name}=${REDACTED}` : all,
  );
}

function isSession(url: string): boolean {
  return URL.canParse(url) && SESSION_PATH.test(new URL(url).pathname);
}

/** XML or JSON; undefined for what is neither. */
function redactMessage(text: string, depth: number): string | undefined {
  const nested = (inner: string): string => redactText(inner, depth + 1);
  const message = text.startsWith("\uFEFF") ? text.slice(1) : text;
  switch (message.trimStart()[0]) {
    case "<":
      return redactXml(message, nested);
    case "{":
    case "[":
    case '"':
      return redactJson(message, nested);
    default:
      return undefined;
  }
}

/** A text within a message, which may talk of secrets but not hold one. */
function redactText(text: string, depth: number): string {
  if (depth > MAX_NESTED) return REDACTED;
  return redactMessage(text, depth) ?? (embedsSecret(text) ? REDACTED : text);
}

function redactForm(body: string): string | undefined {
  if (/[\s<>{}"]/.test(body.trim())) return undefined;
  const fields = body.split("&").map((field) => {
    const [name = ""] = field.split("=", 1);
    return { name, value: field.length > name.length ? field.slice(name.length + 1) : undefined };
  });
  if (!fields.every(({ name, value }) => value !== undefined && FIELD_NAME.test(name))) return undefined;
  return fields
    .map(({ name, value = "" }) => {
      const isSecret =
        value !== "" && (isSecretField(name) || redactText(decoded(value), 1) !== decoded(value));
      return `${name}=${isSecret ? REDACTED : value}`;
    })
    .join("&");
}

function isSecretField(name: string): boolean {
  const plain = decoded(name);
  return plain.toLowerCase() === "code" || isSecretName(plain);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
