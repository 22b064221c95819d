import { getEventListeners } from "node:events";
import { beforeAll, describe, expect, test } from "vitest";
import { AbortedError, type ErrorCode, StsFaultError, VsphereSsoError } from "../../src/errors.ts";
import { SamlToken } from "../../src/saml/index.ts";
import { TokenSource, type TokenSourceOptions } from "../../src/sts/index.ts";
import type { RsaIdentity } from "../helpers/rsa.ts";
import { type AssertionFacts, assertionXml } from "./assertions.ts";
import { alice, failure, granted, keyPair, makeKey, startSts, stsFault, WST } from "./sts-server.ts";

let holder: RsaIdentity;

beforeAll(async () => {
  holder = await makeKey("holder");
});

const bearer = (facts: AssertionFacts = {}): SamlToken => SamlToken.from(assertionXml(facts));
const renewable = (facts: AssertionFacts = {}): SamlToken =>
  SamlToken.from(assertionXml({ holder, renewCount: 5, ...facts }), { holderOfKey: keyPair(holder) });
const refused = (code: ErrorCode = "REQUEST_FAILED"): StsFaultError =>
  new StsFaultError(code, "no", { faultCode: { namespace: WST, local: "x" }, faultString: "no" });

/** A source under a clock that the test sets, and what it asked for. */
function source(
  issue: () => Promise<SamlToken> = async () => bearer(),
  more: Partial<Omit<TokenSourceOptions, "issue">> = {},
) {
  const clock = { now: 1_000_000 };
  const calls: string[] = [];
  const signals: AbortSignal[] = [];
  const { renew } = more;
  const tokens = new TokenSource({
    now: () => clock.now,
    ...more,
    issue: (signal) => {
      calls.push("issue");
      signals.push(signal);
      return issue();
    },
    renew:
      renew &&
      ((token, signal) => {
        calls.push("renew");
        return renew(token, signal);
      }),
  });
  return { tokens, clock, calls, signals };
}

/** A request that the test ends. */
function pending<T>() {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((...both) => {
    [resolve, reject] = both;
  });
  return { promise, resolve, reject };
}

describe("a source of tokens", () => {
  test("asks once, and hands the token out until it nears its end", async () => {
    const { tokens, clock, calls } = source();
    const token = await tokens.token();
    expect(await tokens.token()).toBe(token);
    clock.now += 449_000;
    expect(await tokens.token()).toBe(token);
    expect(calls).toEqual(["issue"]);
    // A quarter of ten minutes before the end.
    clock.now += 2_000;
    expect(await tokens.token()).not.toBe(token);
    expect(calls).toEqual(["issue", "issue"]);
  });

  test.each([
    [{ renewAheadSeconds: 60 }, 600, 540],
    [{ renewAheadSeconds: 0 }, 600, 600],
    [{ renewAheadSeconds: 3600 }, 600, 300],
    [{}, 600, 450],
    [{}, 86_400, 86_100],
  ])("with %j and a lifetime of %d s asks again after %d s", async (more, lifetimeSeconds, after) => {
    const { tokens, clock, calls } = source(async () => bearer({ lifetimeSeconds }), more);
    await tokens.token();
    clock.now += after * 1000 - 1;
    await tokens.token();
    expect(calls).toHaveLength(1);
    clock.now += 1;
    await tokens.token();
    expect(calls).toHaveLength(2);
  });

  test.each([
    ["2018-03-04T00:00:00Z", "2018-03-04T00:00:00Z"],
    ["2099-01-01T00:00:00Z", "2099-01-01T00:00:00Z"],
    // Asked for by a clock so far behind that the token had ended when it was issued.
    ["2018-03-04T00:27:56Z", "2018-03-04T00:16:01Z"],
  ])("goes by a token's length, not by the clocks of its times: issued %s, from %s", async (issued, from) => {
    const facts = { issuedAt: new Date(issued), notBefore: new Date(from) };
    const { tokens, clock, calls } = source(async () => bearer(facts));
    await tokens.token();
    clock.now += 400_000;
    await tokens.token();
    expect(calls).toHaveLength(1);
    clock.now += 200_000;
    await tokens.token();
    expect(calls).toHaveLength(2);
  });

  test("renews what is renewable, while it is valid", async () => {
    const next = renewable({ renewCount: 4 });
    const { tokens, clock, calls } = source(async () => renewable(), { renew: async () => next });
    await tokens.token();
    clock.now += 500_000;
    expect(await tokens.token()).toBe(next);
    clock.now += 601_000;
    await tokens.token();
    expect(calls).toEqual(["issue", "renew", "issue"]);
  });

  test.each([
    ["bearer", () => bearer()],
    ["without renewals left", () => renewable({ renewCount: 0 })],
    ["without its key", () => SamlToken.from(assertionXml({ holder, renewCount: 1 }))],
  ])("issues anew what is %s", async (_name, make) => {
    const { tokens, clock, calls } = source(async () => make(), { renew: async () => renewable() });
    await tokens.token();
    clock.now += 500_000;
    await tokens.token();
    expect(calls).toEqual(["issue", "issue"]);
  });

  test("issues anew when it cannot renew", async () => {
    const { tokens, clock, calls } = source(async () => renewable(), {
      renew: () => Promise.reject(refused()),
    });
    const first = await tokens.token();
    clock.now += 500_000;
    expect(await tokens.token()).not.toBe(first);
    expect(calls).toEqual(["issue", "renew", "issue"]);
  });

  test.each([
    ["ACCOUNT_LOCKED", ["issue", "renew"]],
    ["PASSWORD_EXPIRED", ["issue", "renew"]],
    // Said of the token that was to be renewed, or of its key.
    ["AUTHENTICATION_FAILED", ["issue", "renew", "issue"]],
  ] as const)("after a renewal that was refused with %s has asked for %j", async (code, asked) => {
    const { tokens, clock, calls } = source(async () => renewable(), {
      renew: () => Promise.reject(refused(code)),
    });
    const first = await tokens.token();
    clock.now += 500_000;
    const second = await tokens.token();
    expect(calls).toEqual(asked);
    if (code === "AUTHENTICATION_FAILED") {
      expect(second).not.toBe(first);
      return;
    }
    expect(second).toBe(first);
    clock.now += 200_000;
    await expect(tokens.token()).rejects.toMatchObject({ code });
    expect(calls).toEqual(asked);
    tokens.invalidate();
    expect(await tokens.token()).not.toBe(first);
  });

  test("hands out the old token while it is valid when neither works, and does not ask at every call", async () => {
    let broken = false;
    const { tokens, clock, calls } = source(
      async () => {
        if (broken) throw refused();
        return renewable();
      },
      { renew: () => Promise.reject(refused()) },
    );
    const first = await tokens.token();
    broken = true;
    clock.now += 500_000;
    expect(await tokens.token()).toBe(first);
    expect(await tokens.token()).toBe(first);
    expect(calls).toEqual(["issue", "renew", "issue"]);
    clock.now += 10_000;
    expect(await tokens.token()).toBe(first);
    expect(calls).toHaveLength(5);
    clock.now += 90_000;
    await expect(tokens.token()).rejects.toMatchObject({ code: "REQUEST_FAILED" });
    broken = false;
    expect(await tokens.token()).not.toBe(first);
  });

  test("does not present refused credentials again before the old token's end, and never by itself", async () => {
    let wrong = false;
    const { tokens, clock, calls } = source(async () => {
      if (wrong) throw refused("AUTHENTICATION_FAILED");
      return bearer();
    });
    const first = await tokens.token();
    wrong = true;
    for (clock.now += 450_000; clock.now < 1_600_000; clock.now += 10_000) {
      expect(await tokens.token()).toBe(first);
    }
    expect(calls).toHaveLength(2);
    await expect(tokens.token()).rejects.toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(calls).toHaveLength(2);
    wrong = false;
    tokens.invalidate();
    await tokens.token();
    expect(calls).toHaveLength(3);
  });

  test.each([
    "AUTHENTICATION_FAILED",
    "ACCOUNT_LOCKED",
    "PASSWORD_EXPIRED",
    "INVALID_SECURITY_TOKEN",
    "UNSUPPORTED_SECURITY_TOKEN",
    "FAILED_CHECK",
  ] as const)("that was refused with %s asks no more until it is told to", async (code) => {
    let error: StsFaultError | undefined = refused(code);
    const { tokens, clock, calls } = source(async () => {
      if (error) throw error;
      return bearer();
    });
    for (let call = 0; call < 20; call++) {
      expect(await failure(tokens.token())).toBe(error);
      clock.now += 1_000_000;
    }
    // A token that was handed out before is no word about the credentials.
    tokens.invalidate(bearer());
    expect(await failure(tokens.token())).toBe(error);
    expect(calls).toHaveLength(1);
    tokens.invalidate();
    expect(await failure(tokens.token())).toBe(error);
    expect(calls).toHaveLength(2);
    tokens.invalidate();
    error = undefined;
    expect((await tokens.token()).kind).toBe("bearer");
    clock.now += 1_000_000;
    await tokens.token();
    expect(calls).toHaveLength(4);
  });

  test("does not ask when the token in hand is refused after the credentials were", async () => {
    let wrong = false;
    const { tokens, clock, calls } = source(async () => {
      if (wrong) throw refused("ACCOUNT_LOCKED");
      return bearer();
    });
    const first = await tokens.token();
    wrong = true;
    clock.now += 450_000;
    expect(await tokens.token()).toBe(first);
    tokens.invalidate(first);
    await expect(tokens.token()).rejects.toMatchObject({ code: "ACCOUNT_LOCKED" });
    expect(calls).toHaveLength(2);
  });

  test("keeps no refusal of what was asked for before it was told that something changed", async () => {
    const request = pending<SamlToken>();
    const answers = [request.promise, Promise.resolve(bearer())];
    const { tokens } = source(() => answers.shift() ?? Promise.reject(new Error("third")));
    const first = failure(tokens.token());
    tokens.invalidate();
    request.reject(refused("AUTHENTICATION_FAILED"));
    expect(await first).toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect((await tokens.token()).kind).toBe("bearer");
  });

  test("forgets a token that a server refused, once for all who were refused", async () => {
    const { tokens, calls } = source();
    const first = await tokens.token();
    tokens.invalidate(first);
    const second = await tokens.token();
    tokens.invalidate(first);
    expect(await tokens.token()).toBe(second);
    tokens.invalidate();
    expect(await tokens.token()).not.toBe(second);
    expect(calls).toHaveLength(3);
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])(
    "is not made with %d s ahead",
    (renewAheadSeconds) => {
      expect(() => source(undefined, { renewAheadSeconds })).toThrow(/renewAheadSeconds/);
    },
  );
});

describe("many who wait for a token", () => {
  test("share one request", async () => {
    const request = pending<SamlToken>();
    const { tokens, calls } = source(() => request.promise);
    const waiting = Array.from({ length: 50 }, () => tokens.token());
    request.resolve(bearer());
    expect(new Set(await Promise.all(waiting)).size).toBe(1);
    expect(calls).toHaveLength(1);
  });

  test("share its failure, which is not kept", async () => {
    let count = 0;
    const { tokens, calls } = source(async () => {
      if (++count === 1) throw refused();
      return bearer();
    });
    const settled = await Promise.allSettled([tokens.token(), tokens.token()]);
    expect(settled.map((each) => each.status)).toEqual(["rejected", "rejected"]);
    expect(calls).toHaveLength(1);
    expect((await tokens.token()).kind).toBe("bearer");
  });

  test("leave one by one without ending what the others wait for", async () => {
    const request = pending<SamlToken>();
    const { tokens, signals } = source(() => request.promise);
    const leaving = new AbortController();
    const [first, second] = [tokens.token({ signal: leaving.signal }), tokens.token()];
    leaving.abort(new Error("bored"));
    const error = await failure(first);
    expect(error).toBeInstanceOf(AbortedError);
    expect(error.cause).toMatchObject({ message: "bored" });
    expect(signals[0]?.aborted).toBe(false);
    const token = bearer();
    request.resolve(token);
    expect(await second).toBe(token);
    expect(await tokens.token()).toBe(token);
  });

  test("end the request when the last one leaves, and whoever comes then begins anew", async () => {
    const requests = [pending<SamlToken>(), pending<SamlToken>()];
    let count = 0;
    const { tokens, signals } = source(
      () => requests[count++]?.promise ?? Promise.reject(new Error("third")),
    );
    const leaving = [new AbortController(), new AbortController()];
    const waiting = leaving.map(({ signal }) => failure(tokens.token({ signal })));
    for (const each of leaving) each.abort();
    await Promise.all(waiting);
    expect(signals[0]?.aborted).toBe(true);
    const next = tokens.token();
    expect(signals).toHaveLength(2);
    // What was given up comes too late to count.
    requests[0]?.resolve(bearer());
    const token = bearer();
    requests[1]?.resolve(token);
    expect(await next).toBe(token);
    expect(await tokens.token()).toBe(token);
  });

  test("are told at once when their signal fired before", async () => {
    const { tokens, calls } = source();
    await expect(tokens.token({ signal: AbortSignal.abort() })).rejects.toBeInstanceOf(AbortedError);
    expect(calls).toEqual([]);
  });

  test("set one listener on a signal that they share, and leave together when it fires", async () => {
    const request = pending<SamlToken>();
    const { tokens, signals } = source(() => request.promise);
    const caller = new AbortController();
    const waiting = Array.from({ length: 20 }, () => failure(tokens.token({ signal: caller.signal })));
    expect(getEventListeners(caller.signal, "abort")).toHaveLength(1);
    caller.abort();
    for (const error of await Promise.all(waiting)) expect(error).toBeInstanceOf(AbortedError);
    expect(signals[0]?.aborted).toBe(true);
    request.reject(new Error("too late"));
  });

  test("leave no listener on a signal that lives long", async () => {
    const { tokens, clock } = source();
    const { signal } = new AbortController();
    for (let round = 0; round < 20; round++) {
      await tokens.token({ signal });
      clock.now += 1_000_000;
    }
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

describe("a source of one service's tokens", () => {
  test("issues and renews by it, and a wrong password is presented once for all who wait", async () => {
    const answers = [
      granted(assertionXml({ holder, renewCount: 1 })),
      granted(assertionXml({ holder, renewCount: 0 })),
      stsFault(WST, "FailedAuthentication", "Invalid credentials"),
    ];
    const sts = await startSts(() => answers.shift() ?? { status: 500, body: "" });
    const clock = { now: 0 };
    const tokens = TokenSource.of(
      sts.client,
      { credential: alice, holderOfKey: keyPair(holder), renewable: true, lifetimeSeconds: 600 },
      { now: () => clock.now },
    );
    expect((await tokens.token()).renewCount).toBe(1);
    clock.now += 500_000;
    expect((await tokens.token()).signer).toBeDefined();
    clock.now += 700_000;
    const settled = await Promise.allSettled([tokens.token(), tokens.token(), tokens.token()]);
    for (const each of settled) {
      expect(each).toMatchObject({ status: "rejected", reason: { code: "AUTHENTICATION_FAILED" } });
    }
    expect(sts.messages().map(({ request }) => request.children[1]?.text.split("/").at(-1))).toEqual([
      "Issue",
      "Renew",
      "Issue",
    ]);
  });

  test("aborts the exchange when nobody waits any more", async () => {
    const caller = new AbortController();
    const sts = await startSts(() => {
      caller.abort();
      return granted(assertionXml());
    });
    const tokens = TokenSource.of(sts.client, { credential: alice });
    const error = await failure(tokens.token({ signal: caller.signal }));
    expect(error).toBeInstanceOf(VsphereSsoError);
    expect(error.code).toBe("ABORTED");
  });

  test("sets no timer that would keep a process alive", async () => {
    const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    const before = timers();
    await source().tokens.token();
    expect(timers()).toBe(before);
  });
});
