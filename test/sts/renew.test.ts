import { beforeAll, describe, expect, test } from "vitest";
import { TokenError } from "../../src/errors.ts";
import { SamlToken } from "../../src/saml/index.ts";
import { attribute } from "../../src/xml/reader.ts";
import type { RsaIdentity } from "../helpers/rsa.ts";
import { assertionVerifies, assertionXml, signAssertion } from "./assertions.ts";
import {
  at,
  failure,
  granted,
  keyPair,
  makeKey,
  messageVerifies,
  must,
  names,
  responding,
  soap,
  startSts,
  textAt,
  WST,
} from "./sts-server.ts";

let holder: RsaIdentity;
let issuer: RsaIdentity;
let bound: string;

beforeAll(async () => {
  [holder, issuer] = await Promise.all([makeKey("holder"), makeKey("issuer")]);
  bound = signAssertion(assertionXml({ holder, renewCount: 3 }), issuer);
});

const token = (text = bound): SamlToken => SamlToken.from(text, { holderOfKey: keyPair(holder) });
const status = (content: string): string =>
  soap(
    `<wst:RequestSecurityTokenResponse xmlns:wst="${WST}"><wst:Status>${content}</wst:Status><wst:TokenType>${WST}/RSTR/Status</wst:TokenType></wst:RequestSecurityTokenResponse>`,
  );

describe("a renewal", () => {
  test("carries the assertion to the character, once, signed by its key", async () => {
    const renewed = signAssertion(assertionXml({ holder, renewCount: 2 }), issuer);
    const sts = await startSts(() => granted(renewed, false));
    const fresh = await sts.client.renew(token(), { lifetimeSeconds: 120 });
    const message = must(sts.messages()[0]);
    expect(names(message.security)).toEqual(["Timestamp", "BinarySecurityToken", "Signature"]);
    expect(names(message.request)).toEqual(["TokenType", "RequestType", "Lifetime", "RenewTarget", "UseKey"]);
    expect(textAt(message.request, "RequestType")).toBe(`${WST}/Renew`);
    expect(message.xml).toContain(`<wst:RenewTarget>${bound}</wst:RenewTarget>`);
    expect(message.xml.split("<saml2:Assertion ")).toHaveLength(2);
    expect(attribute(must(at(message.request, "UseKey")), "", "Sig")).toBe(
      attribute(must(at(message.security, "Signature")), "", "Id"),
    );
    expect(messageVerifies(message, holder)).toBe(true);
    expect(sts.server.requests[0]?.headers.soapaction).toBe(`"${WST}/RST/Renew"`);
    expect(fresh).toMatchObject({ assertion: renewed, renewCount: 2, requestedLifetimeSeconds: 120 });
    expect(fresh.signer).toBeDefined();
  });

  test("keeps the assertion's own signature verifiable in the message", async () => {
    const sts = await startSts(() => granted(bound));
    await sts.client.renew(bound, { holderOfKey: keyPair(holder) });
    expect(assertionVerifies(must(sts.messages()[0]).xml, issuer)).toBe(true);
  });

  test.each([
    ["a bearer token", () => assertionXml(), {}, "TOKEN_UNUSABLE"],
    ["a bearer token, even by force", () => assertionXml(), { force: true }, "TOKEN_UNUSABLE"],
    ["a token that is not renewable", () => assertionXml({ holder }), {}, "TOKEN_NOT_RENEWABLE"],
    ["a token without its key", () => assertionXml({ holder, renewCount: 1 }), {}, "TOKEN_UNUSABLE"],
    [
      "an expired token",
      () => assertionXml({ holder, renewCount: 1, issuedAt: new Date("2026-01-01T00:00:00Z") }),
      {},
      "TOKEN_EXPIRED",
    ],
    ["what is no token", () => "<saml2:Assertion>", {}, "TOKEN_MALFORMED"],
  ])("of %s is refused before anything is sent", async (_name, xml, options, code) => {
    const sts = await startSts(() => granted(bound));
    const error = await failure(sts.client.renew(xml(), options));
    expect(error).toBeInstanceOf(TokenError);
    expect(error.code).toBe(code);
    expect(sts.server.requests).toHaveLength(0);
  });

  test("with the key of another token is refused before anything is sent", async () => {
    const sts = await startSts(() => granted(bound));
    const error = await failure(sts.client.renew(bound, { holderOfKey: keyPair(issuer) }));
    expect(error.code).toBe("TOKEN_UNUSABLE");
    expect(sts.server.requests).toHaveLength(0);
  });

  test("of a token that says it is not renewable is the server's to refuse, when asked by force", async () => {
    const sts = await startSts(() => granted(bound));
    await sts.client.renew(token(assertionXml({ holder })), { force: true });
    expect(sts.server.requests).toHaveLength(1);
  });

  test("that gives a token of another subject is not accepted", async () => {
    const other = assertionXml({ holder, renewCount: 2, subject: "mallory@VSPHERE.LOCAL" });
    const sts = await startSts(() => granted(other));
    expect(await failure(sts.client.renew(token()))).toMatchObject({
      code: "TOKEN_UNUSABLE",
      message: expect.stringContaining("another subject"),
    });
  });
});

describe("validation", () => {
  test("is the server's word, asked for by a timestamp alone", async () => {
    const sts = await startSts(() => status(`<wst:Code>${WST}/status/valid</wst:Code>`));
    expect(await sts.client.validate(`${bound}\n`)).toEqual({
      valid: true,
      code: `${WST}/status/valid`,
      reason: null,
    });
    const message = must(sts.messages()[0]);
    expect(names(message.security)).toEqual(["Timestamp"]);
    expect(names(message.request)).toEqual(["TokenType", "RequestType", "ValidateTarget"]);
    expect(textAt(message.request, "TokenType")).toBe(`${WST}/RSTR/Status`);
    expect(textAt(message.request, "RequestType")).toBe(`${WST}/Validate`);
    expect(message.xml).toContain(`<wst:ValidateTarget>${bound}</wst:ValidateTarget>`);
    expect(assertionVerifies(message.xml, issuer)).toBe(true);
    expect(sts.server.requests[0]?.headers.soapaction).toBe(`"${WST}/RST/Validate"`);
  });

  test("tells why a token is not valid", async () => {
    const sts = await startSts(() =>
      status(`<wst:Code> ${WST}/status/invalid\n</wst:Code><wst:Reason>Signature is invalid.</wst:Reason>`),
    );
    expect(await sts.client.validate(SamlToken.from(bound))).toEqual({
      valid: false,
      code: `${WST}/status/invalid`,
      reason: "Signature is invalid.",
    });
  });

  test("is repeated when the server is unavailable", async () => {
    let count = 0;
    const sts = await startSts(() =>
      ++count === 1 ? { status: 503, body: "" } : status(`<wst:Code>${WST}/status/valid</wst:Code>`),
    );
    expect((await sts.client.validate(bound)).valid).toBe(true);
  });

  test.each([
    ["without a status", responding("")],
    ["without a code", status("")],
    ["with a code that is neither", status(`<wst:Code>${WST}/status/maybe</wst:Code>`)],
  ])("that is answered %s is not taken for one", async (_name, answer) => {
    const sts = await startSts(() => answer);
    expect(await failure(sts.client.validate(bound))).toMatchObject({ code: "RESPONSE_UNEXPECTED" });
  });
});
