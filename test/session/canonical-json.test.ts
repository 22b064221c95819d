import { describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import { type CanonicalValue, canonicalJson, Double } from "../../src/session/canonical-json.ts";

describe("the canonical form", () => {
  test.each<[string, CanonicalValue, string]>([
    ["has no white space", { a: [1, { b: "c d" }], e: null }, '{"a":[1,{"b":"c d"}],"e":null}'],
    [
      "sorts members at every level",
      { b: { z: 1, y: 2 }, a: [{ d: 1, c: 2 }] },
      '{"a":[{"c":2,"d":1}],"b":{"y":2,"z":1}}',
    ],
    ["keeps the order of arrays", [3, 1, 2], "[3,1,2]"],
    ["sorts names that look like numbers as text", { 10: "b", 9: "a", a: "c" }, '{"10":"b","9":"a","a":"c"}'],
    ["sorts a name before those it begins", { ab: 1, a: 2, "": 3 }, '{"":3,"a":2,"ab":1}'],
    ["sorts upper case before underscores before lower case", { a: 1, _: 2, B: 3 }, '{"B":3,"_":2,"a":1}'],
    [
      "writes whole numbers plain",
      [0, -1, 4294967296, 9007199254740991],
      "[0,-1,4294967296,9007199254740991]",
    ],
    ["writes minus zero as zero", [-0], "[0]"],
    ["writes large integers to the last digit", [9223372036854775807n, -1n], "[9223372036854775807,-1]"],
    ["writes other numbers as XSD doubles", [1.5, -0.25, 1e-7, 123.456], "[1.5E0,-2.5E-1,1.0E-7,1.23456E2]"],
    ["writes what JavaScript writes with an exponent as a double", [1e21, 1.5e300], "[1.0E21,1.5E300]"],
    [
      "writes a double that is whole as one",
      [new Double(2), new Double(0), new Double(-0)],
      "[2.0E0,0.0E0,-0.0E0]",
    ],
    ["writes booleans and null", [true, false, null], "[true,false,null]"],
    ["escapes what JSON demands", 'a"b\\c\n\t\b\f\r\u0001/', '"a\\"b\\\\c\\n\\t\\b\\f\\r\\u0001/"'],
    ["leaves other characters as they are", "Müller 漢 😀", '"Müller 漢 😀"'],
    ["writes empty containers", [{}, []], "[{},[]]"],
  ])("%s", (_what, value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  test("sorts by code points where UTF-16 units sort otherwise", () => {
    // U+FF61 is above the surrogates, but below U+1F600, which they stand for.
    const value = { "\u{1f600}": 1, "\uff61": 2, a: 3, "\u{1f601}": 4 };
    expect(Object.keys(value).sort()[1]).toBe("\u{1f600}");
    expect(canonicalJson(value)).toBe('{"a":3,"\uff61":2,"\u{1f600}":1,"\u{1f601}":4}');
  });

  test("holds a member whatever its name", () => {
    expect(canonicalJson(JSON.parse('{"__proto__":{"x":1},"constructor":2}'))).toBe(
      '{"__proto__":{"x":1},"constructor":2}',
    );
  });

  test("is JSON of the same value", () => {
    const value = { z: [1, 2.5, "é\u2028"], a: { n: -1e-3 } };
    expect(JSON.parse(canonicalJson(value))).toEqual(value);
  });

  test.each<[string, unknown]>([
    ["undefined", undefined],
    ["undefined in an object", { a: undefined }],
    ["a hole in an array", new Array(1)],
    ["NaN", [Number.NaN]],
    ["an infinity", { a: Number.POSITIVE_INFINITY }],
    ["a function", () => 1],
    ["a symbol", Symbol("a")],
    ["a date", new Date(0)],
    ["a map", new Map()],
    ["bytes", new Uint8Array(1)],
    ["half a surrogate pair", "a\ud800b"],
    ["half a surrogate pair in a name", { "\udc00": 1 }],
  ])("is refused for %s", (_what, value) => {
    expect(() => canonicalJson(value as CanonicalValue)).toThrow(InvalidArgumentError);
  });

  test("is refused for what holds itself", () => {
    const value: { self?: unknown } = {};
    value.self = value;
    expect(() => canonicalJson(value as CanonicalValue)).toThrow(/nested more than/);
  });

  test("has no double that is no number", () => {
    expect(() => new Double(Number.NaN)).toThrow(InvalidArgumentError);
    expect(() => new Double("1" as never)).toThrow(InvalidArgumentError);
  });
});
