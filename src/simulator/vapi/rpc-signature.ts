import { verify, type X509Certificate } from "node:crypto";
import { LoginRefused } from "../sessions/login.ts";
import { canonicalJson, type TextForm } from "./canonical-json.ts";
import { isObject, type Json, type JsonObject } from "./json.ts";

const TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const HASHES: ReadonlyMap<string, string> = new Map([
  ["RS256", "sha256"],
  ["RS384", "sha384"],
  ["RS512", "sha512"],
]);
const FORMS: readonly TextForm[] = ["plain", "escaped"];

/** What a security context of the scheme `saml_hok_token` says, before any of it is verified. */
export interface SignedContext {
  readonly algorithm: string;
  readonly created: number;
  readonly expires: number;
  readonly assertion: string;
  readonly value: string;
}

/**
 * Reads a security context that has exactly the members of the scheme.
 *
 * @throws LoginRefused
 */
export function readSignedContext(context: JsonObject): SignedContext {
  const timestamp = members(context.get("timestamp"), ["created", "expires"]);
  const signature = members(context.get("signature"), ["samlToken", "value"]);
  members(context, ["schemeId", "signature", "signatureAlgorithm", "timestamp"]);
  return {
    algorithm: text(context, "signatureAlgorithm"),
    created: time(text(timestamp, "created")),
    expires: time(text(timestamp, "expires")),
    assertion: text(signature, "samlToken"),
    value: text(signature, "value"),
  };
}

/**
 * Checks that the holder signed the request as it would be without the signature.
 *
 * @throws LoginRefused
 */
export function checkSignedRequest(
  request: JsonObject,
  signed: SignedContext,
  holder: X509Certificate,
  now: number,
  toleranceMs: number,
): void {
  const { created, expires } = signed;
  if (created > now + toleranceMs || expires <= now - toleranceMs || expires <= created) {
    throw new LoginRefused("the request is not of this time");
  }
  const hash = HASHES.get(signed.algorithm);
  if (hash === undefined || !BASE64.test(signed.value)) {
    throw new LoginRefused("the signature algorithm is not supported, or the value is not base64");
  }
  const bare = without(request, ["params", "ctx", "securityCtx", "signature"]);
  const value = Buffer.from(signed.value, "base64");
  const key = holder.publicKey;
  const good =
    key.asymmetricKeyType === "rsa" &&
    FORMS.some((form) => verify(hash, Buffer.from(canonicalJson(bare, form)), key, value));
  if (!good) throw new LoginRefused("the signature is not one of the holder over this request");
}

function without(value: Json, path: readonly string[]): Json {
  const [name = "", ...rest] = path;
  if (!isObject(value)) return value;
  const copy = new Map(value);
  const inner = copy.get(name);
  if (rest.length === 0 || inner === undefined) copy.delete(name);
  else copy.set(name, without(inner, rest));
  return copy;
}

function members(value: Json | undefined, names: readonly string[]): JsonObject {
  if (isObject(value) && [...value.keys()].sort().join() === [...names].sort().join()) return value;
  throw new LoginRefused("the security context is not built as the scheme has it");
}

function text(object: JsonObject, name: string): string {
  const value = object.get(name);
  if (typeof value === "string") return value;
  throw new LoginRefused(`${name} is no text`);
}

function time(value: string): number {
  const parsed = TIME.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(parsed)) throw new LoginRefused("a time is not in UTC with milliseconds");
  return parsed;
}
