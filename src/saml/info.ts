import type { CertificateDescription } from "../net/x509.ts";
import type { SignatureDescription } from "../xml/signed-document.ts";

/** How a token is presented: alone, or with proof that the presenter holds a private key. */
export type TokenKind = "bearer" | "holder-of-key";

/** Condition under which someone is taken for the subject (SAML 2.0 core, 2.4.1.1). */
export interface SubjectConfirmation {
  /** URI, as `urn:oasis:names:tc:SAML:2.0:cm:bearer`. */
  readonly method: string;
  readonly notBefore: Date | null;
  readonly notOnOrAfter: Date | null;
  readonly recipient: string | null;
  readonly inResponseTo: string | null;
  /** Of a delegated token: the last delegate, who acts for the subject. */
  readonly nameId: string | null;
  /** Of a holder-of-key token: the holder's certificate; null where there is none, or none that can be read. */
  readonly certificate: CertificateDescription | null;
}

/** Someone who acts, or acted, for the subject. */
export interface Delegate {
  readonly subject: string;
  readonly format: string | null;
  readonly instant: Date | null;
}

/** How often, and how, a token may be renewed. */
export interface RenewRestriction {
  /** Renewals left; null where the token does not say. */
  readonly count: number | null;
  readonly postdatable: boolean;
  /** Whether it may be renewed after its end. */
  readonly renewExpired: boolean;
}

export interface SamlAttribute {
  readonly name: string;
  readonly friendlyName: string | null;
  readonly nameFormat: string | null;
  readonly values: readonly string[];
}

/** How the subject proved itself to the issuer. */
export interface Authentication {
  readonly instant: Date | null;
  /** Class, as `urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport`. */
  readonly context: string | null;
  readonly sessionIndex: string | null;
  readonly sessionNotOnOrAfter: Date | null;
}

/** What someone said about the subject that the issuer passes on. */
export interface Advice {
  readonly source: string | null;
  readonly attributes: readonly SamlAttribute[];
}

/** An element whose meaning is not known here, shown as it is. */
export interface UnknownElement {
  readonly namespace: string;
  readonly name: string;
  /** `xsi:type` as `{namespace}name`. */
  readonly type: string | null;
  readonly attributes: readonly { readonly name: string; readonly value: string }[];
  /** Its own text, trimmed. */
  readonly text: string;
  readonly children: readonly UnknownElement[];
}

/** All that an assertion says. Nothing of it is verified unless a `VerifiedAssertion` holds it. */
export interface AssertionInfo {
  readonly id: string;
  readonly issuedAt: Date;
  readonly issuer: string;
  readonly issuerFormat: string | null;
  /** As `Administrator@VSPHERE.LOCAL`. */
  readonly subject: string;
  readonly subjectFormat: string | null;
  readonly kind: TokenKind;
  /** The confirmation that decides the kind. */
  readonly confirmation: SubjectConfirmation;
  /** Further confirmations; vCenter writes none. */
  readonly otherConfirmations: readonly SubjectConfirmation[];
  readonly notBefore: Date;
  readonly notOnOrAfter: Date;
  readonly renewable: boolean;
  readonly delegatable: boolean;
  /** Renewals left; null where the token does not say. */
  readonly renewCount: number | null;
  /** Delegations left; null where the token does not say. */
  readonly delegationCount: number | null;
  readonly renewRestriction: RenewRestriction | null;
  /** The chain of delegation, as the issuer lists it. */
  readonly delegates: readonly Delegate[];
  /** Of all restrictions together; empty where the token is meant for anyone. */
  readonly audiences: readonly string[];
  /** One list for each restriction: who relies on the token must be in every one. */
  readonly audienceRestrictions: readonly (readonly string[])[];
  readonly oneTimeUse: boolean;
  readonly unknownConditions: readonly UnknownElement[];
  /** As `vsphere.local\Administrators`. */
  readonly groups: readonly string[];
  /** Whether the subject is a service; null where the token does not say. */
  readonly isSolution: boolean | null;
  /** All attributes, those of groups and subject type too. */
  readonly attributes: readonly SamlAttribute[];
  readonly advice: readonly Advice[];
  readonly unknownAdvice: readonly UnknownElement[];
  readonly authentication: readonly Authentication[];
  readonly unknownStatements: readonly UnknownElement[];
  /** Null for an assertion that is not signed. */
  readonly signature: SignatureDescription | null;
  /** Of the signature's KeyInfo, in its order, those that can be read. */
  readonly certificates: readonly CertificateDescription[];
  /** Certificates, the holder's included, that cannot be read. */
  readonly unreadableCertificates: number;
  /** Size in UTF-8. */
  readonly bytes: number;
}
