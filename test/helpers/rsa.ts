/** RSA keys and certificates for signatures, made at run time: signers, chains, and the flawed ones. */
import "./reflect.ts";
import { createPrivateKey, type KeyObject, webcrypto, X509Certificate } from "node:crypto";
import * as x509 from "@peculiar/x509";

const DAY_MS = 86_400_000;

export { KeyUsageFlags } from "@peculiar/x509";

/** A certificate with its RSA key. */
export interface RsaIdentity {
  /** PEM of the certificate alone. */
  readonly cert: string;
  /** PEM (PKCS #8). */
  readonly key: string;
  readonly der: Buffer;
  readonly certificate: X509Certificate;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  /** As `@peculiar/x509` writes names: `CN=a, O=b`. */
  readonly subject: string;
  readonly keys: webcrypto.CryptoKeyPair;
}

export interface RsaCertificateOptions {
  /** Distinguished name. Default `CN=<name>`. */
  readonly subject?: string;
  /** Name written as the issuer's, where it is not the issuer's own. */
  readonly issuerName?: string;
  /** Length of a key that is made. Default 2048. */
  readonly bits?: number;
  /** Keys of another identity, to save making some, or to certify them once more. */
  readonly keys?: webcrypto.CryptoKeyPair;
  /** Hash of the issuer's signature. Default SHA-256. */
  readonly hash?: "SHA-1" | "SHA-256" | "SHA-384" | "SHA-512";
  /** Default a day ago. */
  readonly notBefore?: Date;
  /** Default in 30 days. */
  readonly notAfter?: Date;
  /** May sign others: basicConstraints `cA` and key usage `keyCertSign`. Default false, of an authority true. */
  readonly ca?: boolean;
  /** pathLenConstraint of a `ca`. */
  readonly pathLength?: number;
  /** Key usage (`KeyUsageFlags`), or none at all with null. Default fits `ca`. */
  readonly keyUsage?: number | null;
  /** Leaves basicConstraints out. */
  readonly withoutBasicConstraints?: boolean;
  /** Leaves the authority key identifier out. */
  readonly withoutAuthorityKeyId?: boolean;
  readonly serialNumber?: string;
  /** Further extensions, such as an unknown critical one. */
  readonly extensions?: readonly x509.Extension[];
}

/** A root authority of its own. */
export function makeRsaAuthority(name: string, options: RsaCertificateOptions = {}): Promise<RsaIdentity> {
  return issue(name, { ca: true, ...options }, undefined);
}

/** A certificate signed by `issuer`: a signer's, or an intermediate authority's with `ca`. */
export function makeRsaCertificate(
  issuer: RsaIdentity,
  name: string,
  options: RsaCertificateOptions = {},
): Promise<RsaIdentity> {
  return issue(name, options, issuer);
}

/** A certificate that signed itself, as holders of keys bring them. */
export function makeRsaSelfSigned(name: string, options: RsaCertificateOptions = {}): Promise<RsaIdentity> {
  return issue(name, options, undefined);
}

/** The key of an identity as encrypted PEM (PKCS #8, or the traditional form). */
export function encryptedKey(
  identity: RsaIdentity,
  passphrase: string,
  type: "pkcs8" | "pkcs1" = "pkcs8",
): string {
  return identity.privateKey.export({ type, format: "pem", cipher: "aes-256-cbc", passphrase }).toString();
}

/** A critical extension that nobody knows. */
export function unknownCriticalExtension(): x509.Extension {
  return new x509.Extension("1.3.6.1.4.1.55555.1", true, Buffer.from("0500", "hex"));
}

export async function makeRsaKeys(bits = 2048): Promise<webcrypto.CryptoKeyPair> {
  const algorithm = {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: bits,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  return (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
}

async function issue(
  name: string,
  options: RsaCertificateOptions,
  issuer: RsaIdentity | undefined,
): Promise<RsaIdentity> {
  const keys = options.keys ?? (await makeRsaKeys(options.bits));
  const subject = options.subject ?? `CN=${name}`;
  const ca = options.ca ?? false;
  const hash = options.hash ?? "SHA-256";
  const extensions: x509.Extension[] = [
    await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ...(options.extensions ?? []),
  ];
  if (!options.withoutBasicConstraints) {
    extensions.push(new x509.BasicConstraintsExtension(ca, options.pathLength, true));
  }
  if (!options.withoutAuthorityKeyId) {
    extensions.push(await x509.AuthorityKeyIdentifierExtension.create((issuer?.keys ?? keys).publicKey));
  }
  const usage =
    options.keyUsage === undefined
      ? ca
        ? x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign
        : x509.KeyUsageFlags.digitalSignature
      : options.keyUsage;
  if (usage !== null) extensions.push(new x509.KeyUsagesExtension(usage, true));
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: options.issuerName ?? issuer?.subject ?? subject,
    notBefore: options.notBefore ?? new Date(Date.now() - DAY_MS),
    notAfter: options.notAfter ?? new Date(Date.now() + 30 * DAY_MS),
    publicKey: keys.publicKey,
    signingKey: await withHash((issuer?.keys ?? keys).privateKey, hash),
    signingAlgorithm: { name: "RSASSA-PKCS1-v1_5", hash },
    extensions,
    ...(options.serialNumber === undefined ? {} : { serialNumber: options.serialNumber }),
  });
  const der = Buffer.from(certificate.rawData);
  const parsed = new X509Certificate(der);
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const privateKey = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  return {
    cert: parsed.toString(),
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    der,
    certificate: parsed,
    privateKey,
    publicKey: parsed.publicKey,
    subject,
    keys,
  };
}

/** A WebCrypto key is bound to one hash. */
async function withHash(key: webcrypto.CryptoKey, hash: string): Promise<webcrypto.CryptoKey> {
  if (hash === "SHA-256") return key;
  const pkcs8 = await webcrypto.subtle.exportKey("pkcs8", key);
  return webcrypto.subtle.importKey("pkcs8", pkcs8, { name: "RSASSA-PKCS1-v1_5", hash }, true, ["sign"]);
}
