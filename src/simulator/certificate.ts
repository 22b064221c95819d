import { createHash, createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";
import { AsnConvert, OctetString } from "@peculiar/asn1-schema";
import {
  AlgorithmIdentifier,
  AttributeTypeAndValue,
  AttributeValue,
  AuthorityKeyIdentifier,
  BasicConstraints,
  Certificate,
  ExtendedKeyUsage,
  Extension,
  Extensions,
  GeneralName,
  id_ce_authorityKeyIdentifier,
  id_ce_basicConstraints,
  id_ce_extKeyUsage,
  id_ce_keyUsage,
  id_ce_subjectAltName,
  id_ce_subjectKeyIdentifier,
  id_kp_serverAuth,
  KeyIdentifier,
  KeyUsage,
  KeyUsageFlags,
  Name,
  RelativeDistinguishedName,
  SubjectAlternativeName,
  SubjectKeyIdentifier,
  SubjectPublicKeyInfo,
  TBSCertificate,
  Validity,
  Version,
} from "@peculiar/asn1-x509";

/** RDNs in the order of the encoding: type and value. */
export type DistinguishedName = readonly (readonly [type: keyof typeof RDN_TYPES, value: string])[];

export interface CertificateRequest {
  readonly subject: DistinguishedName;
  readonly publicKey: KeyObject;
  readonly issuer: DistinguishedName;
  readonly issuerKey: KeyObject;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** What the key is for: to issue certificates, to serve TLS under these names, or to sign and log in. */
  readonly purpose:
    | "authority"
    | "signer"
    | { readonly dns: readonly string[]; readonly ip: readonly string[] };
}

const RDN_TYPES = {
  CN: "2.5.4.3",
  C: "2.5.4.6",
  O: "2.5.4.10",
  OU: "2.5.4.11",
  DC: "0.9.2342.19200300.100.1.25",
} as const;
/** How an authority signs, by the kind of its key; for an elliptic one parameters are absent (RFC 5758). */
const SIGNATURES: Readonly<Record<string, () => AlgorithmIdentifier>> = {
  rsa: () => new AlgorithmIdentifier({ algorithm: "1.2.840.113549.1.1.11", parameters: null }),
  ec: () => new AlgorithmIdentifier({ algorithm: "1.2.840.10045.4.3.2" }),
};

/** Issues a certificate, as DER. */
export function issueCertificate(request: CertificateRequest): Buffer {
  const algorithm = SIGNATURES[request.issuerKey.asymmetricKeyType ?? ""]?.();
  if (!algorithm) throw new TypeError("authorities have RSA or elliptic keys");
  const publicKey = publicKeyInfo(request.publicKey);
  const body = new TBSCertificate({
    version: Version.v3,
    serialNumber: serialNumber(),
    signature: algorithm,
    issuer: name(request.issuer),
    validity: new Validity({ notBefore: request.notBefore, notAfter: request.notAfter }),
    subject: name(request.subject),
    subjectPublicKeyInfo: publicKey,
    extensions: extensions(request, publicKey),
  });
  const signed = Buffer.from(AsnConvert.serialize(body));
  const certificate = new Certificate({
    tbsCertificate: body,
    signatureAlgorithm: algorithm,
    signatureValue: bytes(sign("sha256", signed, request.issuerKey)),
  });
  return Buffer.from(AsnConvert.serialize(certificate));
}

/**
 * Everything RFC 5280 asks for, since strict verifiers (Python 3.13 by default) refuse a chain without it: key
 * identifiers on both sides, critical basic constraints and key usage.
 */
function extensions(
  { purpose, publicKey, issuerKey }: CertificateRequest,
  info: SubjectPublicKeyInfo,
): Extensions {
  const subjectId = new SubjectKeyIdentifier(keyIdentifier(info));
  if (purpose === "authority") {
    return new Extensions([
      extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: true, pathLenConstraint: 0 })),
      extension(id_ce_keyUsage, true, new KeyUsage(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign)),
      extension(id_ce_subjectKeyIdentifier, false, subjectId),
    ]);
  }
  const issuerId = new KeyIdentifier(keyIdentifier(publicKeyInfo(createPublicKey(issuerKey))));
  const encrypts = publicKey.asymmetricKeyType === "rsa" ? KeyUsageFlags.keyEncipherment : 0;
  const usage = KeyUsageFlags.digitalSignature | encrypts;
  const server =
    purpose === "signer"
      ? []
      : [
          extension(id_ce_extKeyUsage, false, new ExtendedKeyUsage([id_kp_serverAuth])),
          extension(
            id_ce_subjectAltName,
            false,
            new SubjectAlternativeName([
              ...purpose.dns.map((dNSName) => new GeneralName({ dNSName })),
              ...purpose.ip.map((iPAddress) => new GeneralName({ iPAddress })),
            ]),
          ),
        ];
  return new Extensions([
    extension(id_ce_basicConstraints, true, new BasicConstraints({ cA: false })),
    extension(id_ce_keyUsage, true, new KeyUsage(usage)),
    ...server,
    extension(id_ce_subjectKeyIdentifier, false, subjectId),
    extension(id_ce_authorityKeyIdentifier, false, new AuthorityKeyIdentifier({ keyIdentifier: issuerId })),
  ]);
}

function extension(extnID: string, critical: boolean, value: object): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) });
}

function name(rdns: DistinguishedName): Name {
  return new Name(
    rdns.map(([type, text]) => {
      const value =
        type === "DC" ? { ia5String: text } : type === "C" ? { printableString: text } : { utf8String: text };
      return new RelativeDistinguishedName([
        new AttributeTypeAndValue({ type: RDN_TYPES[type], value: new AttributeValue(value) }),
      ]);
    }),
  );
}

function publicKeyInfo(key: KeyObject): SubjectPublicKeyInfo {
  return AsnConvert.parse(bytes(key.export({ type: "spki", format: "der" })), SubjectPublicKeyInfo);
}

/** SHA-1 of the key bits, the first method of RFC 5280, 4.2.1.2: a name, not a protection. */
function keyIdentifier({ subjectPublicKey }: SubjectPublicKeyInfo): ArrayBuffer {
  const bits = Buffer.from(subjectPublicKey);
  return bytes(createHash("sha1").update(bits).digest());
}

/** 128 bits; the first byte is 0x40-0x7f, so that the DER integer is positive and has no leading zeros. */
function serialNumber(): ArrayBuffer {
  const serial = randomBytes(16);
  serial.writeUInt8(0x40 | (serial.readUInt8(0) & 0x3f), 0);
  return bytes(serial);
}

/** A copy of its own: a Buffer may be a window on a larger one. */
function bytes(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer;
}
