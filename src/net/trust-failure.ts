import type { X509Certificate } from "node:crypto";
import { TrustError, type TrustFailure } from "../errors.ts";
import { servedCertificate } from "./x509.ts";

/** OpenSSL's verification codes, as Node names them. */
const REASONS: Readonly<Record<string, TrustFailure>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "unknown-issuer",
  UNABLE_TO_GET_ISSUER_CERT: "unknown-issuer",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "unknown-issuer",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "unknown-issuer",
  CERT_UNTRUSTED: "unknown-issuer",
  CERT_HAS_EXPIRED: "expired",
  CERT_NOT_YET_VALID: "not-yet-valid",
  HOSTNAME_MISMATCH: "name-mismatch",
  ERR_TLS_CERT_ALTNAME_INVALID: "name-mismatch",
};

const WORDS: Readonly<Record<TrustFailure, string>> = {
  "self-signed": "it signed itself",
  "unknown-issuer": "no trusted authority issued it",
  expired: "it, or a certificate above it, has expired",
  "not-yet-valid": "it, or a certificate above it, is not valid yet",
  "name-mismatch": "it does not name this host",
  "pin-mismatch": "it matches none of the pins",
  "known-hosts-mismatch": "it is not the one in the known hosts file",
  "no-certificate": "the server presented none",
  rejected: "it does not verify",
};

/** The reason for one of OpenSSL's codes; what has no name of its own is `rejected`. */
export function trustFailure(code: string): TrustFailure {
  return REASONS[code] ?? "rejected";
}

/** Builds the error for a certificate that was refused. `code` is OpenSSL's, where it decided. */
export function refusal(
  host: string,
  reason: TrustFailure,
  leaf: X509Certificate | undefined,
  details: { readonly code?: string; readonly knownHosts?: string | undefined } = {},
): TrustError {
  const certificate = leaf === undefined ? undefined : servedCertificate(leaf);
  const because = details.code === undefined ? WORDS[reason] : `${WORDS[reason]} (${details.code})`;
  const served = certificate
    ? `; served: subject ${certificate.subject}, issuer ${certificate.issuer}, valid ${certificate.notBefore}` +
      ` to ${certificate.notAfter}, SHA-256 ${certificate.sha256}`
    : "";
  return new TrustError(`The TLS certificate of ${host} is not trusted: ${because}${served}`, {
    host,
    reason,
    certificate,
    hint: hintFor(host, reason, certificate?.sha256, details.knownHosts),
  });
}

function hintFor(
  host: string,
  reason: TrustFailure,
  sha256: string | undefined,
  file: string | undefined,
): string {
  if (sha256 === undefined) return "Check that this is the server and port meant.";
  const pin = `--pin SHA256:${sha256}`;
  switch (reason) {
    case "known-hosts-mismatch":
      return (
        `If the server's certificate was replaced, correct its line in ${file ?? "the known hosts file"} ` +
        `(vsso trust ${host} --write), or use ${pin} or --ca FILE without the known hosts file.`
      );
    case "pin-mismatch":
      return (
        `If the server's certificate was replaced, use ${pin}, or --ca FILE with the authority that issued it. ` +
        "If the pin is that of an authority which the server does not send along, give --ca FILE with it beside the pin."
      );
    case "name-mismatch":
      return `Use a name the certificate holds (the authority still goes with --ca FILE), or trust this very certificate: ${pin}.`;
    default:
      return `If this is the server's own certificate, use ${pin}, or --ca FILE with the authority that issued it.`;
  }
}
