import { createHash, type KeyObject, verify } from "node:crypto";
import { DS_NAMESPACE, EXC_C14N } from "../xml/names.ts";
import {
  canonical,
  canonicalWithout,
  childOf,
  childrenOf,
  elementsOf,
  inclusiveCanonical,
  is,
  textOf,
} from "./dom.ts";

export const RSA_SHA1: string = `${DS_NAMESPACE}rsa-sha1`;
export const SHA1: string = `${DS_NAMESPACE}sha1`;
export const ENVELOPED: string = `${DS_NAMESPACE}enveloped-signature`;
const MORE = "http://www.w3.org/2001/04/xmldsig-more#";
export const RSA_SHA256: string = `${MORE}rsa-sha256`;
export const RSA_SHA384: string = `${MORE}rsa-sha384`;
const RSA_SHA512 = `${MORE}rsa-sha512`;
export const SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256";
export const SHA384: string = `${MORE}sha384`;
export const SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512";

/** Signature algorithms by identifier, as node:crypto names their digests. */
export const SIGNATURE_HASHES: ReadonlyMap<string, string> = new Map([
  [RSA_SHA1, "sha1"],
  [RSA_SHA256, "sha256"],
  [RSA_SHA384, "sha384"],
  [RSA_SHA512, "sha512"],
]);
export const DIGEST_HASHES: ReadonlyMap<string, string> = new Map([
  [SHA1, "sha1"],
  [SHA256, "sha256"],
  [SHA384, "sha384"],
  [SHA512, "sha512"],
]);

export interface Transform {
  readonly algorithm: string;
  readonly inclusivePrefixes: readonly string[];
}

export interface Reference {
  /** As it stands; absent is "". */
  readonly uri: string;
  readonly transforms: readonly Transform[];
  readonly digestMethod: string;
  readonly digestValue: string;
}

/** A `ds:Signature` taken apart; nothing about it is verified. */
export interface Signature {
  readonly element: Element;
  readonly id: string | undefined;
  readonly canonicalization: Transform;
  readonly method: string;
  readonly references: readonly Reference[];
  readonly keyInfo: Element | undefined;
  readonly signedInfo: Element;
  readonly value: string;
}

/** Undefined when it is not built as XML signature prescribes. */
export function readSignature(element: Element): Signature | undefined {
  const parts = elementsOf(element);
  const [signedInfo, value, keyInfo] = parts;
  if (!is(signedInfo, DS_NAMESPACE, "SignedInfo") || !is(value, DS_NAMESPACE, "SignatureValue"))
    return undefined;
  if (parts.length > 3 || (keyInfo && !is(keyInfo, DS_NAMESPACE, "KeyInfo"))) return undefined;
  const [canonicalization, method, ...references] = elementsOf(signedInfo);
  if (!is(canonicalization, DS_NAMESPACE, "CanonicalizationMethod")) return undefined;
  if (!is(method, DS_NAMESPACE, "SignatureMethod")) return undefined;
  if (!references.every((reference) => is(reference, DS_NAMESPACE, "Reference"))) return undefined;
  return {
    element,
    id: element.getAttribute("Id") || undefined,
    canonicalization: readTransform(canonicalization),
    method: algorithmOf(method),
    references: references.map(readReference),
    keyInfo,
    signedInfo,
    value: textOf(value).replace(/\s/g, ""),
  };
}

function readReference(reference: Element): Reference {
  const transforms = childOf(reference, DS_NAMESPACE, "Transforms");
  const digestMethod = childOf(reference, DS_NAMESPACE, "DigestMethod");
  return {
    uri: reference.getAttribute("URI") ?? "",
    transforms: transforms ? childrenOf(transforms, DS_NAMESPACE, "Transform").map(readTransform) : [],
    digestMethod: digestMethod ? algorithmOf(digestMethod) : "",
    digestValue: textOf(childOf(reference, DS_NAMESPACE, "DigestValue")).replace(/\s/g, ""),
  };
}

function readTransform(transform: Element): Transform {
  const list = childOf(transform, EXC_C14N, "InclusiveNamespaces")?.getAttribute("PrefixList") ?? "";
  return { algorithm: algorithmOf(transform), inclusivePrefixes: list.split(/\s+/).filter(Boolean) };
}

function algorithmOf(element: Element): string {
  return element.getAttribute("Algorithm") ?? "";
}

/** Whether the digest of a reference is that of `target`, less `removed` where the transform is enveloped. */
export function digestMatches(reference: Reference, target: Element, removed?: Element): boolean {
  const hash = DIGEST_HASHES.get(reference.digestMethod);
  if (!hash) return false;
  const last = reference.transforms.at(-1);
  const prefixes = last?.inclusivePrefixes ?? [];
  const text = removed
    ? canonicalWithout(target, removed, prefixes)
    : last
      ? canonical(target, prefixes)
      : inclusiveCanonical(target);
  return createHash(hash).update(text).digest("base64") === reference.digestValue;
}

/** Whether the signature value is one of `key` over the signed information. */
export function valueMatches(signature: Signature, key: KeyObject): boolean {
  const hash = SIGNATURE_HASHES.get(signature.method);
  if (!hash || key.asymmetricKeyType !== "rsa") return false;
  const signed = Buffer.from(canonical(signature.signedInfo, signature.canonicalization.inclusivePrefixes));
  return verify(hash, signed, key, Buffer.from(signature.value, "base64"));
}
