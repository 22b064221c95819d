import { X509Certificate } from "node:crypto";
import { type CertificateDescription, describeCertificate } from "../net/x509.ts";
import { DS_NAMESPACE, EXC_C14N } from "../xml/names.ts";
import { attribute, child, children, type XmlElement } from "../xml/reader.ts";
import type { SignatureDescription } from "../xml/signed-document.ts";

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Text of every `X509Certificate` in an element's KeyInfo, in document order. */
export function certificateTexts(parent: XmlElement): string[] {
  const data = children(parent, DS_NAMESPACE, "KeyInfo").flatMap((k) =>
    children(k, DS_NAMESPACE, "X509Data"),
  );
  return data.flatMap((d) => children(d, DS_NAMESPACE, "X509Certificate")).map((c) => c.text);
}

/** The certificate that base64, broken into lines or not, stands for; undefined where it is none. */
export function readCertificate(base64: string): X509Certificate | undefined {
  const text = base64.replace(/[ \t\r\n]+/g, "");
  if (text === "" || !BASE64.test(text)) return undefined;
  try {
    return new X509Certificate(Buffer.from(text, "base64"));
  } catch {
    return undefined;
  }
}

export function describeBase64(base64: string): CertificateDescription | null {
  const certificate = readCertificate(base64);
  return certificate === undefined ? null : describeCertificate(certificate);
}

/** What the signature says of itself, believed or not. */
export function describeSignature(signature: XmlElement): SignatureDescription {
  const signedInfo = child(signature, DS_NAMESPACE, "SignedInfo");
  const reference = signedInfo && child(signedInfo, DS_NAMESPACE, "Reference");
  const transforms = children(
    (reference && child(reference, DS_NAMESPACE, "Transforms")) ?? NOTHING,
    DS_NAMESPACE,
    "Transform",
  );
  const prefixes = transforms.flatMap((t) => children(t, EXC_C14N, "InclusiveNamespaces"));
  return {
    signatureAlgorithm: algorithm(signedInfo, "SignatureMethod"),
    digestAlgorithm: algorithm(reference, "DigestMethod"),
    canonicalizationAlgorithm: algorithm(signedInfo, "CanonicalizationMethod"),
    transforms: transforms.map((t) => attribute(t, "", "Algorithm") ?? ""),
    inclusivePrefixes: prefixes.flatMap((p) =>
      (attribute(p, "", "PrefixList") ?? "").split(/[ \t\r\n]+/).filter((prefix) => prefix !== ""),
    ),
  };
}

const NOTHING: XmlElement = {
  namespace: "",
  local: "",
  attributes: [],
  xsiType: undefined,
  children: [],
  text: "",
};

function algorithm(parent: XmlElement | undefined, local: string): string {
  const method = parent && child(parent, DS_NAMESPACE, local);
  return (method && attribute(method, "", "Algorithm")) ?? "";
}
