import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { XmlError } from "../../src/errors.ts";
import { canonicalize } from "../../src/xml/canonical.ts";
import { rawElement } from "../../src/xml/raw-element.ts";
import { parseXml } from "../../src/xml/reader.ts";

const A = "urn:a";

describe("the text of an element", () => {
  test.each([
    ["with children and text", `<a:x xmlns:a="urn:a">t<a:y/>\n &amp;</a:x>`],
    ["that is empty", `<a:x xmlns:a="urn:a"/>`],
    ["written oddly", `<a:x\n  b = '1>2'\txmlns:a='urn:a'\r\n>&#x41;<![CDATA[</a:x>]]></a:x\n>`],
    ["with a comment", `<a:x xmlns:a="urn:a"><!-- </a:x> --></a:x>`],
    ["with characters of two units", `<a:x xmlns:a="urn:a" b="😀">😀é</a:x>`],
    ["with one of its own name within", `<a:x xmlns:a="urn:a"><a:x><a:x/></a:x></a:x>`],
  ])("is found to the character, %s", (_name, element) => {
    for (const [before, after] of [
      ["", ""],
      ["<r>", "</r>"],
      [`\uFEFF<?xml version="1.0"?>\r\n<r é="1">\u{1F600}<o/>`, " tail<o></o></r>\n"],
    ] as const) {
      expect(rawElement(`${before}${element}${after}`, A, "x")).toBe(element);
    }
  });

  test("is that of the first in the document", () => {
    expect(rawElement(`<r xmlns:a="urn:a"><b:x xmlns:b="urn:a">1</b:x><a:x>2</a:x></r>`, A, "x")).toBe(
      `<b:x xmlns:b="urn:a">1</b:x>`,
    );
  });

  test("is that at the end of a path, where one is given", () => {
    const path = ["r", "s"].map((local) => ({ namespace: "", local }));
    const x = (value: number): string => `<x xmlns="urn:a">${value}</x>`;
    const others = [
      `<t>${x(1)}</t>`,
      x(2),
      `<s><u>${x(3)}</u><s>${x(4)}</s></s>`,
      `<s xmlns="urn:b">${x(5)}</s>`,
    ];
    const text = `<r>${others.join("")}<t><r><s>${x(6)}</s></r></t><s><u/>${x(7)}${x(8)}</s></r>`;
    expect(rawElement(text, A, "x", path)).toBe(x(7));
    expect(rawElement(x(1), A, "x", [])).toBe(x(1));
    expect(rawElement(`<r>${x(1)}</r>`, A, "x", [])).toBeUndefined();
    expect(rawElement(`<t><s>${x(1)}</s></t>`, A, "x", path)).toBeUndefined();
    expect(rawElement(`<r><s/>${x(1)}</r>`, A, "x", path)).toBeUndefined();
  });

  test("is undefined when there is none of that name in that namespace", () => {
    expect(rawElement(`<x><y xmlns="urn:a"/><x xmlns="urn:b"/></x>`, A, "x")).toBeUndefined();
  });

  test.each([
    ["malformed", "<a:x xmlns:a='urn:a'><b></a:x>", "XML_MALFORMED"],
    ["cut", "<a:x xmlns:a='urn:a'><b>", "XML_MALFORMED"],
    ["malformed behind it", "<r><x xmlns='urn:a'/><b></r>", "XML_MALFORMED"],
    ["with a DOCTYPE", "<!DOCTYPE r><x xmlns='urn:a'/>", "XML_DOCTYPE"],
    ["with an unbound prefix", "<a:x/>", "XML_MALFORMED"],
    ["nested very deep", `${"<b>".repeat(100_000)}<a`, "XML_LIMIT"],
  ])("is not taken from a text that is %s", (_name, text, code) => {
    expect(() => rawElement(text, A, "x")).toThrow(XmlError);
    expect(() => rawElement(text, A, "x")).toThrow(expect.objectContaining({ code }));
  });
});

describe("declarations that an element inherits", () => {
  const inherit = (element: string, declarations = `xmlns:a="urn:a" xmlns:n="urn:n&amp;&quot;"`): string =>
    rawElement(`<r ${declarations}>${element}</r>`, A, "x") ?? "";

  test.each([
    ["its own prefix", `<a:x/>`, `<a:x xmlns:a="urn:a"/>`],
    [
      "a child's prefix",
      `<x xmlns="urn:a"><n:y/></x>`,
      `<x xmlns:n="urn:n&amp;&quot;" xmlns="urn:a"><n:y/></x>`,
    ],
    [
      "an attribute's prefix",
      `<x xmlns="urn:a" n:b=""/>`,
      `<x xmlns:n="urn:n&amp;&quot;" xmlns="urn:a" n:b=""/>`,
    ],
    [
      "a type in a value",
      `<x xmlns="urn:a" t='n:T'/>`,
      `<x xmlns:n="urn:n&amp;&quot;" xmlns="urn:a" t='n:T'/>`,
    ],
    [
      "a list of prefixes",
      `<x xmlns="urn:a" l="m n"/>`,
      `<x xmlns:n="urn:n&amp;&quot;" xmlns="urn:a" l="m n"/>`,
    ],
  ])("are put into its start tag where it uses them: %s", (_name, element, expected) => {
    expect(inherit(element)).toBe(expected);
  });

  test("are left out where it uses them not, or has its own", () => {
    expect(inherit(`<x xmlns="urn:a">nn <y n="nan:n1.n-n"/></x>`)).toBe(
      `<x xmlns="urn:a">nn <y n="nan:n1.n-n"/></x>`,
    );
    // As base64 may have it.
    expect(inherit(`<x xmlns="urn:a" b="+n/">a+n/n= n</x>`)).toBe(`<x xmlns="urn:a" b="+n/">a+n/n= n</x>`);
    expect(inherit(`<a:x xmlns:a="urn:a" xmlns:n="urn:m"><n:y/></a:x>`)).toBe(
      `<a:x xmlns:a="urn:a" xmlns:n="urn:m"><n:y/></a:x>`,
    );
  });

  test("are those of the nearest ancestor", () => {
    const text = `<r xmlns:n="urn:1"><s xmlns:n="urn:2"><o xmlns:n="urn:3"/><x xmlns="urn:a"><n:y/></x></s></r>`;
    expect(rawElement(text, A, "x")).toBe(`<x xmlns:n="urn:2" xmlns="urn:a"><n:y/></x>`);
  });

  const MEBI = 1 << 20;
  test.each([
    ["white space behind type=", `<x i:type="${" ".repeat(MEBI)}a:b"/>`],
    ["types without a name", `<x>${' type="'.repeat(MEBI / 7)}</x>`],
    ["white space before the type's end", `<x i:type=" ${" ".repeat(MEBI)}"/>`],
    ["half-written types", `<x a="${" type = ".repeat(MEBI / 8)}"/>`],
    ["words", `<x>${"n ".repeat(MEBI / 2)}</x>`],
    ["words in a value", `<x a="${"n ".repeat(MEBI / 2)}"/>`],
    ["one word", `<x>${"n".repeat(MEBI)}</x>`],
    ["colons", `<x>${":n".repeat(MEBI / 2)}</x>`],
  ])("are found in a text of a mebi of %s", (_name, element) => {
    const declared = Array.from({ length: 4000 }, (_, n) => ` xmlns:p${n}="urn:p"`).join("");
    const taken = inherit(element, `xmlns:i="urn:i" xmlns="urn:a"${declared}`);
    expect(taken.length).toBeGreaterThan(MEBI - 10);
    expect(taken).toMatch(/^<x (?:xmlns:i="urn:i" )?xmlns="urn:a"/);
  });

  test("are those that a value uses, however its characters are written", () => {
    expect(inherit(`<a:x xmlns:a="urn:a" t="&#110;:T"/>`)).toContain("xmlns:n=");
    expect(inherit(`<a:x xmlns:a="urn:a"><![CDATA[n:T]]></a:x>`)).toContain("xmlns:n=");
    expect(inherit(`<a:x xmlns:a="urn:a">&#110;:T</a:x>`)).toContain("xmlns:n=");
    expect(inherit(`<a:x xmlns:a="urn:a" t="urn:n"/>`)).not.toContain("xmlns:n=");
    expect(inherit(`<a:x xmlns:a="urn:a" l="&#35;default"/>`, `xmlns="urn:d"`)).toContain('xmlns="urn:d"');
  });

  test("include the default namespace", () => {
    expect(inherit("<x><y/></x>", `xmlns="urn:a"`)).toBe(`<x xmlns="urn:a"><y/></x>`);
    expect(inherit("<p:x xmlns:p='urn:a'><y/></p:x>", `xmlns="urn:d"`)).toBe(
      `<p:x xmlns="urn:d" xmlns:p='urn:a'><y/></p:x>`,
    );
    expect(inherit("<p:x xmlns:p='urn:a' b='' c=' d '><p:y/></p:x>", `xmlns="urn:d"`)).toBe(
      "<p:x xmlns:p='urn:a' b='' c=' d '><p:y/></p:x>",
    );
    expect(inherit("<p:x xmlns:p='urn:a' xmlns:i='i' i:type='T'/>", `xmlns="urn:d"`)).toContain(
      ` xmlns="urn:d"`,
    );
  });
});

describe("an element taken out of its document", () => {
  const prefix = fc.constantFrom("a", "b", "xs", "xsi", "S");
  const uri = fc.constantFrom("urn:a", "urn:b", "urn:c");
  const declarations = fc.dictionary(prefix, uri, { maxKeys: 4 });
  const write = (all: Record<string, string>): string =>
    Object.entries(all)
      .map(([name, value]) => ` xmlns:${name}="${value}"`)
      .join("");

  test("means the same, and has the same canonical form with any list of prefixes", async () => {
    await fc.assert(
      fc.asyncProperty(declarations, declarations, prefix, prefix, async (outer, own, child, type) => {
        const scope = { ...outer, ...own };
        fc.pre(child in scope && type in scope);
        const inner = `<${child}:y t="${type}:T">xs S</${child}:y>`;
        const element = `<q:x xmlns:q="urn:q"${write(own)} list="xs xsi">${inner}</q:x>`;
        const taken = rawElement(`<r${write(outer)}>${element}</r>`, "urn:q", "x") ?? "";
        // Where everything in scope is declared on the element itself, its canonical form is that in the document.
        const whole = `<q:x xmlns:q="urn:q"${write(scope)} list="xs xsi">${inner}</q:x>`;
        for (const list of [[], ["xs", "xsi"]]) {
          expect(await canonicalize(taken, list)).toBe(await canonicalize(whole, list));
        }
        expect(parseXml(taken)).toEqual(parseXml(whole));
      }),
      { numRuns: 200 },
    );
  });
});
