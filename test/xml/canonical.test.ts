import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { XmlError } from "../../src/errors.ts";
import { canonicalize } from "../../src/xml/canonical.ts";
import { canonicalForm, parseDom } from "../../src/xml/xml-crypto.ts";
import { anyDocument, KEPT, plainDocument } from "./documents.ts";
import { canonical } from "./signed.ts";

const FIXTURES = new URL("../../fixtures/c14n/", import.meta.url);
const read = (name: string): string => readFileSync(new URL(name, FIXTURES), "utf8");
const examples = readdirSync(FIXTURES)
  .filter((name) => name.endsWith(".canonical.xml"))
  .map((name) => name.replace(".canonical.xml", ""));

describe("the exclusive canonical form", () => {
  test.each(examples)("is that of the example %s", async (name) => {
    const expected = read(`${name}.canonical.xml`).trimEnd();
    const document = read(`${name}.xml`);
    const element = /^<([\w:]+)/.exec(expected)?.[1] ?? "";
    // The element where it stands: nothing around it may show.
    const node = parseDom(document.replace(/<!--.*?-->/g, "")).getElementsByTagName(element)[0] as Element;
    expect(canonicalForm(node, [])).toBe(expected);
    if (document.startsWith(`<${element}`)) expect(await canonicalize(document)).toBe(expected);
    expect(await canonicalize(expected)).toBe(expected);
  });

  test("is what its definition says, for any document however written", async () => {
    await fc.assert(
      fc.asyncProperty(anyDocument, async ({ xml, canonical, inclusive }) => {
        expect(await canonicalize(xml)).toBe(canonical);
        expect(await canonicalize(xml, KEPT)).toBe(inclusive);
        expect(await canonicalize(canonical)).toBe(canonical);
      }),
      { numRuns: 500 },
    );
  });

  test("is what xml-crypto makes of any document that it reads as it should", async () => {
    await fc.assert(
      fc.asyncProperty(plainDocument, async ({ tidy }) => {
        expect(await canonicalize(tidy)).toBe(canonical(tidy));
        expect(await canonicalize(tidy, ["p"])).toBe(canonical(tidy, ["p"]));
      }),
      { numRuns: 200 },
    );
  });

  test("keeps listed prefixes as declared, and drops unused ones", async () => {
    const xml = '<a:r xmlns:b="urn:b" xmlns:a="urn:a" xmlns:xs="urn:xs"><b:c/><xs:d/></a:r>';
    expect(await canonicalize(xml)).toBe(
      '<a:r xmlns:a="urn:a"><b:c xmlns:b="urn:b"></b:c><xs:d xmlns:xs="urn:xs"></xs:d></a:r>',
    );
    expect(await canonicalize(xml, ["xs", "none"])).toBe(
      '<a:r xmlns:a="urn:a" xmlns:xs="urn:xs"><b:c xmlns:b="urn:b"></b:c><xs:d></xs:d></a:r>',
    );
  });

  test("passes over a BOM, the XML declaration, comments and what stands around the root", async () => {
    const xml = '\uFEFF<?xml version="1.0"?>\r\n<!--x--><a>1<!-- 2 -->3</a>\n<!--y-->\n';
    expect(await canonicalize(xml)).toBe("<a>13</a>");
  });

  test.each([
    ["a DOCTYPE", '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "XML_DOCTYPE"],
    ["a processing instruction", "<a><?p x?></a>", "XML_MALFORMED"],
    ["an unbound prefix", "<b:a/>", "XML_MALFORMED"],
    ["a cut document", "<a><b></b>", "XML_MALFORMED"],
    ["two roots", "<a/><b/>", "XML_MALFORMED"],
    ["nothing", "", "XML_MALFORMED"],
    ["too deep a nesting", "<a>".repeat(65) + "</a>".repeat(65), "XML_LIMIT"],
    ["too long a text", `<a>${"x".repeat(8 * 1024 * 1024)}</a>`, "XML_LIMIT"],
  ])("is refused to %s", async (_name, xml, code) => {
    const error = await canonicalize(xml).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(XmlError);
    expect((error as XmlError).code).toBe(code);
  });
});
