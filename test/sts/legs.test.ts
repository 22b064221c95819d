import { verify } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { AbortedError } from "../../src/errors.ts";
import { attribute } from "../../src/xml/reader.ts";
import type { RsaIdentity } from "../helpers/rsa.ts";
import { assertionXml } from "./assertions.ts";
import {
  at,
  failure,
  granted,
  keyPair,
  type Message,
  makeKey,
  messageVerifies,
  must,
  names,
  responding,
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

const SPNEGO = "http://schemas.xmlsoap.org/ws/2005/02/trust/spnego";
const leg = (text: string): string =>
  `<wst:BinaryExchange ValueType="${SPNEGO}">${Buffer.from(text).toString("base64")}\n</wst:BinaryExchange>`;
const contextOf = ({ request }: Message): string => attribute(request, "", "Context") ?? "";
const legOf = ({ request }: Message): string =>
  Buffer.from(textAt(request, "BinaryExchange") ?? "", "base64").toString();
const isChallenge = ({ request }: Message): boolean => request.local === "RequestSecurityTokenResponse";

/** A mechanism that says `leg 1`, `leg 2`, … and keeps what it heard. */
function mechanism() {
  const heard: (string | undefined)[] = [];
  return {
    heard,
    step: async (challenge: Uint8Array | undefined) => {
      heard.push(challenge && Buffer.from(challenge).toString());
      return Buffer.from(`leg ${heard.length}`);
    },
    finish: async (challenge: Uint8Array) => {
      heard.push(`end: ${Buffer.from(challenge).toString()}`);
    },
  };
}

describe("SPNEGO", () => {
  test("goes on under one context until there is a token", async () => {
    let answers = 0;
    const sts = await startSts((_request, message) => {
      answers++;
      return answers < 3
        ? responding(leg(`answer ${answers}`), ` Context="${contextOf(message)}"`)
        : granted(assertionXml()).replace("<wst:Lifetime", `${leg("last")}<wst:Lifetime`);
    });
    const spnego = mechanism();
    const token = await sts.client.issue({ credential: { spnego } });
    expect(token.kind).toBe("bearer");
    expect(spnego.heard).toEqual([undefined, "answer 1", "answer 2", "end: last"]);
    const messages = sts.messages();
    expect(messages.map(legOf)).toEqual(["leg 1", "leg 2", "leg 3"]);
    expect(messages.map(isChallenge)).toEqual([false, true, true]);
    expect(new Set(messages.map(contextOf)).size).toBe(1);
    expect(contextOf(must(messages[0]))).toMatch(/^urn:_[0-9a-f-]{36}$/);
    expect(messages.map((each) => names(each.security))).toEqual([
      ["Timestamp"],
      ["Timestamp"],
      ["Timestamp"],
    ]);
    expect(names(must(messages[1]).request)).toEqual(["BinaryExchange"]);
    expect(attribute(must(at(must(messages[0]).request, "BinaryExchange")), "", "ValueType")).toBe(SPNEGO);
    expect(names(must(messages[0]).request).at(-1)).toBe("BinaryExchange");
    expect(sts.server.requests.map((request) => request.headers.soapaction)).toEqual([
      `"${WST}/RST/Issue"`,
      `"${WST}/RSTR/Issue"`,
      `"${WST}/RSTR/Issue"`,
    ]);
  });

  test("signs every leg for a holder-of-key token, and names the key in the first", async () => {
    const sts = await startSts((_request, message) =>
      isChallenge(message)
        ? granted(assertionXml({ holder }))
        : responding(leg("answer"), ` Context="${contextOf(message)}"`),
    );
    const { step } = mechanism();
    const token = await sts.client.issue({ credential: { spnego: { step } }, holderOfKey: keyPair(holder) });
    expect(token.signer).toBeDefined();
    const [first, second] = sts.messages();
    for (const message of [must(first), must(second)]) {
      expect(names(message.security)).toEqual(["Timestamp", "BinarySecurityToken", "Signature"]);
      expect(messageVerifies(message, holder)).toBe(true);
    }
    expect(at(must(first).request, "UseKey")).toBeDefined();
    expect(attribute(must(at(must(second).security, "Signature")), "", "Id")).toBeUndefined();
  });

  test.each([
    ["another context", () => responding(leg("x"), ' Context="urn:other"'), /another authentication/],
    ["no context", () => responding(leg("x")), /neither a token nor a context/],
    ["no leg", (m: Message) => responding("", ` Context="${contextOf(m)}"`), /without one of its own/],
    [
      "a leg that is not base64",
      (m: Message) => responding("<wst:BinaryExchange>?</wst:BinaryExchange>", ` Context="${contextOf(m)}"`),
      /not base64/,
    ],
    ["no end", (m: Message) => responding(leg("more"), ` Context="${contextOf(m)}"`), /more than 10 legs/],
  ])("is given up when the server answers with %s", async (_name, answer, text) => {
    const sts = await startSts((_request, message) => answer(message));
    const error = await failure(sts.client.issue({ credential: { spnego: mechanism() } }));
    expect(error).toMatchObject({ code: "RESPONSE_UNEXPECTED" });
    expect(error.message).toMatch(text);
    expect(sts.server.requests.length).toBeLessThanOrEqual(10);
  });

  test.each([
    ["at once", false],
    ["after further legs", true],
  ])("that would prove the server fails where it sends no last leg: a token %s", async (_name, legged) => {
    const sts = await startSts((_request, message) =>
      legged && !isChallenge(message)
        ? responding(leg("answer"), ` Context="${contextOf(message)}"`)
        : granted(assertionXml()),
    );
    const spnego = mechanism();
    const error = await failure(sts.client.issue({ credential: { spnego } }));
    expect(error).toMatchObject({
      code: "RESPONSE_UNEXPECTED",
      message: expect.stringContaining("without a last leg"),
      hint: expect.stringContaining("lastLegOptional"),
    });
    expect(spnego.heard.join()).not.toContain("end");
  });

  test("takes a token without a last leg where none is needed, and checks one that comes all the same", async () => {
    const answers = [
      granted(assertionXml()),
      granted(assertionXml()).replace("<wst:Lifetime", `${leg("last")}<wst:Lifetime`),
    ];
    const sts = await startSts(() => answers.shift() ?? "");
    const spnego = { ...mechanism(), lastLegOptional: true };
    await sts.client.issue({ credential: { spnego } });
    await sts.client.issue({ credential: { spnego } });
    expect(spnego.heard).toEqual([undefined, undefined, "end: last"]);
  });

  test("fails with the mechanism's error, and with the server's", async () => {
    const sts = await startSts(() => stsFault(WST, "FailedAuthentication", "Invalid credentials"));
    const broken = { step: () => Promise.reject(new Error("no ticket")) };
    await expect(sts.client.issue({ credential: { spnego: broken } })).rejects.toThrow("no ticket");
    expect(sts.server.requests).toHaveLength(0);
    const refused = await failure(sts.client.issue({ credential: { spnego: mechanism() } }));
    expect(refused).toMatchObject({ code: "AUTHENTICATION_FAILED", hint: expect.stringContaining("ticket") });
  });

  test("is waited for no longer than the caller waits", async () => {
    const sts = await startSts(() => granted(assertionXml()));
    const caller = new AbortController();
    const spnego = {
      step: () => {
        setImmediate(() => caller.abort(new Error("enough")));
        return new Promise<never>(() => undefined);
      },
    };
    const error = await failure(sts.client.issue({ credential: { spnego }, signal: caller.signal }));
    expect(error).toBeInstanceOf(AbortedError);
    expect(error.cause).toMatchObject({ message: "enough" });
  });
});

describe("a SecurID passcode", () => {
  const user = { username: "bob@vsphere.local", passcode: "1234<5678>" };

  test("stands in the place of the password", async () => {
    const sts = await startSts(() => granted(assertionXml()));
    await sts.client.issue({ credential: user });
    const { security } = must(sts.messages()[0]);
    expect(names(must(at(security, "UsernameToken")))).toEqual(["Username", "Passcode"]);
    expect(textAt(security, "UsernameToken", "Passcode")).toBe(user.passcode);
    expect(at(security, "UsernameToken", "Passcode")?.namespace).toBe(WSSE);
  });

  test("is followed by the next one under the server's session, as often as it asks", async () => {
    let answers = 0;
    const sts = await startSts(() =>
      ++answers < 3 ? responding("", ` Context="session &amp; ${answers}"`) : granted(assertionXml()),
    );
    const legs: number[] = [];
    const onChallenge = async (number: number): Promise<string> => {
      legs.push(number);
      return `code ${number}`;
    };
    await sts.client.issue({ credential: { ...user, onChallenge } });
    expect(legs).toEqual([1, 2]);
    const [, second, third] = sts.messages();
    expect([second, third].map((each) => contextOf(must(each)))).toEqual(["session & 1", "session & 2"]);
    expect([second, third].map((each) => textAt(must(each).security, "UsernameToken", "Passcode"))).toEqual([
      "code 1",
      "code 2",
    ]);
    expect(names(must(second).request)).toEqual([]);
    expect(isChallenge(must(second))).toBe(true);
  });

  test("that must be followed by another fails where there is none to be had", async () => {
    const sts = await startSts(() => responding("", ' Context="s"'));
    const error = await failure(sts.client.issue({ credential: user }));
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", hint: expect.stringContaining("onChallenge") });
  });

  test("is asked for ten times at most", async () => {
    const sts = await startSts(() => responding("", ' Context="s"'));
    const error = await failure(
      sts.client.issue({ credential: { ...user, onChallenge: async () => "again" } }),
    );
    expect(error.message).toMatch(/more than 10 legs/);
    expect(sts.server.requests).toHaveLength(10);
  });

  test("is in no error, the later ones neither", async () => {
    let answers = 0;
    const sts = await startSts(({ body }) =>
      ++answers === 1
        ? responding("", ' Context="s"')
        : stsFault(
            WST,
            "FailedAuthentication",
            `was sent ${/<wsse:Passcode>(.*)<\/wsse:Passcode>/.exec(body)?.[1]}`,
          ),
    );
    const error = await failure(
      sts.client.issue({ credential: { ...user, onChallenge: async () => "8765<4321" } }),
    );
    expect(error.message).toContain("words are left out");
    expect(JSON.stringify(error) + error.stack).not.toMatch(/8765|4321/);
  });

  test("is not what other credentials are asked for", async () => {
    const sts = await startSts(() => responding("", ' Context="s"'));
    const error = await failure(sts.client.issue({ credential: { username: "a", password: "secret" } }));
    expect(error).toMatchObject({
      code: "RESPONSE_UNEXPECTED",
      message: expect.stringContaining("without a token"),
    });
  });
});

describe("a smart card", () => {
  test("proves its key by a signature over something new", async () => {
    const sts = await startSts(() => granted(assertionXml()));
    for (const _ of [1, 2]) await sts.client.issue({ credential: { smartCard: keyPair(holder) } });
    const signed = sts.messages().map(({ security }) => {
      expect(names(security)).toEqual(["Timestamp", "UserCertificateToken"]);
      const token = must(at(security, "UserCertificateToken"));
      expect(token.namespace).toBe(WSSE);
      expect(names(token)).toEqual([
        "UserCertificate",
        "SignatureInfo",
        "SignatureAlgorithm",
        "SignatureValue",
      ]);
      expect(textAt(token, "UserCertificate")).toBe(holder.der.toString("base64"));
      expect(textAt(token, "SignatureAlgorithm")).toBe("SHA256withRSA");
      const info = textAt(token, "SignatureInfo") ?? "";
      const value = Buffer.from(textAt(token, "SignatureValue") ?? "", "base64");
      expect(verify("sha256", Buffer.from(info), holder.publicKey, value)).toBe(true);
      return info;
    });
    expect(new Set(signed).size).toBe(2);
  });
});
