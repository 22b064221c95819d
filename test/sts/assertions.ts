import { createHash, type KeyLike, randomUUID, verify } from "node:crypto";
import { DOMParser } from "@xmldom/xmldom";
import { SignedXml } from "xml-crypto";
import { select } from "xpath";
import type { RsaIdentity } from "../helpers/rsa.ts";

const DS = "http://www.w3.org/2000/09/xmldsig#";
const EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#";
const ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

export interface AssertionFacts {
  readonly id?: string;
  readonly subject?: string;
  /** Makes it holder-of-key. */
  readonly holder?: RsaIdentity | undefined;
  readonly issuedAt?: Date;
  /** Default `issuedAt`. */
  readonly notBefore?: Date;
  readonly lifetimeSeconds?: number;
  readonly renewCount?: number;
  readonly delegationCount?: number;
}

/** An assertion with the anatomy of vCenter's, unsigned. */
export function assertionXml(facts: AssertionFacts = {}): string {
  const { id = `_${randomUUID()}`, subject = "alice@VSPHERE.LOCAL", holder, lifetimeSeconds = 600 } = facts;
  const issuedAt = facts.issuedAt ?? new Date();
  const notBefore = facts.notBefore ?? issuedAt;
  const start = notBefore.toISOString();
  const end = new Date(notBefore.getTime() + lifetimeSeconds * 1000).toISOString();
  const certificate = holder?.der.toString("base64").replace(/.{64}/g, "$&\n");
  const confirmation = holder
    ? `<saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"><saml2:SubjectConfirmationData xsi:type="saml2:KeyInfoConfirmationDataType"><ds:KeyInfo xmlns:ds="${DS}"><ds:X509Data><ds:X509Certificate>${certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></saml2:SubjectConfirmationData></saml2:SubjectConfirmation>`
    : `<saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml2:SubjectConfirmationData NotOnOrAfter="${end}"/></saml2:SubjectConfirmation>`;
  const renew = facts.renewCount
    ? `<saml2:Condition xmlns:rsa="http://www.rsa.com/names/2009/12/std-ext/SAML2.0" Count="${facts.renewCount}" xsi:type="rsa:RenewRestrictionType"/>`
    : "";
  return (
    `<saml2:Assertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion" xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" ID="${id}" IssueInstant="${issuedAt.toISOString()}" Version="2.0">` +
    `<saml2:Issuer Format="urn:oasis:names:tc:SAML:2.0:nameid-format:entity">https://vc01.test/websso/SAML2/Metadata/vsphere.local</saml2:Issuer>` +
    `<saml2:Subject><saml2:NameID Format="http://schemas.xmlsoap.org/claims/UPN">${subject}</saml2:NameID>${confirmation}</saml2:Subject>` +
    `<saml2:Conditions NotBefore="${start}" NotOnOrAfter="${end}"><saml2:ProxyRestriction Count="${facts.delegationCount ?? 0}"/>${renew}</saml2:Conditions>` +
    `<saml2:AuthnStatement AuthnInstant="${issuedAt.toISOString()}"><saml2:AuthnContext><saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement>` +
    `<saml2:AttributeStatement><saml2:Attribute FriendlyName="Groups" Name="http://rsa.com/schemas/attr-names/2009/01/GroupIdentity" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"><saml2:AttributeValue xsi:type="xs:string">vsphere.local\\Users &amp; Müller</saml2:AttributeValue></saml2:Attribute></saml2:AttributeStatement></saml2:Assertion>`
  );
}

/** Signs an assertion as vCenter does, prefix list and all. */
export function signAssertion(xml: string, issuer: RsaIdentity): string {
  const signer = new SignedXml({
    privateKey: issuer.key,
    signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    canonicalizationAlgorithm: EXC_C14N,
    getKeyInfoContent: () =>
      `<ds:X509Data><ds:X509Certificate>${issuer.der.toString("base64").replace(/.{64}/g, "$&\n")}</ds:X509Certificate></ds:X509Data>`,
  });
  signer.addReference({
    xpath: "/*",
    transforms: [ENVELOPED, EXC_C14N],
    digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
    inclusiveNamespacesPrefixList: ["xs", "xsi"],
  });
  signer.computeSignature(xml, {
    prefix: "ds",
    location: { reference: "/*/*[local-name()='Issuer']", action: "after" },
  });
  return signer.getSignedXml();
}

/** Whether an assertion's own signature verifies where it stands: `xml` may be a message that it is part of. */
export function assertionVerifies(xml: string, issuer: RsaIdentity): boolean {
  return signatureVerifies(xml, "//*[local-name()='Assertion']/*[local-name()='Signature']", issuer);
}

/** Whether the one signature at `path` verifies with a certificate's key, by xml-crypto. */
export function signatureVerifies(
  xml: string,
  path: string,
  { cert }: Pick<RsaIdentity, "cert">,
  signed: string[] = [],
): boolean {
  const verifier = new SignedXml({ publicCert: cert, getCertFromKeyInfo: () => null });
  // Not among those that xml-crypto brings along.
  verifier.HashAlgorithms[SHA384] = Sha384;
  verifier.SignatureAlgorithms[RSA_SHA384] = RsaSha384;
  const found = findSignature(xml, path);
  verifier.loadSignature(found);
  const valid = verifier.checkSignature(xml);
  signed.push(...verifier.getSignedReferences());
  return valid;
}

const SHA384 = "http://www.w3.org/2001/04/xmldsig-more#sha384";
const RSA_SHA384 = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384";

class Sha384 {
  getAlgorithmName = () => SHA384;
  getHash = (xml: string) => createHash("sha384").update(xml).digest("base64");
}

class RsaSha384 {
  getAlgorithmName = () => RSA_SHA384;
  getSignature = (): string => {
    throw new Error("only verifies");
  };
  verifySignature = (material: string, key: KeyLike, value: string) =>
    verify("sha384", Buffer.from(material), key, Buffer.from(value, "base64"));
}

function findSignature(xml: string, path: string): Node {
  const document = new DOMParser({
    errorHandler: (_level: string, message: unknown) => {
      throw new Error(String(message));
    },
  }).parseFromString(xml, "text/xml");
  const found = select(path, document) as Node[];
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} signatures`);
  return found[0];
}
