import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { SignedXml } from "xml-crypto";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { attribute, parseXml, type XmlElement } from "../../src/xml/reader.ts";
import { holderOf } from "./holder.ts";
import * as sts from "./sts-wire.ts";

const UPN = "http://schemas.xmlsoap.org/claims/UPN";
const AC = "urn:oasis:names:tc:SAML:2.0:ac:classes";
const MORE = "http://www.w3.org/2001/04/xmldsig-more#";
const GROUPS = "http://rsa.com/schemas/attr-names/2009/01/GroupIdentity";
const EMAIL = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/emailaddress";
const WSA = "http://www.w3.org/2005/08/addressing";
const AUTH = "http://docs.oasis-open.org/wsfed/authorization/200706";
const DIALECT = "http://schemas.xmlsoap.org/ws/2005/05/fedclaims";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ nodes: 2 });
});
afterAll(() => simulator.close());

const login = (index = 0): string => {
  const { username, password } = simulator.users[index]!;
  return sts.usernameToken(username, password);
};
const asUser = (content: string, index = 0) =>
  sts.postSts(simulator, sts.message(sts.timestamp() + login(index), sts.rst({ content })));

/** The assertion of an answer, verified by xml-crypto with the certificate it names first. */
function verified(text: string): { readonly root: XmlElement; readonly chain: readonly X509Certificate[] } {
  const root = parseXml(text);
  const chain = sts
    .findAll(sts.find(root, "Signature", "KeyInfo", "X509Data")!, "X509Certificate")
    .map((element) => new X509Certificate(Buffer.from(element.text, "base64")));
  const verifier = new SignedXml({ publicCert: chain[0]!.publicKey, getCertFromKeyInfo: () => null });
  verifier.loadSignature(/<ds:Signature .*<\/ds:Signature>/s.exec(text)![0]);
  expect(verifier.checkSignature(text)).toBe(true);
  return { root, chain };
}

function values(root: XmlElement, name: string): string[] {
  const found = sts
    .findAll(sts.find(root, "AttributeStatement")!, "Attribute")
    .find((a) => attribute(a, "", "Name") === name);
  return found ? found.children.map(({ text }) => text) : [];
}

const names = (element: XmlElement | undefined): string[] => element!.children.map(({ local }) => local);

describe("the simulated STS, on Issue", () => {
  it("gives a bearer token for a name and password, with the anatomy of a vCenter's", async () => {
    const asked = Date.now();
    const reply = await asUser(sts.lifetime(asked, asked + 300_000) + sts.keyType("Bearer"));
    const answer = sts.response(reply);
    expect(names(answer)).toEqual([
      "RequestedSecurityToken",
      "Lifetime",
      "TokenType",
      "KeyType",
      "Delegatable",
      "SignatureAlgorithm",
    ]);
    expect(answer.children.slice(2).map(({ text }) => text)).toEqual([
      sts.SAML2_TYPE,
      `${sts.WST}/Bearer`,
      "false",
      sts.RSA_SHA256,
    ]);
    const text = sts.assertionIn(reply);
    const { root, chain } = verified(text);
    expect(text).toMatch(
      /^<saml2:Assertion xmlns:saml2="[^"]+" xmlns:xs="[^"]+" xmlns:xsi="[^"]+" ID="_[0-9a-f-]{36}" /,
    );
    expect(attribute(root, "", "Version")).toBe("2.0");
    expect(names(root)).toEqual([
      "Issuer",
      "Signature",
      "Subject",
      "Conditions",
      "AuthnStatement",
      "AttributeStatement",
    ]);
    expect(sts.find(root, "Issuer")).toMatchObject({
      text: `${simulator.servers[0]!.url}/websso/SAML2/Metadata/vsphere.local`,
      attributes: [{ local: "Format", value: "urn:oasis:names:tc:SAML:2.0:nameid-format:entity" }],
    });
    expect(sts.find(root, "Subject", "NameID")).toMatchObject({
      text: "Administrator@VSPHERE.LOCAL",
      attributes: [{ local: "Format", value: UPN }],
    });
    const confirmation = sts.find(root, "Subject", "SubjectConfirmation")!;
    const end = new Date(asked + 300_000).toISOString();
    expect(attribute(confirmation, "", "Method")).toBe("urn:oasis:names:tc:SAML:2.0:cm:bearer");
    expect(sts.find(confirmation, "SubjectConfirmationData")?.attributes).toMatchObject([
      { local: "NotOnOrAfter", value: end },
    ]);
    const conditions = sts.find(root, "Conditions")!;
    expect(attribute(conditions, "", "NotBefore")).toBe(new Date(asked).toISOString());
    expect(attribute(conditions, "", "NotOnOrAfter")).toBe(end);
    expect(names(conditions)).toEqual(["ProxyRestriction", "Condition"]);
    expect(attribute(conditions.children[0]!, "", "Count")).toBe("0");
    expect(conditions.children[1]!.xsiType).toEqual({
      namespace: "http://www.rsa.com/names/2009/12/std-ext/SAML2.0",
      local: "RenewRestrictionType",
    });
    expect(attribute(conditions.children[1]!, "", "Count")).toBe("10");
    expect(sts.find(root, "AuthnStatement", "AuthnContext", "AuthnContextClassRef")?.text).toBe(
      `${AC}:PasswordProtectedTransport`,
    );
    expect(values(root, GROUPS)).toContain("vsphere.local\\Administrators");
    expect(values(root, "http://vmware.com/schemas/attr-names/2011/07/isSolution")).toEqual(["false"]);
    expect(sts.find(root, "AttributeStatement")!.children).toHaveLength(4);
    expect(values(root, EMAIL)).toEqual([]);
    expect(chain.map(({ subject }) => /CN=([^\n]+)/.exec(subject)?.[1])).toEqual([
      "ssoserverSign",
      "STS signing CA",
    ]);
    expect(chain[0]!.verify(chain[1]!.publicKey)).toBe(true);
    expect(chain[1]!.toString()).toBe(simulator.stsSigningCa);
    expect(text).toContain('PrefixList="xs xsi"');
    expect(/<ds:SignatureValue>([^<]+)</.exec(text)![1]).toMatch(/^(\S{76}\n)+\S{1,76}$/);
  });

  it("puts only the lifetime that it granted into the answer", async () => {
    const now = Date.now();
    const answer = sts.response(
      await asUser(sts.lifetime(now, now + 365 * 86_400_000) + sts.keyType("Bearer")),
    );
    const [created, expires] = sts.find(answer, "Lifetime")!.children.map(({ text }) => Date.parse(text));
    expect(created).toBe(now);
    expect(expires).toBe(now + 3_600_000);
  });

  it.each(["Administrator@vsphere.local", "ADMINISTRATOR@VSPHERE.LOCAL", "vsphere.local\\administrator"])(
    "knows %s",
    async (username) => {
      const security = sts.timestamp() + sts.usernameToken(username, simulator.users[0]!.password);
      const text = sts.assertionIn(await sts.postSts(simulator, sts.message(security, sts.rst())));
      expect(sts.find(parseXml(text), "Subject", "NameID")?.text).toBe("Administrator@VSPHERE.LOCAL");
    },
  );

  it("gives a person a holder-of-key token for any key, even of a certificate nobody signed", async () => {
    const holder = holderOf("CN=laptop");
    const request = sts.rst({ content: `${sts.keyType("PublicKey")}<wst:UseKey Sig="_SIG"/>` });
    const text = sts.message(sts.timestamp() + login(1) + sts.binaryToken(holder), request);
    const reply = await sts.postSts(simulator, sts.signed(text, holder.key, { id: "_sig" }));
    const { root } = verified(sts.assertionIn(reply));
    const confirmation = sts.find(root, "Subject", "SubjectConfirmation")!;
    const data = sts.find(confirmation, "SubjectConfirmationData")!;
    expect(sts.find(root, "Subject", "NameID")?.text).toBe("operator@VSPHERE.LOCAL");
    expect(attribute(confirmation, "", "Method")).toBe("urn:oasis:names:tc:SAML:2.0:cm:holder-of-key");
    expect(data.xsiType).toEqual({ namespace: sts.SAML2, local: "KeyInfoConfirmationDataType" });
    expect(data.attributes.filter(({ namespace }) => namespace === "")).toEqual([]);
    const certificate = sts.find(data, "KeyInfo", "X509Data", "X509Certificate")!.text;
    expect(new X509Certificate(Buffer.from(certificate, "base64")).toString()).toBe(holder.cert);
    expect(sts.find(sts.response(reply), "KeyType")?.text).toBe(`${sts.WST}/PublicKey`);
    expect(values(root, GROUPS)).toEqual(["vsphere.local\\Users", "vsphere.local\\Everyone"]);
  });

  it("gives a solution user a token by its certificate alone, for 30 days", async () => {
    const user = sts.solutionUser(simulator);
    const text = await sts.holderOfKey(simulator);
    const { root } = verified(text);
    expect(sts.find(root, "Subject", "NameID")?.text).toBe(`${user.name}@vsphere.local`);
    expect(sts.find(root, "AuthnStatement", "AuthnContext", "AuthnContextClassRef")?.text).toBe(
      `${AC}:XMLDSig`,
    );
    expect(values(root, "http://vmware.com/schemas/attr-names/2011/07/isSolution")).toEqual(["true"]);
    const conditions = sts.find(root, "Conditions")!;
    const [from, to] = ["NotBefore", "NotOnOrAfter"].map((n) => Date.parse(attribute(conditions, "", n)!));
    expect(to! - from!).toBe(2_592_000_000);
  });

  it("gives a token for a holder-of-key token and its key", async () => {
    const user = sts.solutionUser(simulator);
    const token = await sts.holderOfKey(simulator);
    const text = sts.message(sts.timestamp() + token, sts.rst({ content: sts.keyType("PublicKey") }));
    const reply = await sts.postSts(
      simulator,
      sts.signed(text, user.key, { keyInfo: sts.byAssertion(sts.idOf(token)) }),
    );
    const { root } = verified(sts.assertionIn(reply));
    expect(sts.find(root, "Subject", "NameID")?.text).toBe(`${user.name}@vsphere.local`);
    expect(sts.find(root, "AuthnStatement", "AuthnContext", "AuthnContextClassRef")?.text).toBe(
      `${AC}:PreviousSession`,
    );
  });

  it.each([
    ["without a KeyType, unsigned", "", false, "Bearer"],
    ["without a KeyType, signed", "", true, "PublicKey"],
    ["signed, but asked for as bearer", "Bearer", true, "Bearer"],
  ])("decides what kind a token is: %s", async (_name, kind, sign, expected) => {
    const holder = holderOf("CN=laptop");
    const request = sts.rst({ content: kind && sts.keyType("Bearer") });
    const text = sts.message(sts.timestamp() + login() + (sign ? sts.binaryToken(holder) : ""), request);
    const reply = await sts.postSts(simulator, sign ? sts.signed(text, holder.key) : text);
    expect(sts.find(sts.response(reply), "KeyType")?.text).toBe(`${sts.WST}/${expected}`);
  });

  it.each([
    [`${MORE}rsa-sha256`, `${MORE}rsa-sha256`, "http://www.w3.org/2001/04/xmlenc#sha256"],
    [`${MORE}rsa-sha384`, `${MORE}rsa-sha384`, "http://www.w3.org/2001/04/xmlenc#sha512"],
    [`${MORE}rsa-sha512`, `${MORE}rsa-sha512`, "http://www.w3.org/2001/04/xmlenc#sha512"],
    [`${sts.DS}rsa-sha1`, `${sts.DS}rsa-sha1`, `${sts.DS}sha1`],
    ["urn:unknown", `${MORE}rsa-sha256`, "http://www.w3.org/2001/04/xmlenc#sha256"],
  ])("asked to sign by %s it signs by %s", async (wanted, method, digest) => {
    const reply = await asUser(`<wst:SignatureAlgorithm>${wanted}</wst:SignatureAlgorithm>`);
    const text = sts.assertionIn(reply);
    expect(text).toContain(`<ds:SignatureMethod Algorithm="${method}"/>`);
    expect(text).toContain(`<ds:DigestMethod Algorithm="${digest}"/>`);
    expect(sts.find(sts.response(reply), "SignatureAlgorithm")?.text).toBe(method);
  });

  it("makes participants the audience, and the only one of a bearer token the recipient", async () => {
    const address = (uri: string): string =>
      `<wsa:EndpointReference xmlns:wsa="${WSA}"><wsa:Address>${uri}</wsa:Address></wsa:EndpointReference>`;
    const participant = (uri: string): string => `<wst:Participant>${address(uri)}</wst:Participant>`;
    const two = await asUser(
      `<wst:Participants><wst:Primary>${address("urn:a")}</wst:Primary>${participant("urn:b")}</wst:Participants>`,
    );
    const one = await asUser(`<wst:Participants>${participant("https://x/?a=1&amp;b=2")}</wst:Participants>`);
    const audience = (reply: typeof one): string[] =>
      sts
        .findAll(sts.find(parseXml(sts.assertionIn(reply)), "Conditions", "AudienceRestriction")!, "Audience")
        .map(({ text }) => text);
    const recipient = (reply: typeof one): string | undefined =>
      attribute(
        sts.find(
          parseXml(sts.assertionIn(reply)),
          "Subject",
          "SubjectConfirmation",
          "SubjectConfirmationData",
        )!,
        "",
        "Recipient",
      );
    expect(audience(two)).toEqual(["urn:a", "urn:b"]);
    expect(recipient(two)).toBeUndefined();
    expect(audience(one)).toEqual(["https://x/?a=1&b=2"]);
    expect(recipient(one)).toBe("https://x/?a=1&b=2");
    verified(sts.assertionIn(one));
  });

  it("gives the attributes asked for instead of the usual ones", async () => {
    const claim = (uri: string): string => `<auth:ClaimType xmlns:auth="${AUTH}" Uri="${uri}"/>`;
    const reply = await asUser(
      `<wst:Claims Dialect="${DIALECT}">${claim(UPN)}${claim(EMAIL)}${claim("urn:none")}</wst:Claims>`,
    );
    const { root } = verified(sts.assertionIn(reply));
    expect(values(root, UPN)).toEqual(["Administrator@VSPHERE.LOCAL"]);
    expect(values(root, EMAIL)).toEqual(["Administrator@vsphere.local"]);
    expect(values(root, GROUPS)).toEqual([]);
    expect(sts.find(root, "AttributeStatement")!.children).toHaveLength(2);
  });

  it("refuses claims of another dialect", async () => {
    const claims = `<wst:Claims Dialect="urn:x"><auth:ClaimType xmlns:auth="${AUTH}" Uri="${UPN}"/></wst:Claims>`;
    expect(sts.stsFault(await asUser(claims))).toEqual({
      code: `{${sts.WST}}InvalidRequest`,
      text: `The only supported claims dialect is: ${DIALECT}`,
    });
  });

  it("carries advice", async () => {
    const ns = "http://www.rsa.com/names/2009/12/std-ext/WS-Trust1.4/advice";
    const reply = await asUser(
      `<a:AdviceSet xmlns:a="${ns}"><a:Advice AdviceSource="urn:source"><a:Attribute Name="urn:n" ` +
        `FriendlyName="n"><a:AttributeValue>v1</a:AttributeValue><a:AttributeValue>v2</a:AttributeValue>` +
        `</a:Attribute></a:Advice></a:AdviceSet>`,
    );
    const { root } = verified(sts.assertionIn(reply));
    const advice = sts.find(root, "Advice", "RSAAdvice")!;
    expect(names(root)[4]).toBe("Advice");
    expect(attribute(advice, "", "AdviceSource")).toBe("urn:source");
    expect(advice.children[0]!.children.map(({ text }) => text)).toEqual(["v1", "v2"]);
    expect(attribute(advice.children[0]!, "", "NameFormat")).toMatch(/unspecified$/);
  });

  it.each([
    ['<wst:Renewing Allow="false" OK="false"/>', undefined],
    ['<wst:Renewing Allow="true" OK="true"/>', "10"],
    ["", "10"],
  ])("with %s it lets a token be renewed %s times", async (renewing, count) => {
    const conditions = sts.find(parseXml(sts.assertionIn(await asUser(renewing))), "Conditions")!;
    expect(sts.find(conditions, "Condition")?.attributes.find(({ local }) => local === "Count")?.value).toBe(
      count,
    );
  });

  it("echoes the Context, and answers at every node and path of the domain", async () => {
    const text = sts.message(sts.timestamp() + login(), sts.rst({ attributes: ' Context="urn:_1"' }));
    for (const path of ["/sts/STSService", "/sts/STSService/", "/sts/STSService/VSPHERE.LOCAL"]) {
      const answer = sts.response(await sts.postSts(simulator, text, { path, node: 2 }));
      expect(attribute(answer, "", "Context")).toBe("urn:_1");
    }
  });

  it("logs the operation, and nothing of the message", async () => {
    const lines: string[] = [];
    const logged = await startSimulator({ nodes: 1, log: (line) => lines.push(line) });
    try {
      await sts.bearer(logged);
      expect(lines).toEqual(["vc01.sim.example POST /sts/STSService/vsphere.local Issue 200"]);
      expect(logged.requests.at(-1)?.operation).toBe("Issue");
    } finally {
      await logged.close();
    }
  });
});
