import { X509Certificate } from "node:crypto";
import { InvalidArgumentError, type ServedCertificate } from "../errors.ts";

/** A certificate described for people and for JSON. */
export interface CertificateDescription extends ServedCertificate {
  /** SHA-1 fingerprint of the DER, upper-case hex with colons. */
  readonly sha1: string;
  /** Subject alternative names as OpenSSL prints them, `""` where there are none. */
  readonly names: string;
  /** Whether the certificate says that it may sign others. */
  readonly ca: boolean;
  readonly pem: string;
}

const PEM_BLOCK =
  /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (?:X509 |TRUSTED )?CERTIFICATE-----/g;
const PEM_MARK = "-----BEGIN";
// Control, bidirectional and line-breaking characters: names of a hostile certificate end up on a terminal.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/**
 * What a certificate says of itself.
 *
 * @throws InvalidArgumentError when the bytes are not a certificate (DER or PEM).
 */
export function describeCertificate(certificate: X509Certificate | Uint8Array): CertificateDescription {
  const parsed = certificate instanceof X509Certificate ? certificate : parseDer(certificate);
  return {
    ...servedCertificate(parsed),
    sha1: parsed.fingerprint,
    names: oneLine(parsed.subjectAltName),
    ca: parsed.ca,
    pem: parsed.toString(),
  };
}

/** The part of a description that errors carry. */
export function servedCertificate(certificate: X509Certificate): ServedCertificate {
  return {
    sha256: certificate.fingerprint256,
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    notBefore: rfc3339(certificate.validFrom),
    notAfter: rfc3339(certificate.validTo),
  };
}

/** Whether the text is PEM itself, as opposed to the path of a file. */
export function isPem(text: string): boolean {
  return text.includes(PEM_MARK);
}

/**
 * All certificates of a PEM text, whatever stands between them, or the one of a DER.
 *
 * @throws InvalidArgumentError when there is none, or one cannot be read; `origin` names it in the message.
 */
export function parseCertificates(data: string | Uint8Array, origin: string): X509Certificate[] {
  const text = typeof data === "string" ? data : Buffer.from(data).toString("latin1");
  if (typeof data !== "string" && !isPem(text)) return [parseDer(data, origin)];
  const blocks = text.match(PEM_BLOCK) ?? [];
  if (blocks.length === 0) {
    throw new InvalidArgumentError(`${origin} holds no certificate`, {
      hint: "A PEM file with one or more BEGIN CERTIFICATE blocks is needed.",
    });
  }
  return blocks.map((block, index) => parseDer(block, `certificate ${index + 1} of ${origin}`));
}

function parseDer(data: string | Uint8Array, origin = "the value"): X509Certificate {
  try {
    return new X509Certificate(data);
  } catch (cause) {
    throw new InvalidArgumentError(`Cannot read a certificate: ${origin} is not an X.509 certificate`, {
      hint: "Check that it was not cut or re-encoded on its way.",
      cause,
    });
  }
}

/** Node writes one attribute a line, and has no text for a name without attributes, though its types say so. */
function oneLine(name: string | undefined): string {
  return (name ?? "").trimEnd().replaceAll("\n", ", ").replace(UNPRINTABLE, "?");
}

function rfc3339(text: string): string {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? text : time.toISOString().replace(".000Z", "Z");
}
