import { createHash, KeyObject, verify } from "node:crypto";
import { InvalidArgumentError, type QName } from "../errors.ts";
import { ACCEPTED_DIGESTS, ACCEPTED_SIGNATURES, MIN_RSA_BITS } from "./algorithms.ts";
import { DS_NAMESPACE } from "./names.ts";
import { parseXml, type XmlElement, type XmlLimits } from "./reader.ts";
import {
  checkRoot,
  readSignatureShape,
  readSignedInfo,
  refuse,
  type SignatureDescription,
  type SignatureShape,
} from "./signature-shape.ts";

export type { SignatureDescription } from "./signature-shape.ts";

export interface SignedDocumentOptions {
  /** Name of the root element, which is what must be signed. */
  readonly root: QName;
  /** Its ID attribute (unqualified): `ID` in SAML. */
  readonly idAttribute: string;
  /** Longest text that is read, in UTF-16 units. Default 256 Ki. */
  readonly maxLength?: number | undefined;
}

/** A document whose signature has the only shape that is accepted. Nothing is verified yet. */
export interface SignedDocument {
  readonly id: string;
  readonly signature: SignatureDescription;
  /** DER, as KeyInfo lists them. Anyone can write them there: a key to verify with comes from elsewhere. */
  readonly certificates: readonly Buffer[];
  /**
   * Verifies with an RSA public key. Returns what was signed, the root without its signature in canonical form:
   * only what is read from that text is to be believed, never what is read from the document.
   *
   * @throws VerificationError
   */
  verify(key: KeyObject): string;
}

const DEFAULT_MAX_LENGTH = 256 * 1024;
const LIMITS: XmlLimits = { maxDepth: 64, maxAttributes: 64, maxElements: 10_000 };

type XmlCrypto = typeof import("./xml-crypto.ts");

/**
 * Reads a document with an enveloped signature. Refused are a DOCTYPE, comments, processing instructions, more or
 * less than one signature, one that is not a child of the root or refers to anything but the root, elements with
 * the same ID, and every algorithm outside the accepted ones (xmldsig-more RSA with SHA-2, exclusive
 * canonicalization without comments).
 *
 * @throws VerificationError with the reason.
 */
export async function openSignedDocument(
  xml: string,
  options: SignedDocumentOptions,
): Promise<SignedDocument> {
  const { root, idAttribute, maxLength = DEFAULT_MAX_LENGTH } = options;
  if (xml.includes("<!--")) {
    throw refuse("malformed", "the document holds a comment: texts around it can be read in two ways");
  }
  const shape = readSignatureShape(read(xml, maxLength), root, idAttribute);
  const xmlCrypto = await import("./xml-crypto.ts");
  let forms: CanonicalForms | undefined;
  return {
    id: shape.id,
    signature: shape.description,
    certificates: shape.certificates,
    verify: (key) => {
      checkKey(key);
      forms ??= canonicalForms(xmlCrypto, xmlCrypto.forDom(xml), shape);
      checkSignature(forms, shape, key);
      // The signed text is what the caller reads: it, too, must be what the document seemed to be.
      if (checkRoot(readStartTag(forms.root), root, idAttribute) !== shape.id) {
        throw refuse("reference-mismatch", "what is signed is not the root element");
      }
      return forms.root;
    },
  };
}

function read(xml: string, maxLength: number): XmlElement {
  try {
    return parseXml(xml, { ...LIMITS, maxLength });
  } catch (cause) {
    throw refuse("malformed", `the document cannot be read: ${(cause as Error).message}`, {
      cause,
      hint: "Use the text exactly as the server sent it.",
    });
  }
}

/** The root of a canonical text, without its content: there, values stand in double quotes and hold none. */
function readStartTag(canonical: string): XmlElement {
  const [tag = ""] = /^<(?:[^">]|"[^"]*")*(?=>)/.exec(canonical) ?? [];
  return read(`${tag}/>`, Number.POSITIVE_INFINITY);
}

function checkKey(key: KeyObject): void {
  if (!(key instanceof KeyObject) || key.type !== "public") {
    throw new InvalidArgumentError("A signature is verified with a public key", {
      hint: "Give the publicKey of an X509Certificate.",
    });
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== "rsa" || bits < MIN_RSA_BITS) {
    throw refuse("algorithm-refused", `the key is ${key.asymmetricKeyType} of ${bits} bits; RSA is needed`);
  }
}

/** The canonical forms that a signature is checked against; made once, however many keys are tried. */
interface CanonicalForms {
  readonly signedInfo: Buffer;
  /** Of the root without its signature. */
  readonly root: string;
}

function canonicalForms(
  { canonicalForm, parseDom }: XmlCrypto,
  xml: string,
  { signedInfoPrefixes, description }: SignatureShape,
): CanonicalForms {
  const root = parseDom(xml).documentElement;
  const signature = childOf(root, "Signature");
  const signedInfo = canonicalForm(childOf(signature, "SignedInfo"), signedInfoPrefixes);
  root.removeChild(signature);
  return {
    signedInfo: Buffer.from(signedInfo),
    root: canonicalForm(root, description.inclusivePrefixes),
  };
}

/**
 * Verifies the signature over the canonical form of SignedInfo, then reads the reference from those bytes, not from
 * the document, and compares its digest with that of the root.
 */
function checkSignature(forms: CanonicalForms, shape: SignatureShape, key: KeyObject): void {
  const { description, signatureValue, id } = shape;
  const hash = ACCEPTED_SIGNATURES.get(description.signatureAlgorithm);
  if (hash === undefined || !verify(hash, forms.signedInfo, key, signatureValue)) {
    throw refuse("signature-mismatch", "the signature is not by this key, or what it signs was changed");
  }
  const signed = readSignedInfo(read(forms.signedInfo.toString(), Number.POSITIVE_INFINITY), id);
  const digest = ACCEPTED_DIGESTS.get(signed.description.digestAlgorithm);
  if (digest === undefined || JSON.stringify(signed.description) !== JSON.stringify(description)) {
    throw refuse("malformed", "the signature was read in two ways");
  }
  if (!createHash(digest).update(forms.root).digest().equals(signed.digestValue)) {
    throw refuse("digest-mismatch", "the document was changed after it was signed", {
      hint: "Use the text exactly as the server sent it, without formatting or re-encoding it.",
    });
  }
}

/** The child that the strict reader found to be the only one of its name. */
function childOf(parent: Element, local: string): Element {
  const found = Array.from(parent.childNodes as Iterable<Node> as Iterable<Element>).filter(
    (node) => node.localName === local && node.namespaceURI === DS_NAMESPACE,
  );
  const [only, ...further] = found;
  if (only === undefined || further.length > 0)
    throw refuse("malformed", "the signature was read in two ways");
  return only;
}
