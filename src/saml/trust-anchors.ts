import { X509Certificate } from "node:crypto";
import { InvalidArgumentError } from "../errors.ts";
import { parseCertificates } from "../net/x509.ts";

/** PEM text with one or more certificates, the bytes of PEM or of one DER, or a certificate that was read. */
export type CertificateSource = string | Uint8Array | X509Certificate;

/**
 * Certificates whose signatures on tokens are believed.
 *
 * Best is the signing certificate itself, as the Security Token Service's metadata and its API tell it. With an
 * authority as anchor every certificate it issued may sign tokens: that of vCenter (VMCA) also issues those of
 * ESXi hosts and solution users.
 */
export type TrustAnchors = CertificateSource | readonly CertificateSource[];

/**
 * Reads trust anchors; the same certificate twice is one.
 *
 * @throws InvalidArgumentError when there is none, or one cannot be read.
 */
export function readTrustAnchors(anchors: TrustAnchors): X509Certificate[] {
  const sources: readonly unknown[] = Array.isArray(anchors) ? anchors : [anchors];
  const found = new Map<string, X509Certificate>();
  sources.forEach((source, index) => {
    const origin = sources.length === 1 ? "the trust anchor" : `trust anchor ${index + 1}`;
    for (const certificate of readSource(source, origin)) {
      checkKey(certificate, origin);
      found.set(certificate.fingerprint256, certificate);
    }
  });
  if (found.size === 0) {
    throw new InvalidArgumentError("No trust anchor is given", {
      hint: "Give the certificate that the Security Token Service signs with, or that of the authority that issued it.",
    });
  }
  return [...found.values()];
}

/** The key is read only when asked for: better now than when the first token is verified. */
function checkKey(certificate: X509Certificate, origin: string): void {
  try {
    void certificate.publicKey;
  } catch (cause) {
    throw new InvalidArgumentError(`${origin} has a public key that cannot be read`, {
      hint: "Check that it was not cut or re-encoded on its way.",
      cause,
    });
  }
}

function readSource(source: unknown, origin: string): readonly X509Certificate[] {
  if (source instanceof X509Certificate) return [source];
  if (typeof source === "string" || source instanceof Uint8Array) return parseCertificates(source, origin);
  throw new InvalidArgumentError(`${origin} is not a certificate`, {
    hint: "PEM, DER and X509Certificate are taken.",
  });
}
