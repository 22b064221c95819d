import { beforeAll, describe, expect, test } from "vitest";
import { SamlToken } from "../../src/saml/index.ts";
import { attribute, children } from "../../src/xml/reader.ts";
import { toSigner } from "../../src/xml/signer.ts";
import type { RsaIdentity } from "../helpers/rsa.ts";
import { assertionVerifies, assertionXml, signAssertion } from "./assertions.ts";
import {
  AUTH,
  alice,
  at,
  DS,
  granted,
  ID,
  keyPair,
  type Message,
  makeKey,
  messageVerifies,
  must,
  names,
  SAML2,
  startSts,
  TIME,
  textAt,
  WSSE,
  WSSE11,
  WST,
  WST14,
  WSU,
  wsuId,
} from "./sts-server.ts";

let holder: RsaIdentity;
let issuer: RsaIdentity;
let bearer: string;
let bound: string;

beforeAll(async () => {
  [holder, issuer] = await Promise.all([makeKey("holder"), makeKey("issuer")]);
  bearer = signAssertion(assertionXml({ delegationCount: 10 }), issuer);
  bound = signAssertion(assertionXml({ holder, delegationCount: 10, renewCount: 10 }), issuer);
});

const X509_V3 = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-x509-token-profile-1.0#X509v3";
const BASE64 =
  "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary";

/** No text but in leaves: a server takes white space before the request or an assertion for a fault. */
function hasNoSpace({ xml }: Message): boolean {
  const envelope = xml
    .replace(/^<\?xml[^>]*\?>/, "")
    .replace(/<saml2:Assertion[\s\S]*?<\/saml2:Assertion>/g, "");
  return !/>\s+</.test(envelope);
}

describe("a bearer token for a user and password", () => {
  test("is asked for by a timestamp and a name, and nothing more", async () => {
    const sts = await startSts(() => granted(bearer));
    const before = Date.now();
    const token = await sts.client.issue({ credential: alice });
    const [message] = sts.messages();
    const { security, request, body } = must(message);
    expect(names(security)).toEqual(["Timestamp", "UsernameToken"]);
    expect(textAt(security, "UsernameToken", "Username")).toBe(alice.username);
    expect(textAt(security, "UsernameToken", "Password")).toBe(alice.password);
    expect(attribute(must(at(security, "UsernameToken", "Password")), "", "Type")).toBe(
      "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText",
    );
    expect(names(request)).toEqual([
      "TokenType",
      "RequestType",
      "Lifetime",
      "Renewing",
      "Delegatable",
      "KeyType",
    ]);
    expect(textAt(request, "TokenType")).toBe("urn:oasis:names:tc:SAML:2.0:assertion");
    expect(textAt(request, "RequestType")).toBe(`${WST}/Issue`);
    expect(textAt(request, "KeyType")).toBe(`${WST}/Bearer`);
    expect(textAt(request, "Delegatable")).toBe("false");
    const renewing = must(at(request, "Renewing"));
    expect([attribute(renewing, "", "Allow"), attribute(renewing, "", "OK")]).toEqual(["false", "false"]);
    expect(body.attributes).toEqual([]);
    expect(wsuId(at(security, "Timestamp"))).toMatch(ID);
    for (const place of [at(security, "Timestamp"), at(request, "Lifetime")]) {
      const [created = "", expires = ""] = ["Created", "Expires"].map((local) => textAt(must(place), local));
      expect(created).toMatch(TIME);
      expect(expires).toMatch(TIME);
      expect(Date.parse(created)).toBeGreaterThanOrEqual(before);
      expect(Date.parse(created)).toBeLessThanOrEqual(Date.now());
      expect(at(must(place), "Created")?.namespace).toBe(WSU);
      const seconds = (Date.parse(expires) - Date.parse(created)) / 1000;
      expect(seconds).toBe(place?.local === "Timestamp" ? 300 : 600);
    }
    expect(hasNoSpace(must(message))).toBe(true);
    expect(token.assertion).toBe(bearer);
    expect(token).toMatchObject({ kind: "bearer", subject: "alice@VSPHERE.LOCAL", signer: undefined });
    const [received] = sts.server.requests;
    expect(received?.path).toBe("/sts/STSService/vsphere.local");
    expect(received?.headers).toMatchObject({
      soapaction: `"${WST}/RST/Issue"`,
      "content-type": "text/xml; charset=utf-8",
    });
  });

  test.each([
    ["markup", `a&b<c>"d'e`, `]]>&amp;<![CDATA[`],
    ["other alphabets", "Jürgen.Müßig@bücher.example", "пароль 密码 🔑 ñ\u0301"],
    ["spaces", " DOMAIN\\user name ", "  two spaces  "],
  ])("carries names and passwords with %s", async (_name, username, password) => {
    const sts = await startSts(() => granted(bearer));
    await sts.client.issue({ credential: { username, password } });
    const { security } = must(sts.messages()[0]);
    expect(textAt(security, "UsernameToken", "Username")).toBe(username);
    expect(textAt(security, "UsernameToken", "Password")).toBe(password);
  });

  test("says what else is asked for, in the common order", async () => {
    const sts = await startSts(() => granted(bearer));
    await sts.client.issue({
      credential: alice,
      lifetimeSeconds: 90,
      messageLifetimeSeconds: 61,
      renewable: true,
      delegatable: true,
      audience: ["https://a.example/?x=1&y=2", "https://b.example/", "urn:c"],
      claims: ["http://schemas.xmlsoap.org/claims/UPN", "urn:other"],
      tokenSignatureAlgorithm: "rsa-sha512",
    });
    const { request, security } = must(sts.messages()[0]);
    expect(names(request)).toEqual([
      "TokenType",
      "RequestType",
      "Lifetime",
      "Renewing",
      "Delegatable",
      "KeyType",
      "SignatureAlgorithm",
      "Participants",
      "Claims",
    ]);
    expect(attribute(must(at(request, "Renewing")), "", "Allow")).toBe("true");
    expect(attribute(must(at(request, "Renewing")), "", "OK")).toBe("false");
    expect(textAt(request, "Delegatable")).toBe("true");
    expect(textAt(request, "SignatureAlgorithm")).toBe("http://www.w3.org/2001/04/xmldsig-more#rsa-sha512");
    const participants = must(at(request, "Participants"));
    expect(names(participants)).toEqual(["Primary", "Participant", "Participant"]);
    expect(participants.children.map((each) => textAt(each, "EndpointReference", "Address"))).toEqual([
      "https://a.example/?x=1&y=2",
      "https://b.example/",
      "urn:c",
    ]);
    const claims = must(at(request, "Claims"));
    expect(attribute(claims, "", "Dialect")).toBe("http://schemas.xmlsoap.org/ws/2005/05/fedclaims");
    expect(children(claims, AUTH, "ClaimType").map((each) => attribute(each, "", "Uri"))).toEqual([
      "http://schemas.xmlsoap.org/claims/UPN",
      "urn:other",
    ]);
    const length = (element = must(at(request, "Lifetime"))): number =>
      Date.parse(textAt(element, "Expires") ?? "") - Date.parse(textAt(element, "Created") ?? "");
    expect(length()).toBe(90_000);
    expect(length(must(at(security, "Timestamp")))).toBe(61_000);
  });

  test("of one participant has it as the primary one", async () => {
    const sts = await startSts(() => granted(bearer));
    await sts.client.issue({ credential: alice, audience: "urn:a" });
    expect(names(must(at(must(sts.messages()[0]).request, "Participants")))).toEqual(["Primary"]);
  });

  test("is not asked for again when the server is unavailable, for each try may count as a wrong password", async () => {
    const sts = await startSts(() => ({ status: 503, body: "" }));
    await expect(sts.client.issue({ credential: alice })).rejects.toMatchObject({ code: "HTTP_STATUS" });
    expect(sts.server.requests).toHaveLength(1);
  });
});

describe("a holder-of-key token", () => {
  test.each(["rsa-sha256", "rsa-sha384", "rsa-sha512"] as const)(
    "for a person is asked for with name, certificate and signature (%s)",
    async (messageSignatureAlgorithm) => {
      const sts = await startSts(() => granted(bound));
      const token = await sts.client.issue({
        credential: alice,
        holderOfKey: keyPair(holder),
        messageSignatureAlgorithm,
      });
      const message = must(sts.messages()[0]);
      const { security, request } = message;
      expect(names(security)).toEqual(["Timestamp", "UsernameToken", "BinarySecurityToken", "Signature"]);
      const certificate = must(at(security, "BinarySecurityToken"));
      expect(certificate.text).toBe(holder.der.toString("base64"));
      expect(attribute(certificate, "", "ValueType")).toBe(X509_V3);
      expect(attribute(certificate, "", "EncodingType")).toBe(BASE64);
      expect(wsuId(certificate)).toMatch(ID);
      const signature = must(at(security, "Signature"));
      expect(names(request).slice(-2)).toEqual(["KeyType", "UseKey"]);
      expect(textAt(request, "KeyType")).toBe(`${WST}/PublicKey`);
      expect(attribute(must(at(request, "UseKey")), "", "Sig")).toBe(attribute(signature, "", "Id"));
      expect(attribute(signature, "", "Id")).toMatch(ID);
      expect(attribute(must(at(signature, "SignedInfo", "SignatureMethod")), "", "Algorithm")).toContain(
        messageSignatureAlgorithm,
      );
      const keyInfo = must(at(signature, "KeyInfo"));
      expect(keyInfo.namespace).toBe(DS);
      expect(names(keyInfo)).toEqual(["SecurityTokenReference"]);
      const reference = must(at(keyInfo, "SecurityTokenReference", "Reference"));
      expect(reference.namespace).toBe(WSSE);
      expect(attribute(reference, "", "URI")).toBe(`#${wsuId(certificate)}`);
      expect(attribute(reference, "", "ValueType")).toBe(X509_V3);
      expect(messageVerifies(message, holder)).toBe(true);
      expect(hasNoSpace(message)).toBe(true);
      expect(token).toMatchObject({ kind: "holder-of-key", assertion: bound });
      expect(token.signer?.certificate.raw).toEqual(holder.der);
    },
  );

  test("for a solution user is asked for by its certificate alone", async () => {
    const sts = await startSts(() => granted(bound));
    for (const credential of [keyPair(holder), toSigner(keyPair(holder))]) {
      const token = await sts.client.issue({ credential });
      expect(token.kind).toBe("holder-of-key");
    }
    for (const message of sts.messages()) {
      expect(names(message.security)).toEqual(["Timestamp", "BinarySecurityToken", "Signature"]);
      expect(textAt(message.request, "KeyType")).toBe(`${WST}/PublicKey`);
      expect(messageVerifies(message, holder)).toBe(true);
    }
  });

  test("is signed anew for every attempt, as a certificate may be presented twice", async () => {
    let count = 0;
    const sts = await startSts(() => (++count < 3 ? { status: 503, body: "" } : granted(bound)));
    await sts.client.issue({ credential: keyPair(holder) });
    const messages = sts.messages();
    expect(messages).toHaveLength(3);
    expect(messages.every((message) => messageVerifies(message, holder))).toBe(true);
    expect(new Set(messages.map(({ security }) => wsuId(at(security, "Timestamp")))).size).toBe(3);
  });

  test("is signed by a signer whose key is elsewhere", async () => {
    const own = toSigner(keyPair(holder));
    const asked: string[] = [];
    const remote = {
      certificate: holder.certificate,
      sign: async (data: Uint8Array, algorithm: "rsa-sha256" | "rsa-sha384" | "rsa-sha512") => {
        asked.push(algorithm);
        return own.sign(data, algorithm);
      },
    };
    const sts = await startSts(() => granted(bound), { messageSignatureAlgorithm: "rsa-sha512" });
    const token = await sts.client.issue({ credential: alice, holderOfKey: remote });
    expect(asked).toEqual(["rsa-sha512"]);
    expect(token.signer).toBe(remote);
    expect(messageVerifies(must(sts.messages()[0]), holder)).toBe(true);
  });

  test("fails with what the signer fails with, and nothing is sent", async () => {
    const sts = await startSts(() => granted(bound));
    const broken = {
      certificate: holder.certificate,
      sign: () => Promise.reject(new Error("the token was removed")),
    };
    await expect(sts.client.issue({ credential: broken })).rejects.toMatchObject({
      code: "SIGNER_FAILED",
      cause: { message: "the token was removed" },
    });
    expect(sts.server.requests).toHaveLength(0);
  });

  test("by such a token carries its text to the character, and is signed by its key", async () => {
    const sts = await startSts(() => granted(bound));
    const credential = SamlToken.from(`\uFEFF<?xml version="1.0"?>\n${bound}\n`, {
      holderOfKey: keyPair(holder),
    });
    await sts.client.issue({ credential });
    const message = must(sts.messages()[0]);
    expect(names(message.security)).toEqual(["Timestamp", "Assertion", "Signature"]);
    expect(message.xml).toContain(`</wsu:Timestamp>${bound}<ds:Signature`);
    const signature = must(at(message.security, "Signature"));
    expect(attribute(signature, "", "Id")).toBeUndefined();
    expect(at(message.request, "UseKey")).toBeUndefined();
    const reference = must(at(signature, "KeyInfo", "SecurityTokenReference"));
    expect(attribute(reference, WSSE11, "TokenType")).toBe(
      "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0",
    );
    const identifier = must(at(reference, "KeyIdentifier"));
    expect(identifier.text).toBe(credential.info.id);
    expect(attribute(identifier, "", "ValueType")).toBe(
      "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLID",
    );
    expect(messageVerifies(message, holder)).toBe(true);
    expect(assertionVerifies(message.xml, issuer)).toBe(true);
  });

  test("may be left for a bearer token by a certificate", async () => {
    const sts = await startSts(() => granted(bearer));
    const token = await sts.client.issue({ credential: keyPair(holder), kind: "bearer" });
    const message = must(sts.messages()[0]);
    expect(textAt(message.request, "KeyType")).toBe(`${WST}/Bearer`);
    expect(at(message.request, "UseKey")).toBeUndefined();
    expect(messageVerifies(message, holder)).toBe(true);
    expect(token.kind).toBe("bearer");
  });
});

describe("a token to act as another", () => {
  test.each([
    ["by a certificate, for a bearer token", () => bearer, false],
    ["by a certificate, for a holder-of-key token", () => bound, false],
    ["by a token", () => bearer, true],
  ])("is asked for %s", async (_name, actAs, byToken) => {
    const sts = await startSts(() => granted(bound));
    const credential = byToken ? SamlToken.from(bound, { holderOfKey: keyPair(holder) }) : keyPair(holder);
    await sts.client.issue({ credential, actAs: actAs() });
    const message = must(sts.messages()[0]);
    expect(names(message.request).slice(4, 7)).toEqual(["Delegatable", "ActAs", "KeyType"]);
    expect(at(message.request, "ActAs")?.namespace).toBe(WST14);
    expect(message.xml).toContain(`<wst14:ActAs xmlns:wst14="${WST14}">${actAs()}</wst14:ActAs>`);
    expect(textAt(message.request, "KeyType")).toBe(`${WST}/PublicKey`);
    expect(messageVerifies(message, holder)).toBe(true);
    if (!byToken) expect(assertionVerifies(message.xml, issuer)).toBe(true);
  });

  test("is signed over the canonical form of an assertion that is none itself", async () => {
    // Attributes out of order, an empty element, single quotes, CDATA, declarations nobody uses, line ends, references.
    const odd = signAssertion(assertionXml({ delegationCount: 1 }), issuer)
      .replace("<saml2:Issuer Format=", `<saml2:Issuer xmlns:unused='urn:unused' Format  =`)
      .replace("<saml2:Conditions NotBefore=", "<saml2:Conditions\r\n  NotBefore=")
      .replace("alice@", "<![CDATA[alice]]>&#x40;");
    const sts = await startSts(() => granted(bound));
    await sts.client.issue({ credential: keyPair(holder), actAs: odd });
    const message = must(sts.messages()[0]);
    expect(message.xml).toContain(odd);
    expect(messageVerifies(message, holder)).toBe(true);
    expect(at(message.request, "ActAs", "Assertion")?.namespace).toBe(SAML2);
  });
});

describe("a token for a delegate", () => {
  const delegated = { credential: alice, delegateTo: "vpxd-1 & co@vsphere.local" };

  test("names the delegate, and no key", async () => {
    const delegate = signAssertion(assertionXml({ holder: issuer }), issuer);
    const sts = await startSts(() => granted(delegate));
    const token = await sts.client.issue(delegated);
    const { security, request } = must(sts.messages()[0]);
    expect(names(security)).toEqual(["Timestamp", "UsernameToken"]);
    expect(names(request).slice(4)).toEqual(["Delegatable", "DelegateTo", "KeyType"]);
    const user = must(at(request, "DelegateTo", "UsernameToken"));
    expect([user.namespace, ...names(user)]).toEqual([WSSE, "Username"]);
    expect(textAt(user, "Username")).toBe(delegated.delegateTo);
    expect(token).toMatchObject({ kind: "holder-of-key", signer: undefined });
  });

  test("is signed without UseKey where the requester has a key", async () => {
    const sts = await startSts(() => granted(signAssertion(assertionXml({ holder: issuer }), issuer)));
    await sts.client.issue({ ...delegated, holderOfKey: keyPair(holder) });
    const message = must(sts.messages()[0]);
    expect(names(message.security)).toEqual([
      "Timestamp",
      "UsernameToken",
      "BinarySecurityToken",
      "Signature",
    ]);
    expect(at(message.request, "UseKey")).toBeUndefined();
    expect(messageVerifies(message, holder)).toBe(true);
  });
});
