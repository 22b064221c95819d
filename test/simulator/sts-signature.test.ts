import { createHash, sign, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { DOMParser } from "@xmldom/xmldom";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ExclusiveCanonicalization } from "xml-crypto";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { SOAP_NAMESPACE } from "../../src/xml/names.ts";
import { holderOf } from "./holder.ts";
import * as sts from "./sts-wire.ts";

const MORE = "http://www.w3.org/2001/04/xmldsig-more#";
const SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512";
const C14N = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315";

let simulator: Simulator;
let user: ReturnType<typeof sts.solutionUser>;
beforeAll(async () => {
  simulator = await startSimulator({ nodes: 1 });
  user = sts.solutionUser(simulator);
});
afterAll(() => simulator.close());

const request = sts.rst({ content: sts.keyType("PublicKey") });
const unsigned = (body = request): string => sts.message(sts.timestamp() + sts.binaryToken(user), body);
const send = (text: string) => sts.postSts(simulator, text);
const faultOf = async (text: string) => sts.stsFault(await send(text));
const failedCheck = { code: `{${sts.WSSE}}FailedCheck`, text: expect.any(String) };
const broken = { code: `{${sts.WSSE}}FailedCheck`, text: "Signature is invalid." };

/** A signed message whose SignedInfo was changed before it was signed. */
const signedWith = (change: (info: string) => string): string => {
  const text = sts.signed(unsigned(), user.key);
  const info = change(/<ds:SignedInfo.*<\/ds:SignedInfo>/s.exec(text)![0]);
  const canonical = new ExclusiveCanonicalization().process(
    new DOMParser().parseFromString(
      info.replace("<ds:SignedInfo", `<ds:SignedInfo xmlns:ds="${sts.DS}"`),
      "text/xml",
    ).documentElement!,
    {},
  );
  const value = sign("sha256", Buffer.from(canonical), user.key).toString("base64");
  return text
    .replace(/<ds:SignedInfo.*<\/ds:SignedInfo>/s, info)
    .replace(/<ds:SignatureValue>[^<]*/, `<ds:SignatureValue>${value}`);
};

describe("the signature of a message to the simulated STS", () => {
  it.each([
    [`${MORE}rsa-sha256`, sts.SHA256],
    [`${MORE}rsa-sha384`, `${MORE}sha384`],
    [`${MORE}rsa-sha512`, SHA512],
    [`${MORE}rsa-sha256`, SHA512],
  ])("is verified by %s with %s", async (algorithm, digest) => {
    expect((await send(sts.signed(unsigned(), user.key, { algorithm, digest }))).status).toBe(200);
  });

  it("may cover the request in place of the Body", async () => {
    const body = request.replace(
      "<wst:RequestSecurityToken ",
      `<wst:RequestSecurityToken xmlns:wsu="${sts.WSU}" wsu:Id="_rst" `,
    );
    const text = sts.signed(unsigned(body), user.key, { parts: ["Timestamp", "RequestSecurityToken"] });
    expect((await send(text)).status).toBe(200);
  });

  it("may name no transform, which means inclusive canonicalization", async () => {
    const text = unsigned();
    // Every namespace in scope stands in the start tag, in the order of the prefixes.
    const S = `xmlns:S="${SOAP_NAMESPACE}"`;
    const body = /<S:Body.*<\/S:Body>/s.exec(text)![0].replace("<S:Body", `<S:Body ${S}`);
    const stamp = /<wsu:Timestamp.*<\/wsu:Timestamp>/s
      .exec(text)![0]
      .replace(" ", ` ${S} xmlns:wsse="${sts.WSSE}" xmlns:wsu="${sts.WSU}" `);
    const reference = (id: string, canonical: string): string =>
      `<ds:Reference URI="#${id}"><ds:DigestMethod Algorithm="${sts.SHA256}"></ds:DigestMethod><ds:DigestValue>` +
      `${createHash("sha256").update(canonical).digest("base64")}</ds:DigestValue></ds:Reference>`;
    const info =
      `<ds:SignedInfo xmlns:ds="${sts.DS}"><ds:CanonicalizationMethod Algorithm="${sts.EXC_C14N}">` +
      `</ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="${sts.RSA_SHA256}"></ds:SignatureMethod>` +
      `${reference("_ts", stamp)}${reference("_body", body)}</ds:SignedInfo>`;
    const value = sign("sha256", Buffer.from(info), user.key).toString("base64");
    const signature =
      `<ds:Signature xmlns:ds="${sts.DS}">${info}<ds:SignatureValue>${value}</ds:SignatureValue>` +
      `<ds:KeyInfo>${sts.byCertificate()}</ds:KeyInfo></ds:Signature>`;
    const whole = text.replace("</wsse:Security>", `${signature}</wsse:Security>`);
    expect((await send(whole)).status).toBe(200);
    expect(await faultOf(whole.replace("PublicKey", "Bearer"))).toEqual(broken);
  });

  it.each([
    ["the Body", ["Timestamp"]],
    ["the Timestamp", ["Body"]],
  ])("has to cover %s", async (name, parts) => {
    expect(await faultOf(sts.signed(unsigned(), user.key, { parts }))).toEqual({
      code: `{${sts.WSSE}}FailedCheck`,
      text: `The ${name.slice(4)} element is not signed`,
    });
  });

  it.each([
    ["a Body that was changed", (text: string) => text.replace("PublicKey", "PublicKey ")],
    [
      "a Timestamp that was changed",
      (text: string) => text.replace("<wsu:Created>", '<wsu:Created wsu:Id="_c">'),
    ],
    ["another digest", (text: string) => text.replace(/<ds:DigestValue>..../, "<ds:DigestValue>AAAA")],
    ["another value", (text: string) => text.replace(/<ds:SignatureValue>..../, "<ds:SignatureValue>AAAA")],
    [
      "no value",
      (text: string) => text.replace(/<ds:SignatureValue>.*<\/ds:SignatureValue>/, "<ds:SignatureValue/>"),
    ],
    [
      "the wrong one of two digests of one element",
      (text: string) =>
        text.replace(
          /<ds:Reference URI="#_body">.*?<\/ds:Reference>/s,
          (reference) => reference.replace(/<ds:DigestValue>..../, "<ds:DigestValue>AAAA") + reference,
        ),
    ],
  ])("fails with %s", async (_name, change) => {
    expect(await faultOf(change(sts.signed(unsigned(), user.key)))).toEqual(broken);
  });

  it("fails with another key than that of the certificate", async () => {
    expect(await faultOf(sts.signed(unsigned(), sts.solutionUser(simulator, 1).key))).toEqual(broken);
  });

  it.each([
    ["a transform that is inclusive", { transforms: [C14N] }],
    ["two transforms", { transforms: [sts.EXC_C14N, sts.EXC_C14N] }],
    ["comments kept", { transforms: [`${sts.EXC_C14N}WithComments`] }],
    ["an inclusive canonicalization", { canonicalization: C14N }],
    ["rsa-sha1", { algorithm: `${sts.DS}rsa-sha1` }],
    ["a digest of SHA-1", { digest: `${sts.DS}sha1` }],
  ])("fails with %s", async (_name, options) => {
    expect(await faultOf(sts.signed(unsigned(), user.key, options))).toEqual(failedCheck);
  });

  it("is not searched for in a Body that begins with white space", async () => {
    expect(await faultOf(sts.signed(unsigned(`\n${request}`), user.key))).toEqual({
      code: `{${sts.WSSE}}FailedCheck`,
      text: "Body element has a child of type '3'",
    });
  });

  it.each([
    ["to an ID that no element has", (text: string) => text.replace('URI="#_body"', 'URI="#_other"')],
    ["to the whole document", (text: string) => text.replace('URI="#_body"', 'URI=""')],
    ["to another document", (text: string) => text.replace('URI="#_body"', 'URI="https://x/#_body"')],
    [
      "to an ID that two elements have",
      (text: string) => text.replace("<S:Header>", '<S:Header><x xmlns="urn:x" ID="_body"/>'),
    ],
  ])("has no reference %s", async (_name, change) => {
    expect(await faultOf(change(sts.signed(unsigned(), user.key)))).toEqual(failedCheck);
  });

  it("is no protection of a Body that stands elsewhere", async () => {
    const text = sts.signed(unsigned(), user.key);
    const body = /<S:Body.*<\/S:Body>/s.exec(text)![0];
    const other = body.replace('wsu:Id="_body"', 'wsu:Id="_other"').replace("PublicKey", "Bearer");
    const wrapped = text.replace(body, other).replace("<S:Header>", `<S:Header><w xmlns="urn:w">${body}</w>`);
    expect(await faultOf(wrapped)).toEqual({ ...failedCheck, text: "The Body element is not signed" });
  });

  it.each([
    ["no KeyInfo", /<ds:KeyInfo>.*<\/ds:KeyInfo>/, ""],
    ["a KeyInfo of two", /<\/ds:KeyInfo>/, "<ds:KeyName>x</ds:KeyName></ds:KeyInfo>"],
    ["an empty reference", /<wsse:Reference [^>]*>/, ""],
    ["a reference of two", /(<wsse:Reference [^>]*>)/, "$1$1"],
    ["a reference of another kind", /<wsse:Reference [^>]*>/, "<wsse:Embedded/>"],
  ])("is not searched for a key with %s", async (_name, pattern, replacement) => {
    const fault = await faultOf(sts.signed(unsigned(), user.key).replace(pattern, replacement));
    expect(fault.code).toBe(`{${sts.WSSE}}InvalidSecurity`);
  });

  it("verifies every reference, also two to one element", async () => {
    const parts = ["Timestamp", "Body", "Body"];
    const text = sts.signed(unsigned(), user.key, { parts });
    expect(text.match(/URI="#_body"/g)).toHaveLength(2);
    expect((await send(text)).status).toBe(200);
    // Signed over a digest of something else: the value is right, and so is the last digest.
    let first = true;
    const forged = signedWith((info) =>
      info.replace(/<ds:Reference URI="#_body">.*?<\/ds:Reference>/s, (reference) => {
        const wrong = first ? reference.replace(/<ds:DigestValue>..../, "<ds:DigestValue>AAAA") : "";
        first = false;
        return wrong + reference;
      }),
    );
    expect(await faultOf(forged)).toEqual(broken);
    expect((await send(signedWith((info) => info))).status).toBe(200);
  });

  it.each<[string, (text: string) => string]>([
    ...["SignatureValue", "CanonicalizationMethod", "SignatureMethod", "DigestValue", "DigestMethod"].map(
      (part): [string, (text: string) => string] => [
        `no ${part}`,
        (text) => text.replaceAll(`ds:${part}`, "ds:Other"),
      ],
    ),
    [
      "its parts in another order",
      (text) => text.replace(/(<ds:SignedInfo.*Info>)(<ds:SignatureV.*Value>)/, "$2$1"),
    ],
    ["no reference", (text) => text.replace(/<ds:Reference .*<\/ds:Reference>/, "")],
    [
      "no transform in Transforms",
      (text) => text.replace(/<ds:Transform .*?<\/ds:Transforms>/, "</ds:Transforms>"),
    ],
    ["an attribute nobody knows", (text) => text.replace("<ds:SignatureValue>", '<ds:SignatureValue x="y">')],
    ["an ID that is none", (text) => text.replace("<ds:Signature ", '<ds:Signature Id="1" ')],
    ["a value that is no Base64", (text) => text.replace("<ds:SignatureValue>", "<ds:SignatureValue>%")],
    ["text beside the reference to the key", (text) => text.replace("<ds:KeyInfo>", "<ds:KeyInfo>text")],
    ["text in the reference to the key", (text) => text.replace("<wsse:Reference", "text<wsse:Reference")],
    [
      "an element in the reference to the certificate",
      (text) => text.replace(/<wsse:Reference ([^>]*)\/>/, "<wsse:Reference $1><x/></wsse:Reference>"),
    ],
    [
      "an attribute of the reference nobody knows",
      (text) => text.replace("<wsse:Reference ", '<wsse:Reference x="y" '),
    ],
    [
      "an unqualified Usage",
      (text) => text.replace("<wsse:SecurityTokenReference ", '<wsse:SecurityTokenReference Usage="x" '),
    ],
  ])("does not conform to its schema with %s", async (_name, change) => {
    const text = sts.signed(unsigned(), user.key);
    const changed = change(text);
    expect(changed).not.toBe(text);
    expect(await faultOf(changed)).toEqual({
      code: `{${sts.WSSE}}InvalidSecurity`,
      text: expect.stringMatching(/^The Security header does not conform to its schema: /),
    });
  });

  it.each([
    ["there is none", () => sts.timestamp(), undefined, /missing/],
    [
      "it has another ID",
      () => sts.timestamp() + sts.binaryToken(user, "_other"),
      undefined,
      /ID does not match/,
    ],
    [
      "it is of another type",
      () => sts.timestamp() + sts.binaryToken(user),
      sts.byCertificate("_bst", "urn:x"),
      /value types/,
    ],
    [
      "both are of another type",
      () => sts.timestamp() + sts.binaryToken(user).replace(sts.X509V3, "urn:x"),
      sts.byCertificate("_bst", "urn:x"),
      /value types/,
    ],
    [
      "an assertion is meant",
      () => sts.timestamp() + sts.binaryToken(user),
      sts.byAssertion("_x"),
      /Assertion is missing/,
    ],
    [
      "the key identifier is of another type",
      () => sts.timestamp() + sts.binaryToken(user),
      sts.byAssertion("_x", "urn:x"),
      /value type/,
    ],
  ])("names a token that is not available: %s", async (_name, security, keyInfo, text) => {
    const options = keyInfo === undefined ? {} : { keyInfo };
    expect(await faultOf(sts.signed(sts.message(security(), request), user.key, options))).toEqual({
      code: `{${sts.WSSE}}SecurityTokenUnavailable`,
      text: expect.stringMatching(text),
    });
  });

  it("compares the type of a certificate without regard to case", async () => {
    const keyInfo = sts.byCertificate("_bst", sts.X509V3.toUpperCase());
    expect((await send(sts.signed(unsigned(), user.key, { keyInfo }))).status).toBe(200);
  });

  it.each([
    ["not a certificate", (token: string) => token.replace(/>[^<]+</, ">AAAA<")],
    ["not base64", (token: string) => token.replace(/>[^<]+</, ">%%%<")],
    ["of another encoding", (token: string) => token.replace(sts.BASE64_BINARY, "urn:x")],
    [
      "two certificates",
      (token: string) =>
        token.replace(
          />([^<]+)</,
          (_m, one: string) =>
            `>${Buffer.concat([Buffer.from(one, "base64"), Buffer.from(one, "base64")]).toString("base64")}<`,
        ),
    ],
  ])("fails where the token is %s", async (_name, change) => {
    const text = sts.message(sts.timestamp() + change(sts.binaryToken(user)), request);
    expect((await faultOf(sts.signed(text, user.key))).code).toBe(`{${sts.WSSE}}InvalidSecurityToken`);
  });

  it.each([
    ["of another signature", "_other", "_sig"],
    ["where the signature has no ID", "_sig", undefined],
  ])("is not the one of UseKey %s", async (_name, useKey, id) => {
    const body = sts.rst({ content: `${sts.keyType("PublicKey")}<wst:UseKey Sig="${useKey}"/>` });
    expect(await faultOf(sts.signed(unsigned(body), user.key, id === undefined ? {} : { id }))).toEqual({
      code: `{${sts.WSSE}}InvalidSecurity`,
      text: "SignatureId from UseKey doesn't match signature from the SecurityHeader",
    });
  });
});

describe("who signed a message to the simulated STS", () => {
  const credentials = { code: `{${sts.WST}}FailedAuthentication`, text: "Invalid credentials" };
  const by = (holder: sts.Holder, extra = "", body = request): string =>
    sts.signed(sts.message(sts.timestamp() + extra + sts.binaryToken(holder), body), holder.key);
  const login = (index: number): string => {
    const { username, password } = simulator.users[index]!;
    return sts.usernameToken(username, password);
  };
  /** The subject of a certificate, its RDNs in the order of the encoding. */
  const subjectOf = (pem: string): string => new X509Certificate(pem).subject.split("\n").join(",");

  it("is nobody for a certificate that no solution user has", async () => {
    expect(await faultOf(by(holderOf("CN=stranger")))).toEqual(credentials);
  });

  it("is nobody for another certificate of the subject of a solution user, with a password or without", async () => {
    const forged = holderOf(subjectOf(user.cert));
    expect(await faultOf(by(forged))).toEqual(credentials);
    expect(await faultOf(by(forged, login(0)))).toEqual(credentials);
  });

  it("has to be the one whose password was given", async () => {
    const fault = await faultOf(by(user, login(0)));
    expect(fault.code).toBe(`{${sts.WST}}InvalidRequest`);
    expect(fault.text).toMatch(/^Successfully authenticated different principals/);
  });

  it("is nobody while the solution user is disabled", async () => {
    simulator.faults = { disabledAccounts: [`${user.name}@vsphere.local`] };
    try {
      expect(await faultOf(by(user))).toEqual(credentials);
      expect((await send(by(sts.solutionUser(simulator, 1)))).status).toBe(200);
    } finally {
      simulator.faults = {};
    }
  });

  it("is nobody once the certificate has expired", async () => {
    simulator.faults = { clockSkewSeconds: 800 * 86_400 };
    try {
      const later = Date.now() + 800 * 86_400_000;
      const text = sts.message(sts.timestamp(later) + sts.binaryToken(user), request);
      expect(await faultOf(sts.signed(text, user.key))).toEqual(credentials);
    } finally {
      simulator.faults = {};
    }
  });

  it("has to hold the key of the token that is shown", async () => {
    const token = await sts.holderOfKey(simulator);
    const keyInfo = sts.byAssertion(sts.idOf(token));
    const shown = (extra = ""): string => sts.message(sts.timestamp() + token + extra, request);
    expect(await faultOf(sts.signed(shown(), sts.solutionUser(simulator, 1).key, { keyInfo }))).toEqual(
      broken,
    );
    const other = sts.solutionUser(simulator, 1);
    const fault = await faultOf(sts.signed(shown(sts.binaryToken(other)), other.key));
    expect(fault).toEqual(credentials);
    expect((await faultOf(shown())).code).toBe(`{${sts.WSSE}}InvalidSecurity`);
  });

  it("cannot be shown by a bearer token", async () => {
    const token = await sts.bearer(simulator);
    const refused = {
      code: `{${sts.WSSE}}UnsupportedSecurityToken`,
      text: "Only HoK tokens are supported for authentication!",
    };
    expect(await faultOf(sts.message(sts.timestamp() + token, request))).toEqual(refused);
    const keyInfo = sts.byAssertion(sts.idOf(token));
    const text = sts.message(sts.timestamp() + token, request);
    expect(await faultOf(sts.signed(text, user.key, { keyInfo }))).toEqual(refused);
  });

  it.each([
    [
      "changed",
      (token: string) => token.replace(/@vsphere\.local<\/saml2:NameID>/, "x@vsphere.local</saml2:NameID>"),
    ],
    ["without its signature", (token: string) => token.replace(/<ds:Signature .*?<\/ds:Signature>/s, "")],
    ["with two signatures", (token: string) => token.replace(/(<ds:Signature .*?<\/ds:Signature>)/s, "$1$1")],
    ["with another ID", (token: string) => token.replace(/ ID="_/, ' ID="_0')],
    [
      "without a namespace that its signature covers",
      (token: string) => token.replace(/ xmlns:xs="[^"]+"/, ""),
    ],
  ])("is nobody by a token that is %s", async (_name, change) => {
    const token = change(await sts.holderOfKey(simulator));
    const text = sts.message(sts.timestamp() + token, request);
    const keyInfo = sts.byAssertion(sts.idOf(token));
    expect(await faultOf(sts.signed(text, user.key, { keyInfo }))).toEqual(credentials);
  });

  it("is nobody by a token of another group, or one that has ended", async () => {
    const shown = async (token: string, key: string): Promise<unknown> => {
      const text = sts.message(sts.timestamp() + token, request);
      return faultOf(sts.signed(text, key, { keyInfo: sts.byAssertion(sts.idOf(token)) }));
    };
    const other = await startSimulator({ nodes: 1 });
    try {
      const foreign = readFileSync(other.solutionUsers[0]!.keyFile, "utf8");
      expect(await shown(await sts.holderOfKey(other), foreign)).toEqual(credentials);
    } finally {
      await other.close();
    }
    const now = Date.now();
    const ended = await sts.holderOfKey(simulator, 0, sts.lifetime(now - 599_000, now - 598_000));
    await expect(shown(ended, user.key)).rejects.toThrow("status 200");
    simulator.faults = { clockSkewSeconds: 60 };
    try {
      expect(await shown(ended, user.key)).toEqual(credentials);
    } finally {
      simulator.faults = {};
    }
  });
});

describe("the kind of key that is asked of the simulated STS", () => {
  const login = (): string => {
    const { username, password } = simulator.users[0]!;
    return sts.timestamp() + sts.usernameToken(username, password);
  };

  it.each([
    ["PublicKey without a signature", `${sts.WST}/PublicKey`, "Cannot find certificate to use."],
    ["a symmetric key", `${sts.WST}/SymmetricKey`, "Unknown KeyType"],
  ])("refuses %s", async (_name, kind, text) => {
    const body = sts.rst({ content: `<wst:KeyType>${kind}</wst:KeyType>` });
    expect(await faultOf(sts.message(login(), body))).toEqual({
      code: `{${sts.WSSE}}InvalidSecurity`,
      text,
    });
  });

  it("refuses a UseKey of a message without a signature", async () => {
    const body = sts.rst({ content: '<wst:UseKey Sig="_sig"/>' });
    expect((await faultOf(sts.message(login(), body))).text).toMatch(/^SignatureId from UseKey/);
  });
});
