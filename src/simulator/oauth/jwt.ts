import { createHash, type KeyObject, sign, verify } from "node:crypto";

/** Claims of a token; what is not listed is kept and not looked at. */
export interface Claims {
  readonly iss?: unknown;
  readonly sub?: unknown;
  readonly aud?: unknown;
  /** Seconds. */
  readonly exp?: unknown;
  /** Seconds. */
  readonly nbf?: unknown;
  readonly upn?: unknown;
  readonly groups?: unknown;
  readonly [name: string]: unknown;
}

/** A key that an issuer signs with; `id` where its tokens name it. */
export interface VerificationKey {
  readonly id: string | undefined;
  readonly key: KeyObject;
}

interface Algorithm {
  readonly hash: string;
  readonly type: "rsa" | "ec";
}

const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map([
  ["RS256", { hash: "sha256", type: "rsa" }],
  ["RS384", { hash: "sha384", type: "rsa" }],
  ["RS512", { hash: "sha512", type: "rsa" }],
  ["ES256", { hash: "sha256", type: "ec" }],
]);
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** Signs with RS256. */
export function signJwt(claims: Claims, key: KeyObject, publicKey: KeyObject): string {
  const header = { alg: "RS256", typ: "JWT", kid: keyId(publicKey) };
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
}

/** The claims of a token that nothing has verified; undefined for what is no token. */
export function readClaims(token: string): Claims | undefined {
  return COMPACT.test(token) ? decode(token.split(".")[1]) : undefined;
}

/** Whether one of the keys has signed a token. */
export function isSigned(token: string, keys: readonly VerificationKey[]): boolean {
  if (!COMPACT.test(token)) return false;
  const [header = "", payload = "", signature = ""] = token.split(".");
  const { alg, kid } = decode(header) ?? {};
  const algorithm = typeof alg === "string" ? ALGORITHMS.get(alg) : undefined;
  if (!algorithm) return false;
  return keys
    .filter(({ id, key }) => key.asymmetricKeyType === algorithm.type && (!id || !kid || id === kid))
    .some(({ key }) =>
      verify(
        algorithm.hash,
        Buffer.from(`${header}.${payload}`),
        { key, dsaEncoding: "ieee-p1363" },
        Buffer.from(signature, "base64url"),
      ),
    );
}

export function keyId(publicKey: KeyObject): string {
  return createHash("sha256")
    .update(publicKey.export({ type: "spki", format: "der" }))
    .digest("base64url");
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decode(part: string | undefined): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? "", "base64url").toString());
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
