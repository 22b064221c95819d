import type { X509Certificate } from "node:crypto";
import type { Certificate, Extension } from "pkijs";

const KEY_USAGE = "2.5.29.15";
const BASIC_CONSTRAINTS = "2.5.29.19";
/** Bits of key usage, in its first byte: either is needed to sign what is not a certificate. */
const SIGNING_USAGE = 0x80 | 0x40;
const MIN_RSA_BITS = 2048;
/**
 * Extensions that may be critical, as they are obeyed here or by the library, or limit nothing that matters here:
 * key identifiers, key usage, names, basic and name constraints, policies. The library passes any other.
 */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set(
  [14, 15, 17, 18, 19, 30, 32, 33, 35, 36, 37, 54].map((id) => `2.5.29.${id}`),
);

/** Signatures on certificates that are believed: RSASSA-PKCS1-v1_5 and ECDSA with SHA-2. */
const SIGNATURES: ReadonlySet<string> = new Set([
  "1.2.840.113549.1.1.11",
  "1.2.840.113549.1.1.12",
  "1.2.840.113549.1.1.13",
  "1.2.840.10045.4.3.2",
  "1.2.840.10045.4.3.3",
  "1.2.840.10045.4.3.4",
]);

/**
 * Judges a chain (signer's certificate first, anchor last) whose links are right by name and signature, as of any
 * time: basic constraints, path length, key usage, critical extensions, name constraints, policies (RFC 5280, 6),
 * and the strength of keys and signatures. Revocation is not looked at; vCenter publishes none.
 *
 * @returns what is wrong, or undefined.
 */
export async function checkPath(chain: readonly X509Certificate[]): Promise<string | undefined> {
  const pkijs = await import("pkijs");
  let certificates: Certificate[];
  try {
    certificates = chain.map((c) => pkijs.Certificate.fromBER(new Uint8Array(c.raw)));
  } catch {
    return "one of its chain is not as RFC 5280 has it";
  }
  const problem =
    checkKeyUsage(certificates[0]) ??
    checkExtensions(certificates) ??
    checkStrength(chain, certificates) ??
    checkPathLengths(certificates);
  if (problem !== undefined || chain.length === 1) return problem;
  const [anchor, ...rest] = certificates.reverse();
  const engine = new pkijs.CertificateChainValidationEngine({
    trustedCerts: anchor ? [anchor] : [],
    certs: rest,
    // Times are judged by whoever asks; here the chain is looked at when the youngest of it began.
    checkDate: new Date(Math.max(...chain.map((c) => Date.parse(c.validFrom)))),
  });
  const { result, resultMessage } = await engine.verify();
  return result ? undefined : resultMessage || "it is not valid by RFC 5280";
}

function checkKeyUsage(signer: Certificate | undefined): string | undefined {
  const extension = signer?.extensions?.find((e) => e.extnID === KEY_USAGE);
  if (extension === undefined) return undefined;
  return (usageBits(parsed(extension)) ?? 0) & SIGNING_USAGE
    ? undefined
    : "its key usage does not allow to sign";
}

/** What the anchor says of itself binds those who gave it, not us; the library reads it nevertheless. */
function checkExtensions(certificates: readonly Certificate[]): string | undefined {
  for (const [index, certificate] of certificates.slice(0, -1).entries()) {
    for (const extension of certificate.extensions ?? []) {
      if (!extension.critical) continue;
      if (!KNOWN_EXTENSIONS.has(extension.extnID) || parsed(extension) === undefined) {
        return `certificate ${index + 1} of its chain has the critical extension ${extension.extnID}, which cannot be obeyed`;
      }
    }
  }
  return undefined;
}

/** The anchor's own signature proves nothing and is not judged. */
function checkStrength(
  chain: readonly X509Certificate[],
  certificates: readonly Certificate[],
): string | undefined {
  for (const [index, certificate] of certificates.slice(0, -1).entries()) {
    const { algorithmId } = certificate.signatureAlgorithm;
    if (!SIGNATURES.has(algorithmId)) {
      return `certificate ${index + 1} of its chain is signed by an algorithm that is too weak or not known (${algorithmId})`;
    }
    const bits = chain[index]?.publicKey.asymmetricKeyDetails?.modulusLength;
    if (bits !== undefined && bits < MIN_RSA_BITS) {
      return `certificate ${index + 1} of its chain has an RSA key of ${bits} bits; ${MIN_RSA_BITS} are the least`;
    }
  }
  return undefined;
}

/** The library does not look at path lengths. Certificates that an authority issued to itself do not count. */
function checkPathLengths(certificates: readonly Certificate[]): string | undefined {
  let between = 0;
  for (const certificate of certificates.slice(1)) {
    const extension = certificate.extensions?.find((e) => e.extnID === BASIC_CONSTRAINTS);
    const length = extension && pathLength(parsed(extension));
    if (length !== undefined && between > length) {
      return `its chain has ${between} intermediate authorities where ${length} are allowed`;
    }
    if (!certificate.issuer.isEqual(certificate.subject)) between += 1;
  }
  return undefined;
}

/** Undefined also for a value that does not parse: what cannot be read cannot be obeyed. */
function parsed(extension: Extension): object | undefined {
  const value: unknown = extension.parsedValue;
  return typeof value === "object" && value !== null && !("parsingError" in value) ? value : undefined;
}

function usageBits(value: object | undefined): number | undefined {
  if (value === undefined || !("valueBlock" in value)) return undefined;
  const { valueHexView } = value.valueBlock as { readonly valueHexView?: Uint8Array };
  return valueHexView?.[0];
}

function pathLength(value: object | undefined): number | undefined {
  if (value === undefined || !("pathLenConstraint" in value)) return undefined;
  return Number(value.pathLenConstraint);
}
