import { escapeAttribute, escapeText } from "../xml/escape.ts";
import { XSI_NAMESPACE } from "../xml/names.ts";
import type { XmlElement } from "../xml/reader.ts";

/**
 * Writes a tree in exclusive canonical form: the default namespace for elements, made-up prefixes for qualified
 * attributes, no white space of its own. Text beside child elements is dropped when it is white space. The value
 * of `xsi:type` keeps its meaning; where that takes a declaration of its own (a type of another namespace than its
 * element's), canonicalization would drop the declaration again, so such a message cannot be signed as it stands.
 */
export function writeCanonical(element: XmlElement, inherited = ""): string {
  const declarations: string[] = [];
  if (element.namespace !== inherited) declarations.push(` xmlns="${escapeAttribute(element.namespace)}"`);
  const prefixes = new Map<string, string>();
  const prefixOf = (namespace: string): string => {
    let prefix = prefixes.get(namespace);
    if (prefix === undefined) {
      prefix = namespace === XSI_NAMESPACE ? "xsi" : `n${prefixes.size + 1}`;
      prefixes.set(namespace, prefix);
      declarations.push(` xmlns:${prefix}="${escapeAttribute(namespace)}"`);
    }
    return prefix;
  };

  const { xsiType } = element;
  const attributes = [...element.attributes].sort(byName).map(({ namespace, local, value }) => {
    if (namespace === "") return ` ${local}="${escapeAttribute(value)}"`;
    const name = `${prefixOf(namespace)}:${local}`;
    if (namespace !== XSI_NAMESPACE || local !== "type" || !xsiType)
      return ` ${name}="${escapeAttribute(value)}"`;
    const type =
      xsiType.namespace === element.namespace
        ? xsiType.local
        : `${prefixOf(xsiType.namespace)}:${xsiType.local}`;
    return ` ${name}="${escapeAttribute(type)}"`;
  });
  const content = element.children.map((child) => writeCanonical(child, element.namespace)).join("");
  const text = content !== "" && element.text.trim() === "" ? "" : escapeText(element.text);
  return `<${element.local}${declarations.sort().join("")}${attributes.join("")}>${text}${content}</${element.local}>`;
}

function byName(
  a: { readonly namespace: string; readonly local: string },
  b: { readonly namespace: string; readonly local: string },
): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.local < b.local ? -1 : a.local > b.local ? 1 : 0;
}
