import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { beforeAll, describe, expect, it } from "vitest";
import { SignedXml } from "xml-crypto";
import { makeRsaAuthority, makeRsaCertificate, makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { assertionXml } from "../sts/assertions.ts";
import { jsonError, temporaryFolder, vsso } from "./host.ts";
import { FakeTerminal } from "./terminal.ts";

const START = new Date("2026-01-31T12:00:00.000Z");
/** The fields of `token issue -o json` but for the token, in their order. */
const ISSUED_FIELDS = [
  "kind",
  "subject",
  "issuer",
  "issuedAt",
  "notBefore",
  "notOnOrAfter",
  "renewable",
  "delegatable",
  "renewCount",
  "delegationCount",
];

let authority: RsaIdentity;
let signer: RsaIdentity;
let other: RsaIdentity;
let holder: RsaIdentity;
/** Ten minutes from START on. */
let bearer: string;
let bound: string;

beforeAll(async () => {
  [authority, other, holder] = await Promise.all([
    makeRsaAuthority("sts-ca", { notBefore: new Date("2020-01-01"), notAfter: new Date("2040-01-01") }),
    makeRsaAuthority("other-ca", { notBefore: new Date("2020-01-01"), notAfter: new Date("2040-01-01") }),
    makeRsaSelfSigned("holder"),
  ]);
  signer = await makeRsaCertificate(authority, "ssoserverSign", {
    notBefore: new Date("2020-01-01"),
    notAfter: new Date("2040-01-01"),
  });
  bearer = signAssertion(assertionXml({ issuedAt: START, id: "_b" }), signer);
  bound = signAssertion(
    assertionXml({ issuedAt: START, id: "_h", holder, renewCount: 10, delegationCount: 10 }),
    signer,
  );
});

/** Signs by another implementation than the one under test. */
function signAssertion(xml: string, issuer: RsaIdentity): string {
  const c14n = "http://www.w3.org/2001/10/xml-exc-c14n#";
  const signature = new SignedXml({
    privateKey: issuer.key,
    signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    canonicalizationAlgorithm: c14n,
    getKeyInfoContent: () =>
      `<ds:X509Data><ds:X509Certificate>${issuer.der.toString("base64")}</ds:X509Certificate></ds:X509Data>`,
  });
  signature.addReference({
    xpath: "/*",
    transforms: ["http://www.w3.org/2000/09/xmldsig#enveloped-signature", c14n],
    digestAlgorithm: "http://www.w3.org/2001/04/xmlenc#sha256",
  });
  const location = { reference: "/*/*[local-name()='Issuer']", action: "after" } as const;
  signature.computeSignature(xml, { prefix: "ds", location });
  return signature.getSignedXml();
}

async function fileOf(content: string | Buffer): Promise<string> {
  const path = join(await temporaryFolder(), "file");
  await writeFile(path, content);
  return path;
}

describe("vsso token inspect", () => {
  const inspectJson = async (token: string): Promise<Record<string, unknown>> => {
    const { code, out, err } = await vsso(["token", "inspect", await fileOf(token), "-o", "json"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return JSON.parse(out) as Record<string, unknown>;
  };

  it("tells a program everything, with the fields of token issue first", async () => {
    const shown = await inspectJson(bound);
    expect(Object.keys(shown).slice(0, ISSUED_FIELDS.length)).toEqual(ISSUED_FIELDS);
    expect(shown).not.toHaveProperty("token");
    expect(shown).toMatchObject({
      kind: "holder-of-key",
      subject: "alice@VSPHERE.LOCAL",
      issuer: "https://vc01.test/websso/SAML2/Metadata/vsphere.local",
      issuedAt: "2026-01-31T12:00:00.000Z",
      notBefore: "2026-01-31T12:00:00.000Z",
      notOnOrAfter: "2026-01-31T12:10:00.000Z",
      renewable: true,
      delegatable: true,
      renewCount: 10,
      delegationCount: 10,
      id: "_h",
      confirmation: {
        method: "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key",
        certificate: { sha256: holder.certificate.fingerprint256, subject: "CN=holder" },
      },
      groups: ["vsphere.local\\Users & M\u00fcller"],
      attributes: [
        { name: "http://rsa.com/schemas/attr-names/2009/01/GroupIdentity", friendlyName: "Groups" },
      ],
      authentication: [{ context: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport" }],
      signature: { signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256" },
      certificates: [{ sha256: signer.certificate.fingerprint256, issuer: "CN=sts-ca" }],
      bytes: Buffer.byteLength(bound),
    });
    expect(await inspectJson(bearer)).toMatchObject({
      kind: "bearer",
      renewable: false,
      delegatable: false,
      renewCount: null,
      delegationCount: 0,
    });
  });

  it("tells a person everything on lines of label and value", async () => {
    const { code, out, err } = await vsso(["token", "inspect", await fileOf(bound)]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const [label, value] of [
      ["kind", "holder-of-key"],
      ["subject", "alice@VSPHERE.LOCAL (http://schemas.xmlsoap.org/claims/UPN)"],
      ["valid", "2026-01-31T12:00:00.000Z to 2026-01-31T12:10:00.000Z (expired)"],
      ["renewable", "yes, 10 left"],
      ["delegatable", "yes, 10 left"],
      ["audience", "any"],
      ["group", "vsphere.local\\Users & M\u00fcller"],
      ["size", `${Buffer.byteLength(bound)} bytes`],
    ]) {
      expect(out.split("\n").map((line) => line.replace(/ {2,}/, ": "))).toContain(`${label}: ${value}`);
    }
    expect(out).toContain(`holder         CN=holder, SHA-256 ${holder.certificate.fingerprint256}`);
    expect(out).toContain(`certificate    CN=ssoserverSign, SHA-256 ${signer.certificate.fingerprint256}`);
    expect(out).toMatch(/This is what the token says of itself; vsso token verify checks it\.\n$/);
  });

  it("shows conditions that nobody knows", async () => {
    const strange = assertionXml({ issuedAt: START }).replace(
      "</saml2:Conditions>",
      '<saml2:Condition xmlns:x="urn:x" xsi:type="x:MoonType" Phase="full">tide</saml2:Condition></saml2:Conditions>',
    );
    const { out } = await vsso(["token", "inspect", await fileOf(strange)]);
    expect(out).toMatch(/^unknown condition +.*Condition type .*MoonType.* Phase=full tide$/m);
    expect((await inspectJson(strange)).unknownConditions).toMatchObject([{ text: "tide" }]);
  });

  it("reads stdin where no file is named, with what stands around the assertion", async () => {
    const around = `\uFEFF<?xml version="1.0" encoding="UTF-8"?>\n${bearer}\n`;
    for (const words of [[], ["-"], ["--token", "-"]]) {
      const { code, out } = await vsso(["token", "inspect", ...words, "-o", "json"], {
        stdin: Readable.from([Buffer.from(around)]),
      });
      expect(code).toBe(0);
      expect(JSON.parse(out)).toMatchObject({ id: "_b" });
    }
  });

  it("shows no control characters of a token", async () => {
    const hostile = assertionXml({ subject: "a\u009b31m\u202e@x" });
    const { out } = await vsso(["token", "inspect", await fileOf(hostile)]);
    expect(out).toContain("a\\u009b31m\\u202e@x");
    expect(out).not.toMatch(/[\u0080-\u009f\u202e]/);
  });

  it("needs no server and takes --server without a word", async () => {
    const file = await fileOf(bearer);
    expect((await vsso(["token", "inspect", file, "--server", "vc01.corp.example"])).code).toBe(0);
  });

  it.each<[string, string | Buffer]>([
    ["nothing", ""],
    ["half a token", "<saml2:Assertion "],
    ["text", "hello"],
    ["JSON", '{"token":"x"}'],
    ["other XML", "<feed xmlns='urn:x'/>"],
    ["a DOCTYPE", '<!DOCTYPE x [<!ENTITY e "x">]><x>&e;</x>'],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00])],
  ])("says that %s is no token", async (_, content) => {
    const result = await vsso(["token", "inspect", await fileOf(content), "-o", "json"]);
    expect(result).toMatchObject({ code: 1, out: "" });
    expect(jsonError(result)).toMatchObject({ code: "TOKEN_MALFORMED", hint: expect.any(String) });
  });

  it("says which file cannot be read, and that a terminal holds no token", async () => {
    const missing = await vsso(["token", "inspect", "/nonexistent/token.xml"]);
    expect(missing).toMatchObject({ code: 2, out: "" });
    expect(missing.err).toContain("error[USAGE]: cannot read the token from /nonexistent/token.xml\n");
    const asked = await vsso(["token", "inspect"], { stdin: new FakeTerminal() });
    expect(asked).toMatchObject({ code: 2, out: "" });
    expect(asked.err).toContain("no token is given");
    const large = await vsso(["token", "inspect", await fileOf(Buffer.alloc(50_000_000, " "))]);
    expect(large).toMatchObject({ code: 1, out: "" });
    expect(large.err).toMatch(/^error\[TOKEN_MALFORMED\]: .*larger than 4 MiB\n/);
  });
});

describe("vsso token verify", () => {
  const NOW = "2026-01-31T12:05:00Z";

  async function verify(
    token: string | Buffer,
    anchors: readonly (string | Buffer)[],
    ...more: string[]
  ): ReturnType<typeof vsso> {
    const files = await Promise.all(anchors.map(fileOf));
    const options = files.flatMap((file) => ["--anchor", file]);
    return vsso(["token", "verify", await fileOf(token), ...options, ...more]);
  }

  it("accepts what the anchor vouches for, exit code 0", async () => {
    for (const anchors of [
      [authority.cert],
      [signer.cert],
      [authority.der],
      [other.cert, authority.cert],
      [`${other.cert}${authority.cert}`],
    ]) {
      const { code, out, err } = await verify(bearer, anchors, "--at", NOW);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toMatch(/^verified\n/);
      expect(out).toMatch(/^subject +alice@VSPHERE\.LOCAL$/m);
      expect(out).toContain(`signed by  CN=ssoserverSign ${signer.certificate.fingerprint256}\n`);
    }
  });

  it("-o json tells what was verified, and by whom", async () => {
    const { code, out } = await verify(bound, [authority.cert], "--at", NOW, "-o", "json");
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      verified: true,
      reason: null,
      kind: "holder-of-key",
      subject: "alice@VSPHERE.LOCAL",
      notOnOrAfter: "2026-01-31T12:10:00.000Z",
      audiences: [],
      chain: [
        { sha256: signer.certificate.fingerprint256 },
        { sha256: authority.certificate.fingerprint256 },
      ],
    });
  });

  it("tells whether the anchor is the signing certificate or an authority", async () => {
    const warning = " (an authority: any certificate it issued could have signed)\n";
    const anchorOf = (to: RsaIdentity) =>
      `anchor     ${to.certificate.subject} ${to.certificate.fingerprint256}`;
    expect((await verify(bearer, [authority.cert], "--at", NOW)).out).toContain(
      `${anchorOf(authority)}${warning}`,
    );
    expect((await verify(bearer, [signer.cert], "--at", NOW)).out).toContain(`${anchorOf(signer)}\n`);
    for (const [to, anchoredBy] of [
      [authority, "authority"],
      [signer, "signing-certificate"],
    ] as const) {
      const { out } = await verify(bearer, [to.cert], "--at", NOW, "-o", "json");
      expect(JSON.parse(out)).toMatchObject({ verified: true, anchoredBy });
    }
  });

  it("takes a byte order mark, an XML declaration and white space around the assertion, from stdin too", async () => {
    const around = `\uFEFF<?xml version="1.0" encoding="UTF-8"?>\r\n${bearer}\r\n`;
    expect((await verify(around, [signer.cert], "--at", NOW)).code).toBe(0);
    expect((await verify(`${bearer}\n`, [signer.cert], "--at", NOW)).code).toBe(0);
    const argv = ["token", "verify", "-", "--anchor", await fileOf(signer.cert), "--at", NOW];
    expect((await vsso(argv, { stdin: Readable.from([around]) })).code).toBe(0);
  });

  it("judges by the time given and the tolerance", async () => {
    const at = async (time: string, ...more: string[]) =>
      (await verify(bearer, [signer.cert], "--at", time, ...more)).code;
    expect(await at("2026-01-31T12:10:30Z")).toBe(0);
    expect(await at("2026-01-31T12:10:30Z", "--tolerance", "0")).toBe(1);
    expect(await at("2026-01-31T11:59:30Z")).toBe(0);
    expect(await at("2026-01-31T11:58:30Z")).toBe(1);
    expect(await at("2026-01-31T11:58:30Z", "--tolerance", "120")).toBe(0);
    expect(await at("2026-01-31T13:05:00+01:00")).toBe(0);
    expect(await at("2026-01-31T13:05:00Z")).toBe(1);
  });

  it.each<[string, string, (token: string) => string | Buffer | Promise<string>, string[]]>([
    ["one that expired", "expired", (token) => token, []],
    ["one byte changed", "digest-mismatch", (token) => token.replace("alice@", "Alice@"), ["--at", NOW]],
    [
      "no signature",
      "unsigned",
      (token) => token.replace(/<ds:Signature[\s\S]*<\/ds:Signature>/, ""),
      ["--at", NOW],
    ],
    ["another audience", "audience-mismatch", (token) => token, ["--at", NOW, "--audience", "urn:me"]],
    ["text", "malformed", () => "hello", ["--at", NOW]],
    ["nothing", "malformed", () => "", ["--at", NOW]],
    ["50 MB", "malformed", () => Buffer.alloc(50_000_000, " "), ["--at", NOW]],
  ])("refuses %s, exit code 1: %s", async (_, reason, change, options) => {
    const token = await change(bearer);
    const text = await verify(token, [authority.cert], ...options);
    expect(text).toMatchObject({ code: 1, out: "" });
    expect(text.err).toMatch(/^error\[TOKEN_NOT_VERIFIED\]: .+\n(?: {2}cause: .+\n)? {2}try: .+\n$/);
    const json = await verify(token, [authority.cert], ...options, "-o", "json");
    expect(json.code).toBe(1);
    expect(JSON.parse(json.out)).toEqual({ verified: false, reason });
    expect(jsonError(json)).toMatchObject({ code: "TOKEN_NOT_VERIFIED" });
  });

  it("refuses what another authority signed, whatever the token's own certificates say", async () => {
    const { code, out } = await verify(bearer, [other.cert], "--at", NOW, "-o", "json");
    expect({ code, out: JSON.parse(out) as unknown }).toEqual({
      code: 1,
      out: { verified: false, reason: "untrusted" },
    });
  });

  it("--cert compares the holder", async () => {
    const at = ["--at", NOW, "--cert"];
    expect((await verify(bound, [signer.cert], ...at, await fileOf(holder.cert))).code).toBe(0);
    for (const token of [bound, bearer]) {
      const result = await verify(token, [signer.cert], ...at, await fileOf(other.cert), "-o", "json");
      expect(result.code).toBe(1);
      expect(JSON.parse(result.out)).toMatchObject({ reason: "holder-mismatch" });
    }
  });

  it.each<[string, string[], string]>([
    ["no anchor", [], "needs the certificates"],
    ["a time that is none", ["--anchor", "/dev/null", "--at", "yesterday"], "--at yesterday is no time"],
    ["a date that is none", ["--anchor", "/dev/null", "--at", "2026-02-31T12:00:00"], "is no time"],
    [
      "a day that does not exist",
      ["--anchor", "/dev/null", "--at", "2026-02-30T00:00:00Z"],
      "--at 2026-02-30T00:00:00Z is no time",
    ],
    ["a month that does not exist", ["--anchor", "/dev/null", "--at", "2026-13-01T00:00:00Z"], "is no time"],
    ["an hour that does not exist", ["--anchor", "/dev/null", "--at", "2026-01-31T24:00:00Z"], "is no time"],
    ["a leap day of another year", ["--anchor", "/dev/null", "--at", "2025-02-29T00:00:00Z"], "is no time"],
    ["a tolerance that is none", ["--anchor", "/dev/null", "--tolerance", "-1"], "--tolerance"],
    ["a tolerance of a year", ["--anchor", "/dev/null", "--tolerance", "31536000"], "--tolerance 31536000"],
    ["an anchor that is missing", ["--anchor", "/nonexistent"], "cannot read the anchor from /nonexistent"],
    ["an anchor that is none", ["--anchor", "/dev/null"], "anchor"],
  ])("with %s is an error of usage", async (_, options, message) => {
    const { code, out, err } = await vsso(["token", "verify", await fileOf(bearer), ...options]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^error\[(?:USAGE|INVALID_ARGUMENT)\]: /);
    expect(err).toContain(message);
  });
});
