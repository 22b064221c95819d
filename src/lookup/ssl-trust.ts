import { X509Certificate } from "node:crypto";
import { servedCertificate } from "../net/x509.ts";

/** An sslTrust entry of a registration: a certificate, or why it cannot be read. */
export type SslTrust =
  | {
      /** SHA-256 fingerprint of the DER, upper-case hex with colons. */
      readonly sha256: string;
      /** Distinguished name on one line. */
      readonly subject: string;
      /** RFC 3339 UTC. */
      readonly notAfter: string;
    }
  | { readonly error: string };

/** Reads one sslTrust value: bare base64 DER, as the Lookup Service keeps it. Never throws. */
export function readSslTrust(value: string): SslTrust {
  const base64 = value.replace(/\s+/g, "");
  if (base64 === "") return { error: "the entry is empty" };
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return { error: "the entry is not base64" };
  try {
    const { sha256, subject, notAfter } = servedCertificate(
      new X509Certificate(Buffer.from(base64, "base64")),
    );
    return { sha256, subject, notAfter };
  } catch {
    return { error: "the entry is not a DER certificate" };
  }
}

/** A reader that decodes each distinct value once: every registration of a node repeats the same certificate. */
export function sslTrustReader(): (value: string) => SslTrust {
  const known = new Map<string, SslTrust>();
  return (value) => {
    let read = known.get(value);
    if (!read) {
      read = readSslTrust(value);
      known.set(value, read);
    }
    return read;
  };
}
