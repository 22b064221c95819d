import { generateKeyPairSync, sign } from "node:crypto";
import { expect, it } from "vitest";
import { canonical, inclusiveCanonical, parseDom } from "../../src/simulator/dom.ts";
import { RSA_SHA256, readSignature, valueMatches } from "../../src/simulator/signature.ts";

const DS = "http://www.w3.org/2000/09/xmldsig#";
const EXC_C14N = "http://www.w3.org/2001/10/xml-exc-c14n#";

it("orders prefixes and attributes by code, not as the locale does", () => {
  const text = '<S:Body xmlns:ns1="urn:n" xmlns:S="urn:s" ns1:Id="x" a="1" B="2"></S:Body>';
  const sorted = '<S:Body xmlns:S="urn:s" xmlns:ns1="urn:n" B="2" a="1" ns1:Id="x"></S:Body>';
  expect(canonical(parseDom(text))).toBe(sorted);
  expect(inclusiveCanonical(parseDom(text))).toBe(sorted);
});

it("keeps the prefixes that the canonicalization of SignedInfo lists", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const content =
    `<ds:CanonicalizationMethod Algorithm="${EXC_C14N}"><ec:InclusiveNamespaces xmlns:ec="${EXC_C14N}" PrefixList="S"></ec:InclusiveNamespaces></ds:CanonicalizationMethod>` +
    `<ds:SignatureMethod Algorithm="${RSA_SHA256}"></ds:SignatureMethod></ds:SignedInfo>`;
  const signed = `<ds:SignedInfo xmlns:S="urn:s" xmlns:ds="${DS}">${content}`;
  const value = sign("sha256", Buffer.from(signed), privateKey).toString("base64");
  const document = `<S:a xmlns:S="urn:s"><ds:Signature xmlns:ds="${DS}"><ds:SignedInfo>${content}<ds:SignatureValue>${value}</ds:SignatureValue></ds:Signature></S:a>`;
  const signature = readSignature(parseDom(document).firstChild as Element);
  expect(signature && valueMatches(signature, publicKey)).toBe(true);
});
