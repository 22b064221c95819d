import { hash, X509Certificate } from "node:crypto";
import { type CertificateDescription, describeCertificate } from "../net/x509.ts";
import { LruMap } from "./lru.ts";
import { notVerified } from "./not-verified.ts";
import { checkPath } from "./path-rules.ts";

/** Certificates that a signature may bring; vCenter brings two or three. */
const MAX_CERTIFICATES = 10;
/** Ways to an anchor that are looked at for one signature. */
const MAX_PATHS = 16;

/** A way from a certificate that signs to a trust anchor, good but for the time. */
export interface CertificationPath {
  /** The signer's first, the anchor last; one alone where the signer's is the anchor. */
  readonly chain: readonly X509Certificate[];
  /** Milliseconds of the epoch from and until which all of the chain is valid. */
  readonly from: number;
  readonly until: number;
  readonly descriptions: readonly CertificateDescription[];
}

/** A key that may be the signer's, and what was found on the way from it to the anchors. */
export interface Candidate {
  /** One with this key; where several have it, the paths are those of all. */
  readonly certificate: X509Certificate;
  readonly paths: readonly CertificationPath[];
  /** Why a path is no good, where none is good; undefined also where there is no path at all. */
  readonly problem: string | undefined;
}

/** Finds paths to a fixed set of anchors. */
export class PathFinder {
  readonly #anchors: readonly X509Certificate[];
  /** Tokens of one issuer bring the same certificates, and what is found depends on nothing else, not on the time either. */
  readonly #known = new LruMap<readonly Candidate[]>(32);

  constructor(anchors: readonly X509Certificate[]) {
    this.#anchors = anchors;
  }

  /**
   * Judges each key among the certificates of a signature as the signer's, the most likely first.
   *
   * @throws VerificationError when the certificates cannot be read, or are too many.
   */
  async find(certificates: readonly Uint8Array[]): Promise<readonly Candidate[]> {
    if (certificates.length > MAX_CERTIFICATES) {
      throw notVerified(
        "malformed",
        `the signature brings ${certificates.length} certificates; ${MAX_CERTIFICATES} are the most that are read`,
      );
    }
    const key = certificates.map((der) => hash("sha256", der)).join();
    let found = this.#known.get(key);
    if (found === undefined) {
      const read = readCertificates(certificates);
      // The same certificate, or key, time and again must not be work time and again.
      const distinct = [...new Map(read.map((c) => [c.fingerprint256, c])).values()];
      const all = signers(distinct, this.#anchors).map((signer) =>
        findPaths(signer, distinct, this.#anchors),
      );
      found = joinByKey(await Promise.all(all));
      if (found.some((candidate) => candidate.paths.length > 0)) {
        refuseChanged(distinct, this.#anchors, (certificate) => read.indexOf(certificate) + 1);
      }
      this.#known.set(key, found);
    }
    return found;
  }
}

/**
 * What stands in KeyInfo is not signed, and a path need not lead through all of it. But a certificate that its issuer,
 * who is at hand, did not sign as it stands shows that someone changed the document.
 */
function refuseChanged(
  certificates: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
  positionOf: (certificate: X509Certificate) => number,
): void {
  for (const certificate of certificates) {
    const issuers = [...certificates, ...anchors].filter((each) => certificate.checkIssued(each));
    if (issuers.length === 0 || issuers.some((each) => certificate.verify(each.publicKey))) continue;
    throw notVerified(
      "certificate-invalid",
      `certificate ${positionOf(certificate)} of the signature was changed: its issuer's key does not verify it`,
      { hint: "Use the text exactly as the server sent it." },
    );
  }
}

/** Without certificates in the signature the only anchor must be the signer's. */
function signers(
  certificates: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
): X509Certificate[] {
  if (certificates.length > 0) return signersFirst(certificates);
  if (anchors.length === 1) return [...anchors];
  throw notVerified(
    "no-certificate",
    "the signature brings no certificate, and there is more than one trust anchor",
    { hint: "Give only the signing certificate as the trust anchor." },
  );
}

/** Those that issued none of the others come first; otherwise the order stays. */
export function signersFirst(certificates: readonly X509Certificate[]): X509Certificate[] {
  const issued = (issuer: X509Certificate): boolean =>
    certificates.some((c) => c.fingerprint256 !== issuer.fingerprint256 && c.checkIssued(issuer));
  return [...certificates.filter((c) => !issued(c)), ...certificates.filter(issued)];
}

/** A signature that a key did not make it did not make by any certificate: it is verified with each key once. */
function joinByKey(candidates: readonly Candidate[]): Candidate[] {
  const joined: Candidate[] = [];
  for (const candidate of candidates) {
    const index = joined.findIndex((c) => c.certificate.publicKey.equals(candidate.certificate.publicKey));
    const same = joined[index];
    if (same === undefined) joined.push(candidate);
    else {
      joined[index] = {
        certificate: same.certificate,
        paths: [...same.paths, ...candidate.paths],
        problem: same.problem ?? candidate.problem,
      };
    }
  }
  return joined;
}

async function findPaths(
  certificate: X509Certificate,
  others: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
): Promise<Candidate> {
  const paths: CertificationPath[] = [];
  let problem: string | undefined;
  for (const chain of chainsFrom([certificate], others, anchors).slice(0, MAX_PATHS)) {
    const path = describePath(chain);
    // Also where a time cannot be read.
    const never = !(path.from <= path.until);
    const refusal = never ? "its chain is at no time valid as a whole" : await checkPath(chain);
    if (refusal === undefined) paths.push(path);
    else problem ??= refusal;
  }
  return { certificate, paths, problem };
}

/**
 * Chains that begin so and end at an anchor. Links are by name, key identifier and signature. No key is passed
 * twice, which bounds the search whatever the certificates say.
 */
function chainsFrom(
  chain: readonly X509Certificate[],
  certificates: readonly X509Certificate[],
  anchors: readonly X509Certificate[],
): X509Certificate[][] {
  const last = chain.at(-1);
  if (last === undefined) return [];
  if (anchors.some((a) => a.fingerprint256 === last.fingerprint256)) return [[...chain]];
  const unused = (c: X509Certificate): boolean => !chain.some((used) => used.publicKey.equals(c.publicKey));
  const isIssuer = (c: X509Certificate): boolean =>
    unused(c) && last.checkIssued(c) && last.verify(c.publicKey);
  const ends = anchors.filter(isIssuer).map((anchor) => [...chain, anchor]);
  const isAnchor = (c: X509Certificate): boolean =>
    anchors.some((a) => a.fingerprint256 === c.fingerprint256);
  const onward = certificates
    .filter((c) => !isAnchor(c) && isIssuer(c))
    .flatMap((c) => chainsFrom([...chain, c], certificates, anchors));
  return [...ends, ...onward];
}

function describePath(chain: readonly X509Certificate[]): CertificationPath {
  let descriptions: readonly CertificateDescription[] | undefined;
  return {
    chain,
    from: Math.max(...chain.map((c) => Date.parse(c.validFrom))),
    until: Math.min(...chain.map((c) => Date.parse(c.validTo))),
    get descriptions() {
      descriptions ??= chain.map((c) => describeCertificate(c));
      return descriptions;
    },
  };
}

function readCertificates(certificates: readonly Uint8Array[]): X509Certificate[] {
  return certificates.map((der, index) => {
    try {
      const certificate = new X509Certificate(der);
      // Node takes PEM too, and passes over what follows the certificate.
      if (!certificate.raw.equals(der)) throw new TypeError("not the DER of one certificate");
      // Is read only when asked for, and may be what cannot be.
      void certificate.publicKey;
      return certificate;
    } catch (cause) {
      throw notVerified("certificate-invalid", `certificate ${index + 1} of the signature cannot be read`, {
        cause,
      });
    }
  });
}
