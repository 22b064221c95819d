import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/index.ts";
import { VIM_NAMESPACE } from "../../src/xml/names.ts";
import { holderOf } from "./holder.ts";
import {
  idOf as assertionId,
  bearer,
  byAssertion,
  holderOfKey,
  message,
  signed,
  solutionUser,
  timestamp,
} from "./sts-wire.ts";
import {
  cookieOf,
  fetchProperty,
  idOf,
  login,
  loginContent,
  returned,
  SESSION_MANAGER,
  self,
  userOf,
  type VimOptions,
  vim,
} from "./vim-wire.ts";
import { at, callVim, faultOf, faultType, post, RETRIEVE_VIM_CONTENT, type Reply } from "./wire.ts";

const LOGIN_BY_TOKEN = `<LoginByToken xmlns="${VIM_NAMESPACE}">${self(SESSION_MANAGER)}</LoginByToken>`;

/** A login with this security header content, signed where there is a key. */
function byToken(
  simulator: Simulator,
  security: string,
  sign?: { readonly key: string; readonly assertion: string; readonly parts?: readonly string[] },
  options: VimOptions & { readonly body?: string } = {},
): Promise<Reply> {
  const text = message(security, options.body ?? LOGIN_BY_TOKEN);
  const whole = sign
    ? signed(text, sign.key, {
        keyInfo: byAssertion(assertionId(sign.assertion)),
        ...(sign.parts && { parts: sign.parts }),
      })
    : text;
  return post(simulator, whole, { path: "/sdk", action: '"urn:vim25/8.0.3.0"', ...options });
}

async function withSimulator(
  options: SimulatorOptions,
  run: (simulator: Simulator) => Promise<void>,
): Promise<void> {
  const simulator = await startSimulator({ nodes: 1, ...options });
  try {
    await run(simulator);
  } finally {
    await simulator.close();
  }
}

const typeOf = (reply: Reply) => faultType(reply, VIM_NAMESPACE);

describe("logins at the simulated VIM endpoint", () => {
  let simulator: Simulator;
  const logInWith = (name: string, password: string, locale?: string, options?: VimOptions) =>
    vim(simulator, SESSION_MANAGER, "Login", loginContent(name, password, locale), options);

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2 });
  });
  afterAll(() => simulator.close());

  it("are by name and password, in either form of the name, and hand out a quoted cookie", async () => {
    const { password } = simulator.users[0]!;
    for (const name of ["Administrator@vsphere.local", "VSPHERE.LOCAL\\administrator"]) {
      const reply = await logInWith(name, password, "en_US", { headers: { "user-agent": "test/1" } });
      const session = returned(reply, "Login")!;
      expect(session.children.map(({ local }) => local)).toEqual([
        "key",
        "userName",
        "fullName",
        "loginTime",
        "lastActiveTime",
        "locale",
        "messageLocale",
        "extensionSession",
        "ipAddress",
        "userAgent",
        "callCount",
      ]);
      expect(at(session, "userName")).toBe("VSPHERE.LOCAL\\Administrator");
      expect(at(session, "locale")).toBe("en_US");
      expect(at(session, "ipAddress")).toBe("127.0.0.1");
      expect(at(session, "userAgent")).toBe("test/1");
      expect(reply.headers["set-cookie"]).toEqual([
        expect.stringMatching(/^vmware_soap_session="[0-9a-f]{40}"; Path=\/; HttpOnly; Secure$/),
      ]);
      expect(at(session, "key")).not.toBe(idOf(reply));
      expect(await userOf(simulator, idOf(reply))).toBe("VSPHERE.LOCAL\\Administrator");
    }
  });

  it("are refused in one way for every reason", async () => {
    const { username, password } = simulator.users[0]!;
    for (const [name, word] of [
      [username, "wrong"],
      [username, ""],
      ["", ""],
      ["nobody@vsphere.local", password],
      ["Administrator", password],
    ] as const) {
      const reply = await logInWith(name, word);
      const fault = faultOf(reply, VIM_NAMESPACE);
      expect(typeOf(reply)).toBe("InvalidLogin");
      expect(fault.code).toBe("ServerFaultCode");
      expect(fault.message).toBe("Cannot complete login due to an incorrect user name or password.");
      expect(reply.headers["set-cookie"]).toBeUndefined();
    }
  });

  it("are refused with a locale that there is not", async () => {
    const { username, password } = simulator.users[1]!;
    expect(typeOf(await logInWith(username, password, "tlh"))).toBe("InvalidLocale");
  });

  it("are refused on a connection that has a session", async () => {
    const { id } = await login(simulator);
    const { username, password } = simulator.users[0]!;
    expect(typeOf(await logInWith(username, password, "", { id }))).toBe("InvalidLogin");
    expect(await userOf(simulator, id)).toBe("VSPHERE.LOCAL\\Administrator");
    expect((await logInWith(username, password, "", { id: "stale" })).status).toBe(200);
  });

  it.each([
    ["an argument twice", "<userName>a</userName><userName>a</userName><password>b</password>"],
    ["arguments in another order", "<password>b</password><userName>a</userName>"],
    ["no password", "<userName>a</userName>"],
    ["an unknown argument", "<userName>a</userName><password>b</password><otp>1</otp>"],
    ["elements inside of one", "<userName><x/></userName><password>b</password>"],
    ["text between them", "<userName>a</userName>text<password>b</password>"],
  ])("refuse %s", async (_what, content) => {
    expect(typeOf(await vim(simulator, SESSION_MANAGER, "Login", content))).toBe("InvalidRequest");
  });

  it("take the version that pyVmomi names with whatever it passes, and no other attribute", async () => {
    const { username, password } = simulator.users[0]!;
    const body = (attribute: string) =>
      `<Login xmlns="${VIM_NAMESPACE}"><_this ${attribute} type="SessionManager">SessionManager</_this>` +
      loginContent(username, password).replace("<userName>", `<userName ${attribute}>`) +
      "</Login>";
    expect((await callVim(simulator, body('versionId="8.0.3.0"'))).status).toBe(200);
    expect(typeOf(await callVim(simulator, body('x="y"')))).toBe("InvalidRequest");
  });

  it("refuse a name of another type", async () => {
    const content = `<userName xsi:type="xsd:int">1</userName><password>b</password>`;
    expect(typeOf(await vim(simulator, SESSION_MANAGER, "Login", content))).toBe("InvalidType");
  });

  it("take a bearer token with a Timestamp, and alone", async () => {
    const token = await bearer(simulator);
    for (const security of [timestamp() + token, token]) {
      const reply = await byToken(simulator, security);
      expect(at(returned(reply, "LoginByToken"), "userName")).toBe("VSPHERE.LOCAL\\Administrator");
      expect(await userOf(simulator, idOf(reply))).toBe("VSPHERE.LOCAL\\Administrator");
    }
  });

  it("take a token at every node of the group", async () => {
    expect((await byToken(simulator, await bearer(simulator), undefined, { node: 2 })).status).toBe(200);
  });

  it("refuse what is no token of the group's own, and old messages", async () => {
    const token = await bearer(simulator);
    const other = await startSimulator({ nodes: 1 });
    try {
      const foreign = await bearer(other);
      for (const security of [
        "",
        timestamp(),
        token.replace(/Administrator/i, "Operator"),
        foreign,
        token + token,
        timestamp(Date.now() - 3_600_000) + token,
      ]) {
        expect(typeOf(await byToken(simulator, security))).toBe("InvalidLogin");
      }
    } finally {
      await other.close();
    }
    expect(typeOf(await vim(simulator, SESSION_MANAGER, "LoginByToken"))).toBe("InvalidLogin");
  });

  it("take a holder-of-key token from its holder only", async () => {
    const holder = solutionUser(simulator);
    const token = await holderOfKey(simulator);
    const security = timestamp() + token;
    const reply = await byToken(simulator, security, { key: holder.key, assertion: token });
    expect(at(returned(reply, "LoginByToken"), "userName")).toBe(`VSPHERE.LOCAL\\${holder.name}`);
    for (const refused of [
      await byToken(simulator, token),
      await byToken(simulator, security),
      await byToken(simulator, security, { key: holderOf("CN=thief").key, assertion: token }),
      await byToken(simulator, security, { key: holder.key, assertion: token, parts: ["Timestamp"] }),
      await byToken(simulator, security, { key: holder.key, assertion: token, parts: ["Body"] }),
    ]) {
      expect(typeOf(refused)).toBe("InvalidLogin");
    }
  });

  it("take a signed call that is in no namespace, as govmomi's", async () => {
    const { key } = solutionUser(simulator);
    const assertion = await holderOfKey(simulator);
    const body = `<LoginByToken>${self(SESSION_MANAGER)}<locale>en_US</locale></LoginByToken>`;
    const reply = await byToken(simulator, timestamp() + assertion, { key, assertion }, { body });
    expect(reply.status).toBe(200);
  });

  it("by token want a version that the server lists", async () => {
    const token = await bearer(simulator);
    const reply = await byToken(simulator, token, undefined, { action: '"urn:vim25/9.1.0.0"' });
    const fault = faultOf(reply, VIM_NAMESPACE);
    expect(fault.code).toBe("VersionMismatchFaultCode");
    expect(fault.message).toBe('Unsupported version URI "urn:vim25/9.1.0.0"');
    for (const action of ["urn:vim25/6.5", "urn:vim25", null]) {
      expect((await byToken(simulator, token, undefined, { action })).status).toBe(200);
    }
    const { username, password } = simulator.users[0]!;
    expect((await logInWith(username, password, "", { action: "urn:vim25/9.1.0.0" })).status).toBe(200);
  });

  it("take an extension by its certificate", async () => {
    const content = (key: string) => `<extensionKey>${key}</extensionKey><locale>en</locale>`;
    const logInAs = (key: string, options: VimOptions) =>
      vim(simulator, SESSION_MANAGER, "LoginExtensionByCertificate", content(key), options);
    const [vpxd, extension] = [solutionUser(simulator, 0), solutionUser(simulator, 1)];
    const reply = await logInAs("com.vmware.vim.eam", { client: extension, action: "urn:urn:vim25/" });
    const session = returned(reply, "LoginExtensionByCertificate")!;
    expect(at(session, "userName")).toBe("com.vmware.vim.eam");
    expect(at(session, "extensionSession")).toBe("true");
    expect(await userOf(simulator, idOf(reply))).toBe("com.vmware.vim.eam");
    expect(typeOf(await logInAs("com.vmware.vim.eam", {}))).toBe("NoClientCertificate");
    expect(typeOf(await logInAs("com.example.unknown", { client: extension }))).toBe("InvalidLogin");
    expect(typeOf(await logInAs("com.vmware.vim.eam", { client: vpxd }))).toBe("InvalidLogin");
    const impostor = holderOf(`CN=${extension.name}`);
    expect(typeOf(await logInAs("com.vmware.vim.eam", { client: impostor }))).toBe("InvalidLogin");
  });

  it.each([
    ["quoted", (id: string) => `vmware_soap_session="${id}"`, true],
    ["unquoted", (id: string) => `vmware_soap_session=${id}`, true],
    ["among others", (id: string) => `a=b; vmware_soap_session="${id}"; c=d`, true],
    [
      "as the whole Set-Cookie",
      (id: string) => `vmware_soap_session="${id}"; Path=/; HttpOnly; Secure`,
      true,
    ],
    ["twice the same", (id: string) => `vmware_soap_session=${id}; vmware_soap_session="${id}"`, true],
    ["beside another one", (id: string) => `vmware_soap_session=old; vmware_soap_session=${id}`, false],
    ["with one quote", (id: string) => `vmware_soap_session="${id}`, false],
    ["under a name in upper case", (id: string) => `VMWARE_SOAP_SESSION=${id}`, false],
    ["in other letters", (id: string) => `vmware_soap_session="${id.toUpperCase()}"`, false],
    ["in single quotes", (id: string) => `vmware_soap_session='${id}'`, false],
  ])("look for a cookie %s", async (_what, cookie, found) => {
    const { id } = await login(simulator);
    const reply = await fetchProperty(simulator, SESSION_MANAGER, "currentSession", undefined, {
      headers: { cookie: cookie(id) },
    });
    expect(returned(reply, "Fetch") !== undefined).toBe(found);
  });
});

describe("what no source tells of logins at VIM", () => {
  it("is a cookie without quotes, or one that has to have them", async () => {
    await withSimulator({ behaviours: { quotedCookie: false } }, async (simulator) => {
      const { username, password } = simulator.users[0]!;
      const reply = await vim(simulator, SESSION_MANAGER, "Login", loginContent(username, password));
      expect(cookieOf(reply)).toMatch(/^[0-9a-f]{40}$/);
    });
    await withSimulator({ behaviours: { takesUnquotedCookie: false } }, async (simulator) => {
      const { id } = await login(simulator);
      expect(await userOf(simulator, id)).toBe("VSPHERE.LOCAL\\Administrator");
      const cookie = `vmware_soap_session=${id}`;
      const reply = await fetchProperty(simulator, "Folder:group-d1", "name", undefined, {
        headers: { cookie },
      });
      expect(typeOf(reply)).toBe("NotAuthenticated");
    });
  });

  it("is a cookie for strangers, which is no session", async () => {
    await withSimulator({ behaviours: { cookieBeforeLogin: true } }, async (simulator) => {
      const before = idOf(await callVim(simulator, RETRIEVE_VIM_CONTENT));
      expect(before).toMatch(/^[0-9a-f]{40}$/);
      expect(await userOf(simulator, before)).toBeUndefined();
      const { id } = await login(simulator, 0, { id: before });
      expect(id).not.toBe(before);
      expect(await userOf(simulator, id)).toBe("VSPHERE.LOCAL\\Administrator");
    });
  });

  it("is a second login on a connection, or a JSON Web Token", async () => {
    await withSimulator({ behaviours: { refusesSecondLogin: false } }, async (simulator) => {
      const first = await login(simulator);
      const second = await login(simulator, 1, { id: first.id });
      expect(second.id).not.toBe(first.id);
      expect(second.userName).toBe("VSPHERE.LOCAL\\operator");
      const bearerOf = { headers: { authorization: "Bearer a.b.c" } };
      expect(typeOf(await vim(simulator, SESSION_MANAGER, "LoginByToken", "", bearerOf))).toBe(
        "InvalidLogin",
      );
    });
  });
});
