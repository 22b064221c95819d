import type { SignatureAlgorithm } from "./signer.ts";

/** Takes the signature out of the element that holds it. */
export const ENVELOPED_SIGNATURE = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

const SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256";
const SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384";
const SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512";

/** What XML signature and OpenSSL call an algorithm. */
export interface AlgorithmNames {
  readonly uri: string;
  /** Identifier of the digest of the same size. */
  readonly digestUri: string;
  /** Hash, as `node:crypto` knows it. */
  readonly hash: string;
}

export const SIGNATURES: Readonly<Record<SignatureAlgorithm, AlgorithmNames>> = {
  "rsa-sha256": {
    uri: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    digestUri: SHA256,
    hash: "sha256",
  },
  "rsa-sha384": {
    uri: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    digestUri: SHA384,
    hash: "sha384",
  },
  "rsa-sha512": {
    uri: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    digestUri: SHA512,
    hash: "sha512",
  },
};

/** Signature algorithms that are accepted, by identifier: hash for `node:crypto`. No SHA-1, no HMAC. */
export const ACCEPTED_SIGNATURES: ReadonlyMap<string, string> = new Map(
  Object.values(SIGNATURES).map(({ uri, hash }) => [uri, hash]),
);

/** Digests that are accepted, by identifier: hash for `node:crypto`. */
export const ACCEPTED_DIGESTS: ReadonlyMap<string, string> = new Map([
  [SHA256, "sha256"],
  [SHA384, "sha384"],
  [SHA512, "sha512"],
]);

/** Shorter RSA keys are refused: they can be factored by anyone. */
export const MIN_RSA_BITS = 1024;
