import { inspect } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { HttpStatusError, SoapFaultError, StsFaultError } from "../../src/errors.ts";
import { SamlToken } from "../../src/saml/index.ts";
import type { RsaIdentity } from "../helpers/rsa.ts";
import { assertionXml } from "./assertions.ts";
import {
  alice,
  at,
  failure,
  granted,
  keyPair,
  makeKey,
  must,
  SOAP,
  startSts,
  stsFault,
  textAt,
  WSSE,
  WST,
} from "./sts-server.ts";

let holder: RsaIdentity;

beforeAll(async () => {
  holder = await makeKey("holder");
});

const MINUTE = 60_000;
const LEFT_OUT = "the server's words are left out: they repeat a secret";
/** A `Date` header that is off by so much. */
const dated = (offsetMs: number) => ({ date: new Date(Date.now() + offsetMs).toUTCString() });

async function refusal(
  namespace: string,
  local: string,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<StsFaultError> {
  const sts = await startSts(() => stsFault(namespace, local, text, headers));
  const error = await failure(sts.client.issue({ credential: alice }));
  expect(error).toBeInstanceOf(StsFaultError);
  expect(sts.server.requests).toHaveLength(1);
  return error as unknown as StsFaultError;
}

describe("a fault", () => {
  test.each([
    [WST, "FailedAuthentication", "Invalid credentials", "AUTHENTICATION_FAILED", /user name/],
    [WSSE, "FailedAuthentication", "Authentication failed.", "AUTHENTICATION_FAILED", /user name/],
    [
      WST,
      "FailedAuthentication",
      "The account of the user trying to authenticate is locked. :: The account of the user trying to authenticate is locked.",
      "ACCOUNT_LOCKED",
      /unlock/,
    ],
    [
      WST,
      "FailedAuthentication",
      "Password of the user logging on is expired. :: Password of the user logging on is expired.",
      "PASSWORD_EXPIRED",
      /change the password/,
    ],
    [WST, "InvalidRequest", "RequestType is different than operation executed.", "INVALID_REQUEST", /words/],
    [WST, "InvalidRequest", "Access not authorized!", "INVALID_REQUEST", /ActAsUsers/],
    [WST, "InvalidRequest", "Cannot continue delegation chain", "INVALID_REQUEST", /--delegatable/],
    [
      WST,
      "InvalidRequest",
      "Successfully authenticated different principals: a@b and c@b",
      "INVALID_REQUEST",
      /belongs to a solution user.*self-signed/,
    ],
    [WST, "BadRequest", "x", "INVALID_REQUEST", /words/],
    [WST, "InvalidScope", "x", "INVALID_REQUEST", /words/],
    [WST, "InvalidTimeRange", "Invalid token lifetime", "INVALID_TIME_RANGE", /lifetime/],
    [
      WST,
      "InvalidTimeRange",
      "The token authority rejected an issue request for TimePeriod [startTime=Mon, endTime=Mon] :: Signing certificate is not valid at Mon, cert validity: TimePeriod [startTime=Sun, endTime=Sun]",
      "SIGNING_CERTIFICATE_EXPIRED",
      /KB 316619/,
    ],
    [WST, "ExpiredData", "x", "MESSAGE_EXPIRED", /messageLifetimeSeconds/],
    [WST, "UnableToRenew", "Unable to renew non-renewable token", "UNABLE_TO_RENEW", /a renewable one/],
    [WST, "RenewNeeded", "x", "TOKEN_EXPIRED", /issue a new one/],
    [WST, "RequestFailed", "The specified request failed.", "REQUEST_FAILED", /log/],
    [WST, "InvalidSecurityToken", "x", "INVALID_SECURITY_TOKEN", /certificate/],
    [WST, "AuthenticationBadElements", "x", "INVALID_SECURITY", /log/],
    [
      WSSE,
      "MessageExpired",
      "The time now X does not fall in it",
      "MESSAGE_EXPIRED",
      /messageLifetimeSeconds/,
    ],
    [WSSE, "InvalidSecurity", "Element {x}Y occurance 2 is not within [0, 1]", "INVALID_SECURITY", /words/],
    [WSSE, "FailedCheck", "Signature is invalid.", "FAILED_CHECK", /belong together/],
    [WSSE, "SecurityTokenUnavailable", "x", "SECURITY_TOKEN_UNAVAILABLE", /did not arrive/],
    [WSSE, "InvalidSecurityToken", "x", "INVALID_SECURITY_TOKEN", /RSA/],
    [
      WSSE,
      "UnsupportedSecurityToken",
      "Only HoK tokens are supported for authentication!",
      "UNSUPPORTED_SECURITY_TOKEN",
      /bearer/,
    ],
    [WSSE, "UnsupportedAlgorithm", "x", "UNSUPPORTED_ALGORITHM", /messageSignatureAlgorithm/],
    ["urn:other", "FailedAuthentication", "x", "SOAP_FAULT", /own words/],
    [WSSE, "InvalidTimeRange", "x", "SOAP_FAULT", /own words/],
    [WST, "constructor", "x", "SOAP_FAULT", /own words/],
    ["http://schemas.xmlsoap.org/soap/envelope/", "Client", "schema", "SOAP_FAULT", /own words/],
  ])("{%s}%s saying %j is %s", async (namespace, local, text, code, hint) => {
    const error = await refusal(namespace, local, text);
    expect(error).toMatchObject({
      code,
      faultCode: { namespace, local },
      faultString: text,
      status: 500,
      name: "StsFaultError",
    });
    expect(error).toBeInstanceOf(SoapFaultError);
    expect(error.message).toContain(`refused Issue: ${local}: ${text}`);
    expect(error.hint).toMatch(hint);
  });

  test.each([
    ["", "InvalidRequest", "INVALID_REQUEST", ""],
    ["undeclared:", "InvalidRequest", "INVALID_REQUEST", ""],
    ["", "MessageExpired", "MESSAGE_EXPIRED", ""],
    // WS-Trust's meaning goes first: WS-Security has one of that name too.
    ["", "InvalidSecurityToken", "INVALID_SECURITY_TOKEN", ""],
    ["", "FailedAuthentication", "AUTHENTICATION_FAILED", ` xmlns="${SOAP}"`],
    ["", "Client", "SOAP_FAULT", ""],
    ["", "constructor", "SOAP_FAULT", ""],
    ["", "InvalidRequest", "SOAP_FAULT", ' xmlns="urn:other"'],
  ])(
    "of the code %j and %s without a namespace that counts is %s, under%s",
    async (prefix, local, code, scope) => {
      const sts = await startSts(() => ({
        status: 500,
        body: `<S:Envelope xmlns:S="${SOAP}"${scope}><S:Body><S:Fault><faultcode>${prefix}${local}</faultcode><faultstring>said</faultstring></S:Fault></S:Body></S:Envelope>`,
      }));
      const error = await failure(sts.client.issue({ credential: alice }));
      expect(error).toMatchObject({ name: "StsFaultError", code, faultString: "said" });
      expect(error.message).toContain(`refused Issue: ${local}: said`);
      if (local === "InvalidSecurityToken") expect(error.hint).toBe("check the certificate that was given");
    },
  );

  test("of credentials names the token to act as where one was sent", async () => {
    const sts = await startSts(() => stsFault(WST, "FailedAuthentication", "Invalid credentials"));
    const credential = keyPair(holder);
    const actAs = assertionXml({ delegationCount: 1 });
    expect((await failure(sts.client.issue({ credential, actAs }))).hint).toMatch(
      /solution user.*the token to act as was not accepted/,
    );
    expect((await failure(sts.client.issue({ credential }))).hint).not.toContain("act as");
  });

  test("without code or words is one too", async () => {
    const sts = await startSts(() => ({
      status: 500,
      body: `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><S:Fault/></S:Body></S:Envelope>`,
    }));
    const error = await failure(sts.client.issue({ credential: alice }));
    expect(error).toMatchObject({ name: "StsFaultError", code: "SOAP_FAULT" });
    expect(error.message).toMatch(/refused Issue: a fault without a code$/);
  });

  test("of credentials has advice for the kind that was given", async () => {
    const sts = await startSts(() => stsFault(WST, "FailedAuthentication", "Invalid credentials"));
    const token = SamlToken.from(assertionXml({ holder }), { holderOfKey: keyPair(holder) });
    const hints = [];
    for (const credential of [
      keyPair(holder),
      token,
      { username: "a", passcode: "1" },
      { smartCard: keyPair(holder) },
    ]) {
      hints.push((await failure(sts.client.issue({ credential }))).hint);
    }
    expect(hints).toEqual([
      expect.stringContaining("solution user"),
      expect.stringContaining("SSO domain"),
      expect.stringContaining("passcode"),
      expect.stringContaining("card"),
    ]);
    expect(sts.server.requests).toHaveLength(4);
  });

  test("about an expired token is not taken for an expired password", async () => {
    const sts = await startSts(() => stsFault(WST, "FailedAuthentication", "The token is expired"));
    const token = SamlToken.from(assertionXml({ holder }), { holderOfKey: keyPair(holder) });
    expect(await failure(sts.client.issue({ credential: token }))).toMatchObject({
      code: "AUTHENTICATION_FAILED",
    });
  });
});

describe("a fault about time", () => {
  test.each([
    [WSSE, "MessageExpired", "MESSAGE_EXPIRED"],
    [WST, "InvalidTimeRange", "INVALID_TIME_RANGE"],
  ])("%s:%s tells by how much the clocks differ, and which is behind", async (namespace, local, code) => {
    const behind = await refusal(namespace, local, "clock skew", dated(14 * MINUTE));
    expect(behind.code).toBe(code);
    expect(behind.message).toMatch(/; this machine's clock is 14 min behind the server's$/);
    expect(behind.hint).toContain("NTP");
    expect(Math.abs((behind.skewMs ?? 0) - 14 * MINUTE)).toBeLessThan(MINUTE);
    const ahead = await refusal(namespace, local, "clock skew", dated(-50 * 3600_000));
    expect(ahead.message).toMatch(/this machine's clock is 2 days ahead of the server's$/);
    expect(ahead.skewMs).toBeLessThan(0);
  });

  test("says so when the clocks agree", async () => {
    const error = await refusal(WSSE, "MessageExpired", "late", dated(0));
    expect(error.message).toContain("agrees with the server's");
    expect(error.hint).toContain("messageLifetimeSeconds");
  });

  test("blames the offset where one was given and the clocks agree", async () => {
    const sts = await startSts(() => stsFault(WSSE, "MessageExpired", "x", dated(0)), {
      clockOffsetMs: 20 * MINUTE,
    });
    const error = await failure(sts.client.issue({ credential: alice }));
    expect(error.hint).toContain("leave clockOffsetMs out");
    const created = textAt(must(at(must(sts.messages()[0]).security, "Timestamp")), "Created") ?? "";
    expect(Math.abs(Date.parse(created) - Date.now() - 20 * MINUTE)).toBeLessThan(MINUTE);
  });

  test("knows no skew where the transport tells no time", async () => {
    const body = stsFault(WSSE, "MessageExpired", "x").body;
    const transport = {
      request: async (url: string) => ({ status: 500, headers: {}, body: Buffer.from(body), url }),
    };
    const sts = await startSts(() => granted(assertionXml()), { transport });
    const error = await failure(sts.client.issue({ credential: alice }));
    expect(error.skewMs).toBeUndefined();
    expect(error.message).toMatch(/: x$/);
    expect(error.hint).toContain("compare");
  });

  test("names the clocks for a signing certificate only where they differ", async () => {
    const text = "Signing certificate is not valid at x";
    expect((await refusal(WST, "InvalidTimeRange", text, dated(0))).message).not.toContain("clock");
    const error = await refusal(WST, "InvalidTimeRange", text, dated(400 * 86_400_000));
    expect(error.message).toContain("400 days behind");
  });

  test("looks at the server's clock before the signing certificate where they differ by days", async () => {
    const text = "Signing certificate is not valid at x";
    for (const offset of [400 * 86_400_000, -400 * 86_400_000]) {
      const { hint } = await refusal(WST, "InvalidTimeRange", text, dated(offset));
      expect(hint).toMatch(/^first look at the server's clock, .* by 400 days.*KB 316619$/);
    }
    const near = await refusal(WST, "InvalidTimeRange", text, dated(60 * MINUTE));
    expect(near.hint).toMatch(/^the vCenter's STS signing certificate/);
  });

  test("advises nothing that is on already where the server's clock is followed", async () => {
    const hintOf = async (offset: number) => {
      const sts = await startSts(() => stsFault(WSSE, "MessageExpired", "x", dated(offset)), {
        clockOffsetMs: "server",
      });
      return (await failure(sts.client.issue({ credential: alice }))).hint;
    };
    const apart = await hintOf(30 * MINUTE);
    expect(apart).toContain("follow the server's clock already");
    expect(apart).not.toContain("clockOffsetMs");
    // What little it differs is told to the second, and followed: that is no offset of the caller's.
    expect(await hintOf(4_000)).not.toContain("leave clockOffsetMs out");
  });
});

describe("the server's clock", () => {
  const follow = { clockOffsetMs: "server" } as const;
  const writtenAt = (message: { security: Parameters<typeof at>[0]; request: Parameters<typeof at>[0] }) =>
    [must(at(message.security, "Timestamp")), must(at(message.request, "Lifetime"))].map((each) =>
      Date.parse(textAt(each, "Created") ?? ""),
    );

  test("is followed, when asked for, after one refusal, and from then on", async () => {
    const ahead = 30 * MINUTE;
    const sts = await startSts((_request, { security }) => {
      const [created = 0] = [Date.parse(textAt(must(at(security, "Timestamp")), "Created") ?? "")];
      return Math.abs(created - Date.now() - ahead) > MINUTE
        ? stsFault(WSSE, "MessageExpired", "skew", dated(ahead))
        : { headers: dated(ahead), body: granted(assertionXml()) };
    }, follow);
    await sts.client.issue({ credential: alice });
    expect(sts.server.requests).toHaveLength(2);
    await sts.client.issue({ credential: alice });
    expect(sts.server.requests).toHaveLength(3);
    for (const time of sts.messages().slice(1).flatMap(writtenAt)) {
      expect(Math.abs(time - Date.now() - ahead)).toBeLessThan(MINUTE);
    }
  });

  test("is not followed without being asked for", async () => {
    const sts = await startSts(() => stsFault(WSSE, "MessageExpired", "skew", dated(30 * MINUTE)));
    await failure(sts.client.issue({ credential: alice }));
    expect(sts.server.requests).toHaveLength(1);
  });

  test("changes nothing when it agrees, and a second refusal is final", async () => {
    const agreeing = await startSts(() => stsFault(WSSE, "MessageExpired", "x", dated(0)), follow);
    await failure(agreeing.client.issue({ credential: alice }));
    expect(agreeing.server.requests).toHaveLength(1);
    const stubborn = await startSts(() => stsFault(WSSE, "MessageExpired", "x", dated(30 * MINUTE)), follow);
    expect(await failure(stubborn.client.issue({ credential: alice }))).toMatchObject({
      code: "MESSAGE_EXPIRED",
    });
    expect(stubborn.server.requests).toHaveLength(2);
  });

  test("is no reason to present refused credentials again", async () => {
    const sts = await startSts(
      () => stsFault(WST, "FailedAuthentication", "Invalid credentials", dated(30 * MINUTE)),
      follow,
    );
    await failure(sts.client.issue({ credential: alice }));
    expect(sts.server.requests).toHaveLength(1);
  });
});

describe("other failures", () => {
  test("a 404 names the SSO domain that is not there", async () => {
    const sts = await startSts(() => ({ status: 404, body: "<html>no</html>" }), {
      ssoDomain: "other.local",
    });
    const error = await failure(sts.client.issue({ credential: alice }));
    expect(error).toBeInstanceOf(HttpStatusError);
    expect(error).toMatchObject({ status: 404, hint: expect.stringContaining("SSO domain") });
    expect(error.message).toMatch(/there is no SSO domain "other.local", or no Security Token Service$/);
  });

  test("a server or proxy that quotes the request gives away no password", async () => {
    for (const [status, type] of [
      [500, "text/xml"],
      [200, "text/html"],
      [400, "text/plain"],
      [502, "text/html"],
    ] as const) {
      for (const password of ["Tr0ub4dor", "a<b>&c'\"d", 'back\\slash"quote']) {
        const sts = await startSts(({ body }) => {
          const sent = /<wsse:Password [^>]*>(.*)<\/wsse:Password>/.exec(body)?.[1] ?? "";
          return type === "text/xml"
            ? stsFault(WST, "RequestFailed", `cannot use ${sent}`)
            : { status, headers: { "content-type": type }, body: `you sent ${sent} and ${password}` };
        });
        const error = await failure(sts.client.issue({ credential: { username: "alice", password } }));
        expect(error.message).toContain(LEFT_OUT);
        const shown = [inspect(error, { depth: 9 }), JSON.stringify(error), `${error}`, error.stack].join();
        expect(shown).not.toContain(password);
        expect(shown).not.toContain(password.replaceAll("&", "&amp;").replaceAll("<", "&lt;"));
      }
    }
  });

  test("a page that breaks off within the password gives away no part of it", async () => {
    const password = "correct horse battery staple";
    for (let before = 85; before < 121; before++) {
      const sts = await startSts(() => ({
        status: 400,
        body: `${"-".repeat(before)}${password} and more text`,
      }));
      const error = await failure(sts.client.issue({ credential: { username: "alice", password } }));
      expect(error.message).toContain(LEFT_OUT);
      expect(error.message).not.toMatch(/-c/);
    }
  });

  test("a fault that quotes the token gives it away to nobody", async () => {
    const assertion = assertionXml({ holder });
    for (const quoted of [
      assertion.replaceAll("&", "&amp;").replaceAll("<", "&lt;"),
      assertion.replaceAll("<", "&lt;"),
    ]) {
      const sts = await startSts(() => stsFault(WST, "RequestFailed", `cannot use ${quoted}`));
      const error = await failure(sts.client.validate(assertion));
      expect(error.message).toMatch(/refused Validate: RequestFailed: the server's words are left out/);
      expect(inspect(error, { depth: 9 })).not.toMatch(/saml2|AttributeStatement/);
    }
  });
});
