import type { CertificateDescription } from "../net/x509.ts";
import { SAML2_NAMESPACE } from "../xml/names.ts";
import { children, type XmlElement } from "../xml/reader.ts";
import {
  nameOf,
  onlyChild,
  optionalAttribute,
  optionalChild,
  optionalInstant,
  requiredAttribute,
} from "./elements.ts";
import type { SubjectConfirmation, TokenKind } from "./info.ts";
import { certificateTexts, describeBase64 } from "./key-info.ts";
import { malformed } from "./malformed.ts";

export const BEARER_METHOD = "urn:oasis:names:tc:SAML:2.0:cm:bearer";
export const HOLDER_OF_KEY_METHOD = "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key";

export interface SubjectReading {
  readonly subject: string;
  readonly subjectFormat: string | null;
  readonly kind: TokenKind;
  readonly confirmation: SubjectConfirmation;
  readonly otherConfirmations: readonly SubjectConfirmation[];
  /** Certificates of holders that cannot be read; takes a while, as they have to be read. */
  unreadable(): number;
}

interface ConfirmationReading {
  readonly confirmation: SubjectConfirmation;
  readonly unreadable: () => number;
}

export function readSubject(assertion: XmlElement): SubjectReading {
  const element = onlyChild(assertion, "Subject");
  if (optionalChild(element, "EncryptedID") || optionalChild(element, "BaseID")) {
    throw malformed("the assertion names its subject by something else than a NameID", {
      hint: "Encrypted names and BaseID are not supported; vCenter issues neither.",
    });
  }
  const nameId = onlyChild(element, "NameID");
  const readings = children(element, SAML2_NAMESPACE, "SubjectConfirmation").map(readConfirmation);
  const of = (method: string): ConfirmationReading | undefined =>
    readings.find((r) => r.confirmation.method === method);
  // Who may present a token either way needs no key: such a token is as good as bearer.
  const bearer = of(BEARER_METHOD);
  const deciding = bearer ?? of(HOLDER_OF_KEY_METHOD);
  if (deciding === undefined) {
    const methods = readings.map((r) => JSON.stringify(r.confirmation.method.slice(0, 80)));
    throw malformed(
      `the assertion is neither bearer nor holder-of-key: ${methods.length === 0 ? "it has no SubjectConfirmation" : `its confirmation is ${methods.join(", ")}`}`,
    );
  }
  return {
    subject: nameOf(nameId, "the subject's NameID"),
    subjectFormat: optionalAttribute(nameId, "Format"),
    kind: bearer ? "bearer" : "holder-of-key",
    confirmation: deciding.confirmation,
    otherConfirmations: readings.filter((r) => r !== deciding).map((r) => r.confirmation),
    unreadable: () => readings.reduce((sum, r) => sum + r.unreadable(), 0),
  };
}

function readConfirmation(element: XmlElement): ConfirmationReading {
  const data = optionalChild(element, "SubjectConfirmationData");
  const nameId = optionalChild(element, "NameID");
  const [text] = data ? certificateTexts(data) : [];
  let described: CertificateDescription | null | undefined = text === undefined ? null : undefined;
  const certificate = (): CertificateDescription | null => {
    if (described === undefined) described = describeBase64(text ?? "");
    return described;
  };
  return {
    confirmation: {
      method: requiredAttribute(element, "Method").trim(),
      notBefore: data ? optionalInstant(data, "NotBefore") : null,
      notOnOrAfter: data ? optionalInstant(data, "NotOnOrAfter") : null,
      recipient: data ? optionalAttribute(data, "Recipient") : null,
      inResponseTo: data ? optionalAttribute(data, "InResponseTo") : null,
      nameId: nameId ? nameOf(nameId, "the confirmation's NameID") : null,
      // Reading a certificate takes as long as reading the rest.
      get certificate() {
        return certificate();
      },
    },
    unreadable: () => (text !== undefined && certificate() === null ? 1 : 0),
  };
}
