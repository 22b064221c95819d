import { generateKeyPair, type KeyObject, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { AbortedError } from "../errors.ts";
import { type DistinguishedName, issueCertificate } from "./certificate.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const RSA_BITS = 2048;
const PARALLEL_KEYS = 4;

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

/** A certificate authority of one simulator and the certificates it issued. */
export interface Pki {
  /** PEM of the authority. */
  readonly ca: string;
  /** In the order of the names given. */
  readonly nodes: readonly NodeCertificates[];
}

/**
 * Makes an authority, and for every name a served and a superseded certificate; the authority's PEM alone is
 * enough for clients to verify them. Keys are RSA, made in parallel.
 *
 * @throws AbortedError
 */
export async function createPki(
  names: readonly string[],
  ssoDomain: string,
  signal?: AbortSignal,
): Promise<Pki> {
  const [authorityKeys, oldKeys, ...nodeKeys] = (await makeKeys(names.length + 2, signal)) as [
    KeyPair,
    KeyPair,
    ...KeyPair[],
  ];
  const subjects = nodeKeys.map((keys, index) => ({ name: names[index] ?? "", keys }));
  const now = Date.now();
  const issuer: DistinguishedName = [
    ["CN", "CA"],
    ...ssoDomain.split(".").map((label) => ["DC", label] as const),
    ["C", "US"],
    ["O", names[0] ?? ssoDomain],
    // Keeps the authorities of two simulators apart for clients that look issuers up by name.
    ["OU", `Simulator ${randomBytes(4).toString("hex")}`],
  ];
  const issued = { issuer, issuerKey: authorityKeys.privateKey };
  const ca = pem(
    issueCertificate({
      ...issued,
      subject: issuer,
      publicKey: authorityKeys.publicKey,
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
      names: { dns: [name, "localhost"], ip: ["127.0.0.1", "::1"] },
    };
    const served = issueCertificate({
      ...leaf,
      publicKey: keys.publicKey,
      notBefore: new Date(now - HOUR),
      notAfter: new Date(now + 397 * DAY),
    });
    // Still valid: only the comparison with the certificate served shows that it is stale.
    const old = issueCertificate({
      ...leaf,
      publicKey: oldKeys.publicKey,
      notBefore: new Date(now - 700 * DAY),
      notAfter: new Date(now + 30 * DAY),
    });
    return {
      key: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      chain: pem(served) + ca,
      trust: served.toString("base64"),
      oldTrust: old.toString("base64"),
    };
  });
  return { ca, nodes };
}

/** A few at a time: one that is being made cannot be called off. */
async function makeKeys(count: number, signal: AbortSignal | undefined): Promise<readonly KeyPair[]> {
  const made: KeyPair[] = [];
  let begun = 0;
  const next = async (): Promise<void> => {
    while (begun < count) {
      checkAborted(signal);
      begun++;
      made.push(await promisify(generateKeyPair)("rsa", { modulusLength: RSA_BITS }));
    }
  };
  await Promise.all(Array.from({ length: PARALLEL_KEYS }, next));
  return made;
}

/** @throws AbortedError once the signal has fired. */
export function checkAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new AbortedError("The start of the simulator was aborted", { cause: signal.reason });
}

function pem(der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}
