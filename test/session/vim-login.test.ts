import { inspect } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { SamlToken } from "../../src/saml/index.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { assertionVerifies, assertionXml, signAssertion } from "../sts/assertions.ts";
import { messageVerifies, names, readMessage } from "../sts/sts-server.ts";
import { startVim, vimFault } from "./vim-server.ts";

let issuer: RsaIdentity;
let holder: RsaIdentity;

beforeAll(async () => {
  [issuer, holder] = await Promise.all([makeRsaSelfSigned("issuer"), makeRsaSelfSigned("holder")]);
});

const pair = () => ({ certificate: holder.cert, key: holder.key });

describe("a login by token", () => {
  test("carries a bearer token in the SOAP header, to the byte, beside a timestamp", async () => {
    const server = await startVim();
    const assertion = signAssertion(assertionXml(), issuer);
    const door = server.door({ locale: "en_US" });
    const id = await door.login(SamlToken.from(assertion));
    expect([...server.sessions.keys()]).toEqual([id]);
    const call = server.calls.at(-1);
    const message = readMessage(call?.request.body ?? "");
    expect(names(message.security)).toEqual(["Timestamp", "Assertion"]);
    expect(message.xml).toContain(assertion);
    expect(assertionVerifies(message.xml, issuer)).toBe(true);
    expect(message.request.children.map(({ local, text }) => [local, text])).toEqual([
      ["_this", "SessionManager"],
      ["locale", "en_US"],
    ]);
    expect(call?.request.headers.authorization).toBeUndefined();
  });

  test.each(["rsa-sha256", "rsa-sha512"] as const)(
    "is signed by the holder's key, timestamp and body, with %s",
    async (messageSignatureAlgorithm) => {
      const server = await startVim();
      const token = SamlToken.from(signAssertion(assertionXml({ holder }), issuer), { holderOfKey: pair() });
      const door = server.door({ messageSecurity: { messageSignatureAlgorithm }, clockOffsetMs: 240_000 });
      await door.login(token);
      const message = readMessage(server.calls.at(-1)?.request.body ?? "");
      expect(names(message.security)).toEqual(["Timestamp", "Assertion", "Signature"]);
      expect(messageVerifies(message, holder)).toBe(true);
      expect(assertionVerifies(message.xml, issuer)).toBe(true);
      const created = message.security.children[0]?.children[0]?.text ?? "";
      expect(Math.abs(Date.parse(created) - Date.now() - 240_000)).toBeLessThan(60_000);
    },
  );

  test("is refused before anything is sent without the holder's key", async () => {
    const server = await startVim();
    const token = SamlToken.from(signAssertion(assertionXml({ holder }), issuer));
    await expect(server.door().login(token)).rejects.toMatchObject({ code: "TOKEN_UNUSABLE" });
    expect(server.requests).toHaveLength(0);
  });

  test("with an expired token is refused here, or left to the server", async () => {
    const server = await startVim();
    const token = SamlToken.from(assertionXml({ issuedAt: new Date("2018-01-01T00:00:00Z") }));
    await expect(server.door().login(token)).rejects.toMatchObject({
      code: "TOKEN_EXPIRED",
      message: "The token expired at 2018-01-01T00:10:00.000Z",
    });
    expect(server.operations()).not.toContain("LoginByToken");
    await server.door({ messageSecurity: { allowExpired: true } }).login(token);
    expect(server.sessions.size).toBe(1);
  });

  test("says what a token needs when it is refused, without the token", async () => {
    const token = SamlToken.from(signAssertion(assertionXml(), issuer));
    const server = await startVim({
      intercept: ({ operation, request }) =>
        operation === "LoginByToken"
          ? vimFault("InvalidLogin", `not accepted: ${request.body.replaceAll("<", "&lt;")}`)
          : undefined,
    });
    const error: unknown = await server
      .door()
      .login(token)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", hint: expect.stringContaining("clocks") });
    expect(inspect(error, { depth: 9 })).not.toContain(token.id);
    expect(inspect(error, { depth: 9 })).not.toContain("SignatureValue");
  });

  test("goes by Authorization: Bearer for a JWT", async () => {
    const server = await startVim();
    await server.door().login({ jwt: "the.good.jwt" });
    expect(server.sessions.size).toBe(1);
    expect(server.calls.at(-1)?.header).toBeUndefined();
    const refused: unknown = await server
      .door()
      .login({ jwt: "another.jwt.text" })
      .catch((reason: unknown) => reason);
    expect(refused).toMatchObject({ code: "AUTHENTICATION_FAILED", hint: expect.stringContaining("SAML") });
    expect(inspect(refused, { depth: 9 })).not.toContain("another.jwt");
  });
});
