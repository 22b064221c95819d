import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { VerificationError } from "../../src/errors.ts";
import { canonicalize } from "../../src/xml/canonical.ts";
import { openSignedDocument } from "../../src/xml/signed-document.ts";
import type { SignatureAlgorithm } from "../../src/xml/signer.ts";
import { toSigner } from "../../src/xml/signer.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { anyDocument, KEPT } from "../xml/documents.ts";
import { KINDS, message } from "../xml/messages.ts";
import { assertion, DS, ENVELOPED, EXC, SAML, signEnveloped } from "../xml/signed.ts";
import { ASSERTION_SIGNATURE, MESSAGE_SIGNATURE, xmlsecSign, xmlsecVerify } from "./xmlsec.ts";

const ALGORITHMS: readonly SignatureAlgorithm[] = ["rsa-sha256", "rsa-sha384", "rsa-sha512"];
const MORE = "http://www.w3.org/2001/04/xmldsig-more#";
const DIGESTS: Readonly<Record<string, string>> = {
  sha256: "http://www.w3.org/2001/04/xmlenc#sha256",
  sha384: `${MORE}sha384`,
  sha512: "http://www.w3.org/2001/04/xmlenc#sha512",
};

let mine: RsaIdentity;
let other: RsaIdentity;
beforeAll(async () => {
  [mine, other] = await Promise.all([makeRsaSelfSigned("mine"), makeRsaSelfSigned("other")]);
});

describe("xmlsec1 verifies a message that we signed", () => {
  it.each(KINDS.flatMap((kind) => ALGORITHMS.map((algorithm) => [kind.name, algorithm, kind] as const)))(
    "%s, with %s",
    async (_name, algorithm, kind) => {
      const signer = toSigner({ certificate: mine.cert, key: mine.key });
      const xml = await message(kind, mine, signer, { algorithm, canonicalBody: canonicalize });
      expect(await xmlsecVerify(xml, mine.cert, MESSAGE_SIGNATURE)).toMatchObject({ code: 0 });
      const changed = xml.replace("<wst:RequestSecurityToken ", '<wst:RequestSecurityToken Context="x" ');
      expect((await xmlsecVerify(changed, mine.cert, MESSAGE_SIGNATURE)).code).not.toBe(0);
      expect((await xmlsecVerify(xml, other.cert, MESSAGE_SIGNATURE)).code).not.toBe(0);
      if (kind.key === "assertion") {
        const token = /<saml2:Assertion .*?<\/saml2:Assertion>/s.exec(xml)?.[0] ?? "";
        expect(await xmlsecVerify(token, mine.cert, ASSERTION_SIGNATURE)).toMatchObject({ code: 0 });
      }
    },
  );

  it("over any document in its body", async () => {
    const signer = toSigner({ certificate: mine.cert, key: mine.key });
    for (const { xml: content } of fc.sample(anyDocument, { numRuns: 25, seed: 1 })) {
      const xml = await message({ name: "", key: "certificate", content }, mine, signer, {
        canonicalBody: canonicalize,
      });
      expect(await xmlsecVerify(xml, mine.cert, MESSAGE_SIGNATURE), xml).toMatchObject({ code: 0 });
    }
  });
});

/** A signature for xmlsec1 to fill in. */
function template(signature: string, digest: string, prefixes: string, inSignedInfo = ""): string {
  const list = (names: string) =>
    names === "" ? "" : `<ec:InclusiveNamespaces xmlns:ec="${EXC}" PrefixList="${names}"/>`;
  return (
    `<ds:Signature xmlns:ds="${DS}"><ds:SignedInfo>` +
    `<ds:CanonicalizationMethod Algorithm="${EXC}">${list(inSignedInfo)}</ds:CanonicalizationMethod>` +
    `<ds:SignatureMethod Algorithm="${MORE}${signature}"/><ds:Reference URI="#_a1"><ds:Transforms>` +
    `<ds:Transform Algorithm="${ENVELOPED}"/><ds:Transform Algorithm="${EXC}">${list(prefixes)}</ds:Transform>` +
    `</ds:Transforms><ds:DigestMethod Algorithm="${DIGESTS[digest]}"/><ds:DigestValue/></ds:Reference>` +
    `</ds:SignedInfo><ds:SignatureValue/><ds:KeyInfo><ds:X509Data/></ds:KeyInfo></ds:Signature>`
  );
}

async function verified(xml: string, key: RsaIdentity = mine): Promise<string> {
  const document = await openSignedDocument(xml, {
    root: { namespace: SAML, local: "Assertion" },
    idAttribute: "ID",
  });
  expect(document.certificates).toEqual([mine.der]);
  return document.verify(key.publicKey);
}

describe("we verify a document that xmlsec1 signed", () => {
  const kinds = ALGORITHMS.flatMap((signature) =>
    Object.keys(DIGESTS).flatMap((digest) =>
      ["", "xs xsi"].map((prefixes) => [signature, digest, prefixes] as const),
    ),
  );
  it.each(kinds)("by %s with %s and the prefix list '%s'", async (signature, digest, prefixes) => {
    const unsigned = assertion().replace(
      "<saml2:Subject>",
      `${template(signature, digest, prefixes)}<saml2:Subject>`,
    );
    const xml = await xmlsecSign(unsigned, mine);
    expect(await verified(xml)).toBe(
      await canonicalize(assertion(), prefixes === "" ? [] : prefixes.split(" ")),
    );
    await expect(verified(xml, other)).rejects.toMatchObject({ reason: "signature-mismatch" });
    const value = /<ds:SignatureValue>\s*(\S)/.exec(xml)?.[1] === "A" ? "B" : "A";
    for (const [changed, reason] of [
      [xml.replace("admin@", "bdmin@"), "digest-mismatch"],
      [xml.replace('Version="2.0"', 'Version="2.1"'), "digest-mismatch"],
      [
        xml.replace(/(<ds:DigestValue>)./, `$1${xml.includes("<ds:DigestValue>A") ? "B" : "A"}`),
        "signature-mismatch",
      ],
      [xml.replace(/(<ds:SignatureValue>\s*)\S/, `$1${value}`), "signature-mismatch"],
      [xml.replace("<ds:SignedInfo>", "<ds:SignedInfo> "), "signature-mismatch"],
    ] as const) {
      expect(changed).not.toBe(xml);
      await expect(verified(changed)).rejects.toMatchObject({ reason });
    }
  });

  it("with a prefix list for SignedInfo, and declarations that only the root has", async () => {
    const signature = template("rsa-sha256", "sha256", "xs xsi", "xs").replace(` xmlns:ds="${DS}"`, "");
    const unsigned = assertion()
      .replace("<saml2:Assertion ", `<saml2:Assertion xmlns:ds="${DS}" xmlns:unused="urn:unused" `)
      .replace("<saml2:Subject>", `${signature}<saml2:Subject>`);
    expect(await verified(await xmlsecSign(unsigned, mine))).toContain("admin@vsphere.local");
  });

  it("with the examples of the recommendations in it", async () => {
    const folder = new URL("../../fixtures/c14n/", import.meta.url);
    const names = readdirSync(folder).filter((name) => name.endsWith(".canonical.xml"));
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      const content = readFileSync(new URL(name.replace(".canonical", ""), folder), "utf8");
      const xml = await xmlsecSign(
        `<saml2:Assertion xmlns:saml2="${SAML}" ID="_a1">${template("rsa-sha256", "sha256", "")}${content.replace(/<!--.*?-->/g, "")}</saml2:Assertion>`,
        mine,
      );
      expect(await verified(xml)).toContain(readFileSync(new URL(name, folder), "utf8").trimEnd());
    }
  });

  it("whatever it holds and however it is written", async () => {
    for (const [index, document] of fc.sample(anyDocument, { numRuns: 40, seed: 2 }).entries()) {
      const prefixes = index % 2 === 0 ? "" : KEPT.join(" ");
      const open = `<saml2:Assertion xmlns:saml2="${SAML}" ID="_a1">`;
      const content = document.xml.replace(/<!--.*?-->/g, "");
      const xml = await xmlsecSign(
        `${open}${template("rsa-sha256", "sha256", prefixes)}${content}</saml2:Assertion>`,
        mine,
      );
      const expected = prefixes === "" ? document.canonical : document.inclusive;
      expect(await verified(xml)).toBe(`${open}${expected}</saml2:Assertion>`);
    }
  });

  it("and xmlsec1 one that our tests sign", async () => {
    const xml = signEnveloped(assertion(), mine);
    expect(await xmlsecVerify(xml, mine.cert, ASSERTION_SIGNATURE)).toMatchObject({ code: 0 });
    expect(await verified(xml)).toContain("admin@vsphere.local");
    const sha1 = await xmlsecSign(
      assertion().replace(
        "<saml2:Subject>",
        `${template("rsa-sha256", "sha256", "").replace(`${MORE}rsa-sha256`, `${DS}rsa-sha1`)}<saml2:Subject>`,
      ),
      mine,
    );
    await expect(verified(sha1)).rejects.toThrow(VerificationError);
  });
});
