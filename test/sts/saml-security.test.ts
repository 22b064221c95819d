import { beforeAll, describe, expect, test } from "vitest";
import { LOOKUP_SCHEMA } from "../../src/lookup/wsdl-tables.ts";
import { SamlToken } from "../../src/saml/index.ts";
import { encodeOperation } from "../../src/soap/encode.ts";
import { type SamlSecurityOptions, samlSecurity } from "../../src/sts/index.ts";
import { attribute } from "../../src/xml/reader.ts";
import type { RsaIdentity } from "../helpers/rsa.ts";
import { assertionVerifies, assertionXml, signAssertion } from "./assertions.ts";
import {
  at,
  keyPair,
  type Message,
  makeKey,
  messageVerifies,
  must,
  names,
  readMessage,
  textAt,
  WSU,
} from "./sts-server.ts";

let holder: RsaIdentity;
let issuer: RsaIdentity;

beforeAll(async () => {
  [holder, issuer] = await Promise.all([makeKey("holder"), makeKey("issuer")]);
});

async function secured(
  token: SamlToken,
  bodyXml = '<LoginByToken xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this></LoginByToken>',
  options: SamlSecurityOptions = {},
): Promise<Message> {
  const xml = await samlSecurity(token, options).secure({
    bodyXml,
    headerXml: '<c:before xmlns:c="urn:c"></c:before>',
    operation: { namespace: "urn:vim25", local: "LoginByToken" },
    action: "urn:vim25/8.0.3",
    url: "https://vc/sdk",
  });
  return readMessage(xml);
}

describe("the header by which services know a token's subject", () => {
  test("is timestamp and assertion for a bearer token", async () => {
    const assertion = signAssertion(assertionXml(), issuer);
    const message = await secured(SamlToken.from(assertion));
    expect(names(message.security)).toEqual(["Timestamp", "Assertion"]);
    expect(message.xml).toContain(assertion);
    expect(message.body.attributes).toEqual([]);
    expect(message.xml).toContain('<soapenv:Header><c:before xmlns:c="urn:c"></c:before><wsse:Security');
    expect(assertionVerifies(message.xml, issuer)).toBe(true);
  });

  test("is signed, timestamp and body, by the key of a holder-of-key token", async () => {
    const assertion = signAssertion(assertionXml({ holder }), issuer);
    const token = SamlToken.from(assertion, { holderOfKey: keyPair(holder) });
    const message = await secured(token, undefined, { messageSignatureAlgorithm: "rsa-sha512" });
    expect(names(message.security)).toEqual(["Timestamp", "Assertion", "Signature"]);
    expect(textAt(message.security, "Signature", "KeyInfo", "SecurityTokenReference", "KeyIdentifier")).toBe(
      token.id,
    );
    expect(messageVerifies(message, holder)).toBe(true);
    expect(assertionVerifies(message.xml, issuer)).toBe(true);
  });

  test.each([
    [
      "a Lookup Service write",
      () =>
        encodeOperation(LOOKUP_SCHEMA, "Delete", {
          _this: { type: "LookupServiceRegistration", value: "ServiceRegistration" },
          serviceId: "a&b<c>",
        }),
    ],
    [
      "prefixes that the header uses too",
      () =>
        `<soapenv:x xmlns:soapenv="urn:x"><wsu:y xmlns:wsu="${WSU}" wsu:Id="_1"></wsu:y><soapenv1:z xmlns:soapenv1="http://schemas.xmlsoap.org/soap/envelope/"></soapenv1:z></soapenv:x>`,
    ],
    ["no namespace at all", () => "<x><y></y></x>"],
    ["a default namespace", () => '<x xmlns="urn:x"><y xmlns=""></y></x>'],
  ])("has a signature that verifies over a body with %s", async (_name, body) => {
    const token = SamlToken.from(assertionXml({ holder }), { holderOfKey: keyPair(holder) });
    const message = await secured(token, body());
    expect(message.xml).toContain(`${body()}</`);
    expect(messageVerifies(message, holder)).toBe(true);
  });

  test("has the times of the moment that it is made, for as long as it is told", async () => {
    const token = SamlToken.from(assertionXml());
    const { security } = await secured(token, undefined, {
      messageLifetimeSeconds: 60,
      clockOffsetMs: 300_000,
    });
    const [created, expires] = ["Created", "Expires"].map((local) =>
      Date.parse(textAt(security, "Timestamp", local) ?? ""),
    );
    expect(Math.abs(must(created) - Date.now() - 300_000)).toBeLessThan(30_000);
    expect(must(expires) - must(created)).toBe(60_000);
    const ids = [await secured(token), await secured(token)].map((each) =>
      attribute(must(at(each.security, "Timestamp")), WSU, "Id"),
    );
    expect(new Set(ids).size).toBe(2);
  });

  test("is not made with an expired token, unless the server is to say so", async () => {
    const expired = SamlToken.from(assertionXml({ issuedAt: new Date("2018-03-04T00:00:00Z") }));
    await expect(secured(expired)).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
    const { xml } = await secured(expired, undefined, { allowExpired: true });
    expect(xml).toContain(expired.assertion);
  });

  test("is not made without the key of a holder-of-key token, nor for no time", () => {
    const keyless = SamlToken.from(assertionXml({ holder }));
    expect(() => samlSecurity(keyless)).toThrow(expect.objectContaining({ code: "TOKEN_UNUSABLE" }));
    expect(() => samlSecurity(SamlToken.from(assertionXml()), { messageLifetimeSeconds: 0 })).toThrow(
      /messageLifetimeSeconds/,
    );
  });
});
