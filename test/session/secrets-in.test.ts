import { describe, expect, test } from "vitest";
import { ANY_TEXT, repeatsSecret } from "../../src/net/secret-words.ts";
import { secretsIn } from "../../src/session/secrets-in.ts";

function nested(levels: number): object {
  let made: object = { password: "at the bottom" };
  for (let level = 0; level < levels; level++) made = level % 2 === 0 ? { a: made } : [made];
  return made;
}

describe("the secrets of a request", () => {
  test.each([
    ["a member", { password: "its-secret", user: "u" }],
    ["a list under a name", { tokens: [{ value: "its-secret" }] }],
    ["an object under a name", { credentials: { any: { thing: "its-secret" } } }],
    ["more levels than anybody writes", nested(1000), "at the bottom"],
    ["what toJSON gives", { toJSON: () => ({ password: "its-secret" }) }],
    ["a text that toJSON gives, by the name above", { password: { toJSON: () => "its-secret" } }],
    ["a map", new Map([["password", "its-secret"]])],
    ["a map in a map", new Map([["a", new Map<unknown, unknown>([["apiKey", "its-secret"]])]])],
    ["a set", { secrets: new Set(["its-secret"]) }],
    ["a key and its value", { extraConfig: [{ key: "db.password", value: "its-secret" }] }],
    ["a name and its value", { parameters: [{ name: "root_passwd", value: { text: "its-secret" } }] }],
    ["a form", new URLSearchParams({ client_secret: "its-secret", grant: "g" })],
    ["a form as text", "grant=g&client_secret=its-secret"],
    ["JSON as text", '{"password":"its-secret"}'],
    ["JSON as text behind a byte order mark", '\uFEFF {"password":"its-secret"}'],
    ["JSON as text within JSON", { config_spec: '{"password":"its-secret"}' }],
    ["JSON as bytes", Buffer.from('[{"private_key":"its-secret"}]')],
    ["JSON in an ArrayBuffer", new Uint8Array(Buffer.from('{"ticket":"its-secret"}')).buffer],
    ["the tag of the wire", { STRUCTURE: { x: { a: { SECRET: "its-secret" } } } }],
    ["a long number", { password: 20261121 }, "20261121"],
  ])("are found in %s", (_, value, secret = "its-secret") => {
    expect(secretsIn(value)).toEqual([secret]);
  });

  test("are bytes both as text and by their Base64", () => {
    expect(secretsIn({ privateKey: Buffer.from("key") })).toEqual(["a2V5", "key"]);
  });

  test("are collected from several values, each once", () => {
    expect(secretsIn({ password: "a" }, undefined, { token: "b", ticket: "a" }).sort()).toEqual(["a", "b"]);
  });

  test.each([
    ["nothing", undefined],
    ["null", null],
    ["other names", { user: "u", spec: { name: "n", size: 5 } }],
    ["a short number, an empty text, a boolean", { password: 8, token: "", secret: true }],
    ["text", "no JSON"],
    ["broken JSON", '{"password":'],
    ["bytes of no text", new Uint8Array([0, 1, 2, 255])],
    ["a date", { expires: new Date(0) }],
  ])("are none in %s", (_, value) => {
    expect(secretsIn(value)).toEqual([]);
  });

  test("are not sought in bytes one by one", () => {
    const bytes = new Uint8Array(8_000_000);
    // As members they would be more values than are looked at.
    expect(secretsIn(bytes)).toEqual([]);
    expect(secretsIn({ file: bytes, password: "p" })).toEqual(["p"]);
    expect(secretsIn(new DataView(bytes.buffer))).toEqual([]);
  });

  test.each([
    ["values", Array.from({ length: 200_000 }, () => 1)],
    ["levels, in a circle", circle()],
    ["secrets", { tokens: Array.from({ length: 2000 }, (_, at) => `token-${at}`) }],
    ["characters of secrets", { certificate_secret: "x".repeat(1_000_000) }],
    ["characters of JSON", Buffer.alloc(8_000_000, '{"a":')],
  ])("of too many %s let nothing be quoted", (_, value) => {
    const found = secretsIn(value);
    expect(found).toContain(ANY_TEXT);
    expect(found.length).toBeLessThan(50);
    expect(repeatsSecret("any words", found)).toBe(true);
  });

  test("let nothing be quoted where the caller's own code throws", () => {
    const thrower = {
      toJSON() {
        throw new RangeError("not now");
      },
    };
    expect(secretsIn({ a: thrower })).toEqual([ANY_TEXT]);
  });

  test("are as many as may be told of when many are the same", () => {
    expect(secretsIn({ tokens: Array.from({ length: 2000 }, () => "one") })).toEqual(["one"]);
  });

  test("leave the value as it is", () => {
    const value = { a: [{ password: "p" }] };
    secretsIn(value);
    expect(value).toEqual({ a: [{ password: "p" }] });
  });
});

function circle(): object {
  const made: { self?: object } = {};
  made.self = made;
  return made;
}
