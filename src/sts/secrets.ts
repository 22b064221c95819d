import {
  AbortedError,
  HttpStatusError,
  InvalidArgumentError,
  ProtocolError,
  SignerError,
  SoapFaultError,
  StsFaultError,
  TokenError,
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
  if (secrets.length > 0) redact(error, { secrets, request, seen: new Set(), depth: 0, quoting: false });
}

interface Redaction {
  readonly secrets: readonly string[];
  readonly request: FailedRequest;
  readonly seen: Set<unknown>;
  readonly depth: number;
  /** Whether what is looked at quotes a server's words. */
  readonly quoting: boolean;
}

function redact(target: unknown, state: Redaction): void {
  if (typeof target !== "object" || target === null || ArrayBuffer.isView(target)) return;
  if (state.seen.has(target) || NOT_QUOTING.some((type) => target instanceof type)) return;
  state.seen.add(target);
  const { secrets, request, depth } = state;
  const quoting = state.quoting || QUOTING.some((type) => target instanceof type);
  const searched = quoting ? secrets : secrets.filter((secret) => secret.length >= SHORTEST);
  const leaks = (text: string): boolean => {
    const words = text.replaceAll(request.url, " ");
    return repeatsSecret(words, searched);
  };
  for (const key of Object.getOwnPropertyNames(target)) {
    if (target instanceof Error && OWN.has(key)) continue;
    const value: unknown = Reflect.get(target, key);
    if (typeof value !== "string") redact(value, { ...state, quoting, depth: depth + 1 });
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

/** The stack begins with the message, as it was. */
function setMessage(error: Error, message: string): void {
  const frames = error.stack?.split("\n").filter((line) => /^ {4}at /.test(line)) ?? [];
  error.message = message;
  error.stack = [`${error.name}: ${message}`, ...frames].join("\n");
}
