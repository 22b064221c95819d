import { describe, expect, test } from "vitest";
import { InvalidArgumentError, ProtocolError } from "../../src/errors.ts";
import { canonicalJson } from "../../src/session/canonical-json.ts";
import {
  vapiBinary as binary,
  decodeValue,
  vapiDouble as double,
  encodeInput,
  encodeValue,
  vapiMap as map,
  vapiOptional as optional,
  vapiSecret as secret,
  vapiStructure as structure,
} from "../../src/session/vapi-value.ts";

/** The input as it goes over the wire. */
const wire = (input?: object): unknown => JSON.parse(canonicalJson(encodeInput(input)));
const fieldsOf = (input: object): unknown =>
  (wire(input) as { STRUCTURE: { "operation-input": unknown } }).STRUCTURE["operation-input"];

describe("the input of an operation", () => {
  test("is a structure of its parameters", () => {
    expect(wire()).toEqual({ STRUCTURE: { "operation-input": {} } });
    expect(wire({ tag_id: "urn:1", all: true, count: 5, names: ["a", "b"] })).toEqual({
      STRUCTURE: { "operation-input": { tag_id: "urn:1", all: true, count: 5, names: ["a", "b"] } },
    });
  });

  test("names structures, options, secrets, bytes, maps and doubles where it is told", () => {
    const given = {
      spec: structure("com.vmware.a.create_spec", {
        name: "x",
        note: optional("n"),
        none: optional(),
        gone: undefined,
      }),
      password: secret("hunter2"),
      data: binary(Buffer.from("abc")),
      labels: map({ a: "1" }),
      ratio: double(2),
    };
    expect(fieldsOf(given)).toEqual({
      spec: {
        STRUCTURE: {
          "com.vmware.a.create_spec": { name: "x", note: { OPTIONAL: "n" }, none: { OPTIONAL: null } },
        },
      },
      password: { SECRET: "hunter2" },
      data: { BINARY: "YWJj" },
      labels: [{ STRUCTURE: { "map-entry": { key: "a", value: "1" } } }],
      ratio: 2,
    });
    expect(canonicalJson(encodeInput(given))).toContain('"ratio":2.0E0');
  });

  test("passes on what is in the form of the wire already", () => {
    const fields = {
      spec: {
        OPTIONAL: {
          STRUCTURE: { "com.vmware.a": { ids: ["1"], key: { SECRET: "s" }, raw: { BINARY: "YWJj" } } },
        },
      },
    };
    expect(fieldsOf(fields)).toEqual(fields);
    expect(wire({ STRUCTURE: { "operation-input": fields } })).toEqual({
      STRUCTURE: { "operation-input": fields },
    });
  });

  test("converts dates, bytes, maps and large integers by their kind", () => {
    const at = new Date("2026-11-21T15:00:00.000Z");
    const keys = new Map<unknown, unknown>([[1, structure("s", { a: 1 })]]);
    expect(fieldsOf({ at, bytes: new Uint8Array([1]), keys })).toEqual({
      at: "2026-11-21T15:00:00.000Z",
      bytes: { BINARY: "AQ==" },
      keys: [{ STRUCTURE: { "map-entry": { key: 1, value: { STRUCTURE: { s: { a: 1 } } } } } }],
    });
    expect(canonicalJson(encodeValue(9223372036854775807n))).toBe("9223372036854775807");
  });

  test("leaves out what is undefined, and keeps null", () => {
    expect(fieldsOf({ a: undefined, b: null })).toEqual({ b: null });
  });

  test("keeps a field whatever its name, and no prototype from it", () => {
    const given = JSON.parse('{"__proto__":"x","spec":{"STRUCTURE":{"__proto__":{"__proto__":1}}}}');
    const encoded = canonicalJson(encodeInput(given));
    expect(encoded).toBe(
      '{"STRUCTURE":{"operation-input":{"__proto__":"x","spec":{"STRUCTURE":{"__proto__":{"__proto__":1}}}}}}',
    );
    expect(({} as Record<string, unknown>).x).toBeUndefined();
  });

  test.each<[string, object, RegExp]>([
    ["an object without a name, which servers refuse", { spec: { name: "x" } }, /^input\.spec is an object/],
    ["one in a list", { specs: [structure("a", {}), {}] }, /^input\.specs\[1\] is an object/],
    ["NaN", { a: { OPTIONAL: Number.NaN } }, /^input\.a is NaN/],
    ["a function", { a: () => 1 }, /^input\.a is of type function/],
    ["undefined in a list", { a: [undefined] }, /^input\.a\[0\] is of type undefined/],
    ["an integer beyond 64 bits", { a: 2n ** 63n }, /^input\.a does not fit/],
    ["a broken date", { a: new Date("x") }, /^input\.a is no date/],
    ["a secret that is no text", { a: { SECRET: 1 } }, /^input\.a is a secret/],
    ["binary that is no base64", { a: { BINARY: "no!" } }, /^input\.a is binary/],
    ["a structure without one name", { a: { STRUCTURE: { b: {}, c: {} } } }, /^input\.a is no structure/],
    ["a structure without fields", { a: structure("b", [] as never) }, /^input\.a is no structure/],
    ["a structure without a name", { a: structure("", {}) }, /^input\.a is no structure/],
    ["a list in the place of parameters", [1], /must be an object/],
    ["a date in the place of parameters", new Date(), /not a plain object/],
  ])("is refused with %s", (_what, input, message) => {
    expect(() => encodeInput(input)).toThrow(InvalidArgumentError);
    expect(() => encodeInput(input)).toThrow(message);
  });

  test("is refused when it holds itself", () => {
    const list: unknown[] = [];
    list.push(list);
    expect(() => encodeInput({ list })).toThrow(/nested more than 100 levels/);
    const named: { OPTIONAL?: unknown } = {};
    named.OPTIONAL = named;
    expect(() => encodeInput({ named })).toThrow(/nested more than 100 levels/);
  });
});

describe("an output", () => {
  test.each<[string, unknown, unknown]>([
    ["VOID", null, null],
    ["text", "a", "a"],
    ["a number", 1.5, 1.5],
    ["a list", ["a", 1], ["a", 1]],
    ["an empty list", [], []],
    [
      "a structure",
      { STRUCTURE: { "com.vmware.a": { user: "x", inner: { STRUCTURE: { b: { n: 1 } } } } } },
      { user: "x", inner: { n: 1 } },
    ],
    ["an optional value", { OPTIONAL: { STRUCTURE: { a: {} } } }, {}],
    ["none", { OPTIONAL: null }, null],
    ["a secret", { SECRET: "s" }, "s"],
    ["bytes", { BINARY: "YWJj" }, "YWJj"],
    ["an error as a value", { ERROR: { "com.vmware.e": { messages: [] } } }, { messages: [] }],
    [
      "a map with keys of text",
      [
        { STRUCTURE: { "map-entry": { key: "a", value: { OPTIONAL: 1 } } } },
        { STRUCTURE: { "map-entry": { key: "__proto__", value: 2 } } },
      ],
      JSON.parse('{"a":1,"__proto__":2}'),
    ],
    [
      "a map with other keys",
      [{ STRUCTURE: { "map-entry": { key: 1, value: "a" } } }],
      [{ key: 1, value: "a" }],
    ],
    [
      "a map with a key twice",
      [
        { STRUCTURE: { "map-entry": { key: "a", value: 1 } } },
        { STRUCTURE: { "map-entry": { key: "a", value: 2 } } },
      ],
      [
        { key: "a", value: 1 },
        { key: "a", value: 2 },
      ],
    ],
    [
      "a list with something else among entries",
      [{ STRUCTURE: { "map-entry": { key: "a", value: 1 } } }, "b"],
      [{ key: "a", value: 1 }, "b"],
    ],
  ])("of %s is plain JSON", (_what, raw, plain) => {
    expect(decodeValue(raw)).toEqual(plain);
  });

  test("keeps members called __proto__ as members", () => {
    const decoded = decodeValue(
      JSON.parse('{"STRUCTURE":{"a":{"__proto__":{"STRUCTURE":{"b":{"admin":true}}}}}}'),
    ) as object;
    expect(Object.getPrototypeOf(decoded)).toBe(Object.prototype);
    expect(Object.getOwnPropertyDescriptor(decoded, "__proto__")?.value).toEqual({ admin: true });
    expect((decoded as { admin?: boolean }).admin).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ["an object of no kind", { a: 1 }],
    ["an empty object", {}],
    ["two kinds at once", { SECRET: "a", BINARY: "b" }],
    ["a kind by inheritance", JSON.parse('{"__proto__":{"SECRET":"a"}}')],
    ["a secret that is no text", { SECRET: { a: 1 } }],
    ["a structure of two names", { STRUCTURE: { a: {}, b: {} } }],
    ["a structure without fields", { STRUCTURE: { a: [] } }],
    ["a structure that is text", { STRUCTURE: "a" }],
  ])("is refused with %s", (_what, raw) => {
    expect(() => decodeValue(raw)).toThrow(ProtocolError);
    expect(() => decodeValue([{ OPTIONAL: raw }])).toThrow(ProtocolError);
  });

  test("is refused when it is nested too deep", () => {
    let raw: unknown = "x";
    for (let level = 0; level < 5000; level++) raw = [raw];
    expect(() => decodeValue(raw)).toThrow(/nested more than 100 levels/);
  });

  test("comes back from what was encoded", () => {
    const plain = { a: ["b", 1, true, null], c: "d" };
    expect(decodeValue(wire(plain))).toEqual(plain);
  });
});
