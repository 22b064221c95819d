import { beforeAll, describe, expect, test } from "vitest";
import { TokenError } from "../../src/errors.ts";
import { holderCertificate, inspectAssertion } from "../../src/saml/index.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import {
  assertionXml,
  attribute,
  ISSUER,
  issueAssertion,
  later,
  makeSts,
  NOW,
  type Sts,
} from "./assertions.ts";

let sts: Sts;
let holder: RsaIdentity;

beforeAll(async () => {
  sts = await makeSts();
  holder = await makeRsaSelfSigned("client");
});

function refusal(token: string | Uint8Array): TokenError {
  try {
    inspectAssertion(token);
  } catch (error) {
    if (error instanceof TokenError) return error;
    throw error;
  }
  throw new Error("accepted");
}

describe("inspectAssertion", () => {
  test("shows all of a bearer token", () => {
    const token = issueAssertion(sts, { renewCount: 9 });
    const { certificates, ...info } = inspectAssertion(token);
    expect(info).toEqual({
      id: "_9a1f0a36-3cb4-4f0c-8f0e-1d7a5d3f6a10",
      issuedAt: NOW,
      issuer: ISSUER,
      issuerFormat: "urn:oasis:names:tc:SAML:2.0:nameid-format:entity",
      subject: "Administrator@VSPHERE.LOCAL",
      subjectFormat: "http://schemas.xmlsoap.org/claims/UPN",
      kind: "bearer",
      confirmation: {
        method: "urn:oasis:names:tc:SAML:2.0:cm:bearer",
        notBefore: null,
        notOnOrAfter: later(240),
        recipient: null,
        inResponseTo: null,
        nameId: null,
        certificate: null,
      },
      otherConfirmations: [],
      notBefore: later(-60),
      notOnOrAfter: later(240),
      renewable: true,
      delegatable: true,
      renewCount: 9,
      delegationCount: 10,
      renewRestriction: { count: 9, postdatable: false, renewExpired: false },
      delegates: [],
      audiences: [],
      audienceRestrictions: [],
      oneTimeUse: false,
      unknownConditions: [],
      groups: ["vsphere.local\\Administrators", "vsphere.local\\Everyone"],
      isSolution: false,
      attributes: [
        {
          name: "http://rsa.com/schemas/attr-names/2009/01/GroupIdentity",
          friendlyName: "Groups",
          nameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:uri",
          values: ["vsphere.local\\Administrators", "vsphere.local\\Everyone"],
        },
        {
          name: "http://vmware.com/schemas/attr-names/2011/07/isSolution",
          friendlyName: "Subject Type",
          nameFormat: "urn:oasis:names:tc:SAML:2.0:attrname-format:uri",
          values: ["false"],
        },
      ],
      advice: [],
      unknownAdvice: [],
      authentication: [
        {
          instant: NOW,
          context: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",
          sessionIndex: null,
          sessionNotOnOrAfter: null,
        },
      ],
      unknownStatements: [],
      signature: {
        signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
        digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
        canonicalizationAlgorithm: "http://www.w3.org/2001/10/xml-exc-c14n#",
        transforms: [
          "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
          "http://www.w3.org/2001/10/xml-exc-c14n#",
        ],
        inclusivePrefixes: ["xs", "xsi"],
      },
      unreadableCertificates: 0,
      bytes: Buffer.byteLength(token),
    });
    expect(certificates.map((c) => [c.subject, c.sha256])).toEqual([
      ["CN=ssoserverSign", sts.signing.certificate.fingerprint256],
      ["CN=CA", sts.root.certificate.fingerprint256],
    ]);
  });

  test("shows the holder of a holder-of-key token, and the chain of delegation", () => {
    const info = inspectAssertion(
      issueAssertion(sts, {
        holder: holder.der,
        delegate: "svc@vsphere.local",
        delegates: ["first@vsphere.local", "svc@vsphere.local"],
        proxyCount: 0,
      }),
    );
    expect(info.kind).toBe("holder-of-key");
    expect(info.confirmation.nameId).toBe("svc@vsphere.local");
    expect(info.confirmation.certificate?.sha256).toBe(holder.certificate.fingerprint256);
    expect(holderCertificate(info)?.equals(holder.der)).toBe(true);
    expect(info.delegates).toEqual([
      { subject: "first@vsphere.local", format: "http://schemas.xmlsoap.org/claims/UPN", instant: NOW },
      { subject: "svc@vsphere.local", format: "http://schemas.xmlsoap.org/claims/UPN", instant: NOW },
    ]);
    expect([info.delegatable, info.delegationCount, info.renewable, info.renewCount]).toEqual([
      false,
      0,
      false,
      null,
    ]);
  });

  test("shows audiences, recipient, one-time use and advice", () => {
    const info = inspectAssertion(
      assertionXml({
        audiences: ["urn:a", "urn:b"],
        confirmationAttributes: ' Recipient="https://r.example/" InResponseTo="_req"',
        conditions:
          "<saml2:OneTimeUse></saml2:OneTimeUse><saml2:AudienceRestriction><saml2:Audience> urn:b\n</saml2:Audience></saml2:AudienceRestriction>",
        advice: `<rsa:RSAAdvice xmlns:rsa="http://www.rsa.com/names/2009/12/std-ext/WS-Trust1.4/advice" AdviceSource="urn:src">${attribute("urn:role", "Role", ["a", "b"])}</rsa:RSAAdvice><x:Other xmlns:x="urn:x">text</x:Other>`,
      }),
    );
    expect(info.audiences).toEqual(["urn:a", "urn:b"]);
    expect(info.audienceRestrictions).toEqual([["urn:a", "urn:b"], ["urn:b"]]);
    expect(info.confirmation).toMatchObject({ recipient: "https://r.example/", inResponseTo: "_req" });
    expect(info.oneTimeUse).toBe(true);
    expect(info.advice).toMatchObject([
      { source: "urn:src", attributes: [{ name: "urn:role", values: ["a", "b"] }] },
    ]);
    expect(info.unknownAdvice).toMatchObject([{ namespace: "urn:x", name: "Other", text: "text" }]);
    expect(info.signature).toBeNull();
    expect(info.certificates).toEqual([]);
  });

  test("shows conditions and statements that it does not know, and drops none of them", () => {
    const info = inspectAssertion(
      assertionXml({
        conditions:
          '<saml2:Condition xmlns:n="urn:new" Level="3" xsi:type="n:NewType"><n:Inner n:a="1">deep</n:Inner></saml2:Condition><n:Foreign xmlns:n="urn:new"></n:Foreign>',
        more: '<saml2:AuthzDecisionStatement Resource="urn:r"></saml2:AuthzDecisionStatement>',
      }),
    );
    expect(info.unknownConditions).toEqual([
      {
        namespace: "urn:oasis:names:tc:SAML:2.0:assertion",
        name: "Condition",
        type: "{urn:new}NewType",
        attributes: [
          { name: "Level", value: "3" },
          { name: "{http://www.w3.org/2001/XMLSchema-instance}type", value: "n:NewType" },
        ],
        text: "",
        children: [
          {
            namespace: "urn:new",
            name: "Inner",
            type: null,
            attributes: [{ name: "{urn:new}a", value: "1" }],
            text: "deep",
            children: [],
          },
        ],
      },
      { namespace: "urn:new", name: "Foreign", type: null, attributes: [], text: "", children: [] },
    ]);
    expect(info.unknownStatements.map((s) => s.name)).toEqual(["AuthzDecisionStatement"]);
  });

  test("takes a type of another namespace for what it is: unknown", () => {
    const info = inspectAssertion(
      assertionXml({
        conditions:
          '<saml2:Condition xmlns:rsa="urn:other" Count="5" xsi:type="rsa:RenewRestrictionType"></saml2:Condition>',
      }),
    );
    expect([info.renewable, info.unknownConditions[0]?.type]).toEqual([
      false,
      "{urn:other}RenewRestrictionType",
    ]);
  });

  test.each([
    ["2026-03-04T12:00:00Z", "2026-03-04T12:00:00.000Z"],
    ["2026-03-04T12:00:00.5Z", "2026-03-04T12:00:00.500Z"],
    ["2026-03-04T12:00:00.123456789Z", "2026-03-04T12:00:00.123Z"],
    ["2026-03-04T12:00:00+00:00", "2026-03-04T12:00:00.000Z"],
    ["2024-02-29T23:59:59.999Z", "2024-02-29T23:59:59.999Z"],
    ["2026-02-28T24:00:00Z", "2026-03-01T00:00:00.000Z"],
  ])("reads the time %s", (written, meant) => {
    expect(inspectAssertion(assertionXml({ issuedAt: written })).issuedAt.toISOString()).toBe(meant);
  });

  test.each([
    "2026-03-04T12:00:00",
    "2026-03-04T12:00:00+01:00",
    "2026-02-30T12:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-02-29T24:00:00Z",
    "2026-03-04T24:00:01Z",
    "2026-13-01T12:00:00Z",
    "2026-03-04T25:00:00Z",
    "2026-03-04",
    "2026-03-04 12:00:00Z",
    "+012026-03-04T12:00:00Z",
    "yesterday",
  ])("refuses the time %s", (written) => {
    expect(refusal(assertionXml({ issuedAt: written })).message).toContain("IssueInstant");
    expect(refusal(assertionXml({ notOnOrAfter: written, confirmationEnd: null })).message).toContain(
      "NotOnOrAfter",
    );
  });

  test("reads a value through comments, whole", () => {
    const token = assertionXml().replace(
      "Administrator@VSPHERE.LOCAL",
      "Admin<!-- x -->istrator@VSPHERE<!---->.LOCAL",
    );
    expect(inspectAssertion(token).subject).toBe("Administrator@VSPHERE.LOCAL");
  });

  test("keeps names to the character", () => {
    expect(inspectAssertion(assertionXml({ subject: " Ädmin &lt;&amp;&gt;@x\n" })).subject).toBe(
      " Ädmin <&>@x\n",
    );
  });

  test("reads the same under any prefix, and re-indented", () => {
    const token = issueAssertion(sts, { audiences: ["urn:a"], renewCount: 2, delegates: ["d@x"] });
    const bare = ({ bytes: _bytes, ...info }: ReturnType<typeof inspectAssertion>) => info;
    const expected = bare(inspectAssertion(token));
    expect(
      bare(inspectAssertion(token.replaceAll("saml2:", "s:").replaceAll("xmlns:saml2", "xmlns:s"))),
    ).toEqual(expected);
    expect(bare(inspectAssertion(token.replaceAll("><saml2:", ">\n  <saml2:")))).toEqual(expected);
  });

  test("accepts a byte order mark, an XML declaration and white space around the assertion", () => {
    const token = assertionXml();
    const dressed = `\uFEFF<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\r\n${token}\r\n\n`;
    expect(inspectAssertion(dressed)).toEqual(inspectAssertion(token));
    expect(inspectAssertion(Buffer.from(dressed))).toEqual(inspectAssertion(token));
    expect(inspectAssertion(new Uint8Array(Buffer.from(token)))).toEqual(inspectAssertion(token));
  });

  test("counts certificates that cannot be read, instead of failing on them", () => {
    const [der = Buffer.alloc(0)] = sts.chain;
    const token = issueAssertion(sts, { holder: Buffer.from("not a certificate") }).replace(
      der.toString("base64").slice(0, 40),
      `!!!!${der.toString("base64").slice(4, 40)}`,
    );
    const info = inspectAssertion(token);
    expect(info.certificates.map((c) => c.subject)).toEqual(["CN=CA"]);
    expect(info.unreadableCertificates).toBe(2);
    expect(info.confirmation.certificate).toBeNull();
    expect(holderCertificate(info)).toBeUndefined();
  });

  test("becomes JSON with the certificates, and nothing of the signature", () => {
    const token = issueAssertion(sts, { holder: holder.der });
    const json = JSON.stringify(inspectAssertion(token));
    expect(JSON.parse(json)).toMatchObject({
      notOnOrAfter: "2026-03-04T12:04:00.000Z",
      certificates: [{ subject: "CN=ssoserverSign" }, { subject: "CN=CA" }],
      confirmation: { certificate: { subject: "CN=client" } },
    });
    const signature = /<ds:SignatureValue>([^<]{40})/.exec(token)?.[1] ?? "";
    expect(json).not.toContain(signature);
  });

  test("takes a token that may be presented either way for bearer", () => {
    const bearer =
      '<saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"></saml2:SubjectConfirmation>';
    const token = assertionXml({ holder: holder.der }).replace(
      "</saml2:Subject>",
      `${bearer}</saml2:Subject>`,
    );
    const info = inspectAssertion(token);
    expect(info.kind).toBe("bearer");
    expect(info.otherConfirmations[0]?.certificate?.subject).toBe("CN=client");
    expect(holderCertificate(info)).toBeUndefined();
  });
});

describe("inspectAssertion refuses", () => {
  const token = assertionXml();
  const without = (pattern: RegExp) => token.replace(pattern, "");
  const twice = (pattern: RegExp) => token.replace(pattern, (found) => found + found);

  test.each([
    ["nothing", "", "empty"],
    ["white space", " \r\n\t", "empty"],
    ["a byte order mark alone", "\uFEFF", "empty"],
    ["an XML declaration alone", '<?xml version="1.0"?>\n', "empty"],
    ["half of it", token.slice(0, token.length / 2), "ends early"],
    ["all but its last character", token.slice(0, -1), "ends early"],
    ["base64", Buffer.from(token).toString("base64"), "something else"],
    ["a DOCTYPE", `<!DOCTYPE a>${token}`, "DOCTYPE"],
    ["entities", `<!DOCTYPE a [<!ENTITY e "x">]>${token.replace("Administrator", "&e;")}`, "DOCTYPE"],
    [
      "a processing instruction in a name",
      token.replace("Admin", "<?p adm?>Admin"),
      "processing instruction",
    ],
    ["a second root", `${token}<x/>`, "cannot be read"],
    ["a comment before it", `<!-- c -->\n${token}`, "begins with something else"],
    [
      "a comment after the declaration",
      `<?xml version="1.0"?>\n<!-- c -->${token}`,
      "begins with something else",
    ],
    ["a comment after it", `${token}\n<!-- c -->\n`, "ends with something else"],
    ["an instruction after it", `${token}<?p x?>`, "ends with something else"],
    ["text before it", `x${token}`, "begins with something else"],
    ["text after it", `${token}x`, "cannot be read"],
    ["CDATA after it", `${token}<![CDATA[x]]>`, "cannot be read"],
    ["two byte order marks", `\uFEFF\uFEFF${token}`, "begins with something else"],
    [
      "a byte order mark after the declaration",
      `<?xml version="1.0"?>\uFEFF${token}`,
      "begins with something else",
    ],
    ["a byte order mark after it", `${token}\uFEFF`, "cannot be read"],
    ["a second declaration", `<?xml version="1.0"?><?xml version="1.0"?>${token}`, "something else"],
    ["XML 1.1", `<?xml version="1.1"?>${token}`, "XML 1.0"],
    ["another encoding", `<?xml version="1.0" encoding="ISO-8859-1"?>${token}`, "UTF-8"],
    ["no Issuer", without(/<saml2:Issuer.*<\/saml2:Issuer>/), "no Issuer"],
    ["an empty Issuer", assertionXml({ issuer: "" }), "Issuer is empty"],
    ["two Issuers", twice(/<saml2:Issuer.*<\/saml2:Issuer>/), "2 Issuer"],
    ["no Subject", without(/<saml2:Subject>.*<\/saml2:Subject>/), "no Subject"],
    ["two Subjects", twice(/<saml2:Subject>.*<\/saml2:Subject>/), "2 Subject"],
    ["no NameID", without(/<saml2:NameID.*<\/saml2:NameID>/), "no NameID"],
    ["two NameIDs", twice(/<saml2:NameID.*<\/saml2:NameID>/), "2 NameID"],
    ["an empty NameID", assertionXml({ subject: " " }), "NameID is empty"],
    ["a name with elements in it", assertionXml({ subject: "a<x/>b" }), "NameID is empty"],
    [
      "an encrypted name",
      token.replace(/<saml2:NameID.*<\/saml2:NameID>/, "<saml2:EncryptedID/>"),
      "something else",
    ],
    [
      "no confirmation",
      without(/<saml2:SubjectConfirmation .*<\/saml2:SubjectConfirmation>/),
      "no SubjectConfirmation",
    ],
    ["an unknown confirmation", token.replace("cm:bearer", "cm:sender-vouches"), "sender-vouches"],
    ["no Conditions", without(/<saml2:Conditions.*<\/saml2:Conditions>/), "no Conditions"],
    ["two Conditions", twice(/<saml2:Conditions.*<\/saml2:Conditions>/), "2 Conditions"],
    ["no NotBefore", without(/ NotBefore="[^"]*"/), "no NotBefore"],
    ["no NotOnOrAfter", without(/ NotOnOrAfter="[^"]*"(?=><saml2:Proxy)/), "no NotOnOrAfter"],
    ["no IssueInstant", without(/ IssueInstant="[^"]*"/), "no IssueInstant"],
    ["no ID", without(/ ID="[^"]*"/), "no ID"],
    ["an ID that is no name", assertionXml({ id: "9a" }), "not an XML name"],
    ["another version", token.replace('Version="2.0"', 'Version="1.1"'), "not 2.0"],
    ["no version", without(/ Version="2.0"/), "not 2.0"],
    ["a count that is none", token.replace('Count="10"', 'Count="-1"'), "not a count"],
    [
      "two ProxyRestrictions",
      twice(/<saml2:ProxyRestriction.*<\/saml2:ProxyRestriction>/),
      "ProxyRestriction",
    ],
    [
      "two delegation chains",
      assertionXml({ delegates: ["a@b"] }).replace(/<saml2:Condition .*<\/saml2:Condition>/, "$&$&"),
      "delegation",
    ],
    [
      "an encrypted assertion",
      '<saml2:EncryptedAssertion xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion"/>',
      "encrypted",
    ],
    [
      "SAML 1.1",
      '<Assertion xmlns="urn:oasis:names:tc:SAML:1.0:assertion" MajorVersion="1" MinorVersion="1"/>',
      "SAML 1.x",
    ],
    [
      "a whole answer",
      `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>${token}</S:Body></S:Envelope>`,
      "whole answer",
    ],
    [
      "an assertion of another namespace",
      token.replaceAll("SAML:2.0:assertion", "SAML:3.0:assertion"),
      "not a SAML assertion",
    ],
    ["a web page", "<html><body>x</body></html>", "not a SAML assertion"],
  ])("%s", (_name, text, words) => {
    const error = refusal(text);
    expect([error.code, error.message]).toEqual(["TOKEN_MALFORMED", expect.stringContaining(words)]);
    expect(error.hint).toMatch(/\.$/);
  });

  test("bytes that are not UTF-8", () => {
    expect(refusal(Buffer.from(assertionXml({ subject: "Ädmin@x" }), "latin1")).message).toContain("UTF-8");
    expect(refusal(Buffer.from(`\uFEFF${token}`, "utf16le")).code).toBe("TOKEN_MALFORMED");
  });

  test("50 MB, without reading them", () => {
    const body = Buffer.alloc(50 * 1024 * 1024, "<a>");
    expect(refusal(body).message).toContain("longer than 262144 characters");
    expect(refusal(body.toString()).message).toContain("longer than 262144 characters");
    const long = assertionXml({
      groups: Array.from({ length: 8000 }, (_, i) => `vsphere.local\\group-${i}`),
    });
    expect(refusal(long).message).toContain("longer");
    expect(inspectAssertion(long, { maxLength: 2 ** 20 }).groups).toHaveLength(8000);
  });

  test("deep nesting", () => {
    const deep = "<saml2:Advice>".repeat(100) + "</saml2:Advice>".repeat(100);
    expect(refusal(assertionXml({ more: deep })).message).toContain("nested");
  });
});
