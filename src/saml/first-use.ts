import type { X509Certificate } from "node:crypto";
import { type CertificateDescription, describeCertificate, parseCertificates } from "../net/x509.ts";
import { inspectAssertion } from "./assertion.ts";
import { notVerified } from "./not-verified.ts";
import { signersFirst } from "./path.ts";

const certificates = new WeakMap<FirstUseAnchors, X509Certificate>();

/**
 * The signing certificate that an assertion itself brings. That it verifies the assertion proves only that
 * whoever made the one made the other: anyone can. Hence a type of its own, which is no trust anchor, and a
 * verdict of its own, `trust: "first-use"`.
 *
 * Keep `certificate.pem`, compare its fingerprint with what vCenter shows, and give it as an anchor from then on.
 */
export class FirstUseAnchors {
  readonly certificate: CertificateDescription;

  private constructor(certificate: X509Certificate) {
    this.certificate = describeCertificate(certificate);
    certificates.set(this, certificate);
  }

  /** @internal */
  static of(certificate: X509Certificate): FirstUseAnchors {
    return new FirstUseAnchors(certificate);
  }
}

/**
 * Takes the signing certificate out of an assertion that is seen for the first time.
 *
 * @throws TokenError `TOKEN_MALFORMED`; VerificationError when the assertion brings no certificate.
 */
export function firstUseAnchors(assertion: string | Uint8Array): FirstUseAnchors {
  const chain = inspectAssertion(assertion).certificates;
  const [signer] = signersFirst(chain.flatMap(({ pem }) => parseCertificates(pem, "the assertion")));
  if (signer === undefined) {
    throw notVerified("no-certificate", "the assertion brings no certificate to trust on first use", {
      hint: "Get the signing certificate from vCenter and give it as the trust anchor.",
    });
  }
  return FirstUseAnchors.of(signer);
}

/** The certificate, of anchors that were taken from an assertion; undefined for anything else. */
export function firstUseCertificate(anchors: unknown): X509Certificate | undefined {
  return anchors instanceof FirstUseAnchors ? certificates.get(anchors) : undefined;
}
