import { createHash, verify, type X509Certificate } from "node:crypto";
import { gunzipSync } from "node:zlib";
import type { HttpRequest } from "../router.ts";
import type { ServerBehaviours } from "../sessions/behaviours.ts";
import { LoginRefused } from "../sessions/login.ts";
import type { NonceWindow } from "./nonces.ts";

const MAX_TOKEN_BYTES = 1024 * 1024;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const NONCE = /^([1-9]\d{0,15}):([!#-+\--~]+)$/;
const PARAMETERS = ["token", "nonce", "bodyhash", "signature_alg", "signature"] as const;
const HASHES: ReadonlyMap<string, string> = new Map([
  ["RSA-SHA256", "sha256"],
  ["RSA-SHA384", "sha384"],
  ["RSA-SHA512", "sha512"],
]);
/** Hashes of a body by their length. */
const BODY_HASHES: ReadonlyMap<number, string> = new Map([
  [32, "sha256"],
  [48, "sha384"],
  [64, "sha512"],
]);

export type SignParameters = ReadonlyMap<string, string>;

/**
 * Takes `Authorization: SIGN` apart. What stands in several parameters of one name, or in several headers, is one
 * value: so may a large token be split.
 *
 * @throws LoginRefused for a parameter that there is not, or none.
 */
export function parseSign(values: readonly string[]): SignParameters {
  const parameters = new Map<string, string>();
  for (const value of values) {
    for (const part of value.replace(/^SIGN\s+/i, "").split(",")) {
      const [, name, quoted, plain] = /^\s*([a-z_]+)\s*=\s*(?:"([^"]*)"|([^"\s]*))\s*$/.exec(part) ?? [];
      if (name === undefined || !(PARAMETERS as readonly string[]).includes(name)) {
        throw new LoginRefused("the SIGN header has a part that is no parameter");
      }
      parameters.set(name, (parameters.get(name) ?? "") + (quoted ?? plain ?? ""));
    }
  }
  return parameters;
}

/**
 * The assertion in a SIGN header: base64 of gzip.
 *
 * @throws LoginRefused
 */
export function assertionOf(parameters: SignParameters): string {
  try {
    const zipped = decode(parameters.get("token"), "token");
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(
      gunzipSync(zipped, { maxOutputLength: MAX_TOKEN_BYTES }),
    );
  } catch (error) {
    if (error instanceof LoginRefused) throw error;
    throw new LoginRefused("the token is no gzip of a text");
  }
}

export interface SignedRequestContext {
  readonly behaviours: ServerBehaviours;
  readonly nonces: NonceWindow;
  readonly now: number;
}

/** Whether there is anything of a signature beside the token. */
export function isSigned(parameters: SignParameters): boolean {
  return PARAMETERS.some((name) => name !== "token" && parameters.has(name));
}

/**
 * Checks the signature that goes with a holder-of-key token: made by the key of its certificate, over this very
 * request, now, and for the first time.
 *
 * @throws LoginRefused
 */
export function checkSignature(
  parameters: SignParameters,
  holder: X509Certificate,
  request: HttpRequest,
  { behaviours, nonces, now }: SignedRequestContext,
): void {
  const nonce = parameters.get("nonce") ?? "";
  const time = Number(NONCE.exec(nonce)?.[1]);
  const tolerance = (behaviours.vapiClockToleranceSeconds ?? 600) * 1000;
  if (!(Math.abs(time - now) <= tolerance)) throw new LoginRefused("the nonce is not of this time");
  const hash = HASHES.get(parameters.get("signature_alg") ?? "");
  if (hash === undefined) throw new LoginRefused("the signature algorithm is not supported");
  const signed = Buffer.concat([
    Buffer.from(
      `${[nonce, request.method, pathOf(request, behaviours), ...authorityOf(request, behaviours)].join("\n")}\n`,
    ),
    bodyHash(parameters.get("bodyhash"), request.body),
    Buffer.from("\n"),
  ]);
  const key = holder.publicKey;
  const value = decode(parameters.get("signature"), "signature");
  if (key.asymmetricKeyType !== "rsa" || !verify(hash, signed, key, value)) {
    throw new LoginRefused("the signature is not one of the holder over this request");
  }
  if (!nonces.add(nonce, time + tolerance, now)) throw new LoginRefused("the nonce was used before");
}

function pathOf({ path, query }: HttpRequest, behaviours: ServerBehaviours): string {
  return behaviours.signedQuery && query !== "" ? `${path}?${query}` : path;
}

/** Host and port as the Host header has them. TLS ends before the endpoint, so without a port there it is 80. */
function authorityOf(
  { headers }: HttpRequest,
  { signedPort = "80-unless-given" }: ServerBehaviours,
): readonly [host: string, port: string] {
  const [, host = "", given] = /^(.*?)(?::(\d+))?$/.exec(headers.host?.toLowerCase() ?? "") ?? [];
  if (signedPort === "always-80") return [host, "80"];
  return [host, given ?? (signedPort === "443-unless-given" ? "443" : "80")];
}

/** Raw bytes of the hash that the client states, which has to be that of the body; nothing for an empty body without. */
function bodyHash(stated: string | undefined, body: Buffer): Buffer {
  if (stated === undefined && body.length === 0) return Buffer.alloc(0);
  const given = decode(stated, "bodyhash");
  const hash = BODY_HASHES.get(given.length);
  if (hash === undefined || !createHash(hash).update(body).digest().equals(given)) {
    throw new LoginRefused("the hash is not that of the body");
  }
  return given;
}

function decode(text: string | undefined, name: string): Buffer {
  if (!text || !BASE64.test(text)) throw new LoginRefused(`${name} is missing, or it is not base64`);
  return Buffer.from(text, "base64");
}
