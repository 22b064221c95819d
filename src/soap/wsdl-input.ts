import { InvalidArgumentError } from "../errors.ts";
import { escapeAttribute, escapeText } from "../xml/escape.ts";
import { XSD_NAMESPACE } from "../xml/names.ts";
import type { XmlElement } from "../xml/reader.ts";
import type { TypeModel, WsdlModel } from "./wsdl-model.ts";

/**
 * Text that is escaped already. The `soap` package lets what looks like CDATA pass unescaped, which is a door for
 * injected elements; what is not of type string it writes as it is, so all text goes through here.
 */
class Escaped {
  readonly #xml: string;

  constructor(xml: string) {
    this.#xml = xml;
  }

  toString(): string {
    return this.#xml;
  }
}

/** An object as the `soap` package serializes it: attributes apart, children in the order of their keys. */
type SoapObject = Record<string, unknown>;

/**
 * Turns the caller's value into what the `soap` package serializes: keys in the order of the schema (it writes
 * them as they come), attributes told from elements, null and undefined left out, nothing unknown let through.
 *
 * @throws InvalidArgumentError naming the path of what is missing, unknown or not of its type.
 */
export function toSoapInput(model: WsdlModel, type: TypeModel, value: unknown, path: string): SoapObject {
  if (type.text === "anyType") return anyValue(model, value, path);
  if (type.text !== undefined && type.attributes.size === 0) {
    return { $value: new Escaped(scalarText(type.text, value, path)) };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const shape =
      type.text === undefined ? "an object" : `an object { value, ${[...type.attributes].join(", ")} }`;
    refuse(path, `expected ${shape}, got ${describe(value)}`);
  }
  return objectValue(model, type, value, path);
}

/**
 * Puts right the namespaces of what the `soap` package wrote: it gives elements of groups, and of bases in other
 * schemas, the namespace of the element around them.
 */
export function correctNamespaces(
  model: WsdlModel,
  type: TypeModel,
  namespace: string,
  element: XmlElement,
): XmlElement {
  const actual = model.derivedType(element.xsiType, type) ?? type;
  const children = element.children.map((child) => {
    const known = actual.elements.find((candidate) => candidate.name === child.local);
    return known ? correctNamespaces(model, known.type(), known.namespace, child) : child;
  });
  return { ...element, namespace, children };
}

function objectValue(model: WsdlModel, declared: TypeModel, value: object, path: string): SoapObject {
  const fields = new Map<string, unknown>(Object.entries(value));
  const attributes: SoapObject = {};
  const type = actualType(model, declared, fields.get("$type"), attributes, path);
  fields.delete("$type");

  const result: SoapObject = { attributes };
  for (const name of type.attributes) {
    if (type.elements.some((element) => element.name === name)) continue;
    const text = fields.get(name);
    fields.delete(name);
    if (text === undefined || text === null) continue;
    attributes[name] = new Escaped(
      escaped(escapeAttribute, plainText(text, `${path}.${name}`), `${path}.${name}`),
    );
  }
  if (type.text !== undefined) {
    if (type.name?.local === "ManagedObjectReference" && !attributes.type) refuse(`${path}.type`, "missing");
    result.$value = new Escaped(scalarText(type.text, fields.get("value"), `${path}.value`));
    fields.delete("value");
  }
  for (const element of type.elements) {
    const at = `${path}.${element.name}`;
    const child = fields.get(element.name);
    fields.delete(element.name);
    if (child === undefined || child === null) {
      if (element.required) refuse(at, "missing");
    } else if (!element.many) {
      result[element.name] = toSoapInput(model, element.type(), child, at);
    } else if (Array.isArray(child)) {
      if (element.required && child.length === 0) refuse(at, "needs at least one value");
      result[element.name] = child.map((item, i) => toSoapInput(model, element.type(), item, `${at}[${i}]`));
    } else {
      refuse(at, `expected a list, got ${describe(child)}`);
    }
  }
  for (const name of fields.keys()) {
    const known = [...type.elements.map((element) => element.name), ...type.attributes].join(", ");
    refuse(
      `${path}.${name}`,
      `unknown field; ${type.name?.local ?? "the element"} has ${known || "no fields"}`,
    );
  }
  return result;
}

/** The type that `$type` names, noted as `xsi:type`; the declared one without it. */
function actualType(
  model: WsdlModel,
  declared: TypeModel,
  named: unknown,
  attributes: SoapObject,
  path: string,
): TypeModel {
  if (named === undefined) return declared;
  const candidates =
    typeof named === "string" ? [...model.namespaces].map((namespace) => ({ namespace, local: named })) : [];
  for (const name of candidates) {
    const type = model.derivedType(name, declared);
    if (!type) continue;
    attributes.xsi_type = { type: name.local, prefix: "derived", xmlns: name.namespace };
    return type;
  }
  return refuse(
    `${path}.$type`,
    `names no type that is, or extends, ${declared.name?.local ?? "the element's"}`,
  );
}

function anyValue(model: WsdlModel, value: unknown, path: string): SoapObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    if (!("$type" in value)) refuse(`${path}.$type`, "missing: a value of any type says which it is");
    return objectValue(
      model,
      { name: undefined, text: "anyType", attributes: new Set(), elements: [] },
      value,
      path,
    );
  }
  const type = { string: "string", boolean: "boolean", bigint: "long", number: "double" }[
    typeof value as string
  ];
  if (!type) refuse(path, `expected a simple value or an object with $type, got ${describe(value)}`);
  const precise = typeof value === "number" && (value | 0) === value ? "int" : type;
  return {
    attributes: { xsi_type: { type: precise, prefix: "xsd", xmlns: XSD_NAMESPACE } },
    $value: new Escaped(scalarText(precise, value, path)),
  };
}

const WHOLE =
  /^(?:(?:unsigned)?(?:Byte|Short|Int|Long)|byte|short|int|long|integer|(?:non)?(?:Positive|Negative|positive|negative)Integer)$/;

/** Text of a value of an XSD type, escaped. */
function scalarText(type: string, value: unknown, path: string): string {
  if (type === "boolean") {
    if (typeof value !== "boolean") refuse(path, `expected true or false, got ${describe(value)}`);
    return String(value);
  }
  if (WHOLE.test(type)) {
    if (typeof value !== "bigint" && !Number.isSafeInteger(value)) {
      refuse(path, `expected a whole number, got ${describe(value)}`);
    }
    return BigInt(value as number | bigint).toString();
  }
  if (type === "double" || type === "float" || type === "decimal") {
    if (typeof value !== "number" || !Number.isFinite(value)) {
      refuse(path, `expected a number, got ${describe(value)}`);
    }
    return String(value);
  }
  if (type === "dateTime" && value instanceof Date && !Number.isNaN(value.getTime()))
    return value.toISOString();
  if (typeof value !== "string") refuse(path, `expected a string, got ${describe(value)}`);
  return escaped(escapeText, value, path);
}

function plainText(value: unknown, path: string): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean" || typeof value === "bigint" || Number.isFinite(value)) return String(value);
  return refuse(path, `expected a simple value, got ${describe(value)}`);
}

function escaped(write: (value: string) => string, value: string, path: string): string {
  try {
    return write(value);
  } catch (error) {
    return refuse(path, error instanceof Error ? error.message : "cannot be written", error);
  }
}

function describe(value: unknown): string {
  return value === undefined || value === null
    ? String(value)
    : Array.isArray(value)
      ? "a list"
      : `a value of type ${typeof value}`;
}

function refuse(path: string, problem: string, cause?: unknown): never {
  throw new InvalidArgumentError(`${path}: ${problem}`, {
    cause,
    hint: "the WSDL says which fields there are and of what type",
  });
}
