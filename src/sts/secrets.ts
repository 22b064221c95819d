import {
  AbortedError,
  ConnectionError,
  HttpStatusError,
  InvalidArgumentError,
  ProtocolError,
  SignerError,
  SoapFaultError,
  StsFaultError,
  TimeoutError,
  TokenError,
  TrustError,
  XmlError,
} from "../errors.ts";
import { excerpt } from "../net/excerpt.ts";
import { LEFT_OUT, repeatsSecret } from "../net/secret-words.ts";

/** Shorter secrets occur by chance in any text of our own, so that is not searched for them. */
const SHORTEST = 4;

/** Errors that quote what a server said; what caused them does too. */
const QUOTING = [ProtocolError, XmlError, HttpStatusError, SoapFaultError, TokenError];
/** Errors in words of ours, of who aborted, or of a signer; and faults, which are looked through when they are explained. */
const NOT_QUOTING = [InvalidArgumentError, AbortedError, SignerError, StsFaultError];
/** Errors of the connection, in words of ours; a server's are only the names in its certificate. */
const OF_CONNECTION = [TrustError, ConnectionError, TimeoutError];
/** What such an error holds that no server words: fingerprints, dates and codes. */
const STRUCTURED: ReadonlySet<string> = new Set([
  "sha256",
  "notBefore",
  "notAfter",
  "reason",
  "phase",
  "systemCode",
]);
/** A run of so many characters of Base64 in a token is its signature, a digest or a key, never a name or a date. */
const ENCODED_RUN = /[\w+/=-]{40,}/g;
/** Properties of errors that hold no words of a server. */
const OWN: ReadonlySet<string> = new Set(["name", "code", "hint", "url", "host", "stack"]);

/** The request that failed. */
export interface FailedRequest {
  readonly operation: string;
  readonly url: string;
}

/** The beginning of an answer, quoted, unless it repeats a secret anywhere: looked at before it is cut. */
export function quoteAnswer(text: string, secrets: readonly string[]): string {
  return repeatsSecret(text, secrets) ? LEFT_OUT : excerpt(text);
}

/**
 * Takes a server's words out of an error's texts where they repeat a secret, in place, with all that it holds and
 * that caused it: a server or a proxy may answer with what it was sent.
 */
export function redactError(error: unknown, secrets: readonly string[], request: FailedRequest): void {
  if (secrets.length > 0)
    redact(error, { secrets, request, seen: new Set(), depth: 0, quoting: false, ofConnection: false });
}

interface Redaction {
  readonly secrets: readonly string[];
  readonly request: FailedRequest;
  readonly seen: Set<unknown>;
  readonly depth: number;
  /** Whether what is looked at quotes a server's words. */
  readonly quoting: boolean;
  /** Whether it is, or belongs to, an error of the connection. */
  readonly ofConnection: boolean;
}

function redact(target: unknown, state: Redaction): void {
  if (typeof target !== "object" || target === null || ArrayBuffer.isView(target)) return;
  if (state.seen.has(target) || NOT_QUOTING.some((type) => target instanceof type)) return;
  state.seen.add(target);
  const { secrets, request, depth } = state;
  const quoting = state.quoting || QUOTING.some((type) => target instanceof type);
  const ofConnection =
    target instanceof Error ? OF_CONNECTION.some((type) => target instanceof type) : state.ofConnection;
  const long = quoting ? secrets : secrets.filter((secret) => secret.length >= SHORTEST);
  const searched = ofConnection && !quoting ? long.flatMap(unguessable) : long;
  const leaks = (text: string): boolean => {
    const words = text.replaceAll(request.url, " ");
    return repeatsSecret(words, searched);
  };
  for (const key of Object.getOwnPropertyNames(target)) {
    if (target instanceof Error && OWN.has(key)) continue;
    if (ofConnection && STRUCTURED.has(key)) continue;
    const value: unknown = Reflect.get(target, key);
    if (typeof value !== "string") redact(value, { ...state, quoting, ofConnection, depth: depth + 1 });
    else if (!leaks(value)) continue;
    else if (target instanceof Error && key === "message") {
      setMessage(target, depth > 0 ? LEFT_OUT : `${request.operation} failed at ${request.url}: ${LEFT_OUT}`);
    } else {
      Reflect.set(target, key, LEFT_OUT);
    }
  }
  // A field's name is the server's word as well.
  if (target instanceof SoapFaultError && Object.keys(target.fields).some(leaks)) {
    Reflect.set(target, "fields", {});
  }
}

/**
 * What nobody can guess of a secret: all of it, and of a token, without its signature worthless, that and whatever else
 * is encoded. Its names and dates are those of the server's certificate too.
 */
function unguessable(secret: string): readonly string[] {
  const runs = secret.trimStart().startsWith("<") ? secret.match(ENCODED_RUN) : null;
  return runs ?? [secret];
}

/** The stack begins with the message, as it was. */
function setMessage(error: Error, message: string): void {
  const frames = error.stack?.split("\n").filter((line) => /^ {4}at /.test(line)) ?? [];
  error.message = message;
  error.stack = [`${error.name}: ${message}`, ...frames].join("\n");
}
