import { createHmac, sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/index.ts";
import { Conversations } from "../../src/simulator/sts/conversations.ts";
import { attribute, parseXml } from "../../src/xml/reader.ts";
import { holderOf } from "./holder.ts";
import * as sts from "./sts-wire.ts";

const SPNEGO = "http://schemas.xmlsoap.org/ws/2005/02/trust/spnego";
const AC = "urn:oasis:names:tc:SAML:2.0:ac:classes";
const invalidCredentials = { code: `{${sts.WST}}FailedAuthentication`, text: "Invalid credentials" };

async function withSimulator(
  options: SimulatorOptions,
  work: (simulator: Simulator) => Promise<void>,
): Promise<void> {
  const simulator = await startSimulator({ nodes: 1, ...options });
  try {
    await work(simulator);
  } finally {
    await simulator.close();
  }
}

const post = (simulator: Simulator, security: string, body = sts.rst(), operation = "Issue") =>
  sts.postSts(simulator, sts.message(sts.timestamp() + security, body), {
    action: operation === "Challenge" ? `${sts.WST}/RSTR/Issue` : sts.actionOf(operation),
  });
const attempt = async (simulator: Simulator, username: string, password: string) => {
  const reply = await post(simulator, sts.usernameToken(username, password));
  return reply.status === 200 ? "let in" : sts.stsFault(reply);
};
const methodOf = (assertion: string): string | undefined =>
  sts.find(parseXml(assertion), "AuthnStatement", "AuthnContext", "AuthnContextClassRef")?.text;

describe("passwords at the simulated STS", () => {
  it("are told apart from nothing: unknown user, wrong password, disabled account, bare name", async () => {
    await withSimulator({ tokens: { lockAccountAfter: 0 } }, async (simulator) => {
      const { username, password } = simulator.users[0]!;
      for (const [name, secret] of [
        ["nobody@vsphere.local", password],
        [username, `${password} `],
        [username, ""],
        [username, simulator.users[1]!.password],
        ["Administrator", password],
        ["Administrator@other.local", password],
        [`${simulator.solutionUsers[0]!.name}@vsphere.local`, password],
      ]) {
        expect(await attempt(simulator, name!, secret!)).toEqual(invalidCredentials);
      }
      simulator.faults = { disabledAccounts: [username] };
      expect(await attempt(simulator, username, password)).toEqual(invalidCredentials);
    });
  });

  it("lock an account after five that are wrong, for good", async () => {
    await withSimulator({}, async (simulator) => {
      const [first, second] = simulator.users;
      for (let count = 1; count <= 5; count++) {
        expect(await attempt(simulator, first!.username, "wrong")).toEqual(invalidCredentials);
      }
      const locked = {
        code: `{${sts.WST}}FailedAuthentication`,
        text: "The account of the user trying to authenticate is locked.",
      };
      expect(await attempt(simulator, first!.username, first!.password)).toEqual(locked);
      expect(await attempt(simulator, first!.username.toUpperCase(), "wrong")).toEqual(locked);
      expect(await attempt(simulator, second!.username, second!.password)).toBe("let in");
    });
  });

  it("that are right begin the count anew, and the limit is a switch", async () => {
    await withSimulator({ tokens: { lockAccountAfter: 2 } }, async (simulator) => {
      const { username, password } = simulator.users[0]!;
      await attempt(simulator, username, "wrong");
      expect(await attempt(simulator, username, password)).toBe("let in");
      await attempt(simulator, username, "wrong");
      expect(await attempt(simulator, username, password)).toBe("let in");
      await attempt(simulator, username, "wrong");
      await attempt(simulator, username, "wrong");
      expect(await attempt(simulator, username, password)).toMatchObject({
        text: expect.stringMatching(/locked/),
      });
    });
  });

  it("can be expired, and accounts locked, by a switch", async () => {
    await withSimulator({}, async (simulator) => {
      const { username, password } = simulator.users[1]!;
      simulator.faults = { expiredPasswords: [username.toUpperCase()] };
      expect(await attempt(simulator, username, password)).toEqual({
        code: `{${sts.WST}}FailedAuthentication`,
        text: "Password of the user logging on is expired.",
      });
      expect(await attempt(simulator, username, "wrong")).toEqual(invalidCredentials);
      simulator.faults = { lockedAccounts: [username] };
      expect(await attempt(simulator, username, password)).toMatchObject({
        text: expect.stringMatching(/is locked\.$/),
      });
      simulator.faults = {};
      expect(await attempt(simulator, username, password)).toBe("let in");
    });
  });
});

describe("SPNEGO at the simulated STS", () => {
  const leg = (text: string, type = SPNEGO): string =>
    `<wst:BinaryExchange ValueType="${type}" EncodingType="${sts.BASE64_BINARY}">` +
    `${Buffer.from(text).toString("base64")}</wst:BinaryExchange>`;
  const begin = (simulator: Simulator, text: string, context = "urn:_1") =>
    post(simulator, "", sts.rst({ content: leg(text), attributes: context && ` Context="${context}"` }));
  const goOn = (simulator: Simulator, content: string, context = "urn:_1") =>
    post(
      simulator,
      "",
      `<wst:RequestSecurityTokenResponse xmlns:wst="${sts.WST}" Context="${context}">${content}` +
        "</wst:RequestSecurityTokenResponse>",
      "Challenge",
    );
  const decode = (text = ""): string => Buffer.from(text, "base64").toString();

  it("takes two legs", async () => {
    await withSimulator({}, async (simulator) => {
      const { username, password } = simulator.users[0]!;
      const first = sts.response(await begin(simulator, `NEGOTIATE ${username}`));
      expect(first.children.map(({ local }) => local)).toEqual(["BinaryExchange"]);
      expect(attribute(first, "", "Context")).toBe("urn:_1");
      const [, nonce] = /^CHALLENGE ([0-9a-f]{32})$/.exec(decode(first.children[0]!.text))!;
      const proof = createHmac("sha256", password).update(nonce!).digest("hex");
      const reply = await goOn(simulator, leg(`RESPONSE ${proof}`));
      const last = sts.response(reply);
      expect(decode(sts.find(last, "BinaryExchange")?.text)).toBe("ACCEPT");
      expect(methodOf(sts.assertionIn(reply))).toBe(`${AC}:Kerberos`);
      expect(sts.stsFault(await goOn(simulator, leg(`RESPONSE ${proof}`)))).toEqual(invalidCredentials);
    });
  });

  it("fails for a wrong answer, an unknown user and an unknown context", async () => {
    await withSimulator({}, async (simulator) => {
      await begin(simulator, `NEGOTIATE ${simulator.users[0]!.username}`);
      expect(sts.stsFault(await goOn(simulator, leg(`RESPONSE ${"0".repeat(64)}`)))).toEqual(
        invalidCredentials,
      );
      expect(sts.stsFault(await begin(simulator, "NEGOTIATE nobody@vsphere.local"))).toEqual(
        invalidCredentials,
      );
      expect(sts.stsFault(await begin(simulator, "hello"))).toEqual(invalidCredentials);
      expect(sts.stsFault(await goOn(simulator, leg("x"), "urn:_other"))).toEqual(invalidCredentials);
    });
  });

  it("needs a context, a leg, and the right type of leg", async () => {
    await withSimulator({}, async (simulator) => {
      const without = await begin(simulator, `NEGOTIATE ${simulator.users[0]!.username}`, "");
      expect(sts.stsFault(without).code).toBe(`{${sts.WST}}InvalidRequest`);
      expect(sts.stsFault(await goOn(simulator, "")).code).toBe(`{${sts.WSSE}}InvalidSecurity`);
      const encoded = leg("x").replace(sts.BASE64_BINARY, "urn:hex");
      expect(sts.stsFault(await goOn(simulator, encoded))).toEqual({
        code: `{${sts.WSSE}}UnsupportedSecurityToken`,
        text: "BinaryExchange encoded as urn:hex is not supported",
      });
      expect(sts.stsFault(await goOn(simulator, leg("x", "urn:x"))).code).toBe(
        `{${sts.WSSE}}UnsupportedSecurityToken`,
      );
    });
  });

  it("forgets the oldest of more than 1024 logins that are open", () => {
    const conversations = new Conversations();
    for (let index = 0; index <= 1024; index++) conversations.begin(`urn:_${index}`, index);
    conversations.begin("urn:_1", "anew");
    conversations.begin("urn:_1025", 1025);
    expect(["urn:_0", "urn:_1", "urn:_2", "urn:_3"].map((id) => conversations.take(id))).toEqual([
      undefined,
      "anew",
      undefined,
      3,
    ]);
    expect(conversations.take("urn:_3")).toBeUndefined();
  });
});

describe("SecurID at the simulated STS", () => {
  const passcode = (username: string, code: string): string =>
    `<wsse:UsernameToken><wsse:Username>${username}</wsse:Username><wsse:Passcode>${code}</wsse:Passcode></wsse:UsernameToken>`;
  const goOn = (simulator: Simulator, context: string, security: string) =>
    post(
      simulator,
      security,
      `<wst:RequestSecurityTokenResponse xmlns:wst="${sts.WST}" Context="${context}"/>`,
      "Challenge",
    );
  const name = "operator@vsphere.local";

  it("takes a passcode in place of the password", async () => {
    await withSimulator({ passcodes: { [name]: ["123456"] } }, async (simulator) => {
      const reply = await post(simulator, passcode(name, "123456"));
      expect(methodOf(sts.assertionIn(reply))).toBe(`${AC}:TimeSyncToken`);
      expect(sts.stsFault(await post(simulator, passcode(name, "654321")))).toEqual(invalidCredentials);
      const other = await post(simulator, passcode("administrator@vsphere.local", "123456"));
      expect(sts.stsFault(other)).toEqual(invalidCredentials);
    });
  });

  it("asks for the next code, in an answer that holds nothing but its session", async () => {
    await withSimulator({ passcodes: { [name]: ["1", "2", "3"] } }, async (simulator) => {
      let answer = sts.response(await post(simulator, passcode(name, "1")));
      const contexts = [];
      for (const code of ["2", "3"]) {
        expect(answer.children).toEqual([]);
        const context = attribute(answer, "", "Context")!;
        contexts.push(context);
        answer = sts.response(await goOn(simulator, context, passcode(name, code)));
      }
      expect(contexts[0]).not.toBe(contexts[1]);
      expect(sts.find(answer, "RequestedSecurityToken")).toBeDefined();
    });
  });

  it("fails for a wrong next code, another user, another session, and none of both", async () => {
    await withSimulator({ passcodes: { [name]: ["1", "2"] } }, async (simulator) => {
      const begin = async (): Promise<string> =>
        attribute(sts.response(await post(simulator, passcode(name, "1"))), "", "Context")!;
      for (const [context, security] of [
        [await begin(), passcode(name, "1")],
        [await begin(), passcode("administrator@vsphere.local", "2")],
        ["other", passcode(name, "2")],
      ]) {
        expect(sts.stsFault(await goOn(simulator, context!, security!))).toEqual(invalidCredentials);
      }
      expect(sts.stsFault(await goOn(simulator, await begin(), "")).code).toBe(
        `{${sts.WSSE}}InvalidSecurity`,
      );
    });
  });

  it("has only users there are", async () => {
    await expect(startSimulator({ passcodes: { "nobody@vsphere.local": ["1"] } })).rejects.toBeInstanceOf(
      InvalidArgumentError,
    );
  });
});

describe("smart cards at the simulated STS", () => {
  const username = "operator@vsphere.local";
  const card = holderOf("CN=operator");
  const expired = holderOf("CN=operator", { notBefore: Date.now() - 10_000, notAfter: Date.now() - 5000 });
  const token = (holder: sts.Holder, change: Readonly<Record<string, string>> = {}): string => {
    const text = change.SignatureInfo ?? "login 4711";
    const parts = {
      UserCertificate: holder.cert.replace(/-----[^-]+-----|\s/g, ""),
      SignatureInfo: text,
      SignatureAlgorithm: "SHA256withRSA",
      SignatureValue: sign("sha256", Buffer.from("login 4711"), holder.key).toString("base64"),
      ...change,
    };
    const content = Object.entries(parts).map(([local, value]) => `<wsse:${local}>${value}</wsse:${local}>`);
    return `<wsse:UserCertificateToken>${content.join("")}</wsse:UserCertificateToken>`;
  };

  it("log in the user they were given to", async () => {
    const smartCards = [
      { username, certificate: card.cert },
      { username, certificate: expired.cert },
    ];
    await withSimulator({ smartCards }, async (simulator) => {
      const text = sts.assertionIn(await post(simulator, token(card)));
      expect(methodOf(text)).toBe(`${AC}:SmartcardPKI`);
      expect(sts.find(parseXml(text), "Subject", "NameID")?.text).toBe("operator@VSPHERE.LOCAL");
      for (const wrong of [
        token(holderOf("CN=operator")),
        token(card, { SignatureInfo: "login 4712" }),
        token(card, { SignatureValue: "AAAA" }),
        token(expired),
      ]) {
        expect(sts.stsFault(await post(simulator, wrong))).toEqual(invalidCredentials);
      }
      for (const wrong of [
        token(card, { SignatureAlgorithm: "SHA1withRSA" }),
        token(card, { SignatureValue: "%%%" }),
        token(card, { SignatureInfo: "<x/>" }),
        token(card).replace(/(<wsse:SignatureInfo>.*<\/wsse:SignatureInfo>)(.*)(<\/wsse:User)/, "$2$1$3"),
        token(card).replace("<wsse:UserCertificateToken>", '<wsse:UserCertificateToken wsu:Id="_card">'),
      ]) {
        expect(sts.stsFault(await post(simulator, wrong)).code).toBe(`{${sts.WSSE}}InvalidSecurity`);
      }
      expect(sts.stsFault(await post(simulator, token(card, { UserCertificate: "AAAA" }))).code).toBe(
        `{${sts.WSSE}}InvalidSecurityToken`,
      );
    });
  });

  it("have to be readable", async () => {
    await expect(startSimulator({ smartCards: [{ username, certificate: "x" }] })).rejects.toBeInstanceOf(
      InvalidArgumentError,
    );
  });
});
