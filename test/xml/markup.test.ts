import { expect, test } from "vitest";
import { XmlError } from "../../src/errors.ts";
import { parseXml } from "../../src/xml/reader.ts";

function code(text: string, limits = {}): string {
  try {
    parseXml(text, limits);
  } catch (error) {
    if (error instanceof XmlError) return error.code;
    throw error;
  }
  return "accepted";
}

test.each([
  ["in CDATA", "<a><![CDATA[<!DOCTYPE x><?p?>]]></a>", "<!DOCTYPE x><?p?>"],
  ["in a comment", "<a>x<!-- <!DOCTYPE x> <?p?> <![CDATA[ -->y</a>", "xy"],
])("markup that is only text %s is no markup", (_where, text, content) => {
  expect(parseXml(text).text).toBe(content);
});

test.each([
  ["\uFEFF<?xml version='1.0'?><a/>", "accepted"],
  ["\uFEFF<?xml version='1.0'?><?p?><a/>", "XML_MALFORMED"],
  ["<?p?><a/>", "XML_MALFORMED"],
  ["<a/><?p?>", "XML_MALFORMED"],
  ["<?xml version='1.0'?><!-- --><!DOCTYPE a><a/>", "XML_DOCTYPE"],
  ["<a/><!DOCTYPE a>", "XML_MALFORMED"],
  ["<!doctype html><html/>", "XML_MALFORMED"],
  ["<?xml version='1.0' encoding='utf-8'?><a/>", "accepted"],
  ["<?xml version='1.0' encoding='UTF-16'?><a/>", "XML_MALFORMED"],
  ["<?xml version='1.0' encoding='UTF-16'?><!DOCTYPE a><a/>", "XML_DOCTYPE"],
])("%j is %s", (text, expected) => {
  expect(code(text)).toBe(expected);
});

test("attributes are counted for each element alone", () => {
  const attributes = (n: number) => Array.from({ length: n }, (_, i) => ` a${i}=""`).join("");
  expect(code(`<a${attributes(3)}><b${attributes(3)}/><c${attributes(3)}/></a>`, { maxAttributes: 3 })).toBe(
    "accepted",
  );
  expect(code(`<a><b${attributes(4)}/></a>`, { maxAttributes: 3 })).toBe("XML_LIMIT");
});
