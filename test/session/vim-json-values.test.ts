import { describe, expect, test } from "vitest";
import { InvalidArgumentError, VimFaultError } from "../../src/errors.ts";
import { tellsSessionLimit, vimFaultCode } from "../../src/session/vim-fault-code.ts";
import { readVimJsonError } from "../../src/session/vim-json-fault.ts";
import { vimBoxed, vimReference, vimTyped, writeParams } from "../../src/session/vim-json-value.ts";

const errorOf = (body: unknown, status = 500, secrets: readonly string[] = []) =>
  readVimJsonError(
    {
      status,
      headers: {},
      text: typeof body === "string" ? body : JSON.stringify(body),
      url: "https://vc01.test/sdk",
    },
    { what: "GET A/a/b", secrets },
  );

describe("the code of a fault", () => {
  test.each([
    ["InvalidLogin", "AUTHENTICATION_FAILED"],
    ["PasswordExpired", "PASSWORD_EXPIRED"],
    ["NotAuthenticated", "NOT_AUTHENTICATED"],
    ["NoPermission", "NO_PERMISSION"],
    ["VersionMismatchFaultCode", "VERSION_MISMATCH"],
    ["InvalidLocale", "VIM_FAULT"],
    ["notauthenticated", "VIM_FAULT"],
    ["NotAuthenticatedFault", "VIM_FAULT"],
    ["__proto__", "VIM_FAULT"],
    ["", "VIM_FAULT"],
  ])("%s is %s", (type, code) => {
    expect(vimFaultCode(type)).toBe(code);
  });

  test.each([
    ["User session count is limited to 550. Existing session count is 550.", true],
    ["Service Unavailable: too many sessions", true],
    ["The maximum number of sessions has been exceeded", true],
    ["out of HTTP sessions, limited to 2000", true],
    ["The session is not authenticated.", false],
    ["Cannot complete login due to an incorrect user name or password.", false],
  ])("tells a limit of sessions: %s (%s)", (text, expected) => {
    expect(tellsSessionLimit(text)).toBe(expected);
  });
});

describe("a fault in VI/JSON", () => {
  test("keeps its simple fields, IDs of objects among them, and no member of every fault", () => {
    const error = errorOf({
      faultstring: "No.",
      faultCause: { _typeName: "LocalizedMethodFault" },
      faultMessage: [],
      object: vimReference("Folder", "group-d1"),
      privilegeId: "Folder.Create",
      count: 5,
      flag: true,
      list: ["a"],
      nothing: null,
      _typeName: "NoPermission",
    }) as VimFaultError;
    expect(error).toBeInstanceOf(VimFaultError);
    expect(error.fields).toEqual({
      object: "group-d1",
      privilegeId: "Folder.Create",
      count: "5",
      flag: "true",
    });
    expect(error).toMatchObject({ fault: "NoPermission", faultString: "No.", status: 500 });
  });

  test("has the words of its first message where it has none of its own", () => {
    const faultMessage = [{ _typeName: "LocalizableMessage", key: "k" }, { message: "It is locked." }];
    expect(errorOf({ _typeName: "InvalidState", faultMessage })).toMatchObject({
      faultString: "It is locked.",
    });
  });

  test("holds a field called __proto__ as a field", () => {
    const error = errorOf('{"_typeName":"SystemError","faultstring":"x","__proto__":"y"}') as VimFaultError;
    expect(Object.getPrototypeOf(error.fields)).toBe(Object.prototype);
    expect(Object.keys(error.fields)).toEqual(["__proto__"]);
  });

  test.each([
    [{ _typeName: "a b\u001b[2J", faultstring: "x" }, ""],
    [{ _typeName: "x".repeat(200), faultstring: "x" }, ""],
    [{ _typeName: 5, faultstring: "x" }, ""],
    [{ faultstring: "x" }, ""],
  ])("has no type that is none: %o", (body, fault) => {
    const error = errorOf(body) as VimFaultError;
    expect(error).toMatchObject({ fault, code: "VIM_FAULT" });
    expect(error.message).toBe('GET A/a/b failed with a fault: "x"');
  });

  test("without a type is told by 401", () => {
    expect(errorOf({ faultstring: "x" }, 401)).toMatchObject({ code: "NOT_AUTHENTICATED" });
  });

  test("repeats no secret, neither in words nor type nor fields", () => {
    const secret = "SessionABCDEF0123456789";
    const error = errorOf({ _typeName: secret, faultstring: secret, [secret]: "a", b: secret }, 500, [
      secret,
    ]);
    expect(JSON.stringify([error, error.message])).not.toContain(secret);
    expect(error).toMatchObject({ fault: "" });
  });

  test.each(["InvalidLogin", "login", "Invalid", "i"])("is known, though %j is a secret", (secret) => {
    const error = errorOf({ _typeName: "InvalidLogin", faultstring: "No." }, 500, [secret]);
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", fault: "InvalidLogin" });
  });

  test("with many and long fields is cut", () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`f${n}`, "x".repeat(10_000)]));
    const { fields } = errorOf({ _typeName: "SystemError", ...many }) as VimFaultError;
    expect(Object.keys(fields)).toHaveLength(32);
    expect(fields.f0).toHaveLength(4096);
  });
});

describe("values of VI/JSON", () => {
  test("name their types in front", () => {
    expect(
      writeParams({ spec: vimTyped("Spec", { a: 1 }), folder: vimReference("Folder", "group-v3") }),
    ).toBe(
      '{"spec":{"_typeName":"Spec","a":1},"folder":{"_typeName":"ManagedObjectReference","type":"Folder","value":"group-v3"}}',
    );
    expect(writeParams({ value: vimBoxed("ArrayOfString", ["a"]), n: vimBoxed("int", 5) })).toBe(
      '{"value":{"_typeName":"ArrayOfString","_value":["a"]},"n":{"_typeName":"int","_value":5}}',
    );
    // What a caller says of the type goes before a field of that name.
    expect(vimTyped("Spec", { _typeName: "Other" })._typeName).toBe("Spec");
  });

  test("are written as VI/JSON has them: dates in UTC, bytes as base64", () => {
    expect(
      writeParams({ at: new Date(0), bytes: new Uint8Array([1]), buffer: Buffer.from("a"), gone: undefined }),
    ).toBe('{"at":"1970-01-01T00:00:00.000Z","bytes":"AQ==","buffer":"YQ=="}');
  });

  test.each<[string, unknown]>([
    ["NaN", { a: Number.NaN }],
    ["an infinity in a list", { a: [Number.POSITIVE_INFINITY] }],
    ["a large integer", { a: 2n ** 60n }],
    ["a function", { a: () => 1 }],
    ["a map", { a: new Map() }],
    ["a broken date", { a: new Date("x") }],
    ["a list as a whole", []],
    ["null as a whole", null],
  ])("are refused for %s", (_what, params) => {
    expect(() => writeParams(params as object)).toThrow(InvalidArgumentError);
  });

  test("are refused for what holds itself", () => {
    const params: { self?: unknown } = {};
    params.self = params;
    expect(() => writeParams(params)).toThrow(InvalidArgumentError);
  });
});
