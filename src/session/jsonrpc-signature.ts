import type { SamlToken } from "../saml/token.ts";
import { requireKey } from "../sts/credential.ts";
import { wireTime } from "../sts/time.ts";
import { signData } from "../xml/signature.ts";
import type { SignatureAlgorithm } from "../xml/signer.ts";
import { type JsonRpcRequest, SCHEME, type SecurityContext, writeRequest } from "./jsonrpc-security.ts";

/** Names of JSON Web Signature for the algorithms. */
const ALGORITHMS: Readonly<Record<SignatureAlgorithm, string>> = {
  "rsa-sha256": "RS256",
  "rsa-sha384": "RS384",
  "rsa-sha512": "RS512",
};

export interface RequestSigning {
  readonly algorithm: SignatureAlgorithm;
  readonly lifetimeMs: number;
  /** Milliseconds since 1970, as they are to be written. */
  readonly now: () => number;
}

/**
 * The text of a request that proves a holder-of-key token's key: signed is the canonical form of the whole request with
 * scheme, algorithm and times in its security context; token and signature are put there afterwards.
 *
 * @throws TokenError when the token's key is missing; SignerError when the signer fails; InvalidArgumentError when its signature does not verify with the
 *   certificate that the token names.
 */
export async function signRequest(
  request: JsonRpcRequest,
  token: SamlToken,
  { algorithm, lifetimeMs, now }: RequestSigning,
): Promise<string> {
  const signer = requireKey(token);
  const created = now();
  const securityCtx: SecurityContext = {
    schemeId: `${SCHEME}saml_hok_token`,
    signatureAlgorithm: ALGORITHMS[algorithm],
    timestamp: { created: wireTime(created), expires: wireTime(created + lifetimeMs) },
  };
  const data = Buffer.from(writeRequest(request, securityCtx));
  const value = await signData(signer, data, algorithm);
  return writeRequest(request, {
    ...securityCtx,
    signature: { samlToken: token.assertion, value: Buffer.from(value).toString("base64") },
  });
}
