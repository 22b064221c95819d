import { createHash, randomBytes } from "node:crypto";
import { InvalidArgumentError } from "../errors.ts";
import type { SamlToken } from "../saml/token.ts";
import { refuseExpired, requireKey } from "../sts/credential.ts";
import { signData } from "../xml/signature.ts";
import type { SignatureAlgorithm } from "../xml/signer.ts";

/** The request that a header is for. */
export interface SignedRequest {
  readonly method: string;
  /** As in the URL; a query is left out of what is signed. */
  readonly path: string;
  /** Name or address, IPv6 with or without brackets. */
  readonly host: string;
  /** Only where the URL says one. */
  readonly port?: number | undefined;
  readonly body?: Uint8Array | undefined;
}

export interface SignHeaderOptions {
  /** Default `rsa-sha256`. */
  readonly algorithm?: SignatureAlgorithm | undefined;
  /** Milliseconds to put to this machine's clock. Default 0. */
  readonly clockOffsetMs?: number | undefined;
  /** Port in the place of the one that is signed by default: the URL's, or 80 where it has none. */
  readonly signedPort?: number | undefined;
  /** Leaves it to the server whether a token has expired. Default false. */
  readonly allowExpired?: boolean | undefined;
}

const ALGORITHMS: Readonly<Record<SignatureAlgorithm, { readonly name: string; readonly hash: string }>> = {
  "rsa-sha256": { name: "RSA-SHA256", hash: "sha256" },
  "rsa-sha384": { name: "RSA-SHA384", hash: "sha384" },
  "rsa-sha512": { name: "RSA-SHA512", hash: "sha512" },
};

/** TLS ends before the vAPI endpoint, which takes a request without a port for one to http's own. */
const PORT_UNLESS_GIVEN = 80;

/**
 * Value of `Authorization` by which vAPI's REST knows a token's subject: `SIGN token="…"`, and for a holder-of-key
 * token a signature over the request by the token's key. Good for one request: the server remembers the nonce.
 *
 * @throws TokenError when the key of a holder-of-key token is missing, and when the token ended more than 10 min ago;
 *   SignerError when its signer fails; InvalidArgumentError for a signature that is not of its key.
 */
export async function signHeader(
  token: SamlToken,
  request: SignedRequest,
  options: SignHeaderOptions = {},
): Promise<string> {
  const now = Date.now() + (options.clockOffsetMs ?? 0);
  if (!options.allowExpired) refuseExpired(token, now);
  const encoded = `token="${await packed(token)}"`;
  if (token.kind === "bearer") return `SIGN ${encoded}`;

  const signer = requireKey(token);
  const algorithm = options.algorithm ?? "rsa-sha256";
  if (!Object.hasOwn(ALGORITHMS, algorithm)) {
    throw new InvalidArgumentError(`There is no signature algorithm ${JSON.stringify(algorithm)}`, {
      hint: `Choose one of ${Object.keys(ALGORITHMS).join(", ")}.`,
    });
  }
  const { name, hash } = ALGORITHMS[algorithm];
  const nonce = `${Math.floor(now)}:${randomBytes(8).readBigUInt64BE() >> 1n}`;
  const bodyHash = createHash(hash)
    .update(request.body ?? "")
    .digest();
  const data = baseString(request, nonce, { bodyHash, signedPort: options.signedPort });
  const signature = Buffer.from(await signData(signer, data, algorithm)).toString("base64");
  return (
    `SIGN ${encoded}, signature_alg="${name}", signature="${signature}", ` +
    `nonce="${nonce}", bodyhash="${bodyHash.toString("base64")}"`
  );
}

/**
 * What is signed: draft-ietf-oauth-v2-http-mac-00, 3.3.1, with the digest's own bytes for the body and without the
 * line of extensions. Every item ends with a line feed.
 */
function baseString(
  request: SignedRequest,
  nonce: string,
  { bodyHash, signedPort }: { readonly bodyHash: Buffer; readonly signedPort: number | undefined },
): Buffer {
  const path = request.path.replace(/[?#].*$/s, "");
  const host = request.host.toLowerCase();
  const port = signedPort ?? request.port ?? PORT_UNLESS_GIVEN;
  const lines = [nonce, request.method.toUpperCase(), path, hostItem(host), String(port)];
  return Buffer.concat([Buffer.from(`${lines.join("\n")}\n`), bodyHash, Buffer.from("\n")]);
}

/** An IPv6 address stands between brackets, as in a `Host` header; what else has a colon is no host. */
function hostItem(host: string): string {
  return host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
}

/** Packing takes long, and one token is shown to all nodes of a group. */
const packedTokens = new WeakMap<SamlToken, Promise<string>>();

function packed(token: SamlToken): Promise<string> {
  let text = packedTokens.get(token);
  if (text === undefined) {
    text = gzipped(token.assertion).then((bytes) => bytes.toString("base64"));
    packedTokens.set(token, text);
  }
  return text;
}

async function gzipped(text: string): Promise<Buffer> {
  const { gzip } = await import("node:zlib");
  return new Promise((resolve, reject) => {
    gzip(text, (error, bytes) => (error ? reject(error) : resolve(bytes)));
  });
}
