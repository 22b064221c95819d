import { describe, expect, test } from "vitest";
import { cookieHeader, parseSessionCookie, SessionCookie } from "../../src/session/cookie.ts";

describe("the session cookie", () => {
  test.each([
    ["in quotes", 'vmware_soap_session="abc"; Path=/; HttpOnly; Secure', "abc"],
    ["bare", "vmware_soap_session=abc; HttpOnly", "abc"],
    ["alone", "vmware_soap_session=abc", "abc"],
    ["with white space", ' vmware_soap_session = "abc" ;Path=/', "abc"],
    ["with what would end it, in quotes", 'vmware_soap_session="a;b=c, d"; Path=/', "a;b=c, d"],
    ["with an equals sign", "vmware_soap_session=YWJj==; Path=/", "YWJj=="],
    [
      "that lives for an hour",
      "vmware_soap_session=abc; Max-Age=3600; Expires=Thu, 01 Jan 1970 00:00:00 GMT",
      "abc",
    ],
    ["that ends far ahead", "vmware_soap_session=abc; Expires=Fri, 01 Jan 2100 00:00:00 GMT", "abc"],
    ["with attributes nobody knows", "vmware_soap_session=abc; SameSite=None; Partitioned; x=y", "abc"],
  ])("is read %s", (_how, header, id) => {
    expect(parseSessionCookie(header)).toEqual({ id });
    expect(parseSessionCookie(["other=1; Path=/", header])).toEqual({ id });
  });

  test.each([
    'vmware_soap_session=""; Path=/',
    "vmware_soap_session=; Path=/",
    'vmware_soap_session="abc"; Max-Age=0',
    "vmware_soap_session=abc; max-age=-1",
    "vmware_soap_session=abc; Expires=Thu, 01 Jan 1970 00:00:01 GMT; Path=/",
  ])("is removed by %s", (header) => {
    expect(parseSessionCookie(header)).toEqual({ id: undefined });
  });

  test.each([
    [undefined],
    [[]],
    ["vmware-api-session-id=abc; Path=/rest"],
    ["xvmware_soap_session=abc"],
    ["vmware_soap_session_other=abc"],
    ['other="vmware_soap_session=abc"'],
    ["VMWARE_SOAP_SESSION=abc"],
  ])("is not found in %j", (header) => {
    expect(parseSessionCookie(header)).toBeUndefined();
  });

  test("is the last of several", () => {
    expect(parseSessionCookie(["vmware_soap_session=a", "x=y", 'vmware_soap_session="b"'])).toEqual({
      id: "b",
    });
  });

  test("is sent in quotes, unless it has one of its own", () => {
    expect(cookieHeader("abc")).toBe('vmware_soap_session="abc"');
    expect(cookieHeader('a"c')).toBe('vmware_soap_session=a"c');
  });

  test("is not undone by an answer to what was sent before it changed", () => {
    const cookie = new SessionCookie();
    cookie.note(undefined, { id: "early" });
    expect(cookie.id).toBe("early");
    cookie.set("login");
    cookie.note(undefined, { id: "late" });
    cookie.note("early", { id: undefined });
    expect(cookie.id).toBe("login");
    cookie.note("login", undefined);
    expect(cookie.id).toBe("login");
    cookie.note("login", { id: undefined });
    expect(cookie.id).toBeUndefined();
  });

  test("that is removed leaves the ID of the session to be ended, whatever is set behind it", () => {
    const cookie = new SessionCookie();
    cookie.set("login");
    cookie.note("login", { id: "rotated" });
    expect([cookie.id, cookie.last]).toEqual(["rotated", "rotated"]);
    cookie.note("rotated", { id: undefined });
    expect([cookie.id, cookie.last]).toEqual([undefined, "rotated"]);
    cookie.note(undefined, { id: "of nobody" });
    expect([cookie.id, cookie.last]).toEqual(["of nobody", "rotated"]);
    cookie.set(undefined);
    expect([cookie.id, cookie.last]).toEqual([undefined, undefined]);
  });
});
