import type { RequestBody } from "../net/transport.ts";
import { isConfidential, secretsIn } from "./secrets-in.ts";
import type { VapiResponse } from "./vapi-calls.ts";

/** A request as it goes out. */
export interface SentRequest {
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Path and query. */
  readonly target: string;
  readonly content?: RequestBody | undefined;
  /** What the caller names. */
  readonly secrets?: readonly string[] | undefined;
}

/** What was sent in confidence with a request. To be asked for after a failure: see `secretsIn`. */
export function requestSecrets({ headers, target, content, secrets = [] }: SentRequest): string[] {
  const at = target.indexOf("?");
  const query = new URLSearchParams(at < 0 ? "" : target.slice(at));
  return [...secrets, ...headerSecrets(headers), ...secretsIn(query, content)];
}

function headerSecrets(headers: Readonly<Record<string, string>>): string[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    if (!isConfidential(name) || value === "") return [];
    if (name.endsWith("authorization")) return credentialsIn(value);
    return name === "cookie" ? [value, ...value.split(";").map(cookieValue)] : [value];
  });
}

/** The value of an `Authorization` header without its scheme, and the password in it. */
function credentialsIn(value: string): string[] {
  const [, scheme = "", credential = value] = /^([\w-]+) +(.+)$/s.exec(value) ?? [];
  if (scheme.toLowerCase() !== "basic") return [credential];
  const bytes = Buffer.from(credential, "base64");
  // Not every client writes UTF-8 (RFC 7617, 2.1).
  const passwords = [bytes.toString("utf8"), bytes.toString("latin1")].map((pair) =>
    pair.slice(pair.indexOf(":") + 1),
  );
  return [...new Set([credential, ...passwords])];
}

function cookieValue(pair: string): string {
  return pair.slice(pair.indexOf("=") + 1).trim();
}

/** An answer that knows what it is to: what is learnt from it later may repeat that as well. */
export class NotedResponse implements VapiResponse {
  readonly status: VapiResponse["status"];
  readonly headers: VapiResponse["headers"];
  readonly text: VapiResponse["text"];
  readonly value: VapiResponse["value"];
  readonly #request: SentRequest;

  constructor({ status, headers, text, value }: VapiResponse, request: SentRequest) {
    this.status = status;
    this.headers = headers;
    this.text = text;
    this.value = value;
    this.#request = request;
  }

  /** What was sent in confidence with the request that this is the answer to; nothing where that is not known. */
  static secretsBehind(response: VapiResponse): string[] {
    return #request in response ? requestSecrets(response.#request) : [];
  }
}
