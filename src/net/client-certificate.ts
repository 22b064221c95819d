import { KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { InvalidArgumentError } from "../errors.ts";

/** A certificate by which a program says in the TLS handshake who it is, with its key. */
export interface ClientCertificate {
  /** PEM, the key's own certificate first, then those of the authorities above it where the server needs them. */
  readonly certificate: string | Uint8Array | X509Certificate;
  /** PEM (PKCS #8, PKCS #1, SEC 1). */
  readonly key: string | Uint8Array | KeyObject;
  /** Of an encrypted key. */
  readonly passphrase?: string | undefined;
}

/** A client certificate as a secure context takes it. Holds the key: never shown. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
  readonly passphrase?: string;
}

/**
 * Reads a client certificate.
 *
 * @throws InvalidArgumentError when certificate or key are no PEM, the key is encrypted and the passphrase is missing
 *   or wrong, or they do not belong together.
 */
export function readClientCertificate(given: ClientCertificate): TlsIdentity {
  const cert =
    given.certificate instanceof X509Certificate ? String(given.certificate) : pem(given.certificate);
  const key = given.key instanceof KeyObject ? exportKey(given.key) : pem(given.key);
  if (!cert?.includes("-----BEGIN CERTIFICATE-----")) {
    throw new InvalidArgumentError("The client certificate is not PEM", {
      hint: "Give the content of the certificate file, a PEM block BEGIN CERTIFICATE; not its path.",
    });
  }
  if (!key?.includes("PRIVATE KEY-----")) {
    throw new InvalidArgumentError("The key of the client certificate is not a private key in PEM", {
      hint: "Give the content of the key file, a PEM block BEGIN PRIVATE KEY; not its path.",
    });
  }
  const { passphrase } = given;
  const identity = { cert, key, ...(passphrase !== undefined && { passphrase }) };
  try {
    createSecureContext(identity);
  } catch {
    // Without the cause: OpenSSL's words differ with its version, and help nobody.
    throw new InvalidArgumentError("The client certificate cannot be used with its key", {
      hint: "Check that the key belongs to the certificate, and the passphrase if the key is encrypted.",
    });
  }
  return identity;
}

function pem(given: unknown): string | undefined {
  if (typeof given === "string") return given;
  return given instanceof Uint8Array ? Buffer.from(given).toString("latin1") : undefined;
}

function exportKey(key: KeyObject): string | undefined {
  if (key.type !== "private") return undefined;
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}
