import type { KeyObject, X509Certificate } from "node:crypto";

/** Signature algorithms of XML signature that this package makes; the digest is of the same size. */
export type SignatureAlgorithm = "rsa-sha256" | "rsa-sha384" | "rsa-sha512";

/**
 * Holder of a private key that need not be in this process: a KMS, a PKCS #11 token, an agent.
 *
 * @example
 * const signer: Signer = { certificate, sign: (data, algorithm) => kms.sign(keyId, algorithm, data) };
 */
export interface Signer {
  /** Certificate of the key. */
  readonly certificate: X509Certificate;
  /** RSASSA-PKCS1-v1_5 signature over the data (not over its digest). */
  sign(data: Uint8Array, algorithm: SignatureAlgorithm): Promise<Uint8Array>;
}

/** A private key with its certificate, as files and programs hold them. */
export interface KeyPair {
  /** PEM (of several the first is the key's own) or DER. */
  readonly certificate: string | Uint8Array | X509Certificate;
  /** PEM or DER (PKCS #8, PKCS #1), RSA. */
  readonly key: string | Uint8Array | KeyObject;
  /** Of an encrypted key. */
  readonly passphrase?: string | undefined;
}

export type HolderKey = Signer | KeyPair;
