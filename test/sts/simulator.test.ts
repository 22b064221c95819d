/** Every recipe and fault against the simulator's STS, which is written from the protocol's facts alone. */
import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { StsFaultError } from "../../src/errors.ts";
import { SamlToken, verifyAssertion } from "../../src/saml/index.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { SecurityTokenService, type StsOptions, TokenSource } from "../../src/sts/index.ts";
import type { RsaIdentity } from "../helpers/rsa.ts";
import { failure, keyPair, makeKey, must } from "./sts-server.ts";

const OPERATOR = "operator@vsphere.local";

let holder: RsaIdentity;
let card: RsaIdentity;
let simulator: Simulator;
let sts: SecurityTokenService;
/** Credentials of the simulator's accounts. */
let admin: { username: string; password: string };
let operator: { username: string; password: string };
let actor: { certificate: string; key: string };
let other: { certificate: string; key: string };

beforeAll(async () => {
  [holder, card] = await Promise.all([makeKey("holder"), makeKey("card")]);
  simulator = await startSimulator({
    nodes: 1,
    passcodes: { [OPERATOR]: ["111111", "222222"] },
    smartCards: [{ username: OPERATOR, certificate: card.cert }],
    tokens: { renewCount: 3, delegationCount: 2 },
  });
  sts = client();
  admin = must(simulator.users[0]);
  operator = must(simulator.users[1]);
  [actor, other] = (await Promise.all(
    simulator.solutionUsers.map(async ({ certFile, keyFile }) => ({
      certificate: await readFile(certFile, "utf8"),
      key: await readFile(keyFile, "utf8"),
    })),
  )) as [typeof actor, typeof other];
});

afterEach(() => {
  simulator.faults = {};
});

afterAll(async () => {
  await sts?.close();
  await simulator?.close();
});

function client(options: StsOptions = {}): SecurityTokenService {
  return new SecurityTokenService(must(simulator.servers[0]).url, {
    trust: { ca: simulator.ca },
    ...options,
  });
}

/** A client for one test. */
function ownClient(options: StsOptions): SecurityTokenService {
  const own = client(options);
  onTestFinished(() => own.close());
  return own;
}

/** The fault of a request that the server must refuse. */
async function fault(request: Promise<unknown>): Promise<StsFaultError> {
  const error = await failure(request);
  if (!(error instanceof StsFaultError)) throw error;
  return error;
}

describe("a token for a person", () => {
  test("is a bearer token by user and password", async () => {
    const token = await sts.issue({ credential: admin });
    expect(token).toMatchObject({ kind: "bearer", renewable: false, delegatable: false });
    expect(token.subject.toLowerCase()).toBe(admin.username.toLowerCase());
    expect(token.info.groups).toContain("vsphere.local\\Administrators");
    expect(token.info.signature?.inclusivePrefixes).toEqual(["xs", "xsi"]);
    expect(token.grantedLifetimeSeconds).toBe(600);
  });

  test.each(["rsa-sha256", "rsa-sha384", "rsa-sha512"] as const)(
    "is bound to any key when the request is signed by it (%s)",
    async (messageSignatureAlgorithm) => {
      const token = await sts.issue({
        credential: operator,
        holderOfKey: keyPair(holder),
        messageSignatureAlgorithm,
        lifetimeSeconds: 7200,
        renewable: true,
        delegatable: true,
      });
      expect(token).toMatchObject({ kind: "holder-of-key", renewCount: 3, delegationCount: 2 });
      expect(token.signer?.certificate.raw).toEqual(holder.der);
      expect(token.grantedLifetimeSeconds).toBe(7200);
    },
  );

  test("is for an audience, with the claims asked for, signed as asked", async () => {
    const upn = "http://schemas.xmlsoap.org/claims/UPN";
    const token = await sts.issue({
      credential: operator,
      audience: ["https://one.example/?a=1&b=2", "urn:two"],
      claims: [upn],
      tokenSignatureAlgorithm: "rsa-sha512",
    });
    expect(token.info.audiences).toEqual(["https://one.example/?a=1&b=2", "urn:two"]);
    expect(token.info.attributes.map(({ name }) => name)).toEqual([upn]);
    expect(token.info.signature?.signatureAlgorithm).toContain("rsa-sha512");
  });

  test("is granted for less than was asked where the maximum is less, and says so", async () => {
    const token = await sts.issue({ credential: operator, lifetimeSeconds: 86_400 });
    expect(token).toMatchObject({ requestedLifetimeSeconds: 86_400, grantedLifetimeSeconds: 3600 });
  });

  test("comes by SPNEGO, in legs, for a key too", async () => {
    const spnego = () => {
      const legs = [
        () => `NEGOTIATE ${operator.username}`,
        (said: string) =>
          `RESPONSE ${createHmac("sha256", operator.password).update(said.replace("CHALLENGE ", "")).digest("hex")}`,
      ];
      const finished: string[] = [];
      return {
        finished,
        step: async (challenge: Uint8Array | undefined) =>
          Buffer.from(must(legs.shift())(Buffer.from(challenge ?? []).toString())),
        finish: async (challenge: Uint8Array) => {
          finished.push(Buffer.from(challenge).toString());
        },
      };
    };
    const first = spnego();
    expect((await sts.issue({ credential: { spnego: first } })).kind).toBe("bearer");
    expect(first.finished).toEqual(["ACCEPT"]);
    const bound = await sts.issue({ credential: { spnego: spnego() }, holderOfKey: keyPair(holder) });
    expect(bound.kind).toBe("holder-of-key");
    expect(bound.info.authentication[0]?.context).toContain("Kerberos");
  });

  test("comes by passcodes, one after the other, for a key too", async () => {
    const credential = { username: OPERATOR, passcode: "111111", onChallenge: async () => "222222" };
    expect((await sts.issue({ credential })).kind).toBe("bearer");
    expect((await sts.issue({ credential, holderOfKey: keyPair(holder) })).kind).toBe("holder-of-key");
    const wrong = { ...credential, onChallenge: async () => "333333" };
    expect(await fault(sts.issue({ credential: wrong }))).toMatchObject({ code: "AUTHENTICATION_FAILED" });
  });

  test("comes by smart card", async () => {
    const token = await sts.issue({ credential: { smartCard: keyPair(card) } });
    expect(token.subject.toLowerCase()).toBe(OPERATOR);
    const refused = await fault(sts.issue({ credential: { smartCard: keyPair(holder) } }));
    expect(refused.code).toBe("AUTHENTICATION_FAILED");
  });
});

describe("a token for a solution user", () => {
  test("comes by its certificate", async () => {
    const token = await sts.issue({ credential: actor });
    expect(token).toMatchObject({ kind: "holder-of-key", subject: expect.stringMatching(/^vpxd-.*@/i) });
    expect(token.info.isSolution).toBe(true);
    expect((await sts.issue({ credential: actor, kind: "bearer" })).kind).toBe("bearer");
  });

  test("comes by its token, and by the one that comes by that", async () => {
    const first = await sts.issue({ credential: actor });
    const second = await sts.issue({ credential: first, lifetimeSeconds: 60 });
    const third = await sts.issue({ credential: second, lifetimeSeconds: 30 });
    expect([second.subject, third.subject]).toEqual([first.subject, first.subject]);
    expect(third.info.authentication[0]?.context).toContain("PreviousSession");
  });

  test("is not given to another certificate", async () => {
    expect(await fault(sts.issue({ credential: keyPair(holder) }))).toMatchObject({
      code: "AUTHENTICATION_FAILED",
      faultString: "Invalid credentials",
      hint: expect.stringContaining("solution user"),
    });
  });
});

describe("a token as it was granted", () => {
  test("verifies against the authority of the token signer, renewed and sent around too", async () => {
    const token = await sts.issue({ credential: actor, renewable: true });
    const renewed = await sts.renew(token);
    const second = await sts.issue({ credential: renewed });
    for (const each of [token, renewed, second]) {
      const { info } = await verifyAssertion(each.assertion, {
        anchors: simulator.stsSigningCa,
        holderOfKey: actor,
      });
      expect(info.id).toBe(each.id);
    }
  });
});

describe("a delegated token", () => {
  test("acts as a person, by certificate and by token, for either kind", async () => {
    const bearer = await sts.issue({ credential: operator, delegatable: true });
    const bound = await sts.issue({ credential: operator, holderOfKey: keyPair(holder), delegatable: true });
    for (const actAs of [bearer, bound, bearer.assertion]) {
      const token = await sts.issue({ credential: actor, actAs });
      expect(token).toMatchObject({ kind: "holder-of-key", subject: bearer.subject });
      expect(token.info.delegates).toHaveLength(1);
    }
    const credential = await sts.issue({ credential: actor });
    expect((await sts.issue({ credential, actAs: bound })).subject).toBe(bearer.subject);
  });

  test("goes on to a delegate by name", async () => {
    const name = must(simulator.solutionUsers[0]).name;
    const token = await sts.issue({
      credential: operator,
      delegateTo: `${name}@vsphere.local`,
      delegatable: true,
    });
    expect(token).toMatchObject({ kind: "holder-of-key", signer: undefined });
    expect(token.subject.toLowerCase()).toBe(OPERATOR);
    const held = SamlToken.from(token.assertion, { holderOfKey: actor });
    expect(held.info.delegates[0]?.subject.toLowerCase()).toBe(`${name}@vsphere.local`);
  });

  test("is refused to who may not act as others", async () => {
    const actAs = await sts.issue({ credential: operator, delegatable: true });
    const error = await fault(sts.issue({ credential: other, actAs }));
    expect(error).toMatchObject({ code: "INVALID_REQUEST", hint: expect.stringContaining("ActAsUsers") });
  });
});

describe("a renewal", () => {
  test("by its subject begins the count anew", async () => {
    const token = await sts.issue({ credential: operator, holderOfKey: keyPair(holder), renewable: true });
    const renewed = await sts.renew(token, { lifetimeSeconds: 900 });
    expect(renewed).toMatchObject({
      kind: "holder-of-key",
      subject: token.subject,
      grantedLifetimeSeconds: 900,
      renewCount: 3,
    });
    expect(renewed.id).not.toBe(token.id);
    expect((await sts.renew(renewed.assertion, { holderOfKey: keyPair(holder) })).renewCount).toBe(3);
  });

  test("by a delegate counts down, until there are no renewals left", async () => {
    const actAs = await sts.issue({ credential: operator, delegatable: true, renewable: true });
    let token = await sts.issue({ credential: actor, actAs, renewable: true });
    const counts = [token.renewCount];
    while (token.renewable && counts.length < 10) {
      token = await sts.renew(token);
      counts.push(token.renewCount);
    }
    expect(counts.at(-1)).toBe(null);
    expect(counts.slice(0, -1)).toEqual([...counts.slice(0, -1)].sort().reverse());
    expect(await failure(sts.renew(token))).toMatchObject({ code: "TOKEN_NOT_RENEWABLE" });
    expect(await fault(sts.renew(token, { force: true }))).toMatchObject({ code: "UNABLE_TO_RENEW" });
  });

  test("of a token that is not renewable is refused by the server too", async () => {
    expect(await fault(sts.renew(await bound(), { force: true }))).toMatchObject({
      code: "UNABLE_TO_RENEW",
      faultString: expect.stringContaining("Unable to renew non-renewable token"),
    });
  });

  test("keeps what the token was issued with", async () => {
    const token = await sts.issue({
      credential: actor,
      renewable: true,
      delegatable: true,
      audience: "https://one.example",
    });
    const renewed = await sts.renew(token);
    expect(renewed).toMatchObject({ delegatable: true, subject: token.subject });
    expect(renewed.info.audiences).toEqual(["https://one.example"]);
  });

  const bound = (): Promise<SamlToken> => sts.issue({ credential: operator, holderOfKey: keyPair(holder) });
});

describe("validation", () => {
  test("holds a token valid, and one changed by a character not", async () => {
    const token = await sts.issue({ credential: operator });
    expect(await sts.validate(token)).toMatchObject({
      valid: true,
      code: expect.stringMatching(/status\/valid$/),
    });
    expect(await sts.validate(`\uFEFF<?xml version="1.0"?>${token.assertion}\n`)).toMatchObject({
      valid: true,
    });
    const changed = token.assertion.replace(/operator@/i, "0perator@");
    expect(changed).not.toBe(token.assertion);
    expect(await sts.validate(changed)).toMatchObject({
      valid: false,
      code: expect.stringMatching(/status\/invalid$/),
    });
  });

  test("holds a token invalid once its subject's groups have changed", async () => {
    const token = await sts.issue({ credential: operator });
    simulator.faults = { addedMemberships: [{ account: OPERATOR, group: "Late" }] };
    expect((await sts.validate(token)).valid).toBe(false);
  });
});

describe("a refusal", () => {
  test("of a wrong password is not repeated, and after some the account is locked", async () => {
    const own = await startSimulator({ nodes: 1, tokens: { lockAccountAfter: 2 } });
    onTestFinished(() => own.close());
    const service = ownClientOf(own);
    const user = must(own.users[1]);
    const wrong = { username: user.username, password: "not the password" };
    for (const _ of [1, 2]) {
      const error = await fault(service.issue({ credential: wrong }));
      expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", faultString: "Invalid credentials" });
      expect(JSON.stringify(error) + error.stack).not.toContain(wrong.password);
    }
    expect(own.requests).toHaveLength(2);
    expect(await fault(service.issue({ credential: user }))).toMatchObject({ code: "ACCOUNT_LOCKED" });
  });

  test("tells locked accounts and expired passwords from wrong ones", async () => {
    simulator.faults = { lockedAccounts: [OPERATOR] };
    expect((await fault(sts.issue({ credential: operator }))).code).toBe("ACCOUNT_LOCKED");
    simulator.faults = { expiredPasswords: [OPERATOR] };
    expect((await fault(sts.issue({ credential: operator }))).code).toBe("PASSWORD_EXPIRED");
    simulator.faults = { disabledAccounts: [OPERATOR] };
    expect((await fault(sts.issue({ credential: operator }))).code).toBe("AUTHENTICATION_FAILED");
  });

  test.each([
    [1800, /30 min behind the server's/],
    [-7200, /2 h ahead of the server's/],
  ])("for a clock that differs by %d s says by how much, and which way", async (clockSkewSeconds, text) => {
    simulator.faults = { clockSkewSeconds };
    const error = await fault(sts.issue({ credential: operator }));
    expect(error).toMatchObject({ code: "MESSAGE_EXPIRED", faultCode: { local: "MessageExpired" } });
    expect(error.message).toMatch(text);
    expect(Math.abs((error.skewMs ?? 0) - clockSkewSeconds * 1000)).toBeLessThan(60_000);
    const following = ownClient({ clockOffsetMs: "server" });
    expect((await following.issue({ credential: operator })).grantedLifetimeSeconds).toBe(600);
  });

  test("of a lifetime that starts elsewhere is told from an expired message", async () => {
    simulator.faults = { clockSkewSeconds: 1000 };
    // The message itself lasts long enough for a server that is ahead by more than it tolerates.
    const error = await fault(sts.issue({ credential: operator, messageLifetimeSeconds: 3600 }));
    expect(error).toMatchObject({ code: "INVALID_TIME_RANGE", faultCode: { local: "InvalidTimeRange" } });
    expect(error.message).toMatch(/17 min behind/);
  });

  test("for an expired signing certificate names it", async () => {
    simulator.faults = { expiredSigningCertificate: true };
    const error = await fault(sts.issue({ credential: operator }));
    expect(error).toMatchObject({
      code: "SIGNING_CERTIFICATE_EXPIRED",
      hint: expect.stringContaining("316619"),
      faultCode: { local: "InvalidTimeRange" },
    });
  });

  test("of an unknown SSO domain names it", async () => {
    const error = await failure(ownClient({ ssoDomain: "elsewhere.local" }).issue({ credential: operator }));
    expect(error).toMatchObject({ code: "HTTP_STATUS", status: 404 });
    expect(error.message).toContain('no SSO domain "elsewhere.local"');
  });

  test("of a token that another group issued", async () => {
    const stranger = await startSimulator({ nodes: 1 });
    onTestFinished(() => stranger.close());
    const user = must(stranger.users[0]);
    const credential = await ownClientOf(stranger).issue({ credential: user, holderOfKey: keyPair(holder) });
    expect((await fault(sts.issue({ credential }))).code).toBe("AUTHENTICATION_FAILED");
    expect((await sts.validate(credential)).valid).toBe(false);
  });

  test("when the server is unavailable: a certificate is presented again, a password is not", async () => {
    simulator.faults = { serviceUnavailable: 1 };
    expect((await sts.issue({ credential: actor })).kind).toBe("holder-of-key");
    simulator.faults = { serviceUnavailable: 1 };
    expect(await failure(sts.issue({ credential: operator }))).toMatchObject({
      code: "HTTP_STATUS",
      status: 503,
    });
  });

  function ownClientOf({ servers, ca }: Simulator): SecurityTokenService {
    const service = new SecurityTokenService(must(servers[0]).url, { trust: { ca } });
    onTestFinished(() => service.close());
    return service;
  }
});

test("a source hands out tokens of the simulator, renewed and issued anew", async () => {
  const clock = { now: Date.now() };
  const tokens = TokenSource.of(
    sts,
    { credential: actor, renewable: true, lifetimeSeconds: 600 },
    { now: () => clock.now },
  );
  const before = simulator.requests.length;
  const [first, same] = await Promise.all([tokens.token(), tokens.token()]);
  expect(same).toBe(first);
  clock.now += 500_000;
  const renewed = await tokens.token();
  expect(renewed.id).not.toBe(first.id);
  clock.now += 700_000;
  expect((await tokens.token()).id).not.toBe(renewed.id);
  expect(simulator.requests.length - before).toBe(3);
});
