/** Certificates for tests, made at run time: authorities, servers, and the flawed ones that must be refused. */
import "./reflect.ts";
import { webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const DAY_MS = 86_400_000;

type KeyPair = webcrypto.CryptoKeyPair;

/** A certificate with its key. */
export interface Identity {
  /** PEM of the certificate alone. */
  readonly cert: string;
  /** PEM (PKCS #8). */
  readonly key: string;
  readonly der: Buffer;
  /** Upper-case hex with colons. */
  readonly sha256: string;
  readonly sha1: string;
  readonly subject: string;
  readonly keys: KeyPair;
}

export interface CertificateOptions {
  /** Distinguished name. Default `CN=<name>`. */
  readonly subject?: string;
  /** DNS names and IP addresses. Default the loopback ones. */
  readonly names?: readonly string[];
  /** Days from now; may be negative. Default -1. */
  readonly notBeforeDays?: number;
  /** Days from now; may be negative. Default 30. */
  readonly notAfterDays?: number;
  /** Leaves the authority key identifier out, as a forger would. */
  readonly withoutAuthorityKeyId?: boolean;
  /** Issues a certificate that may sign others. */
  readonly ca?: boolean;
}

export const LOOPBACK_NAMES: readonly string[] = ["localhost", "127.0.0.1", "::1"];

/** A root authority of its own. */
export async function makeAuthority(name: string, options: CertificateOptions = {}): Promise<Identity> {
  const keys = await generateKeys();
  return issue(name, keys, { ...options, ca: true }, undefined);
}

/** A certificate signed by `issuer`: a server's, or an intermediate authority's with `ca`. */
export async function makeCertificate(
  issuer: Identity,
  name: string,
  options: CertificateOptions = {},
): Promise<Identity> {
  return issue(name, await generateKeys(), options, issuer);
}

/** A server certificate that signed itself. */
export async function makeSelfSigned(name: string, options: CertificateOptions = {}): Promise<Identity> {
  return issue(name, await generateKeys(), options, undefined);
}

async function generateKeys(): Promise<KeyPair> {
  return (await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as KeyPair;
}

async function issue(
  name: string,
  keys: KeyPair,
  options: CertificateOptions,
  issuer: Identity | undefined,
): Promise<Identity> {
  const subject = options.subject ?? `CN=${name}`;
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(options.ca ?? false, undefined, true),
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
  ];
  if (!options.withoutAuthorityKeyId) {
    extensions.push(await x509.AuthorityKeyIdentifierExtension.create((issuer?.keys ?? keys).publicKey));
  }
  if (options.ca) {
    extensions.push(
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    );
  } else {
    extensions.push(
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        (options.names ?? LOOPBACK_NAMES).map((value) => ({
          type: /^[\d.]+$|:/.test(value) ? ("ip" as const) : ("dns" as const),
          value,
        })),
      ),
    );
  }
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: issuer?.subject ?? subject,
    notBefore: new Date(Date.now() + (options.notBeforeDays ?? -1) * DAY_MS),
    notAfter: new Date(Date.now() + (options.notAfterDays ?? 30) * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: (issuer?.keys ?? keys).privateKey,
    signingAlgorithm: ALGORITHM,
    extensions,
  });
  const der = Buffer.from(certificate.rawData);
  const parsed = new X509Certificate(der);
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey)).toString("base64");
  return {
    cert: parsed.toString(),
    key: `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/(.{64})/g, "$1\n")}\n-----END PRIVATE KEY-----\n`,
    der,
    sha256: parsed.fingerprint256,
    sha1: parsed.fingerprint,
    subject,
    keys,
  };
}
