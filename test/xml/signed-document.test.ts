import { createSecretKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { InvalidArgumentError, VerificationError, type VerificationFailure } from "../../src/errors.ts";
import { openSignedDocument } from "../../src/xml/signed-document.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import {
  assertion,
  canonical,
  DS,
  ENVELOPED,
  EXC,
  HASH_OF,
  RSA_SHA256,
  SAML,
  SHA256,
  type SigningOptions,
  signEnveloped,
} from "./signed.ts";

const OPTIONS = { root: { namespace: SAML, local: "Assertion" }, idAttribute: "ID" };
const MORE = "http://www.w3.org/2001/04/xmldsig-more#";
const NAME = "admin@vsphere.local";

let signer: RsaIdentity;
let stranger: RsaIdentity;
beforeAll(async () => {
  [signer, stranger] = await Promise.all([makeRsaSelfSigned("sts"), makeRsaSelfSigned("stranger")]);
});

async function verified(xml: string, key: KeyObject = signer.publicKey): Promise<string> {
  return (await openSignedDocument(xml, OPTIONS)).verify(key);
}

async function refusal(xml: string, key?: KeyObject): Promise<VerificationError> {
  try {
    await verified(xml, key);
  } catch (error) {
    if (error instanceof VerificationError) return error;
    throw error;
  }
  throw new Error(`accepted: ${xml.slice(0, 120)}`);
}

describe("a signed document", () => {
  test("tells how it is signed, and verifies to the text that was signed", async () => {
    const xml = signEnveloped(assertion(), signer, { certificates: [signer.der, stranger.der] });
    const document = await openSignedDocument(xml, OPTIONS);
    expect(document.id).toBe("_a1");
    expect(document.signature).toEqual({
      signatureAlgorithm: RSA_SHA256,
      digestAlgorithm: SHA256,
      canonicalizationAlgorithm: EXC,
      transforms: [ENVELOPED, EXC],
      inclusivePrefixes: ["xs", "xsi"],
    });
    expect(document.certificates).toEqual([signer.der, stranger.der]);
    expect(document.verify(signer.publicKey)).toBe(canonical(assertion(), ["xs", "xsi"]));
    // The same document again, after another key was tried.
    expect(() => document.verify(stranger.publicKey)).toThrow(VerificationError);
    expect(document.verify(signer.publicKey)).toContain(NAME);
  });

  const methods = ["rsa-sha256", "rsa-sha384", "rsa-sha512"].map((name) => MORE + name);
  const digests = Object.keys(HASH_OF).filter((uri) => /#sha(256|384|512)$/.test(uri));
  test.each(
    methods.flatMap((signatureMethod) => digests.map((digestMethod) => [signatureMethod, digestMethod])),
  )("is verified when signed by %s with %s", async (signatureMethod, digestMethod) => {
    const xml = signEnveloped(assertion(), signer, { signatureMethod, digestMethod } as SigningOptions);
    expect(await verified(xml)).toContain(NAME);
    expect((await refusal(xml.replace(NAME, "root@vsphere.local"))).reason).toBe("digest-mismatch");
    expect((await refusal(xml, stranger.publicKey)).reason).toBe("signature-mismatch");
  });

  test("is verified without KeyInfo, with other prefixes and without a prefix list", async () => {
    const bare = signEnveloped(assertion(), signer, {
      prefixes: "",
      editSignature: (s) => s.replace(/<ds:KeyInfo>.*<\/ds:KeyInfo>/s, ""),
    });
    expect((await openSignedDocument(bare, OPTIONS)).certificates).toEqual([]);
    expect(await verified(bare)).toContain(NAME);
    const other = signEnveloped(
      assertion().replaceAll("saml2:", "A:").replace("xmlns:saml2", "xmlns:A"),
      signer,
      {
        before: "<A:Subject>",
      },
    );
    expect(await verified(other)).toContain("<A:NameID>");
  });

  test("may stand between a BOM, an XML declaration and a new line, and have CR LF for line ends", async () => {
    const xml = signEnveloped(assertion("_b", "a\nb\u0085c\u2028d &amp; \u{1F511}"), signer, {
      digested: assertion("_b", "a\nb&#x85;c&#x2028;d &amp; \u{1F511}"),
    });
    const around = `\uFEFF<?xml version="1.0" encoding="UTF-8"?>\r\n${xml.replaceAll("\n", "\r\n")}\r\n`;
    expect(await verified(around)).toContain("a\nb\u0085c\u2028d &amp; \u{1F511}");
  });

  test("is the text that was signed, however it is written", async () => {
    const xml = signEnveloped(assertion(), signer);
    const signed = await verified(xml);
    for (const written of ["<![CDATA[admin]]>@vsphere.local", "<![CDATA[]]>admin&#64;vsphere.local"]) {
      expect(await verified(xml.replace(NAME, written))).toBe(signed);
    }
    expect(await verified(xml.replaceAll(/<\/saml2:(\w+)>/g, "</saml2:$1\n >"))).toBe(signed);
  });

  test("says which key it cannot be verified with", async () => {
    const xml = signEnveloped(assertion(), signer);
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).publicKey;
    const short = generateKeyPairSync("rsa", { modulusLength: 512 }).publicKey;
    expect((await refusal(xml, ec)).reason).toBe("algorithm-refused");
    expect((await refusal(xml, short)).message).toContain("512 bits");
    await expect(verified(xml, signer.privateKey)).rejects.toThrow(InvalidArgumentError);
    await expect(verified(xml, createSecretKey(Buffer.from("x")))).rejects.toThrow(InvalidArgumentError);
  });

  test("cannot write to a terminal by what it is refused for", async () => {
    const evil = "urn:\u009b31m\u202e";
    const root = await refusal(`<a xmlns="${evil}"/>`);
    expect(root.message).toBe("Not verified: the root element is a of urn:?31m?, not Assertion");
    const method = await refusal(signEnveloped(assertion(), signer, { signatureMethod: evil }));
    expect(method.message).toBe("Not verified: the signature algorithm urn:?31m? is not accepted");
    expect((await refusal("<a/>")).message).toContain("a of no namespace");
  });

  test("keeps its text out of every error", async () => {
    const xml = signEnveloped(assertion(), signer);
    const value = /<ds:SignatureValue>([^<]{60})/.exec(xml)?.[1] ?? "";
    const broken = [
      await refusal(xml.replace(NAME, "root@vsphere.local")),
      await refusal(xml, stranger.publicKey),
      await refusal(xml.replace(NAME, `${NAME}<`)),
      await refusal(xml.replace(NAME, "&vsphere.local;")),
    ];
    for (const error of broken) {
      for (let at: unknown = error; at instanceof Error; at = at.cause) {
        expect(at.message).not.toContain(value.slice(0, 20));
        expect(at.message).not.toContain("vsphere.local");
      }
    }
  });
});

/** What an attacker without the key can do to a signed document. */
const ATTACKS: readonly [string, VerificationFailure, (xml: string) => string][] = [
  ["changed text", "digest-mismatch", (xml) => xml.replace(NAME, "root@vsphere.local")],
  ["changed attribute", "digest-mismatch", (xml) => xml.replace("00:05:00", "23:05:00")],
  ["changed ID", "reference-mismatch", (xml) => xml.replace('ID="_a1"', 'ID="_a2"')],
  [
    "changed ID and reference",
    "signature-mismatch",
    (xml) => xml.replace('ID="_a1"', 'ID="_a2"').replace('URI="#_a1"', 'URI="#_a2"'),
  ],
  ["re-indented text", "digest-mismatch", (xml) => xml.replace("<saml2:Conditions", "\n  <saml2:Conditions")],
  ["other prefix", "digest-mismatch", (xml) => reprefixed(xml)],
  ["added attribute", "digest-mismatch", (xml) => xml.replace("<saml2:NameID>", '<saml2:NameID Format="x">')],
  ["changed digest", "signature-mismatch", (xml) => flip(xml, "DigestValue")],
  ["changed signature value", "signature-mismatch", (xml) => flip(xml, "SignatureValue")],
  ["comment in text", "malformed", (xml) => xml.replace(NAME, "admin<!---->@vsphere.local")],
  [
    "comment in DigestValue",
    "malformed",
    (xml) => xml.replace("<ds:DigestValue>", "<ds:DigestValue><!--x-->"),
  ],
  ["comment before the root", "malformed", (xml) => `<!--x-->${xml}`],
  ["instruction in text", "malformed", (xml) => xml.replace(NAME, "<?p adm?>in@vsphere.local")],
  ["DOCTYPE", "malformed", (xml) => `<!DOCTYPE a>${xml}`],
  [
    "entity",
    "malformed",
    (xml) => `<!DOCTYPE a [<!ENTITY e "root">]>${xml.replace(NAME, "&e;@vsphere.local")}`,
  ],
  ["nothing", "malformed", () => ""],
  ["no XML", "malformed", () => "hello"],
  ["cut text", "malformed", (xml) => xml.slice(0, -30)],
  ["two documents", "malformed", (xml) => xml + xml],
  ["text after it", "malformed", (xml) => `${xml}x`],
  ["other root", "malformed", (xml) => xml.replaceAll("saml2:Assertion", "saml2:Assertions")],
  ["other namespace of the root", "malformed", (xml) => xml.replace(SAML, "urn:evil")],
  ["no ID", "malformed", (xml) => xml.replace(' ID="_a1"', "")],
  ["an ID in a namespace", "malformed", (xml) => xml.replace(' ID="_a1"', ` xmlns:q="urn:q" q:ID="_a1"`)],
  ["an ID with a quote", "malformed", (xml) => xml.replaceAll("_a1", "_a'1")],
  ["removed signature", "unsigned", (xml) => xml.replace(/<ds:Signature .*<\/ds:Signature>/s, "")],
  [
    "signature of another namespace",
    "unsigned",
    (xml) => xml.replace(`<ds:Signature xmlns:ds="${DS}"`, '<ds:Signature xmlns:ds="urn:evil"'),
  ],
  [
    "signature twice",
    "several-signatures",
    (xml) => xml.replace("<ds:Signature ", `${signatureOf(xml)}<ds:Signature `),
  ],
  ["signature moved below", "signature-misplaced", (xml) => moved(xml, "</saml2:Subject>")],
  [
    "second SignedInfo",
    "several-signatures",
    (xml) => xml.replace("</ds:SignedInfo>", `</ds:SignedInfo>${signedInfoOf(xml)}`),
  ],
  [
    "second SignedInfo elsewhere",
    "several-signatures",
    (xml) => xml.replace(NAME, `<q:SignedInfo xmlns:q="urn:q"/>${NAME}`),
  ],
  ["SignedInfo within Object", "several-signatures", (xml) => withObject(xml, signedInfoOf(xml))],
  ["Object", "malformed", (xml) => withObject(xml, "")],
  ["signed root within Object", "several-signatures", (xml) => wrappedInObject(xml)],
  ["text in the signature", "malformed", (xml) => xml.replace("<ds:SignedInfo>", "x<ds:SignedInfo>")],
  [
    "signature value after KeyInfo",
    "malformed",
    (xml) =>
      xml.replace(/(<ds:SignatureValue>.*<\/ds:SignatureValue>)(<ds:KeyInfo>.*<\/ds:KeyInfo>)/s, "$2$1"),
  ],
  [
    "empty signature value",
    "malformed",
    (xml) => xml.replace(/<ds:SignatureValue>[^<]*/, "<ds:SignatureValue>"),
  ],
  [
    "signature value that is not base64",
    "malformed",
    (xml) => xml.replace("<ds:SignatureValue>", "<ds:SignatureValue>!"),
  ],
  [
    "element in the signature value",
    "malformed",
    (xml) => xml.replace("<ds:SignatureValue>", "<ds:SignatureValue><x/>"),
  ],
  ["no digest value", "malformed", (xml) => xml.replace(/<ds:DigestValue>[^<]*<\/ds:DigestValue>/, "")],
  ["two digest values", "malformed", (xml) => xml.replace(/<ds:DigestValue>[^<]*<\/ds:DigestValue>/, "$&$&")],
  [
    "certificate that is not base64",
    "malformed",
    (xml) => xml.replace("<ds:X509Certificate>", "<ds:X509Certificate>#"),
  ],
  ["same ID twice", "duplicate-id", (xml) => xml.replace("<saml2:NameID>", '<saml2:NameID ID="_a1">')],
  ["same ID as Id", "duplicate-id", (xml) => xml.replace("<saml2:NameID>", '<saml2:NameID Id="_a1">')],
  ["same ID as id", "duplicate-id", (xml) => xml.replace("<saml2:NameID>", '<saml2:NameID id="_a1">')],
  [
    "same ID as AssertionID",
    "duplicate-id",
    (xml) => xml.replace("<saml2:NameID>", '<saml2:NameID AssertionID="_a1">'),
  ],
  [
    "same ID as xml:id",
    "duplicate-id",
    (xml) => xml.replace("<saml2:NameID>", '<saml2:NameID xml:id="_a1">'),
  ],
  [
    "foreign root",
    "malformed",
    (xml) => `<evil><saml2:NameID xmlns:saml2="${SAML}">root@vsphere.local</saml2:NameID>${xml}</evil>`,
  ],
  ["root of the right name around it", "signature-misplaced", (xml) => around(xml, '"_evil"')],
  ["root of the right name and ID around it", "duplicate-id", (xml) => around(xml, '"_a1"')],
  [
    "forged root, the signed one in its Advice",
    "signature-misplaced",
    (xml) => forged(xml, (inner) => `<saml2:Advice>${inner}</saml2:Advice>`),
  ],
  [
    "forged root with the signature, the signed one without",
    "reference-mismatch",
    (xml) => forged(without(xml), (inner) => signatureOf(xml) + inner),
  ],
  [
    "signed root with a nested assertion",
    "digest-mismatch",
    (xml) =>
      xml.replace("</saml2:Subject>", `</saml2:Subject><saml2:Advice>${assertion("_evil")}</saml2:Advice>`),
  ],
  [
    "assertion within the signature",
    "malformed",
    (xml) => xml.replace("</ds:Signature>", `${assertion("_evil")}</ds:Signature>`),
  ],
  ["deep nesting", "malformed", (xml) => xml.replace(NAME, "<a>".repeat(70) + "</a>".repeat(70))],
  [
    "many attributes",
    "malformed",
    (xml) =>
      xml.replace(
        "<saml2:NameID",
        `<saml2:NameID${Array.from({ length: 70 }, (_, i) => ` a${i}=""`).join("")}`,
      ),
  ],
  ["many elements", "malformed", (xml) => xml.replace(NAME, "<a/>".repeat(20_001))],
  ["more than 256 Ki", "malformed", (xml) => xml.replace(NAME, "a".repeat(256 * 1024))],
];

const signatureOf = (xml: string): string => /<ds:Signature .*<\/ds:Signature>/s.exec(xml)?.[0] ?? "";
const signedInfoOf = (xml: string): string => /<ds:SignedInfo.*<\/ds:SignedInfo>/s.exec(xml)?.[0] ?? "";
const without = (xml: string): string => xml.replace(signatureOf(xml), "");
const moved = (xml: string, before: string): string =>
  without(xml).replace(before, `${signatureOf(xml)}${before}`);
const reprefixed = (xml: string): string => xml.replaceAll("saml2:", "q:").replace("xmlns:saml2", "xmlns:q");
const withObject = (xml: string, inner: string): string =>
  xml.replace("</ds:Signature>", `<ds:Object>${inner}</ds:Object></ds:Signature>`);
const around = (xml: string, id: string): string =>
  `<saml2:Assertion xmlns:saml2="${SAML}" ID=${id}>${xml}</saml2:Assertion>`;
const forged = (xml: string, put: (inner: string) => string): string =>
  assertion("_evil", "root@vsphere.local").replace("<saml2:Conditions", `${put(xml)}<saml2:Conditions`);
/** Evil root, signature as its child, the signed assertion and its own copy of the signature in an Object. */
const wrappedInObject = (xml: string): string =>
  assertion("_evil", "root@vsphere.local").replace(
    "<saml2:Subject>",
    `${withObject(signatureOf(xml), xml)}<saml2:Subject>`,
  );
function flip(xml: string, element: string): string {
  return xml.replace(
    new RegExp(`(<ds:${element}>)(.)`),
    (_all, tag, first) => tag + (first === "A" ? "B" : "A"),
  );
}

describe("a document that was tampered with", () => {
  test.each(ATTACKS)("is refused: %s", async (_name, reason, attack) => {
    const xml = signEnveloped(assertion(), signer);
    const attacked = attack(xml);
    expect(attacked).not.toBe(xml);
    expect((await refusal(attacked)).reason).toBe(reason);
  });

  test("is refused whatever character of what is signed was changed", async () => {
    const xml = signEnveloped(assertion(), signer);
    const signed = without(xml);
    const places = [...signed.matchAll(/[A-Za-z0-9]/g)].map((match) => match.index);
    expect(places.length).toBeGreaterThan(500);
    const signature = signatureOf(xml);
    for (const at of places.filter((_, index) => index % 7 === 0)) {
      const changed = `${signed.slice(0, at)}${signed[at] === "x" ? "y" : "x"}${signed.slice(at + 1)}`;
      const put = changed.replace("<saml2:Subject>", `${signature}<saml2:Subject>`);
      await expect(verified(put), changed.slice(at - 10, at + 10)).rejects.toThrow(VerificationError);
    }
  });
});

describe("a document cut up and put together again", () => {
  const place = fc.nat({ max: 10_000 });
  const piece = fc.oneof(
    fc.constantFrom(
      "<",
      ">",
      "&",
      '"',
      "=",
      " ",
      "\n",
      "\r",
      "<!---->",
      "<?x?>",
      "<![CDATA[",
      "]]>",
      "</",
      "&#13;",
      "",
    ),
    fc.constantFrom(
      ' xmlns:xs="urn:x"',
      ' xmlns="urn:x"',
      ' xml:lang="x"',
      ' xmlnsx="1"',
      ' ID="_a1"',
      "<x/>",
      "A",
    ),
    fc.tuple(place, fc.nat({ max: 400 })),
  );

  test("is refused, or still says what was signed", async () => {
    const xml = signEnveloped(assertion(), signer);
    const signed = await verified(xml);
    const edit = fc.record({ at: place, drop: fc.nat({ max: 3 }), put: piece });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 3 }), async (edits) => {
        let edited = xml;
        for (const { at, drop, put } of edits) {
          const from = at % edited.length;
          const inserted = typeof put === "string" ? put : xml.slice(put[0] % xml.length).slice(0, put[1]);
          edited = edited.slice(0, from) + inserted + edited.slice(from + drop);
        }
        const said = await verified(edited).catch((error: unknown) => error);
        if (!(said instanceof VerificationError)) expect(said).toBe(signed);
      }),
      { numRuns: 1000 },
    );
  });
});

/** What is signed with the right key, and still not to be accepted. */
const UNACCEPTED: readonly [string, VerificationFailure, SigningOptions][] = [
  ["RSA with SHA-1", "algorithm-refused", { signatureMethod: `${DS}rsa-sha1` }],
  ["a SHA-1 digest", "algorithm-refused", { digestMethod: `${DS}sha1` }],
  [
    "RSA-PSS",
    "algorithm-refused",
    { signatureMethod: "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1" },
  ],
  ["HMAC", "algorithm-refused", { signatureMethod: `${DS}hmac-sha1`, hmac: "secret" }],
  ["no signature algorithm", "algorithm-refused", { signatureMethod: "" }],
  [
    "inclusive canonicalization",
    "algorithm-refused",
    { canonicalization: "http://www.w3.org/TR/2001/REC-xml-c14n-20010315" },
  ],
  [
    "comments in SignedInfo's canonical form",
    "algorithm-refused",
    { canonicalization: `${EXC}WithComments` },
  ],
  ["comments in the canonical form", "algorithm-refused", { transforms: [ENVELOPED, `${EXC}WithComments`] }],
  ["no transform", "algorithm-refused", { transforms: [] }],
  ["the enveloped transform alone", "algorithm-refused", { transforms: [ENVELOPED] }],
  ["canonicalization alone", "algorithm-refused", { transforms: [EXC] }],
  ["transforms in the wrong order", "algorithm-refused", { transforms: [EXC, ENVELOPED] }],
  ["a third transform", "algorithm-refused", { transforms: [ENVELOPED, EXC, EXC] }],
  [
    "an XPath transform",
    "algorithm-refused",
    { transforms: ["http://www.w3.org/TR/1999/REC-xpath-19991116", EXC] },
  ],
  ["#default in the prefix list", "algorithm-refused", { prefixes: "#default xs" }],
  [
    "no Transforms element",
    "algorithm-refused",
    { editSignedInfo: (s) => s.replace(/<ds:Transforms>.*<\/ds:Transforms>/s, "") },
  ],
  ["the whole document by an empty URI", "reference-mismatch", { uri: "" }],
  ["an external URI", "reference-mismatch", { uri: "https://example.org/#_a1" }],
  ["an XPointer", "reference-mismatch", { uri: "#xpointer(id('_a1'))" }],
  [
    "two references",
    "reference-mismatch",
    { editSignedInfo: (s) => s.replace(/<ds:Reference .*<\/ds:Reference>/s, "$&$&") },
  ],
  [
    "no reference",
    "reference-mismatch",
    { editSignedInfo: (s) => s.replace(/<ds:Reference .*<\/ds:Reference>/s, "") },
  ],
  [
    "a truncated output length",
    "malformed",
    {
      editSignedInfo: (s) =>
        s.replace(
          "</ds:SignatureMethod>",
          "<ds:HMACOutputLength>8</ds:HMACOutputLength></ds:SignatureMethod>",
        ),
    },
  ],
  [
    "parameters of the enveloped transform",
    "malformed",
    { editSignedInfo: (s) => s.replace(`${ENVELOPED}">`, `${ENVELOPED}"><x/>`) },
  ],
];

describe("a document signed with the right key", () => {
  test.each(UNACCEPTED)("is refused with %s", async (_name, reason, options) => {
    expect((await refusal(signEnveloped(assertion(), signer, options))).reason).toBe(reason);
  });

  test("is refused when only a part of it is signed", async () => {
    const issuer = '<saml2:Issuer ID="_i">https://vc01.example</saml2:Issuer>';
    const xml = assertion().replace(/<saml2:Issuer>.*<\/saml2:Issuer>/, issuer);
    const partly = signEnveloped(xml, signer, {
      uri: "#_i",
      digested: issuer.replace(" ID", ` xmlns:saml2="${SAML}" ID`),
    });
    expect((await refusal(partly)).reason).toBe("reference-mismatch");
  });

  test("is not read by the key that it brings along", async () => {
    const xml = signEnveloped(assertion(), stranger);
    expect((await refusal(xml)).reason).toBe("signature-mismatch");
    expect((await refusal(signEnveloped(assertion(), stranger, { certificates: [signer.der] }))).reason).toBe(
      "signature-mismatch",
    );
  });

  test("is refused when it is longer than the caller allows", async () => {
    const xml = signEnveloped(assertion(), signer);
    await expect(openSignedDocument(xml, { ...OPTIONS, maxLength: xml.length - 1 })).rejects.toThrow(
      /longer than/,
    );
    await expect(openSignedDocument(xml, { ...OPTIONS, maxLength: xml.length })).resolves.toBeDefined();
  });

  test("of 50 MB is refused at once", async () => {
    const xml = signEnveloped(assertion("_big", "a".repeat(50_000_000)), signer, { digested: assertion() });
    await expect(openSignedDocument(xml, OPTIONS)).rejects.toThrow(/longer than 262144/);
  });
});
