import { type QName, VerificationError, type VerificationFailure } from "../errors.ts";
import { ACCEPTED_DIGESTS, ACCEPTED_SIGNATURES, ENVELOPED_SIGNATURE } from "./algorithms.ts";
import { DS_NAMESPACE, EXC_C14N } from "./names.ts";
import { attribute, child, children, isXmlSpace, type XmlElement } from "./reader.ts";
import { isNcName } from "./signature.ts";

/** How a document is signed: identifiers as they stand in it. */
export interface SignatureDescription {
  readonly signatureAlgorithm: string;
  readonly digestAlgorithm: string;
  readonly canonicalizationAlgorithm: string;
  readonly transforms: readonly string[];
  /** PrefixList of the reference's exclusive canonicalization. */
  readonly inclusivePrefixes: readonly string[];
}

export interface SignatureShape {
  /** The root's ID, to which the one reference points. */
  readonly id: string;
  readonly description: SignatureDescription;
  /** PrefixList of the canonicalization of SignedInfo. */
  readonly signedInfoPrefixes: readonly string[];
  readonly signatureValue: Buffer;
  /** DER of every certificate of KeyInfo/X509Data, in document order. */
  readonly certificates: readonly Buffer[];
}

const ID_NAMES: ReadonlySet<string> = new Set(["ID", "Id", "id", "AssertionID"]);
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * The signature of a document, after it was seen that there is one, that it is a child of the root, covers the
 * root by its ID and nothing else, has exactly the parts it must have, and uses accepted algorithms only.
 *
 * @throws VerificationError
 */
export function readSignatureShape(root: XmlElement, name: QName, idAttribute: string): SignatureShape {
  const id = checkRoot(root, name, idAttribute);
  const found = survey(root);
  if (found.falseDeclaration) {
    throw refuse("malformed", "an attribute's name begins with xmlns, but it declares nothing");
  }
  if (found.duplicateId) {
    throw refuse("duplicate-id", "two elements have the same ID: one could be taken for the other");
  }
  if (found.signatures === 0) {
    throw refuse("unsigned", "the document has no signature", {
      hint: "Use the text exactly as the server sent it.",
    });
  }
  if (found.signatures > 1) {
    throw refuse(
      "several-signatures",
      `the document has ${found.signatures} signatures; exactly one is accepted`,
    );
  }
  if (found.signedInfos > 1) {
    throw refuse(
      "several-signatures",
      `the document has ${found.signedInfos} SignedInfo elements; one is accepted`,
    );
  }
  const signature = child(root, DS_NAMESPACE, "Signature");
  if (!signature) {
    throw refuse(
      "signature-misplaced",
      `the signature is not a child of ${name.local}: it signs something else`,
    );
  }
  return { id, ...readSignature(signature, id) };
}

/**
 * The ID of the root, after it was seen that it is what was expected.
 *
 * @throws VerificationError
 */
export function checkRoot(root: XmlElement, name: QName, idAttribute: string): string {
  if (root.namespace !== name.namespace || root.local !== name.local) {
    throw refuse(
      "malformed",
      `the root element is ${root.local} of ${shown(root.namespace)}, not ${name.local}`,
    );
  }
  const id = attribute(root, "", idAttribute);
  if (id === undefined || !isNcName(id)) {
    throw refuse("malformed", `${name.local} has no ${idAttribute} that could be an ID`);
  }
  return id;
}

export function refuse(
  reason: VerificationFailure,
  what: string,
  details: { readonly hint?: string; readonly cause?: unknown } = {},
): VerificationError {
  return new VerificationError(`Not verified: ${what}`, { reason, ...details });
}

/** Counts over the whole document. Names count whatever their namespace: xml-crypto looks for some by name alone. */
function survey(root: XmlElement) {
  const ids = new Set<string>();
  const found = { signatures: 0, signedInfos: 0, duplicateId: false, falseDeclaration: false };
  const visit = (element: XmlElement): void => {
    if (element.local === "Signature" && element.namespace === DS_NAMESPACE) found.signatures++;
    if (element.local === "SignedInfo") found.signedInfos++;
    for (const { namespace, local, value } of element.attributes) {
      // xml-crypto takes it for a declaration, and leaves it out of the canonical form.
      if (namespace === "" && local.startsWith("xmlns")) found.falseDeclaration = true;
      if (!ID_NAMES.has(local)) continue;
      if (ids.has(value)) found.duplicateId = true;
      ids.add(value);
    }
    for (const each of element.children) visit(each);
  };
  visit(root);
  return found;
}

function readSignature(signature: XmlElement, id: string): Omit<SignatureShape, "id"> {
  const [signedInfo, signatureValue, keyInfo] = parts(signature, [
    "SignedInfo",
    "SignatureValue",
    "KeyInfo?",
  ]);
  const { description, signedInfoPrefixes } = readSignedInfo(signedInfo as XmlElement, id);
  return {
    description,
    signedInfoPrefixes,
    signatureValue: base64(signatureValue, "SignatureValue"),
    certificates: readCertificates(keyInfo),
  };
}

/** What a `SignedInfo` says, when it says only what is accepted. */
export interface SignedInfo {
  readonly description: SignatureDescription;
  readonly signedInfoPrefixes: readonly string[];
  readonly digestValue: Buffer;
}

/**
 * Reads a `SignedInfo` of one reference, to the element of that ID.
 *
 * @throws VerificationError
 */
export function readSignedInfo(signedInfo: XmlElement, id: string): SignedInfo {
  const signed = signedInfo.children.filter((c) => c.local === "Reference").length;
  if (signed !== 1) {
    throw refuse("reference-mismatch", `the signature has ${signed} references; exactly one is accepted`);
  }
  const [canonicalization, method, reference] = parts(signedInfo, [
    "CanonicalizationMethod",
    "SignatureMethod",
    "Reference",
  ]);
  if (attribute(reference as XmlElement, "", "URI") !== `#${id}`) {
    throw refuse(
      "reference-mismatch",
      "the signature refers to something other than the root element's own ID",
    );
  }
  const [transforms, digestMethod, digestValue] = parts(reference, [
    "Transforms?",
    "DigestMethod",
    "DigestValue",
  ]);
  const canonicalizationAlgorithm = algorithm(canonicalization);
  if (canonicalizationAlgorithm !== EXC_C14N) {
    throw notAccepted("canonicalization", canonicalizationAlgorithm);
  }
  const signatureAlgorithm = algorithm(method);
  if (!ACCEPTED_SIGNATURES.has(signatureAlgorithm)) {
    throw notAccepted("signature algorithm", signatureAlgorithm);
  }
  parts(method, []);
  const digestAlgorithm = algorithm(digestMethod);
  if (!ACCEPTED_DIGESTS.has(digestAlgorithm)) throw notAccepted("digest", digestAlgorithm);
  parts(digestMethod, []);
  const applied = parts(transforms, transforms?.children.map(() => "Transform") ?? []) as XmlElement[];
  const uris = applied.map(algorithm);
  if (uris.length !== 2 || uris[0] !== ENVELOPED_SIGNATURE || uris[1] !== EXC_C14N) {
    throw notAccepted("list of transforms", uris.join(", "));
  }
  parts(applied[0], []);
  return {
    description: {
      signatureAlgorithm,
      digestAlgorithm,
      canonicalizationAlgorithm,
      transforms: uris,
      inclusivePrefixes: inclusivePrefixes(applied[1]),
    },
    signedInfoPrefixes: inclusivePrefixes(canonicalization),
    digestValue: base64(digestValue, "DigestValue"),
  };
}

/** The children of an element of XML signature: exactly those named (`?`: may be missing), in order, and no text. */
function parts(element: XmlElement | undefined, names: readonly string[]): (XmlElement | undefined)[] {
  if (!element) return [];
  const rest = [...element.children];
  const found = names.map((each) => {
    const optional = each.endsWith("?");
    const [next] = rest;
    const name = optional ? each.slice(0, -1) : each;
    if (next?.namespace === DS_NAMESPACE && next.local === name) return rest.shift();
    if (optional) return undefined;
    throw refuse("malformed", `${each} is missing in ${element.local}, or not in its place`);
  });
  const [unexpected] = rest;
  if (unexpected) {
    throw refuse("malformed", `${element.local} holds ${unexpected.local}, which is not accepted there`);
  }
  if (names.length > 0 && !isXmlSpace(element.text)) throw refuse("malformed", `${element.local} holds text`);
  return found;
}

function algorithm(element: XmlElement | undefined): string {
  return (element && attribute(element, "", "Algorithm")) ?? "";
}

function notAccepted(what: string, given: string): VerificationError {
  return refuse(
    "algorithm-refused",
    `the ${what} ${given === "" ? "is missing" : `${shown(given)} is not accepted`}`,
    {
      hint: "Accepted are RSA with SHA-256, SHA-384 or SHA-512 over the exclusive canonical form.",
    },
  );
}

/** What a hostile document says, fit for a terminal. */
function shown(uri: string): string {
  return uri === "" ? "no namespace" : uri.slice(0, 200).replace(/[^\x20-\x7e]/g, "?");
}

function inclusivePrefixes(element: XmlElement | undefined): readonly string[] {
  const [list, ...further] = element?.children ?? [];
  if (!list) return [];
  if (further.length > 0 || list.namespace !== EXC_C14N || list.local !== "InclusiveNamespaces") {
    throw refuse("malformed", `${element?.local} holds something other than one InclusiveNamespaces`);
  }
  const prefixes = (attribute(list, "", "PrefixList") ?? "")
    .split(/[ \t\r\n]+/)
    .filter((prefix) => prefix !== "");
  // xml-crypto's canonicalization passes over it, and would call a good signature bad.
  if (prefixes.includes("#default")) throw notAccepted("PrefixList with", "#default");
  return prefixes;
}

/** Bytes of base64 that has no second spelling: unused bits zero, padding complete. */
function base64(element: XmlElement | undefined, what: string): Buffer {
  const text = (element?.text ?? "").replace(/[ \t\r\n]+/g, "");
  const bytes = Buffer.from(text, "base64");
  if (
    text === "" ||
    !BASE64.test(text) ||
    bytes.toString("base64") !== text ||
    element?.children.length !== 0
  ) {
    throw refuse("malformed", `${what} is not base64`);
  }
  return bytes;
}

function readCertificates(keyInfo: XmlElement | undefined): Buffer[] {
  if (!keyInfo) return [];
  return children(keyInfo, DS_NAMESPACE, "X509Data")
    .flatMap((data) => children(data, DS_NAMESPACE, "X509Certificate"))
    .map((certificate) => base64(certificate, "X509Certificate"));
}
