import { beforeAll, describe, expect, test } from "vitest";
import { SamlToken } from "../../src/saml/index.ts";
import type { DoorCredential } from "../../src/session/door.ts";
import type { VimSoap } from "../../src/session/vim-soap.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import type { SoapReply } from "../helpers/soap-server.ts";
import { assertionXml, signAssertion } from "../sts/assertions.ts";
import {
  answer,
  notAuthenticated,
  PASSWORD,
  session,
  startVim,
  type VimCall,
  vimFault,
} from "./vim-server.ts";

const ADMIN = { username: "Administrator@vsphere.local", password: PASSWORD };
const SERVICE = { type: "ServiceInstance", value: "ServiceInstance" };
const now = (door: VimSoap) => door.call("CurrentTime", SERVICE);

let issuer: RsaIdentity;
beforeAll(async () => {
  issuer = await makeRsaSelfSigned("issuer");
});

/** A server whose answers to an operation have a cookie more, and another body where one is given. */
function startOdd(operation: string, cookie: string, body?: (call: VimCall) => SoapReply) {
  return startVim({
    intercept: (call) =>
      call.operation === operation
        ? { ...(body ?? ((each) => answer(each, "")))(call), headers: { "set-cookie": cookie } }
        : undefined,
  });
}

describe("a login whose answer cannot be read", () => {
  const MADE = 'vmware_soap_session="just-made"; Path=/; HttpOnly';
  const unreadable = [
    ["no session in it", (call: VimCall) => answer(call, "")],
    ["a session without a key", (call: VimCall) => answer(call, session("returnval", "", "u"))],
    ["something else than XML", () => ({ body: "<html>welcome</html>" })],
    ["nothing", () => ({ body: "" })],
  ] as const;
  const token = () => SamlToken.from(signAssertion(assertionXml(), issuer));
  const logins = [
    ["Login", (door: VimSoap) => door.login(ADMIN)],
    ["LoginByToken", (door: VimSoap) => door.login(token() as DoorCredential)],
    ["CloneSession", (door: VimSoap) => door.cloneSession("cst-VCT-a-ticket")],
  ] as const;

  test.each(
    logins.flatMap(([name, login]) => unreadable.map(([what, body]) => [name, what, login, body] as const)),
  )("%s, %s: its session is ended, and the error is thrown", async (operation, _what, login, body) => {
    const server = await startOdd(operation, MADE, body);
    const door = server.door();
    await expect(login(door)).rejects.toMatchObject({ code: expect.stringMatching(/^RESPONSE_/) });
    expect(server.calls.at(-1)).toMatchObject({ operation: "Logout", cookie: "just-made" });
    expect(server.operations().filter((each) => each === operation)).toHaveLength(1);
    expect([door.sessionId, door.owned]).toEqual([undefined, false]);
  });

  test("at a server that ties logins to earlier cookies: that is ended", async () => {
    const server = await startVim({
      earlyCookie: true,
      intercept: (call) => (call.operation === "Login" ? answer(call, "") : undefined),
    });
    const door = server.door();
    await expect(door.login(ADMIN)).rejects.toMatchObject({ code: "RESPONSE_UNEXPECTED" });
    expect(server.calls.at(-1)).toMatchObject({
      operation: "Logout",
      cookie: expect.stringMatching(/^early-/),
    });
  });

  test("keeps its error when the end fails as well", async () => {
    const server = await startVim({
      intercept: (call) => {
        if (call.operation === "Logout") return vimFault("RuntimeFault", "no");
        if (call.operation !== "Login") return undefined;
        return { ...answer(call, ""), headers: { "set-cookie": MADE } };
      },
    });
    await expect(server.door().login(ADMIN)).rejects.toMatchObject({ code: "RESPONSE_UNEXPECTED" });
  });

  test("is another matter than one that is refused, which is not followed by anything", async () => {
    const server = await startOdd("Login", MADE, () => vimFault("InvalidLogin", "no"));
    await expect(server.door().login(ADMIN)).rejects.toMatchObject({ code: "AUTHENTICATION_FAILED" });
    expect(server.operations()).toEqual(["RetrieveServiceContent", "Login"]);
  });
});

describe("an answer that", () => {
  test.each([
    "vmware_soap_session=; Max-Age=0",
    'vmware_soap_session=""; Path=/',
    "vmware_soap_session=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
  ])("removes the cookie by %j does not keep an owned session from its end", async (removal) => {
    const server = await startOdd("CurrentTime", removal);
    const door = server.door();
    const id = await door.login(ADMIN);
    await now(door);
    expect(door.sessionId).toBeUndefined();
    await door.serviceContent();
    await door.logout();
    expect(server.calls.at(-1)).toMatchObject({ operation: "Logout", cookie: id });
    expect(server.sessions.size).toBe(0);
    expect(door.owned).toBe(false);
  });

  test("removes the cookie of an adopted session ends nothing", async () => {
    const server = await startOdd("CurrentTime", "vmware_soap_session=; Max-Age=0");
    const owner = server.door();
    const door = server.door();
    door.adopt(await owner.login(ADMIN));
    await now(door);
    await door.logout();
    expect(server.operations()).not.toContain("Logout");
    expect(await owner.current()).not.toBeNull();
  });

  test.each([
    ["a result", undefined],
    ["a fault", () => vimFault("RuntimeFault", "no")],
    ["something unreadable", () => ({ body: "<html>welcome</html>" })],
  ] as const)(
    "sets another ID with %s makes it the session's, seen by sessionId and ended",
    async (_what, body) => {
      const server = await startOdd("CurrentTime", "vmware_soap_session=rotated; Path=/", body);
      const door = server.door();
      await door.login(ADMIN);
      await now(door).catch(() => undefined);
      expect([door.sessionId, door.owned]).toEqual(["rotated", true]);
      await door.logout();
      expect(server.calls.at(-1)).toMatchObject({ operation: "Logout", cookie: "rotated" });
    },
  );

  test("says that nobody is logged in sets no ID of a session", async () => {
    const server = await startOdd("CurrentTime", "vmware_soap_session=of-nobody", notAuthenticated);
    const door = server.door();
    const id = await door.login(ADMIN);
    await expect(now(door)).rejects.toMatchObject({ code: "NOT_AUTHENTICATED" });
    expect(door.sessionId).toBe(id);
    await door.logout();
    expect(server.sessions.size).toBe(0);
  });

  test("cannot be read leaves no session of an impersonation behind", async () => {
    const server = await startOdd("ImpersonateUser", "vmware_soap_session=second");
    const door = server.door();
    const first = await door.login(ADMIN);
    await expect(door.impersonateUser("other@corp")).rejects.toMatchObject({ code: "RESPONSE_UNEXPECTED" });
    expect(server.calls.at(-1)).toMatchObject({ operation: "Logout", cookie: first });
    expect([door.sessionId, door.owned]).toEqual(["second", true]);
  });

  test("refuses an impersonation under another ID does not make an adopted session one's own", async () => {
    const server = await startOdd("ImpersonateUser", "vmware_soap_session=second", () =>
      vimFault("NoPermission", "no"),
    );
    const door = server.door();
    door.adopt(await server.door().login(ADMIN));
    await expect(door.impersonateUser("other@corp")).rejects.toMatchObject({ code: "NO_PERMISSION" });
    expect([door.sessionId, door.owned]).toEqual(["second", false]);
  });
});
