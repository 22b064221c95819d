import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { issueCertificate } from "../../src/simulator/certificate.ts";
import type { Holder } from "./sts-wire.ts";

const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });

export interface HolderOptions {
  readonly notBefore?: number;
  readonly notAfter?: number;
}

/** A key with a certificate that it signed itself; all of them share one key. */
export function holderOf(subject: string, options: HolderOptions = {}): Holder {
  const name = subject.split(",").map((rdn) => rdn.split("=") as ["CN" | "DC" | "C" | "O" | "OU", string]);
  const der = issueCertificate({
    subject: name,
    issuer: name,
    publicKey: keys.publicKey,
    issuerKey: keys.privateKey,
    purpose: "signer",
    notBefore: new Date(options.notBefore ?? Date.now() - 60_000),
    notAfter: new Date(options.notAfter ?? Date.now() + 86_400_000 * 365),
  });
  return {
    cert: new X509Certificate(der).toString(),
    key: keys.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}
