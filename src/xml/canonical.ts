import { readXml, type XmlSink } from "./reader.ts";

/** A message with tokens in it takes some 10 Ki; a DOM takes many times the memory of its text. */
const MAX_LENGTH = 8 * 1024 * 1024;
const IGNORE: XmlSink = { open() {}, text() {}, close() {} };

/**
 * The exclusive canonical form, without comments, of a document's root element (Exclusive XML Canonicalization
 * 1.0). Prefixes of `inclusivePrefixes` are kept as declared even where they are not visibly used.
 *
 * @throws XmlError as `readXml`: a DOCTYPE, a processing instruction and malformed XML are refused.
 */
export async function canonicalize(xml: string, inclusivePrefixes: readonly string[] = []): Promise<string> {
  readXml(xml, IGNORE, { maxLength: MAX_LENGTH });
  const { canonicalForm, forDom, parseDom } = await import("./xml-crypto.ts");
  return canonicalForm(parseDom(forDom(xml)).documentElement, inclusivePrefixes);
}
