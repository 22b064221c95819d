import type { KeyObject, X509Certificate } from "node:crypto";
import type { SimulatorFaults } from "../faults.ts";

/** Key that signs the tokens of a group, with the certificates that vouch for it. */
export interface TokenSigning {
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  readonly leaf: X509Certificate;
  /** Of the same key, and expired. */
  readonly expiredLeaf: X509Certificate;
  readonly authority: X509Certificate;
}

/** The certificate in force. */
export function signingLeaf(signing: TokenSigning, faults: SimulatorFaults): X509Certificate {
  return faults.expiredSigningCertificate ? signing.expiredLeaf : signing.leaf;
}
