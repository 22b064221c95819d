import { X509Certificate } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { InvalidArgumentError, VerificationError } from "../../src/errors.ts";
import {
  firstUseAnchors,
  type VerifiedAssertion,
  type VerifyOptions,
  verifyAssertion,
} from "../../src/saml/index.ts";
import { makeRsaCertificate, makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import {
  type AssertionParts,
  assertionXml,
  issueAssertion,
  later,
  makeSts,
  NOW,
  type Sts,
  signXml,
  VALID,
} from "./assertions.ts";

let sts: Sts;
let evil: Sts;
let holder: RsaIdentity;
let genuine: string;

beforeAll(async () => {
  [sts, evil] = await Promise.all([makeSts(), makeSts("Evil")]);
  holder = await makeRsaSelfSigned("client");
  genuine = issueAssertion(sts);
});

function verify(token: string | Uint8Array, options: Partial<VerifyOptions> = {}) {
  return verifyAssertion(token, { anchors: sts.root.cert, at: NOW, ...options });
}

function issue(parts: AssertionParts = {}) {
  return issueAssertion(sts, parts);
}

async function refusal(
  token: string | Uint8Array,
  options: Partial<VerifyOptions> = {},
): Promise<VerificationError> {
  try {
    await verify(token, options);
  } catch (error) {
    if (error instanceof VerificationError) return error;
    throw error;
  }
  throw new Error("accepted");
}

async function reason(token: string | Uint8Array, options: Partial<VerifyOptions> = {}) {
  return (await refusal(token, options)).reason;
}

describe("verifyAssertion", () => {
  test("accepts what the Security Token Service issued, and shows what was signed", async () => {
    const token = issue({ renewCount: 9, delegates: ["svc@vsphere.local"], delegate: "svc@vsphere.local" });
    const { trust, info, chain } = await verify(token);
    expect(trust).toBe("anchor");
    expect(info).toMatchObject({
      subject: "Administrator@VSPHERE.LOCAL",
      groups: ["vsphere.local\\Administrators", "vsphere.local\\Everyone"],
      renewCount: 9,
      delegates: [{ subject: "svc@vsphere.local" }],
      unknownConditions: [],
      bytes: Buffer.byteLength(token),
      signature: { signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" },
    });
    expect(chain.map((c) => c.subject)).toEqual(["CN=ssoserverSign", "CN=CA"]);
    expect(info.certificates).toEqual(chain);
  });

  test("tells an authority, whose every certificate could have signed, from the signing certificate", async () => {
    expect((await verify(genuine)).anchoredBy).toBe("authority");
    expect((await verify(genuine, { anchors: sts.signing.cert })).anchoredBy).toBe("signing-certificate");
    // The key of a solution user of the same authority.
    const user = await makeRsaCertificate(sts.root, "vpxd", VALID);
    const forged = signXml(assertionXml(), {
      key: user.privateKey,
      certificates: [user.der, sts.root.der],
    });
    expect((await verify(forged)).anchoredBy).toBe("authority");
    expect(await reason(forged, { anchors: sts.signing.cert })).toBe("untrusted");
    const firstUse = { anchors: firstUseAnchors(genuine), at: NOW };
    expect((await verifyAssertion(genuine, firstUse)).anchoredBy).toBe("signing-certificate");
  });

  test("takes anchors as PEM, DER, certificates and lists of them", async () => {
    for (const anchors of [
      sts.root.cert,
      `text before\n${evil.root.cert}\n${sts.root.cert}`,
      Buffer.from(sts.root.cert),
      sts.root.der,
      new X509Certificate(sts.root.der),
      [evil.root.cert, sts.signing.der],
    ]) {
      expect((await verify(genuine, { anchors })).trust).toBe("anchor");
    }
  });

  test("accepts what a file adds around the assertion", async () => {
    for (const token of [`\uFEFF${genuine}`, `<?xml version="1.0" encoding="UTF-8"?>\n${genuine}\n`]) {
      expect((await verify(token)).info.subject).toBe("Administrator@VSPHERE.LOCAL");
      expect((await verify(Buffer.from(token))).info.subject).toBe("Administrator@VSPHERE.LOCAL");
    }
  });

  test.each([
    ["sha256", "sha256", ["xs", "xsi"]],
    ["sha384", "sha384", []],
    ["sha512", "sha512", ["xs", "xsi"]],
    // vCenter's own mixture.
    ["sha384", "sha512", ["xs", "xsi"]],
  ] as const)("accepts rsa-%s over %s", async (hash, digest, prefixes) => {
    const token = signXml(assertionXml({ renewCount: 1 }), {
      key: sts.signing.privateKey,
      certificates: sts.chain,
      hash,
      digest,
      prefixes,
    });
    expect((await verify(token)).info.renewCount).toBe(1);
  });

  test("keeps its tolerance on both sides, to the millisecond", async () => {
    const ms = (date: Date, by: number) => new Date(date.getTime() + by);
    for (const [toleranceSeconds, tolerance] of [
      [undefined, 60],
      [0, 0],
      [300, 300],
    ] as const) {
      const from = later(-60 - tolerance);
      const until = later(240 + tolerance);
      expect((await verify(genuine, { at: from, toleranceSeconds })).trust).toBe("anchor");
      expect((await verify(genuine, { at: ms(until, -1), toleranceSeconds })).trust).toBe("anchor");
      expect(await reason(genuine, { at: ms(from, -1), toleranceSeconds })).toBe("not-yet-valid");
      expect(await reason(genuine, { at: until, toleranceSeconds })).toBe("expired");
    }
  });

  test("judges as of now unless told otherwise", async () => {
    const error = await verifyAssertion(genuine, { anchors: sts.root.cert, at: later(3600) }).catch((e) => e);
    expect(error.message).toContain(
      "ended at 2026-03-04T12:04:00.000Z; it was judged as of 2026-03-04T13:00:00.000Z",
    );
    const from = new Date(Date.now() - 1000);
    const until = new Date(Date.now() + 100_000);
    const signing = await makeRsaSelfSigned("fresh");
    const token = signXml(assertionXml({ notBefore: from, notOnOrAfter: until }), {
      key: signing.privateKey,
    });
    expect((await verifyAssertion(token, { anchors: signing.cert })).info.notOnOrAfter).toEqual(until);
  });

  test("does not look at the time of issue, which vCenter sets after NotBefore", async () => {
    expect((await verify(issue({ issuedAt: "2026-03-04T12:03:59.999Z" }))).trust).toBe("anchor");
  });

  test("refuses times that contradict each other", async () => {
    for (const token of [
      issue({ notBefore: later(10), notOnOrAfter: later(10) }),
      issue({ notBefore: later(20), notOnOrAfter: later(10) }),
      issue({ confirmationEnd: later(241) }),
    ]) {
      expect(await reason(token)).toBe("conditions-invalid");
    }
    expect(await reason(issue({ confirmationEnd: later(10) }), { at: later(10), toleranceSeconds: 0 })).toBe(
      "expired",
    );
    expect((await verify(issue({ confirmationEnd: null }))).trust).toBe("anchor");
  });

  test("holds an assertion to the audience that is expected", async () => {
    const token = issue({
      audiences: ["urn:a", "urn:b"],
      conditions:
        "<saml2:AudienceRestriction><saml2:Audience>urn:b</saml2:Audience></saml2:AudienceRestriction>",
    });
    expect((await verify(token)).info.audiences).toEqual(["urn:a", "urn:b"]);
    expect((await verify(token, { audience: "urn:b" })).trust).toBe("anchor");
    expect((await verify(token, { audience: ["urn:x", "urn:b"] })).trust).toBe("anchor");
    // In one restriction, but not in the other.
    expect(await reason(token, { audience: "urn:a" })).toBe("audience-mismatch");
    const other = await refusal(token, { audience: "urn:c" });
    expect([other.reason, other.message]).toEqual([
      "audience-mismatch",
      'Not verified: the assertion is meant for another audience: "urn:a", "urn:b"',
    ]);
    expect(await reason(genuine, { audience: "urn:a" })).toBe("audience-mismatch");
    expect(await reason(issue({ audiences: [] }), { audience: "urn:a" })).toBe("audience-mismatch");
  });

  test("holds an assertion to the holder's certificate", async () => {
    const token = issue({ holder: holder.der });
    const other = await makeRsaSelfSigned("client", { keys: holder.keys });
    const pair = { certificate: holder.cert, key: holder.key };
    for (const holderOfKey of [holder.cert, holder.der, holder.certificate, pair]) {
      expect((await verify(token, { holderOfKey })).info.kind).toBe("holder-of-key");
    }
    expect(await reason(token, { holderOfKey: other.cert })).toBe("holder-mismatch");
    expect(await reason(genuine, { holderOfKey: holder.cert })).toBe("holder-mismatch");
    expect(await reason(issue({ holder: Buffer.from("x") }), { holderOfKey: holder.cert })).toBe(
      "holder-mismatch",
    );
    expect((await verify(token)).info.kind).toBe("holder-of-key");
  });

  test("refuses conditions that it does not know, unless they are allowed", async () => {
    const condition = '<saml2:Condition xmlns:n="urn:new" Level="3" xsi:type="n:NewType"></saml2:Condition>';
    const error = await refusal(issue({ conditions: condition }));
    expect([error.reason, error.message]).toEqual(["conditions-invalid", expect.stringContaining("NewType")]);
    const { info } = await verify(issue({ conditions: condition }), { allowUnknownConditions: true });
    expect(info.unknownConditions).toHaveLength(1);
    expect(
      (await verify(issue({ conditions: "<saml2:OneTimeUse></saml2:OneTimeUse>" }))).info.oneTimeUse,
    ).toBe(true);
  });

  test("refuses names and types that are not what they must be", async () => {
    for (const parts of [
      { subject: "Administrator" },
      { subject: "a@b@c" },
      { subject: "@b" },
      { delegates: ["svc"] },
      { solution: "maybe" },
      { solution: "" },
    ]) {
      expect(await reason(issue(parts))).toBe("conditions-invalid");
    }
    const plain = "urn:oasis:names:tc:SAML:1.1:nameid-format:X509SubjectName";
    expect((await verify(issue({ subject: "CN=a", subjectFormat: plain }))).info.subject).toBe("CN=a");
  });

  test("refuses several confirmations, one of which might be weaker", async () => {
    const bearer =
      '<saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"></saml2:SubjectConfirmation>';
    const xml = assertionXml({ holder: holder.der }).replace("</saml2:Subject>", `${bearer}</saml2:Subject>`);
    const token = signXml(xml, { key: sts.signing.privateKey, certificates: sts.chain });
    expect(await reason(token)).toBe("conditions-invalid");
  });

  test.each([
    ["no anchors", { anchors: [] }],
    ["an empty anchor", { anchors: "" }],
    [
      "an anchor that is no certificate",
      { anchors: "-----BEGIN CERTIFICATE-----\nxxxx\n-----END CERTIFICATE-----" },
    ],
    ["a path in the place of a PEM", { anchors: "/etc/ssl/ca.pem" }],
    ["a broken DER", { anchors: Buffer.from([0x30, 0x03, 1, 2, 3]) }],
    ["something else", { anchors: [{}] as unknown as string[] }],
    ["no date", { at: new Date("x") }],
    ["a negative tolerance", { toleranceSeconds: -1 }],
    ["a tolerance without end", { toleranceSeconds: Number.POSITIVE_INFINITY }],
    ["no audience at all", { audience: [] }],
    ["an empty audience", { audience: "" }],
    ["a holder that is no certificate", { holderOfKey: "client.pem" }],
  ] as [string, Partial<VerifyOptions>][])("cannot use %s", async (_name, options) => {
    await expect(verify(genuine, options)).rejects.toThrow(InvalidArgumentError);
  });
});

describe("verifyAssertion refuses", () => {
  test("an assertion of another issuer, though it says the same", async () => {
    const forged = issueAssertion(evil);
    expect(await reason(forged)).toBe("untrusted");
    expect(await reason(genuine, { anchors: evil.root.cert })).toBe("untrusted");
    const borrowed = signXml(assertionXml(), { key: evil.signing.privateKey, certificates: sts.chain });
    expect(await reason(borrowed)).toBe("signature-mismatch");
  });

  test("an assertion that is not signed", async () => {
    expect(await reason(assertionXml())).toBe("unsigned");
  });

  test("SHA-1", async () => {
    const parts = { key: sts.signing.privateKey, certificates: sts.chain };
    expect(await reason(signXml(assertionXml(), { ...parts, hash: "sha1" }))).toBe("algorithm-refused");
    expect(await reason(signXml(assertionXml(), { ...parts, digest: "sha1" }))).toBe("algorithm-refused");
  });

  const MALFORMED = ["malformed"];
  const CHANGED = ["digest-mismatch", "signature-mismatch"];
  test.each([
    ["nothing", () => "", MALFORMED],
    ["half of it", (t: string) => t.slice(0, t.length / 2), MALFORMED],
    ["all but its end tag", (t: string) => t.slice(0, -1), MALFORMED],
    ["another subject", (t: string) => t.replace("Administrator@", "Administratos@"), CHANGED],
    ["another group", (t: string) => t.replace("\\Everyone", "\\ActAsUsers"), CHANGED],
    ["a later end", (t: string) => t.replaceAll("T12:04:00", "T13:04:00"), CHANGED],
    ["another ID", (t: string) => t.replaceAll("_9a1f", "_9a1e"), CHANGED],
    ["a removed attribute", (t: string) => t.replace(/<saml2:Attribute .*?<\/saml2:Attribute>/, ""), CHANGED],
    ["re-indented", (t: string) => t.replaceAll("><saml2:", ">\n  <saml2:"), CHANGED],
    [
      "re-prefixed",
      (t: string) => t.replaceAll("saml2:", "s:").replaceAll("xmlns:saml2", "xmlns:s"),
      CHANGED,
    ],
    ["a comment in a name", (t: string) => t.replace("Administrator@", "Admin<!---->istrator@"), MALFORMED],
    [
      "a comment anywhere",
      (t: string) => t.replace("<saml2:Conditions", "<!-- c --><saml2:Conditions"),
      MALFORMED,
    ],
    [
      "an instruction in a name",
      (t: string) => t.replace("Administrator@", "Admin<?p x?>istrator@"),
      MALFORMED,
    ],
    ["a comment after it", (t: string) => `${t}<!-- c -->`, MALFORMED],
    ["a DOCTYPE", (t: string) => `<!DOCTYPE Assertion>${t}`, MALFORMED],
    ["an entity", (t: string) => `<!DOCTYPE a [<!ENTITY e "A">]>${t.replace("Admin", "&e;dmin")}`, MALFORMED],
    [
      "another name in CDATA",
      (t: string) => t.replace("Administrator@", "<![CDATA[administrator@]]>"),
      CHANGED,
    ],
    [
      "another assertion",
      () => assertionXml().replace("</saml2:Issuer>", "</saml2:Issuer><x/>"),
      ["unsigned"],
    ],
    [
      "a SAML 1.1 assertion",
      (t: string) => t.replaceAll("SAML:2.0:assertion", "SAML:1.0:assertion"),
      MALFORMED,
    ],
  ] as [string, (token: string) => string, string[]][])("%s", async (_name, change, reasons) => {
    const changed = change(genuine);
    expect(changed).not.toBe(genuine);
    expect(reasons).toContain(await reason(changed));
  });

  test.each([
    ["saml2:Subject", 'xmlnsEvil="1"'],
    ["saml2:Assertion", 'xmlnsID="_9"'],
    ["ds:SignedInfo", 'xmlns-="1"'],
  ])("an attribute of %s that the canonical form would leave out: %s", async (name, attribute) => {
    const error = await refusal(genuine.replace(`<${name}`, `<${name} ${attribute}`));
    expect([error.reason, error.message]).toEqual([
      "malformed",
      expect.stringContaining("begins with xmlns"),
    ]);
  });

  test("a prefix whose attributes the canonical form would leave out, though the issuer wrote it", async () => {
    const more = '<saml2:Advice><xmlnsx:a xmlns:xmlnsx="urn:x"></xmlnsx:a></saml2:Advice>';
    const token = issue({ more });
    expect(await reason(token.replace("<xmlnsx:a", '<xmlnsx:a xmlnsx:evil="1"'))).toBe("malformed");
    expect(await reason(token)).toBe("malformed");
    const harmless = token.replaceAll("xmlnsx", "x");
    expect(await reason(harmless)).toBe("digest-mismatch");
    expect((await verify(issue({ more: more.replaceAll("xmlnsx", "x") }))).trust).toBe("anchor");
  });

  test("50 MB, at once", async () => {
    const body = Buffer.alloc(50 * 1024 * 1024, "<a>");
    expect(await reason(body)).toBe("malformed");
    expect(await reason(body.toString("latin1"))).toBe("malformed");
    expect(await reason(genuine, { maxLength: 1000 })).toBe("malformed");
  });

  test("any change of any one byte that changes what is read", async () => {
    const bytes = Buffer.from(genuine);
    const expected = JSON.stringify((await verify(genuine)).info.attributes);
    await fc.assert(
      fc.asyncProperty(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const changed = Buffer.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ flip;
        const outcome = await verify(changed).catch((error: unknown) => error);
        if (outcome instanceof Error) {
          expect(outcome).toBeInstanceOf(VerificationError);
        } else {
          // Only what does not count, such as a line end in base64 or a certificate that is not needed.
          const { info } = outcome as Awaited<ReturnType<typeof verify>>;
          expect([info.subject, JSON.stringify(info.attributes)]).toEqual([
            "Administrator@VSPHERE.LOCAL",
            expected,
          ]);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe("signature wrapping is refused", () => {
  const signatureOf = (token: string) => /<ds:Signature .*<\/ds:Signature>/s.exec(token)?.[0] ?? "";
  const forgedFor = (id: string) => assertionXml({ id, subject: "attacker@vsphere.local" });
  /** Puts XML after the forged Issuer. */
  const into = (forged: string, xml: string) => forged.replace("</saml2:Issuer>", `</saml2:Issuer>${xml}`);
  const unsigned = (token: string) => token.replace(signatureOf(token), "");
  const GENUINE_ID = "_9a1f0a36-3cb4-4f0c-8f0e-1d7a5d3f6a10";

  test.each([
    ["under a foreign root", (t: string) => `<Response>${forgedFor("_evil")}${t}</Response>`],
    ["beside a second assertion", (t: string) => `${forgedFor("_evil")}${t}`],
    [
      "genuine in the forged one's signature",
      (t: string) =>
        into(
          forgedFor("_evil"),
          signatureOf(t).replace("</ds:Signature>", `<ds:Object>${unsigned(t)}</ds:Object></ds:Signature>`),
        ),
    ],
    ["genuine within the forged", (t: string) => into(forgedFor("_evil"), t)],
    [
      "genuine, without its signature, within the forged",
      (t: string) => into(forgedFor("_evil"), signatureOf(t) + unsigned(t)),
    ],
    [
      "genuine in the advice of the forged",
      (t: string) =>
        forgedFor("_evil").replace(
          "<saml2:AuthnStatement",
          `<saml2:Advice>${t}</saml2:Advice><saml2:AuthnStatement`,
        ),
    ],
    ["the same ID twice", (t: string) => into(forgedFor(GENUINE_ID), signatureOf(t) + unsigned(t))],
    ["only the ID taken over", (t: string) => into(forgedFor(GENUINE_ID), signatureOf(t))],
    [
      "forged within the genuine",
      (t: string) => t.replace("</saml2:Assertion>", `${forgedFor("_evil")}</saml2:Assertion>`),
    ],
    [
      "forged in the genuine signature",
      (t: string) =>
        t.replace("</ds:Signature>", `<ds:Object>${forgedFor("_evil")}</ds:Object></ds:Signature>`),
    ],
    [
      "signature moved down",
      (t: string) => unsigned(t).replace("</saml2:Subject>", `${signatureOf(t)}</saml2:Subject>`),
    ],
    ["two signatures", (t: string) => t.replace(signatureOf(t), signatureOf(t) + signatureOf(t))],
    ["two SignedInfo", (t: string) => t.replace(/<ds:SignedInfo>.*<\/ds:SignedInfo>/s, "$&$&")],
    ["two references", (t: string) => t.replace(/<ds:Reference .*<\/ds:Reference>/s, "$&$&")],
    ["a reference to the whole document", (t: string) => t.replace(`URI="#${GENUINE_ID}"`, 'URI=""')],
    [
      "a second Subject",
      (t: string) =>
        t.replace(
          /<saml2:Subject>.*?<\/saml2:Subject>/s,
          "<saml2:Subject><saml2:NameID>attacker@x</saml2:NameID></saml2:Subject>$&",
        ),
    ],
    [
      "a second ID attribute",
      (t: string) => t.replace(` ID="${GENUINE_ID}"`, ` ID="_evil" Id="${GENUINE_ID}"`),
    ],
  ] as [string, (token: string) => string][])("%s", async (_name, wrap) => {
    const wrapped = wrap(genuine);
    expect(wrapped).not.toBe(genuine);
    expect((await refusal(wrapped)).code).toBe("TOKEN_NOT_VERIFIED");
  });
});

describe("trust on first use", () => {
  test("finds the signer's certificate, and says that nobody vouches for it", async () => {
    const anchors = firstUseAnchors(issueAssertion(evil));
    expect(anchors.certificate.sha256).toBe(evil.signing.certificate.fingerprint256);
    const outcome = await verifyAssertion(issueAssertion(evil), { anchors, at: NOW });
    expect([outcome.trust, outcome.info.subject]).toEqual(["first-use", "Administrator@VSPHERE.LOCAL"]);
    // What was kept becomes an anchor by the caller's decision.
    const later = await verify(issueAssertion(evil), { anchors: anchors.certificate.pem });
    expect(later.trust).toBe("anchor");
  });

  test("does not take a token of another signer, nor a changed one", async () => {
    const anchors = firstUseAnchors(issueAssertion(evil));
    const error = await verifyAssertion(genuine, { anchors, at: NOW }).catch((e) => e);
    expect(error.reason).toBe("untrusted");
    const changed = issueAssertion(evil).replace("Administrator@", "Administratos@");
    expect((await verifyAssertion(changed, { anchors, at: NOW }).catch((e) => e)).reason).toBe(
      "digest-mismatch",
    );
  });

  test("is no verification to the compiler either", async () => {
    const outcome = await verifyAssertion(genuine, { anchors: firstUseAnchors(genuine), at: NOW });
    // @ts-expect-error what nobody vouches for is not a VerifiedAssertion
    const verified: VerifiedAssertion = outcome;
    const { anchoredBy, info, chain } = outcome;
    // @ts-expect-error nor is an object that only looks like one
    const lookalike: VerifiedAssertion = { trust: "anchor", anchoredBy, info, chain };
    expect([verified.trust, lookalike.trust]).toEqual(["first-use", "anchor"]);
  });

  test("cannot be mixed with anchors, made up, or had without a certificate", async () => {
    const anchors = firstUseAnchors(genuine);
    await expect(verify(genuine, { anchors: [sts.root.cert, anchors as unknown as string] })).rejects.toThrow(
      InvalidArgumentError,
    );
    const madeUp = { ...anchors } as unknown as string;
    await expect(verify(genuine, { anchors: madeUp })).rejects.toThrow(InvalidArgumentError);
    const bare = signXml(assertionXml(), { key: sts.signing.privateKey });
    expect(() => firstUseAnchors(bare)).toThrow(VerificationError);
  });
});
