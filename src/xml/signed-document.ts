import { KeyObject, verify } from "node:crypto";
import { InvalidArgumentError, type QName } from "../errors.ts";
import { ACCEPTED_SIGNATURES, ENVELOPED_SIGNATURE, MIN_RSA_BITS } from "./algorithms.ts";
import { DS_NAMESPACE, EXC_C14N } from "./names.ts";
import { parseXml, type XmlElement, type XmlLimits } from "./reader.ts";
import {
  checkRoot,
  readSignatureShape,
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
const LIMITS: XmlLimits = { maxDepth: 64, maxAttributes: 64, maxElements: 20_000 };

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
  const text = xmlCrypto.forDom(xml);
  return {
    id: shape.id,
    signature: shape.description,
    certificates: shape.certificates,
    verify: (key) => {
      const signed = checkSignature(xmlCrypto, text, shape, checkKey(key), idAttribute);
      // The signed text is what the caller reads: it, too, must be what the document seemed to be.
      if (checkRoot(readStartTag(signed), root, idAttribute) !== shape.id) {
        throw refuse("reference-mismatch", "what is signed is not the root element");
      }
      return signed;
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

function checkKey(key: KeyObject): KeyObject {
  if (!(key instanceof KeyObject) || key.type !== "public") {
    throw new InvalidArgumentError("A signature is verified with a public key", {
      hint: "Give the publicKey of an X509Certificate.",
    });
  }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (key.asymmetricKeyType !== "rsa" || bits < MIN_RSA_BITS) {
    throw refuse("algorithm-refused", `the key is ${key.asymmetricKeyType} of ${bits} bits; RSA is needed`);
  }
  return key;
}

/** xml-crypto over the whole document, held to what was found in it before. */
function checkSignature(
  { SignedXml, ExactCanonicalization, digestClass, parseDom, verifierClass }: XmlCrypto,
  xml: string,
  shape: SignatureShape,
  key: KeyObject,
  idAttribute: string,
): string {
  const { signatureAlgorithm, digestAlgorithm } = shape.description;
  let authentic: boolean | undefined;
  const checker = new SignedXml({ publicCert: key, getCertFromKeyInfo: () => null });
  // Each name costs a search of the whole document.
  checker.idAttributes = [idAttribute];
  const { [ENVELOPED_SIGNATURE]: Enveloped } = checker.CanonicalizationAlgorithms;
  checker.CanonicalizationAlgorithms = {
    [EXC_C14N]: ExactCanonicalization,
    ...(Enveloped ? { [ENVELOPED_SIGNATURE]: Enveloped } : {}),
  };
  checker.HashAlgorithms = { [digestAlgorithm]: digestClass(digestAlgorithm) };
  checker.SignatureAlgorithms = {
    [signatureAlgorithm]: verifierClass(signatureAlgorithm, (data, value) => {
      authentic = verify(ACCEPTED_SIGNATURES.get(signatureAlgorithm), data, key, value);
      return authentic;
    }),
  };
  let intact: boolean;
  try {
    const nodes = Array.from(parseDom(xml).documentElement.childNodes) as Element[];
    const signature = nodes.find((n) => n.localName === "Signature" && n.namespaceURI === DS_NAMESPACE);
    checker.loadSignature(signature as Element);
    intact = checker.checkSignature(xml);
  } catch {
    // Its words quote the document, which may be a token that opens doors: they are kept out of the error.
    if (authentic === false) {
      throw refuse("signature-mismatch", "the signature is not by this key, or what it signs was changed");
    }
    throw refuse("malformed", "the signature cannot be checked");
  }
  if (!intact) {
    throw refuse("digest-mismatch", "the document was changed after it was signed", {
      hint: "Use the text exactly as the server sent it, without formatting or re-encoding it.",
    });
  }
  const [signed, ...further] = checker.getSignedReferences();
  const [reference] = checker.getReferences();
  const seen = [
    checker.signatureAlgorithm,
    reference?.digestAlgorithm,
    reference?.uri,
    reference?.transforms,
  ];
  const found = [signatureAlgorithm, digestAlgorithm, `#${shape.id}`, shape.description.transforms];
  if (!authentic || signed === undefined || further.length > 0 || String(seen) !== String(found)) {
    throw refuse("malformed", "the signature was read in two ways");
  }
  return signed;
}
