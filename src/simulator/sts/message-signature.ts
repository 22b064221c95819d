import { X509Certificate } from "node:crypto";
import { EXC_C14N, WSSE_NAMESPACE, WST_NAMESPACE, WSU_NAMESPACE } from "../../xml/names.ts";
import { elementsOf, is, isElement, textOf, walk } from "../dom.ts";
import {
  DIGEST_HASHES,
  digestMatches,
  type Reference,
  RSA_SHA1,
  readSignature,
  SHA1,
  SIGNATURE_HASHES,
  type Signature,
  valueMatches,
} from "../signature.ts";
import { confirmationCertificate } from "./confirmation.ts";
import type { SecuredMessage } from "./envelope.ts";
import { type StsFault, wsse } from "./fault.ts";
import { BASE64_BINARY, SAML_ID, X509V3 } from "./names.ts";
import type { SecurityHeader } from "./security-header.ts";

/** Whose key signed a message. */
export interface MessageSigner {
  readonly certificate: X509Certificate;
  /** `Id` of the signature. */
  readonly signatureId: string | undefined;
  /** What the signature names its key by. */
  readonly by: "certificate" | "assertion";
}

/**
 * Checks the signature of a message: what it covers, how, by which key, and that it is one.
 *
 * @returns undefined for a message without a signature.
 * @throws StsFault
 */
export function checkMessageSignature(
  message: SecuredMessage,
  header: SecurityHeader,
): MessageSigner | undefined {
  if (!header.signature) return undefined;
  const first = message.body.firstChild;
  if (!isElement(first)) {
    throw wsse("FailedCheck", `Body element has a child of type '${first?.nodeType}'`);
  }
  const signature = readSignature(header.signature);
  if (!signature) throw wsse("FailedCheck");
  checkAlgorithms(signature);
  const covered = resolveReferences(signature, idsOf(message.envelope));
  const targets = new Set(covered.map(([target]) => target));
  if (!targets.has(header.timestamp)) throw wsse("FailedCheck", "The Timestamp element is not signed");
  const request = message.request.namespaceURI === WST_NAMESPACE ? message.request : undefined;
  if (!targets.has(message.body) && !(request && targets.has(request))) {
    throw wsse("FailedCheck", "The Body element is not signed");
  }
  const signer = resolveSigner(signature, header);
  for (const [target, reference] of covered) {
    if (!digestMatches(reference, target)) throw invalid();
  }
  if (!valueMatches(signature, signer.certificate.publicKey)) throw invalid();
  return signer;
}

function checkAlgorithms({ canonicalization, method, references }: Signature): void {
  if (canonicalization.algorithm !== EXC_C14N) {
    throw wsse("FailedCheck", `The canonicalization method ${canonicalization.algorithm} is not supported`);
  }
  if (!SIGNATURE_HASHES.has(method) || method === RSA_SHA1) {
    throw wsse("FailedCheck", `The signature method ${method} is not supported`);
  }
  for (const { transforms, digestMethod } of references) {
    if (transforms.length > 1 || (transforms[0] && transforms[0].algorithm !== EXC_C14N)) {
      throw wsse("FailedCheck", "A reference has transforms other than exclusive canonicalization");
    }
    if (!DIGEST_HASHES.has(digestMethod) || digestMethod === SHA1) {
      throw wsse("FailedCheck", `The digest method ${digestMethod} is not supported`);
    }
  }
}

/** Elements by every attribute that is an ID somewhere in such a message. */
function idsOf(envelope: Element): Map<string, Element[]> {
  const ids = new Map<string, Element[]>();
  walk(envelope, (element) => {
    const own = new Set([
      element.getAttributeNS(WSU_NAMESPACE, "Id"),
      element.getAttribute("ID"),
      element.getAttribute("Id"),
    ]);
    for (const id of own) {
      if (id) ids.set(id, [...(ids.get(id) ?? []), element]);
    }
  });
  return ids;
}

/** Every reference with its target: two may be to the same element, and both have to be right. */
function resolveReferences(
  signature: Signature,
  ids: ReadonlyMap<string, readonly Element[]>,
): (readonly [target: Element, reference: Reference])[] {
  return signature.references.map((reference) => {
    if (!/^#./.test(reference.uri)) throw wsse("FailedCheck", "A reference is not to an ID of the message");
    const [target, further] = ids.get(reference.uri.slice(1)) ?? [];
    if (!target) throw wsse("FailedCheck", `There is no element with the ID ${reference.uri.slice(1)}`);
    if (further) throw wsse("FailedCheck", `The ID ${reference.uri.slice(1)} is not unique`);
    return [target, reference];
  });
}

function resolveSigner(signature: Signature, header: SecurityHeader): MessageSigner {
  const [reference, ...others] = signature.keyInfo ? elementsOf(signature.keyInfo) : [];
  if (!is(reference, WSSE_NAMESPACE, "SecurityTokenReference") || others.length > 0) {
    throw wsse("InvalidSecurity", "KeyInfo has to hold one SecurityTokenReference");
  }
  const [key, ...more] = elementsOf(reference);
  const signatureId = signature.id;
  if (more.length === 0 && is(key, WSSE_NAMESPACE, "Reference")) {
    return { certificate: certificateOfHeader(key, header), signatureId, by: "certificate" };
  }
  if (more.length === 0 && is(key, WSSE_NAMESPACE, "KeyIdentifier")) {
    return { certificate: certificateOfAssertion(key, header), signatureId, by: "assertion" };
  }
  throw wsse("InvalidSecurity", "SecurityTokenReference has to hold one Reference or one KeyIdentifier");
}

function certificateOfHeader(key: Element, { binaryToken }: SecurityHeader): X509Certificate {
  if (!binaryToken) throw wsse("SecurityTokenUnavailable", "BinarySecurityToken is missing");
  const id = binaryToken.getAttributeNS(WSU_NAMESPACE, "Id");
  if (!id || key.getAttribute("URI") !== `#${id}`) {
    throw wsse("SecurityTokenUnavailable", "BinarySecurityToken ID does not match the reference");
  }
  const type = binaryToken.getAttribute("ValueType") ?? "";
  if (
    type.toLowerCase() !== X509V3.toLowerCase() ||
    key.getAttribute("ValueType")?.toLowerCase() !== type.toLowerCase()
  ) {
    throw wsse("SecurityTokenUnavailable", "The value types of BinarySecurityToken and reference differ");
  }
  return binaryCertificate(binaryToken);
}

function binaryCertificate(token: Element): X509Certificate {
  const text = textOf(token).replace(/\s/g, "");
  if (token.getAttribute("EncodingType") !== BASE64_BINARY || !/^[A-Za-z0-9+/]+={0,2}$/.test(text)) {
    throw wsse("InvalidSecurityToken", "The BinarySecurityToken is not encoded as Base64Binary");
  }
  const der = Buffer.from(text, "base64");
  try {
    const certificate = new X509Certificate(der);
    // One certificate and nothing after it.
    if (certificate.raw.equals(der)) return certificate;
  } catch {
    // Told below.
  }
  throw wsse("InvalidSecurityToken", "Error while parsing the certificate");
}

function certificateOfAssertion(key: Element, { assertion }: SecurityHeader): X509Certificate {
  if (key.getAttribute("ValueType") !== SAML_ID) {
    throw wsse("SecurityTokenUnavailable", "The value type of the key identifier is not that of a SAML ID");
  }
  if (!assertion) throw wsse("SecurityTokenUnavailable", "Assertion is missing");
  if (textOf(key).trim() !== assertion.getAttribute("ID")) {
    throw wsse("SecurityTokenUnavailable", "Assertion ID does not match the key identifier");
  }
  const certificate = confirmationCertificate(assertion);
  if (!certificate) {
    throw wsse("UnsupportedSecurityToken", "Only HoK tokens are supported for authentication!");
  }
  return certificate;
}

function invalid(): StsFault {
  return wsse("FailedCheck", "Signature is invalid.");
}
