import { describe, expect, test } from "vitest";
import { SamlToken } from "../../src/saml/index.ts";
import { type PrincipalContext, principalOf, type SessionCredential } from "../../src/session/principal.ts";
import { isCredentialRefusal } from "../../src/sts/credential-refusal.ts";
import { SecurityTokenService, TokenSource } from "../../src/sts/index.ts";
import type { IssueOptions } from "../../src/sts/options.ts";
import { type AssertionFacts, assertionXml } from "../sts/assertions.ts";
import { notAuthenticated, refusal, thrownBy } from "./doors.ts";

const never = new AbortController().signal;
const bearer = (facts: AssertionFacts = {}): SamlToken => SamlToken.from(assertionXml(facts));

/** A client of a Security Token Service that gives out what the test has, and keeps what it was asked. */
class Sts extends SecurityTokenService {
  readonly asked: IssueOptions[] = [];
  readonly tokens: SamlToken[];

  constructor(...tokens: SamlToken[]) {
    super("sts.test");
    this.tokens = tokens;
  }

  override async issue(options: IssueOptions): Promise<SamlToken> {
    this.asked.push(options);
    const token = this.tokens.shift();
    if (!token) throw refusal("vapi");
    return token;
  }
}

function context(sts = new Sts(), more: Partial<PrincipalContext> = {}): PrincipalContext {
  return { sts: async () => sts, now: Date.now, ...more };
}

describe("a credential that the server takes", () => {
  test("goes there as it is", async () => {
    const password = { username: "alice@corp.example", password: " " };
    const jwt = { jwt: "eyJhbGciOi.e30.c2ln" };
    const token = bearer();
    for (const [credential, user] of [
      [password, "alice@corp.example"],
      [jwt, undefined],
      [token, token.subject],
    ] as const) {
      const principal = principalOf(credential, context());
      expect(principal.user).toBe(user);
      expect(await principal.obtain(never)).toBe(credential);
      expect(await principal.obtain(never)).toBe(credential);
    }
  });

  test("is not presented when it is a token that has ended", async () => {
    const token = bearer();
    const now = () => token.notOnOrAfter.getTime() + 3_600_000;
    const principal = principalOf(token, context(undefined, { now }));
    expect(await thrownBy(principal.obtain(never))).toMatchObject({ code: "TOKEN_EXPIRED" });
  });
});

describe("a credential that only the Security Token Service takes", () => {
  test("is traded once for a token that can be delegated, which serves several logins", async () => {
    const token = bearer();
    const sts = new Sts(token);
    const credential = { username: "alice@corp.example", passcode: "123456" };
    const principal = principalOf(credential, context(sts));
    expect(sts.asked).toEqual([]);
    expect(await principal.obtain(never)).toBe(token);
    expect(await principal.obtain(never)).toBe(token);
    expect(sts.asked).toHaveLength(1);
    expect(sts.asked[0]).toMatchObject({ credential, delegatable: true });
    expect(principal.user).toBe("alice@corp.example");
  });

  test("is traded as the caller wants it", async () => {
    const sts = new Sts(bearer());
    const tokenRequest = { lifetimeSeconds: 60, delegatable: false };
    const spnego = { step: async () => new Uint8Array() };
    await principalOf({ spnego }, context(sts, { tokenRequest })).obtain(never);
    expect(sts.asked[0]).toMatchObject({ credential: { spnego }, lifetimeSeconds: 60, delegatable: false });
  });

  test("is traded anew when a door refused the token", async () => {
    const [first, second] = [bearer(), bearer()];
    const principal = principalOf({ username: "alice", passcode: "1" }, context(new Sts(first, second)));
    const given = await principal.obtain(never);
    principal.refused(given);
    expect(await principal.obtain(never)).toBe(second);
  });

  test("is not traded again when it was refused there, until that is forgotten", async () => {
    const sts = new Sts();
    const principal = principalOf({ username: "alice", passcode: "1" }, context(sts));
    const error = await thrownBy(principal.obtain(never));
    expect(await thrownBy(principal.obtain(never))).toBe(error);
    expect(sts.asked).toHaveLength(1);
    principal.reset();
    await thrownBy(principal.obtain(never));
    expect(sts.asked).toHaveLength(2);
  });

  test("waits for a service that could not be made the first time", async () => {
    let tries = 0;
    const token = bearer();
    const principal = principalOf(
      { username: "alice", passcode: "1" },
      {
        now: Date.now,
        sts: async () => {
          if (tries++ === 0) throw new Error("not yet");
          return new Sts(token);
        },
      },
    );
    expect(await thrownBy(principal.obtain(never))).toMatchObject({ message: "not yet" });
    expect(await principal.obtain(never)).toBe(token);
  });
});

describe("a source of tokens", () => {
  test("is asked for each login, and told of a refusal", async () => {
    const tokens = [bearer(), bearer()];
    let issued = 0;
    const source = new TokenSource({ issue: async () => tokens[issued++] ?? bearer() });
    const principal = principalOf(source, context());
    expect(await principal.obtain(never)).toBe(tokens[0]);
    principal.refused(tokens[0] ?? bearer());
    expect(await principal.obtain(never)).toBe(tokens[1]);
  });
});

describe("what is no credential", () => {
  test.each([
    undefined,
    null,
    "secret",
    {},
    { username: "alice" },
    { username: "", password: "secret" },
    { username: 7, password: "secret" },
    { username: "alice", password: "" },
    { username: "alice", password: 7 },
    { jwt: "" },
    { jwt: {} },
    { user: "alice", pass: "secret" },
  ])("is refused before anything is sent, and not repeated: %j", (credential) => {
    let message = "";
    try {
      principalOf(credential as unknown as SessionCredential, context());
    } catch (error) {
      expect(error).toMatchObject({ code: "INVALID_ARGUMENT" });
      message = String(error);
    }
    expect(message).not.toBe("");
    expect(message).not.toContain("secret");
  });
});

test("a refusal is told from other failures", () => {
  expect(isCredentialRefusal(refusal("vapi"))).toBe(true);
  expect(isCredentialRefusal(refusal("vim"))).toBe(true);
  expect(isCredentialRefusal(notAuthenticated("vapi"))).toBe(false);
  expect(isCredentialRefusal(new Error("no"))).toBe(false);
  expect(isCredentialRefusal(undefined)).toBe(false);
});
