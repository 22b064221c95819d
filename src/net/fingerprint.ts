import type { X509Certificate } from "node:crypto";
import { InvalidArgumentError } from "../errors.ts";

/** Digest of a certificate's DER. */
export interface Fingerprint {
  readonly algorithm: "sha256" | "sha1";
  /** Upper-case hex with colons. */
  readonly value: string;
}

const LABEL = /^sha-?(256|1)(?:\s+(?:fingerprint|thumbprint))?\s*[:=]\s*/i;
const PUBLIC_KEY_PIN = /^sha-?256\/\/?/i;
const HEX_DIGITS = { sha256: 64, sha1: 40 } as const;

/**
 * Reads a certificate fingerprint as the usual tools print it: hex with or without colons, dashes or spaces, in
 * any case, bare or after `sha256:`, `SHA256 Fingerprint=` and the like; or base64 after `sha256:`.
 *
 * @throws InvalidArgumentError for anything else; a pin of a public key (`sha256//…`) is named as such.
 */
export function parseFingerprint(text: string): Fingerprint {
  const trimmed = text.trim();
  if (PUBLIC_KEY_PIN.test(trimmed)) {
    throw new InvalidArgumentError(
      "sha256/… is the pin of a public key; the fingerprint of a certificate is needed",
      {
        hint: "openssl x509 -in FILE -noout -fingerprint -sha256 prints it.",
      },
    );
  }
  const label = LABEL.exec(trimmed);
  const named = label === null ? undefined : label[1] === "1" ? "sha1" : "sha256";
  const digits = trimmed.slice(label?.[0].length ?? 0);
  const hex = digits.replace(/[:\s-]/g, "");
  if (/^[0-9a-f]+$/i.test(hex)) {
    for (const algorithm of ["sha256", "sha1"] as const) {
      if (hex.length === HEX_DIGITS[algorithm] && (named ?? algorithm) === algorithm) {
        return { algorithm, value: withColons(hex) };
      }
    }
  }
  if (named === "sha256" && /^[\w+/-]{43}=?$/.test(digits)) {
    const bytes = Buffer.from(digits, "base64");
    if (bytes.length === 32) return { algorithm: "sha256", value: withColons(bytes.toString("hex")) };
  }
  throw new InvalidArgumentError(`Not a certificate fingerprint: ${JSON.stringify(trimmed.slice(0, 120))}`, {
    hint: "Give the SHA-256 fingerprint as 64 hex digits, with or without colons, as SHA256:AB:CD:…",
  });
}

/** Whether `certificate` has this fingerprint. */
export function matchesFingerprint(certificate: X509Certificate, fingerprint: Fingerprint): boolean {
  const served = fingerprint.algorithm === "sha256" ? certificate.fingerprint256 : certificate.fingerprint;
  return served === fingerprint.value;
}

function withColons(hex: string): string {
  return (hex.toUpperCase().match(/../g) ?? []).join(":");
}
