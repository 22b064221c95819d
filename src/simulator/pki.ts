import { generateKeyPair, type KeyObject, randomBytes, X509Certificate } from "node:crypto";
import { promisify } from "node:util";
import { AbortedError } from "../errors.ts";
import { type DistinguishedName, issueCertificate } from "./certificate.ts";
import type { TokenSigning } from "./sts/signing.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const RSA_BITS = 2048;
const makeKeyPair = promisify(generateKeyPair);

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** What a node needs to serve TLS, and what its registrations say about it. */
export interface NodeCertificates {
  /** PKCS #8 PEM of the key served. */
  readonly key: string;
  /** PEM, leaf then authority, as served. */
  readonly chain: string;
  /** Base64 DER of the leaf served, on one line. */
  readonly trust: string;
  /** Base64 DER of the certificate the node "had before": another key, never served. */
  readonly oldTrust: string;
}

/** A key of a solution user, with its certificate. */
export interface ClientCertificate {
  /** PKCS #8 PEM. */
  readonly key: string;
  readonly certificate: X509Certificate;
}

/** The certificate authorities of one simulator and the certificates they issued. */
export interface Pki {
  /** PEM of the authority of the nodes and of the solution users. */
  readonly ca: string;
  /** In the order of the names given. */
  readonly nodes: readonly NodeCertificates[];
  readonly signing: TokenSigning;
  /** Issues a certificate for each solution user of the machine. */
  readonly solutionUsers: (names: readonly string[], machineId: string) => readonly ClientCertificate[];
}

const SOLUTION_USER_COUNT = 2;

/**
 * Makes an authority, and for every name a served and a superseded certificate; the authority's PEM alone is
 * enough for clients to verify them. What signs XML has an RSA key, as the Security Token Service demands; an RSA key
 * takes a thousand times as long to make, so TLS has elliptic ones.
 *
 * @throws AbortedError
 */
export async function createPki(
  names: readonly string[],
  ssoDomain: string,
  signal?: AbortSignal,
): Promise<Pki> {
  checkAborted(signal);
  const [[authorityKeys, oldKeys, ...nodeKeys], [signingAuthorityKeys, signingKeys, ...solutionUserKeys]] =
    await Promise.all([
      makeKeys(names.length + 2, makeEllipticKey) as Promise<[KeyPair, KeyPair, ...KeyPair[]]>,
      makeKeys(SOLUTION_USER_COUNT + 2, makeRsaKey) as Promise<[KeyPair, KeyPair, ...KeyPair[]]>,
    ]);
  checkAborted(signal);
  const subjects = nodeKeys.map((keys, index) => ({ name: names[index] ?? "", keys }));
  const now = Date.now();
  // Keeps the authorities of two simulators apart for clients that look issuers up by name.
  const suffix = randomBytes(4).toString("hex");
  const domain: DistinguishedName = [
    ...ssoDomain.split(".").map((label) => ["DC", label] as const),
    ["C", "US"],
    ["O", names[0] ?? ssoDomain],
  ];
  const issuer: DistinguishedName = [["CN", "CA"], ...domain, ["OU", `Simulator ${suffix}`]];
  const issued = { issuer, issuerKey: authorityKeys.privateKey };
  const ca = pem(
    issueCertificate({
      ...issued,
      subject: issuer,
      publicKey: authorityKeys.publicKey,
      purpose: "authority",
      notBefore: new Date(now - HOUR),
      notAfter: new Date(now + 3650 * DAY),
    }),
  );
  const nodes = subjects.map(({ name, keys }): NodeCertificates => {
    const leaf = {
      ...issued,
      subject: [
        ["CN", name],
        ["C", "US"],
      ] as const,
      purpose: { dns: [name, "localhost"], ip: ["127.0.0.1", "::1"] },
    };
    const served = issueCertificate({
      ...leaf,
      publicKey: keys.publicKey,
      notBefore: new Date(now - HOUR),
      notAfter: new Date(now + 397 * DAY),
    });
    let oldTrust: string | undefined;
    return {
      key: pkcs8(keys.privateKey),
      chain: pem(served) + ca,
      trust: served.toString("base64"),
      // Made when a fault asks for it: issuing certificates is most of what a node costs.
      get oldTrust() {
        // Still valid: only the comparison with the certificate served shows that it is stale.
        oldTrust ??= issueCertificate({
          ...leaf,
          publicKey: oldKeys.publicKey,
          notBefore: new Date(now - 700 * DAY),
          notAfter: new Date(now + 30 * DAY),
        }).toString("base64");
        return oldTrust;
      },
    };
  });
  return {
    ca,
    nodes,
    signing: tokenSigning(signingAuthorityKeys, signingKeys, domain, suffix, now),
    solutionUsers: (users, machineId) =>
      solutionUserKeys.slice(0, users.length).map(({ publicKey, privateKey }, index) => ({
        key: pkcs8(privateKey),
        certificate: new X509Certificate(
          issueCertificate({
            ...issued,
            subject: [["CN", users[index] ?? ""], ...domain, ["OU", `mID-${machineId}`]],
            publicKey,
            purpose: "signer",
            notBefore: new Date(now - 30 * DAY),
            notAfter: new Date(now + 730 * DAY),
          }),
        ),
      })),
  };
}

/** An authority of its own: the one of the TLS certificates says nothing about tokens. */
function tokenSigning(
  authorityKeys: KeyPair,
  keys: KeyPair,
  domain: DistinguishedName,
  suffix: string,
  now: number,
): TokenSigning {
  const issuer: DistinguishedName = [["CN", "STS signing CA"], ...domain, ["OU", `Simulator ${suffix}`]];
  const issued = { issuer, issuerKey: authorityKeys.privateKey };
  const leaf = (notBefore: number, notAfter: number): X509Certificate =>
    new X509Certificate(
      issueCertificate({
        ...issued,
        subject: [["CN", "ssoserverSign"], ...domain],
        publicKey: keys.publicKey,
        purpose: "signer",
        notBefore: new Date(notBefore),
        notAfter: new Date(notAfter),
      }),
    );
  return {
    key: keys.privateKey,
    publicKey: keys.publicKey,
    leaf: leaf(now - 365 * DAY, now + 3650 * DAY),
    expiredLeaf: leaf(now - 730 * DAY, now - DAY),
    authority: new X509Certificate(
      issueCertificate({
        ...issued,
        subject: issuer,
        publicKey: authorityKeys.publicKey,
        purpose: "authority",
        notBefore: new Date(now - 731 * DAY),
        notAfter: new Date(now + 3650 * DAY),
      }),
    ),
  };
}

function pkcs8(key: KeyObject): string {
  return key.export({ type: "pkcs8", format: "pem" }).toString();
}

/** Each in a thread of its own. */
function makeKeys(count: number, make: () => Promise<KeyPair>): Promise<KeyPair[]> {
  return Promise.all(Array.from({ length: count }, make));
}

function makeRsaKey(): Promise<KeyPair> {
  return makeKeyPair("rsa", { modulusLength: RSA_BITS });
}

function makeEllipticKey(): Promise<KeyPair> {
  return makeKeyPair("ec", { namedCurve: "P-256" });
}

/** @throws AbortedError once the signal has fired. */
export function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new AbortedError("The start of the simulator was aborted", { cause: signal.reason });
}

export function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
