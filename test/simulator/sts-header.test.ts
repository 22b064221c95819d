import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { SOAP_NAMESPACE } from "../../src/xml/names.ts";
import * as sts from "./sts-wire.ts";

const WSA = "http://www.w3.org/2005/08/addressing";
const XSI = "http://www.w3.org/2001/XMLSchema-instance";
const PARTICIPANT =
  `<wst:Participant><wsa:EndpointReference xmlns:wsa="${WSA}"><wsa:Address>urn:a</wsa:Address>` +
  "</wsa:EndpointReference></wst:Participant>";
const participants = (content: string): string => `<wst:Participants>${content}</wst:Participants>`;
const claims = (attributes: string, content = ""): string =>
  '<wst:Claims Dialect="http://schemas.xmlsoap.org/ws/2005/05/fedclaims">' +
  `<auth:ClaimType xmlns:auth="http://docs.oasis-open.org/wsfed/authorization/200706" ${attributes}>${content}` +
  "</auth:ClaimType></wst:Claims>";
const OPEN = `<wsse:Security xmlns:wsse="${sts.WSSE}" xmlns:wsu="${sts.WSU}">`;

let simulator: Simulator;
let login: string;
beforeAll(async () => {
  simulator = await startSimulator({ nodes: 1 });
  const { username, password } = simulator.users[0]!;
  login = sts.usernameToken(username, password);
});
afterAll(() => simulator.close());

const faultOf = async (text: string, options?: sts.StsOptions) =>
  sts.stsFault(await sts.postSts(simulator, text, options));
const withSecurity = (security: string) => faultOf(sts.message(security, sts.rst()));
const created = (text: string, expires = "2099-01-01T00:00:00Z"): string =>
  `<wsu:Timestamp><wsu:Created>${text}</wsu:Created><wsu:Expires>${expires}</wsu:Expires></wsu:Timestamp>`;
const occurrence = (name: string, count: number, least: 0 | 1) => ({
  code: `{${sts.WSSE}}InvalidSecurity`,
  text: `Element {${name.startsWith("wsu:") ? sts.WSU : name.startsWith("ds:") ? sts.DS : name.startsWith("saml2:") ? sts.SAML2 : sts.WSSE}}${name.replace(/^.*:/, "")} occurance ${count} is not within [${least}, 1]`,
});
const invalidSecurity = (text: string | RegExp) => ({
  code: `{${sts.WSSE}}InvalidSecurity`,
  text: typeof text === "string" ? text : expect.stringMatching(text),
});

/** Name, security header, element, how often it is there, how often it has to be. */
const COUNTS: readonly (readonly [string, () => string, string, number, 0 | 1])[] = [
  ["no Timestamp", () => login, "wsu:Timestamp", 0, 1],
  ["two Timestamps", () => sts.timestamp() + sts.timestamp() + login, "wsu:Timestamp", 2, 1],
  ["two UsernameTokens", () => sts.timestamp() + login + login, "wsse:UsernameToken", 2, 0],
  [
    "two BinarySecurityTokens",
    () => `${sts.timestamp() + login}<wsse:BinarySecurityToken/><wsse:BinarySecurityToken/>`,
    "wsse:BinarySecurityToken",
    2,
    0,
  ],
  [
    "two Assertions",
    () =>
      `${sts.timestamp()}<a xmlns="${sts.SAML2}"/>`.replace(/<a (\S+)\/>/, "<Assertion $1/><Assertion $1/>"),
    "saml2:Assertion",
    2,
    0,
  ],
  [
    "three Signatures",
    () => `${sts.timestamp()}${`<Signature xmlns="${sts.DS}"/>`.repeat(3)}`,
    "ds:Signature",
    3,
    0,
  ],
  [
    "a Timestamp without Created",
    () => `<wsu:Timestamp><wsu:Expires>x</wsu:Expires></wsu:Timestamp>`,
    "wsu:Created",
    0,
    1,
  ],
  [
    "a Timestamp without Expires",
    () => `<wsu:Timestamp><wsu:Created>2026-01-01T00:00:00Z</wsu:Created></wsu:Timestamp>`,
    "wsu:Expires",
    0,
    1,
  ],
  [
    "a UsernameToken without Username",
    () => `${sts.timestamp()}<wsse:UsernameToken><wsse:Password>x</wsse:Password></wsse:UsernameToken>`,
    "wsse:Username",
    0,
    1,
  ],
];

describe("the security header of the simulated STS", () => {
  it("has to be there, once", async () => {
    const body = `<S:Body>${sts.rst()}</S:Body>`;
    for (const header of ["", "<S:Header/>", "<S:Header><x xmlns='urn:x'/></S:Header>"]) {
      expect(await faultOf(`<S:Envelope xmlns:S="${SOAP_NAMESPACE}">${header}${body}</S:Envelope>`)).toEqual({
        code: `{${sts.WSSE}}InvalidSecurity`,
        text: "There is no Security element in the soap header",
      });
    }
    const second = `${OPEN}${sts.timestamp()}</wsse:Security>`;
    const twice = await faultOf(sts.message(sts.timestamp() + login, sts.rst(), second));
    expect(twice.code).toBe(`{${sts.WST}}InvalidRequest`);
  });

  it.each(COUNTS)("%s is refused, with the count", async (_name, security, element, count, least) => {
    expect(await withSecurity(security())).toEqual(occurrence(element, count, least));
  });

  it("may hold its parts in any order", async () => {
    const reply = await sts.postSts(simulator, sts.message(login + sts.timestamp(), sts.rst()));
    expect(reply.status).toBe(200);
  });

  it.each([
    ["an element that is unknown", () => `${sts.timestamp() + login}<wsse:Other/>`],
    ["text", () => `${sts.timestamp() + login}text`],
  ])("%s in it is refused", async (_name, security) => {
    expect(await withSecurity(security())).toEqual(invalidSecurity(/^Invalid content was found/));
  });

  it("may have a nonce and a time of creation in its UsernameToken", async () => {
    const further = "<wsse:Nonce>AAAA</wsse:Nonce><wsu:Created>2026-01-01T00:00:00Z</wsu:Created>";
    const token = login.replace("</wsse:UsernameToken>", `${further}</wsse:UsernameToken>`);
    expect(token).not.toBe(login);
    const reply = await sts.postSts(simulator, sts.message(sts.timestamp() + token, sts.rst()));
    expect(reply.status).toBe(200);
  });

  it.each<[string, (security: string) => string]>([
    ["an element in Username", (text) => text.replace("<wsse:Username>", "<wsse:Username><x/>")],
    ["an element in Password", (text) => text.replace("<wsse:Password>", "<wsse:Password><x/>")],
    ["an element in Created", (text) => text.replace("</wsu:Created>", "<x/></wsu:Created>")],
    ["an element in Expires", (text) => text.replace("</wsu:Expires>", "<x/></wsu:Expires>")],
    ["Expires before Created", (text) => text.replace(/(<wsu:C.*Created>)(.*Expires>)/, "$2$1")],
    [
      "a Password before the Username",
      (text) => text.replace(/(<wsse:Username>.*Username>)(.*Password>)/, "$2$1"),
    ],
    [
      "an attribute of UsernameToken",
      (text) => text.replace("<wsse:UsernameToken", '<wsse:UsernameToken a="b"'),
    ],
    [
      "an attribute of UsernameToken of another namespace",
      (text) => text.replace("<wsse:UsernameToken", '<wsse:UsernameToken xmlns:x="urn:x" x:a="b"'),
    ],
    ["an attribute of Username", (text) => text.replace("<wsse:Username>", '<wsse:Username a="b">')],
    ["an attribute of Password", (text) => text.replace("<wsse:Password>", '<wsse:Password wsse:Type="b">')],
    ["an attribute of Timestamp", (text) => text.replace("<wsu:Timestamp", '<wsu:Timestamp a="b"')],
    [
      "an attribute of Timestamp of its namespace",
      (text) => text.replace("<wsu:Timestamp", '<wsu:Timestamp wsu:a="b"'),
    ],
    ["an attribute of Created", (text) => text.replace("<wsu:Created", '<wsu:Created a="b"')],
    [
      "an element in BinarySecurityToken",
      (text) => `${text}<wsse:BinarySecurityToken><x/></wsse:BinarySecurityToken>`,
    ],
    ["an ID of Created that is none", (text) => text.replace("<wsu:Created", '<wsu:Created wsu:Id="1"')],
    ["an empty ID", (text) => text.replace('"_ts"', '""')],
    ["an ID with a colon", (text) => text.replace('"_ts"', '"a:b"')],
    [
      "an ID of two elements",
      (text) => text.replace("<wsse:UsernameToken", '<wsse:UsernameToken wsu:Id="_ts"'),
    ],
  ])("does not conform to its schema with %s", async (_name, change) => {
    const security = sts.timestamp() + login;
    const changed = change(security);
    expect(changed).not.toBe(security);
    expect(await withSecurity(changed)).toEqual(
      invalidSecurity(/^The Security header does not conform to its schema: /),
    );
  });

  it("does not conform to its schema with an attribute without namespace, but may have others", async () => {
    const text = sts.message(sts.timestamp() + login, sts.rst());
    const refused = text.replace("<wsse:Security ", '<wsse:Security mustUnderstand="1" ');
    expect(await faultOf(refused)).toEqual(invalidSecurity(/has an attribute mustUnderstand/));
    const more = text
      .replace("<wsse:Security ", '<wsse:Security S:mustUnderstand="1" S:actor="urn:x" wsu:Id="_s" ')
      .replace("<wsu:Created", '<wsu:Created xml:lang="en"')
      .replace("<wsse:UsernameToken", '<wsse:UsernameToken wsu:Id="_u"')
      .replace("<wsse:Username>", '<wsse:Username S:x="y">');
    expect((await sts.postSts(simulator, more)).status).toBe(200);
  });

  it("refuses an ID that begins with a digit", async () => {
    const security = sts.timestamp().replace("_ts", "0f1e2d3c-0000-4000-8000-000000000000") + login;
    expect(await withSecurity(security)).toEqual(invalidSecurity(/not a valid value for 'NCName'/));
  });

  it.each([
    "2026-11-21T12:00:00+00:00",
    "2026-11-21T12:00:00.123456Z",
    "2026-11-21T12:00:00.1Z",
    "2026-11-21T12:00:00",
    "2026-11-21 12:00:00Z",
    "2026-02-30T12:00:00Z",
    "2026-11-21T24:30:00Z",
    " 2026-11-21T12:00:00Z",
    "",
  ])("cannot parse the time %j", async (text) => {
    expect(await withSecurity(created(text) + login)).toEqual(invalidSecurity(/^Unable to parse the time/));
  });

  it("reads times with and without milliseconds", async () => {
    const now = new Date().toISOString();
    for (const text of [now, now.replace(/\.\d+Z/, "Z")]) {
      const reply = await sts.postSts(simulator, sts.message(created(text) + login, sts.rst()));
      expect(reply.status).toBe(200);
    }
  });

  it.each([0, -1000])("refuses a message that ends %i ms after it begins", async (length) => {
    const now = Date.now();
    expect(await withSecurity(sts.timestamp(now, now + length) + login)).toEqual(
      invalidSecurity(/^Invalid request lifetime \[.+ UTC 20\d\d, .+ UTC 20\d\d\)$/),
    );
  });

  it.each([
    ["before", 660_000, 600_000 + 120_000],
    ["after", -720_000, -660_000],
  ])("refuses a message of %s its time, tolerance included, as expired", async (_when, from, to) => {
    const now = Date.now();
    const fault = await withSecurity(sts.timestamp(now + from, now + to) + login);
    expect(fault.code).toBe(`{${sts.WSSE}}MessageExpired`);
    expect(fault.text).toMatch(
      /^The time now \w{3} \w{3} \d\d \d\d:\d\d:\d\d UTC 20\d\d does not fall in the request lifetime interval extended with clock tolerance of 600000 ms: \[ .+ UTC 20\d\d; .+ UTC 20\d\d\)\. This might be due to a clock skew problem\.$/,
    );
  });

  it.each([
    [590_000, 700_000],
    [-700_000, -590_000],
  ])("tolerates a message from %i ms to %i ms", async (from, to) => {
    const now = Date.now();
    const text = sts.message(sts.timestamp(now + from, now + to) + login, sts.rst());
    expect((await sts.postSts(simulator, text)).status).toBe(200);
  });

  it.each([
    ["neither password nor passcode", ""],
    ["two passwords", "<wsse:Password>a</wsse:Password><wsse:Password>a</wsse:Password>"],
    ["two passcodes", "<wsse:Passcode>1</wsse:Passcode><wsse:Passcode>1</wsse:Passcode>"],
    ["both", "<wsse:Password>a</wsse:Password><wsse:Passcode>1</wsse:Passcode>"],
    ["a digest", `<wsse:Password Type="urn:x#PasswordDigest">a</wsse:Password>`],
  ])("refuses a name with %s", async (_name, secrets) => {
    const token = `<wsse:UsernameToken><wsse:Username>u</wsse:Username>${secrets}</wsse:UsernameToken>`;
    expect((await withSecurity(sts.timestamp() + token)).code).toBe(`{${sts.WSSE}}UnsupportedSecurityToken`);
  });

  it("takes the password type that VMware's tools send", async () => {
    const type =
      "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordText";
    const token = login.replace("<wsse:Password>", `<wsse:Password Type="${type}">`);
    const reply = await sts.postSts(simulator, sts.message(sts.timestamp() + token, sts.rst()));
    expect(reply.status).toBe(200);
  });

  it("needs a credential", async () => {
    expect((await withSecurity(sts.timestamp())).code).toBe(`{${sts.WSSE}}UnsupportedSecurityToken`);
  });
});

describe("a request to the simulated STS", () => {
  const secured = (body: string, before = ""): string => sts.message(sts.timestamp() + login, body, before);

  it("is refused where the type is not that of the operation", async () => {
    expect(await faultOf(secured(sts.rst({ type: "Renew" })))).toEqual({
      code: `{${sts.WST}}InvalidRequest`,
      text: "RequestType is different than operation executed.",
    });
  });

  it("may name its action in an addressing header, the right one", async () => {
    const action = (name: string): string =>
      `<wsa:Action xmlns:wsa="${WSA}" S:mustUnderstand="1">${sts.actionOf(name)}</wsa:Action>`;
    expect((await sts.postSts(simulator, secured(sts.rst(), action("Issue")))).status).toBe(200);
    for (const wrong of [action("Renew"), action("Issue").replace(/>(.*)</, '>"$1"<')]) {
      expect((await faultOf(secured(sts.rst(), wrong))).code).toBe(`{${sts.WST}}InvalidRequest`);
    }
  });

  it("may quote its SOAPAction or not, but needs one", async () => {
    for (const action of [sts.actionOf("Issue"), `"${sts.actionOf("Issue")}"`]) {
      expect((await sts.postSts(simulator, secured(sts.rst()), { action })).status).toBe(200);
    }
    for (const action of [null, '""', sts.actionOf("Cancel"), `${sts.WST}/RSTR/Issue`]) {
      const fault = await faultOf(secured(sts.rst()), { action });
      expect(fault.code).toBe(`{${SOAP_NAMESPACE}}Client`);
      expect(fault.text).toContain("Cannot find dispatch method");
    }
  });

  it.each([
    ["OnBehalfOf", "<wst:OnBehalfOf/>"],
    ["Entropy", "<wst:Entropy/>"],
    ["KeySize", "<wst:KeySize>256</wst:KeySize>"],
    ["AppliesTo", '<AppliesTo xmlns="http://schemas.xmlsoap.org/ws/2004/09/policy"/>'],
    ["a second KeyType", sts.keyType("Bearer") + sts.keyType("Bearer")],
    ["text", "text"],
    ["a Delegatable of another value", "<wst:Delegatable>yes</wst:Delegatable>"],
    ["a UseKey without Sig", "<wst:UseKey/>"],
    ["an attribute nobody knows", '<wst:Renewing Allow="true" Maybe="x"/>'],
    ["an empty ActAs", `<a:ActAs xmlns:a="${sts.WST14}"/>`],
    ["an ActAs of WS-Trust 1.3", `<wst:ActAs>${"<x/>"}</wst:ActAs>`],
    ["a Lifetime of something else", "<wst:Lifetime><wst:Created/></wst:Lifetime>"],
    [
      "a Lifetime that begins with its end",
      sts.lifetime(0, 1).replace(/(<wsu:C.*Created>)(.*Expires>)/, "$2$1"),
    ],
    ["an element in a time", sts.lifetime(0, 1).replace("</wsu:Created>", "<x/></wsu:Created>")],
    ["an attribute of a time", sts.lifetime(0, 1).replace("<wsu:Created ", '<wsu:Created x="y" ')],
    ["an ID of a time that is none", sts.lifetime(0, 1).replace("<wsu:Created ", '<wsu:Created wsu:Id="1" ')],
    ["an Allow that is no truth value", '<wst:Renewing Allow="maybe"/>'],
    ["an empty Allow", '<wst:Renewing Allow=""/>'],
    ["an OK that is no truth value", '<wst:Renewing Allow="true" OK="xx"/>'],
    ["an attribute of another namespace", '<wst:Renewing xmlns:x="urn:x" x:Allow="true"/>'],
    ["another type", `<wst:UseKey xmlns:x="${XSI}" x:type="wst:RenewingType" Sig="a"/>`],
    ["text in an element that is empty", '<wst:UseKey Sig="_a">x</wst:UseKey>'],
    ["a Sig that is no URI", '<wst:UseKey Sig="#a#b"/>'],
    ["a SignatureAlgorithm that is no URI", "<wst:SignatureAlgorithm>urn:%zz</wst:SignatureAlgorithm>"],
    ["a KeyType with an attribute", `<wst:KeyType a="b">${sts.WST}/Bearer</wst:KeyType>`],
    ["a RenewTarget of something else", '<wst:RenewTarget><x xmlns="urn:x"/></wst:RenewTarget>'],
    ["an ActAs of something else", `<a:ActAs xmlns:a="${sts.WST14}"><a:Assertion/></a:ActAs>`],
    ["a ValidateTarget of WS-Trust", "<wst:ValidateTarget><wst:Status/></wst:ValidateTarget>"],
    ["a ValidateTarget without namespace", "<wst:ValidateTarget><Assertion/></wst:ValidateTarget>"],
    ["a BinaryExchange without encoding", '<wst:BinaryExchange ValueType="urn:x"/>'],
    [
      "a DelegateTo without name",
      `<wst:DelegateTo><w:UsernameToken xmlns:w="${sts.WSSE}"/></wst:DelegateTo>`,
    ],
    ["a claim that may be optional", claims('Uri="urn:a" Optional="perhaps"')],
    ["a claim without name", claims("")],
    ["a claim with an element of its own", claims('Uri="urn:a"', "<auth:Other/>")],
    [
      "a Primary after a Participant",
      participants(`${PARTICIPANT}${PARTICIPANT.replaceAll("Participant", "Primary")}`),
    ],
    ["an address after something else", participants(PARTICIPANT.replace("<wsa:A", "<wsa:Metadata/><wsa:A"))],
    ["text beside an address", participants(PARTICIPANT.replace("</wsa:E", "x</wsa:E"))],
    [
      "text in the parameters of an address",
      participants(
        PARTICIPANT.replace("</wsa:E", "<wsa:ReferenceParameters>x</wsa:ReferenceParameters></wsa:E"),
      ),
    ],
    ["an address with an attribute", participants(PARTICIPANT.replace("<wsa:Address", '<wsa:Address a="b"'))],
    [
      "advice of nobody",
      '<a:AdviceSet xmlns:a="http://www.rsa.com/names/2009/12/std-ext/WS-Trust1.4/advice"><a:Advice/></a:AdviceSet>',
    ],
    ["a Participants without address", "<wst:Participants><wst:Primary/></wst:Participants>"],
  ])("is refused by its schema with %s", async (_name, content) => {
    const fault = await faultOf(secured(sts.rst({ content })));
    expect(fault.code).toBe(`{${SOAP_NAMESPACE}}Client`);
    expect(fault.text).toMatch(/^The request does not conform to its schema: /);
  });

  it("is refused by its schema without RequestType", async () => {
    const fault = await faultOf(secured(sts.rst().replace(/<wst:RequestType>.*<\/wst:RequestType>/, "")));
    expect(fault.code).toBe(`{${SOAP_NAMESPACE}}Client`);
  });

  it.each([
    ["another namespace", 'xmlns:x="urn:x" x:y="z"'],
    ["no namespace", 'x="z"'],
    ["a Context that is no URI", 'Context=":"'],
    ["an ID that begins with a digit", `xmlns:wsu="${sts.WSU}" wsu:Id="0f1e"`],
  ])("is refused by its schema with an attribute of %s", async (_name, attributes) => {
    const fault = await faultOf(secured(sts.rst({ attributes: ` ${attributes}` })));
    expect(fault.code).toBe(`{${SOAP_NAMESPACE}}Client`);
    expect(fault.text).toMatch(/^The request does not conform to its schema: /);
  });

  it("is refused by its schema for a type that no operation has, but not for one without operation", async () => {
    expect((await faultOf(secured(sts.rst({ type: "Revoke" })))).code).toBe(`{${SOAP_NAMESPACE}}Client`);
    expect((await faultOf(secured(sts.rst({ type: "Cancel" })))).code).toBe(`{${sts.WST}}InvalidRequest`);
  });

  it("may hold what else its schema allows", async () => {
    const content =
      `${sts.lifetime(Date.now(), Date.now() + 60_000).replace("<wsu:Created ", '<wsu:Created wsu:Id="_c" x:a="b" xmlns:x="urn:x" ')}` +
      '<wst:Renewing Allow=" 1 " OK=" false "/><wst:Delegatable> 0 </wst:Delegatable>' +
      participants(
        PARTICIPANT.replace(
          "</wsa:Address>",
          '</wsa:Address><wsa:ReferenceParameters><b>a</b></wsa:ReferenceParameters><c xmlns="urn:c"/>',
        ),
      ) +
      claims(
        'Uri="http://schemas.xmlsoap.org/claims/UPN" Optional="1" x:a="b" xmlns:x="urn:x"',
        "<auth:DisplayName>a</auth:DisplayName><auth:Value>b</auth:Value>",
      ) +
      '<a:AdviceSet xmlns:a="http://www.rsa.com/names/2009/12/std-ext/WS-Trust1.4/advice"><a:Advice AdviceSource="urn:s">' +
      `<a:Attribute Name="urn:n"><a:AttributeValue xmlns:x="${XSI}" x:type="x:y" z="z">a<b>c</b></a:AttributeValue>` +
      "</a:Attribute></a:Advice></a:AdviceSet>";
    const attributes = ` xmlns:x="${XSI}" x:schemaLocation="urn:a urn:b" Context="urn:_1"`;
    const reply = await sts.postSts(simulator, secured(sts.rst({ content, attributes })));
    const token = sts.assertionIn(reply);
    expect(token).toContain("<saml2:Audience>urn:a</saml2:Audience>");
    expect(token).toContain(">ac</saml2:AttributeValue>");
  });

  it("may hold its parts in any order, with white space between them", async () => {
    const request = sts.rst({ content: "X" });
    const [, open, type, kind, close] = /^(<[^>]+>)(<wst:TokenType>.*<\/wst:TokenType>)(.*)X(.*)$/.exec(
      request,
    )!;
    const body = `\n  ${open}\n ${sts.keyType("Bearer")}\n ${kind}\n ${type} ${close}\n`;
    expect((await sts.postSts(simulator, secured(body))).status).toBe(200);
  });

  it("is refused for another kind of token", async () => {
    for (const tokenType of ["urn:oasis:names:tc:SAML:1.0:assertion", ""]) {
      expect((await faultOf(secured(sts.rst({ tokenType })))).code).toBe(`{${sts.WST}}InvalidRequest`);
    }
  });

  it.each([
    [
      "SOAP 1.2",
      (text: string) => text.replaceAll(SOAP_NAMESPACE, "http://www.w3.org/2003/05/soap-envelope"),
      "VersionMismatch",
    ],
    ["no XML", () => "hello", "Client"],
    ["an empty body", () => "", "Client"],
    ["a truncated one", (text: string) => text.slice(0, -20), "Client"],
    ["a DOCTYPE", (text: string) => `<!DOCTYPE x>${text}`, "Client"],
    ["a processing instruction", (text: string) => text.replace("<S:Body", "<?x y?><S:Body"), "Client"],
    [
      "nothing in the Body",
      (text: string) => text.replace(/(<S:Body[^>]*>).*(<\/S:Body>)/, "$1$2"),
      "Client",
    ],
    ["text in the Body", (text: string) => text.replace("</S:Body>", "text</S:Body>"), "Client"],
    ["text in the Header", (text: string) => text.replace("</S:Header>", "text</S:Header>"), "Client"],
    ["text in the Envelope", (text: string) => text.replace("<S:Body", "text<S:Body"), "Client"],
    [
      "an ID of the Body that begins with a digit",
      (text: string) => text.replace('wsu:Id="_body"', 'wsu:Id="0f1e2d3c"'),
      "Client",
    ],
    [
      "a header that has to be understood",
      (text: string) => text.replace("<S:Header>", '<S:Header><x xmlns="urn:x" S:mustUnderstand="1"/>'),
      "MustUnderstand",
    ],
  ])("is no message with %s", async (_name, change, code) => {
    expect((await faultOf(change(secured(sts.rst())))).code).toBe(`{${SOAP_NAMESPACE}}${code}`);
  });

  it("has to be UTF-8, of the right type, to a path of the domain, by POST", async () => {
    const invalid = Buffer.concat([Buffer.from(secured(sts.rst())), Buffer.from([0xff])]);
    expect(sts.stsFault(await sts.postSts(simulator, invalid)).code).toMatch(/Client$/);
    const answer = (options: sts.StsOptions) => sts.postSts(simulator, secured(sts.rst()), options);
    expect((await answer({ contentType: "application/soap+xml" })).status).toBe(415);
    for (const path of ["/sts/STSService/other.local", "/sts/STSService/%E0", "/sts/system-STSService/sdk"]) {
      expect(await answer({ path })).toMatchObject({ status: 404, text: "" });
    }
    expect((await answer({ method: "PUT" })).status).toBe(405);
  });
});

describe("the domain in the path", () => {
  it("is vsphere.local where there is none, whatever the domain of the group", async () => {
    const other = await startSimulator({ nodes: 1, ssoDomain: "lab.test" });
    try {
      const { username, password } = other.users[0]!;
      const text = sts.message(sts.timestamp() + sts.usernameToken(username, password), sts.rst());
      expect((await sts.postSts(other, text, { path: "/sts/STSService" })).status).toBe(404);
      expect(sts.assertionIn(await sts.postSts(other, text))).toContain("Administrator@LAB.TEST");
    } finally {
      await other.close();
    }
  });
});
