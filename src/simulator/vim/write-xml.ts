import { escapeAttribute, escapeText } from "../../xml/escape.ts";
import { type AnyValue, isPrimitive, typeName, type VimField, type VimValue } from "./value.ts";

/** The fields of a data object, as elements in the namespace of the message. */
export function fieldsXml(fields: readonly VimField[]): string {
  return fields.map(([name, value]) => fieldXml(name, value)).join("");
}

/** One element; for a list one of that name for every item, for an absent value none. */
export function fieldXml(name: string, value: VimValue | undefined): string {
  if (value === undefined) return "";
  if (value.kind === "list") return value.items.map((item) => fieldXml(name, item)).join("");
  if (value.kind === "any") return elementXml(name, value.value, ` xsi:type="${xsiType(value)}"`);
  return elementXml(name, value, "");
}

function elementXml(name: string, value: AnyValue["value"], type: string): string {
  switch (value.kind) {
    case "simple":
      return `<${name}${type}>${escapeText(String(value.value))}</${name}>`;
    case "reference": {
      const { type: target, value: id } = value.value;
      return `<${name}${type} type="${escapeAttribute(target)}">${escapeText(id)}</${name}>`;
    }
    case "object":
      return `<${name}${type}>${fieldsXml(value.fields)}</${name}>`;
    case "list":
      return `<${name}${type}>${fieldXml(value.element, value)}</${name}>`;
  }
}

function xsiType({ value }: AnyValue): string {
  const name = typeName(value);
  return isPrimitive(name) ? `xsd:${name}` : name;
}
