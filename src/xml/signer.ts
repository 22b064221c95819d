import { type KeyObject, sign, X509Certificate } from "node:crypto";
import { InvalidArgumentError } from "../errors.ts";
import { MIN_RSA_BITS, SIGNATURES } from "./algorithms.ts";
import { notRsa, readPrivateKey, tooShort } from "./private-key.ts";

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

const CERTIFICATE_BLOCK = /-----BEGIN (X509 |TRUSTED |)CERTIFICATE-----[\s\S]*?-----END \1CERTIFICATE-----/g;

/**
 * What signs with a key: a `Signer` as it is, or one made of a key pair, which reads the key once.
 *
 * @throws InvalidArgumentError when the key or the certificate cannot be read, the key is encrypted and the
 *   passphrase is missing or wrong, either is not RSA or too short, or they do not belong together.
 */
export function toSigner(key: HolderKey): Signer {
  if (isSigner(key)) {
    if (!(key.certificate instanceof X509Certificate)) {
      throw new InvalidArgumentError("The signer has no certificate", {
        hint: "A signer's certificate is an X509Certificate of node:crypto.",
      });
    }
    requireRsaCertificate(key.certificate);
    return key;
  }
  const privateKey = readPrivateKey(key.key, key.passphrase);
  const certificates = readCertificates(key.certificate);
  const index = certificates.findIndex((certificate) => belongTogether(certificate, privateKey));
  const [certificate] = certificates;
  if (certificate === undefined || index !== 0) {
    throw new InvalidArgumentError(
      "The certificate is of another key: it does not belong to the private key",
      {
        hint:
          index > 0
            ? `Certificate ${index + 1} of those given belongs to it: put that one first.`
            : "Give the certificate that was issued for this key.",
      },
    );
  }
  return new KeySigner(requireRsaCertificate(certificate), privateKey);
}

function isSigner(key: HolderKey): key is Signer {
  return "sign" in key && typeof key.sign === "function";
}

/** Signs with a key that is in this process. */
class KeySigner implements Signer {
  readonly certificate: X509Certificate;
  readonly #key: KeyObject;

  constructor(certificate: X509Certificate, key: KeyObject) {
    this.certificate = certificate;
    this.#key = key;
  }

  async sign(data: Uint8Array, algorithm: SignatureAlgorithm): Promise<Uint8Array> {
    return sign(SIGNATURES[algorithm].hash, data, this.#key);
  }
}

/** Whether what the signer returns is right by construction: key and certificate were compared. */
export function isKeySigner(signer: Signer): boolean {
  return signer instanceof KeySigner;
}

/** All certificates of a PEM text or the one of a DER; at least one. */
function readCertificates(given: KeyPair["certificate"]): X509Certificate[] {
  if (given instanceof X509Certificate) return [given];
  if (typeof given !== "string" && !(given instanceof Uint8Array)) {
    throw new InvalidArgumentError("The certificate is neither text, bytes nor an X509Certificate");
  }
  const text = typeof given === "string" ? given : Buffer.from(given).toString("latin1");
  if (text.trim() === "") throw new InvalidArgumentError("The certificate is empty");
  const blocks = text.match(CERTIFICATE_BLOCK);
  if (blocks === null && (typeof given === "string" || text.includes("-----BEGIN "))) {
    throw new InvalidArgumentError(
      text.includes("PRIVATE KEY-----")
        ? "The certificate is missing: what was given for it is a private key"
        : "The certificate is not PEM",
      {
        hint: "Give the content of the certificate file, a PEM block BEGIN CERTIFICATE; not its path, nor the key.",
      },
    );
  }
  try {
    return (blocks ?? [given]).map((block) => new X509Certificate(block));
  } catch {
    // Without the cause: what was taken for a certificate may be anything.
    throw new InvalidArgumentError("The certificate cannot be read: it is no X.509 certificate", {
      hint: "Check that it was not cut or re-encoded on its way.",
    });
  }
}

function requireRsaCertificate(certificate: X509Certificate): X509Certificate {
  const key = publicKeyOf(certificate);
  if (key?.asymmetricKeyType !== "rsa") throw notRsa("key of the certificate", key?.asymmetricKeyType);
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < MIN_RSA_BITS) throw tooShort("key of the certificate", bits);
  return certificate;
}

function belongTogether(certificate: X509Certificate, key: KeyObject): boolean {
  return (
    publicKeyOf(certificate)?.asymmetricKeyType === key.asymmetricKeyType && certificate.checkPrivateKey(key)
  );
}

/** Undefined where OpenSSL does not know the key's algorithm. */
function publicKeyOf(certificate: X509Certificate): KeyObject | undefined {
  try {
    return certificate.publicKey;
  } catch {
    return undefined;
  }
}
