import { describe, expect, test } from "vitest";
import { XmlError } from "../../src/errors.ts";
import { attribute, child, children, parseXml } from "../../src/xml/reader.ts";

function refusal(text: string, limits = {}): XmlError {
  try {
    parseXml(text, limits);
  } catch (error) {
    if (error instanceof XmlError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text.slice(0, 80)}`);
}

describe("parseXml", () => {
  test("resolves namespaces whatever the prefix, in scope of the element", () => {
    const root = parseXml('<a:r xmlns:a="urn:x"><b xmlns="urn:y"><a:c xmlns:a="urn:z"/></b><a:c/></a:r>');
    expect([root.namespace, root.local]).toEqual(["urn:x", "r"]);
    const b = child(root, "urn:y", "b")!;
    expect(b.children.map((c) => c.namespace)).toEqual(["urn:z"]);
    expect(children(root, "urn:x", "c")).toHaveLength(1);
  });

  test("joins text around comments and CDATA, and decodes references", () => {
    expect(parseXml("<a>l10<!--c-->n<![CDATA[<&]]>&#x41;&amp;</a>").text).toBe("l10n<&A&");
  });

  test("resolves the prefix of xsi:type where it stands", () => {
    const root = parseXml(
      '<r xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><x xmlns:q="urn:lookup" i:type="q:T" type="plain"/></r>',
    );
    expect(root.children[0]?.xsiType).toEqual({ namespace: "urn:lookup", local: "T" });
    expect(attribute(root.children[0]!, "", "type")).toBe("plain");
  });

  test("treats __proto__ as a name like any other", () => {
    const root = parseXml('<r><__proto__ constructor="1">x</__proto__></r>');
    expect(root.children[0]?.local).toBe("__proto__");
    expect(({} as Record<string, unknown>).text).toBeUndefined();
  });

  test.each([
    ["DOCTYPE", '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "XML_DOCTYPE"],
    ["bare DOCTYPE", "<!DOCTYPE a><a/>", "XML_DOCTYPE"],
    ["unknown entity", "<a>&e;</a>", "XML_MALFORMED"],
    ["processing instruction", "<a><?p x?></a>", "XML_MALFORMED"],
    ["unbound prefix", "<b:a/>", "XML_MALFORMED"],
    ["duplicate attribute", '<a x="1" x="2"/>', "XML_MALFORMED"],
    ["same attribute under two prefixes", '<a xmlns:p="u" xmlns:q="u" p:x="1" q:x="2"/>', "XML_MALFORMED"],
    ["two roots", "<a/><b/>", "XML_MALFORMED"],
    ["text after the root", "<a/>x", "XML_MALFORMED"],
    ["control character", "<a>\u0001</a>", "XML_MALFORMED"],
    ["foreign encoding", '<?xml version="1.0" encoding="ISO-8859-1"?><a/>', "XML_MALFORMED"],
    ["XML 1.1", '<?xml version="1.1"?><a>&#27;</a>', "XML_MALFORMED"],
    ["XML 2.0", '<?xml version="2.0"?><a/>', "XML_MALFORMED"],
    ["not XML", "hello", "XML_MALFORMED"],
    ["nothing", "", "XML_MALFORMED"],
  ])("refuses %s", (_name, text, code) => {
    expect(refusal(text).code).toBe(code);
  });

  test("says that a document was cut short", () => {
    expect(refusal("<a><b>text").truncated).toBe(true);
    expect(refusal("<a><b></a>").truncated).toBe(false);
    for (const text of [
      "<",
      "<?xml ver",
      '<?xml version="1.0"?>',
      '<a:b xmlns:a="urn:',
      "<a",
      "<a>&am",
      "<!-- ",
    ]) {
      expect([text, refusal(text).truncated]).toEqual([text, true]);
    }
    for (const text of ["hello", "<a/>x", "<a b>", '<a b="<"', "{}"]) {
      expect([text, refusal(text).truncated]).toEqual([text, false]);
    }
  });

  test("holds its limits exactly", () => {
    const nested = (n: number) => "<a>".repeat(n) + "</a>".repeat(n);
    expect(parseXml(nested(8), { maxDepth: 8 }).local).toBe("a");
    expect(refusal(nested(9), { maxDepth: 8 }).code).toBe("XML_LIMIT");
    const many = (n: number) => `<a ${Array.from({ length: n }, (_, i) => `x${i}="1"`).join(" ")}/>`;
    expect(parseXml(many(5), { maxAttributes: 5 }).attributes).toHaveLength(5);
    expect(refusal(many(6), { maxAttributes: 5 }).code).toBe("XML_LIMIT");
    expect(parseXml(`<a>${"<b/>".repeat(4)}</a>`, { maxElements: 5 }).children).toHaveLength(4);
    expect(refusal(`<a>${"<b/>".repeat(5)}</a>`, { maxElements: 5 }).code).toBe("XML_LIMIT");
    expect(parseXml('<a b="" c=""><d e=""/></a>', { maxElements: 5 }).children).toHaveLength(1);
    expect(refusal('<a b="" c=""><d e=""/></a>', { maxElements: 4 }).code).toBe("XML_LIMIT");
    expect(refusal("<a>12345</a>", { maxLength: 11 }).code).toBe("XML_LIMIT");
    expect(parseXml("<a>12345</a>", { maxLength: 12 }).text).toBe("12345");
  });

  test("stops at the depth limit without reading on", () => {
    expect(refusal("<a>".repeat(1_000_000)).code).toBe("XML_LIMIT");
  });
});
