import { InvalidArgumentError } from "../errors.ts";
import { escapeAttribute, escapeText } from "../xml/escape.ts";
import {
  type ComplexType,
  type Field,
  operationOf,
  type RequestOf,
  registryOf,
  type SoapSchema,
  type TypeRegistry,
  typeOf,
} from "./schema.ts";

/**
 * Writes the request element of an operation: the child of the SOAP body, in exclusive canonical form, its
 * elements in the order of the schema whatever the order of the caller's keys. Fields that are undefined or null
 * are left out.
 *
 * @throws InvalidArgumentError naming the path of a field that is missing, unknown or not of its type.
 */
export function encodeOperation<Operations, Name extends keyof Operations & string>(
  schema: SoapSchema<Operations>,
  operation: Name,
  input: RequestOf<Operations, Name>,
): string {
  const request = typeOf(operation, operationOf(schema, operation).request);
  const content = encodeFields(registryOf(schema), request, input, operation);
  return `<${operation} xmlns="${escapeAttribute(schema.namespace)}">${content}</${operation}>`;
}

function refuse(path: string, problem: string, cause?: unknown): never {
  throw new InvalidArgumentError(`${path}: ${problem}`, {
    cause,
    hint: "the WSDL says which fields there are and of what type",
  });
}

function describe(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}

function encodeFields(types: TypeRegistry, type: ComplexType, input: unknown, path: string): string {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    refuse(path, `expected an object, got ${describe(input)}`);
  }
  for (const key of Object.keys(input)) {
    if (!type.byName.has(key)) {
      const known = type.fields.map((field) => field.name).join(", ");
      refuse(`${path}.${key}`, `unknown field; ${type.name} has ${known || "no fields"}`);
    }
  }
  let xml = "";
  for (const field of type.fields) {
    const at = `${path}.${field.name}`;
    const value: unknown = Object.hasOwn(input, field.name)
      ? (input as Readonly<Record<string, unknown>>)[field.name]
      : undefined;
    if (value === undefined || value === null) {
      if (field.required) refuse(at, "missing");
    } else if (!field.many) {
      xml += encodeField(types, field, value, at);
    } else if (!Array.isArray(value)) {
      refuse(at, `expected a list, got ${describe(value)}`);
    } else {
      if (field.required && value.length === 0) refuse(at, "needs at least one value");
      for (const [index, item] of value.entries()) {
        xml += encodeField(types, field, item, `${at}[${index}]`);
      }
    }
  }
  return xml;
}

function encodeField(types: TypeRegistry, field: Field, value: unknown, path: string): string {
  const { name } = field;
  switch (field.scalar) {
    case undefined:
      return `<${name}>${encodeFields(types, types.get(field.type), value, path)}</${name}>`;
    case "xsd:string":
      return `<${name}>${text(value, path)}</${name}>`;
    case "xsd:boolean":
      if (typeof value !== "boolean") refuse(path, `expected true or false, got ${describe(value)}`);
      return `<${name}>${value}</${name}>`;
    case "xsd:int":
      if (typeof value !== "number" || (value | 0) !== value) {
        refuse(path, `expected a whole number of 32 bits, got ${describe(value)}`);
      }
      return `<${name}>${value | 0}</${name}>`;
    case "moref":
      return encodeReference(name, value, path);
    case "xsd:anyType":
      return refuse(path, "values of any type cannot be sent");
  }
}

const REFERENCE = typeOf("ManagedObjectReference", [
  ["type", "xsd:string", "1"],
  ["value", "xsd:string", "1"],
]);

function encodeReference(name: string, value: unknown, path: string): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse(path, `expected a reference { type, value }, got ${describe(value)}`);
  }
  for (const key of Object.keys(value)) {
    if (!REFERENCE.byName.has(key)) {
      refuse(`${path}.${key}`, "unknown field; a reference has type and value");
    }
  }
  const { type, value: id } = value as { readonly type?: unknown; readonly value?: unknown };
  if (typeof type !== "string" || type === "")
    refuse(`${path}.type`, "expected the name of the object's type");
  return `<${name} type="${escaped(escapeAttribute, type, `${path}.type`)}">${text(id, `${path}.value`)}</${name}>`;
}

function text(value: unknown, path: string): string {
  if (typeof value !== "string") refuse(path, `expected a string, got ${describe(value)}`);
  return escaped(escapeText, value, path);
}

function escaped(write: (value: string) => string, value: string, path: string): string {
  try {
    return write(value);
  } catch (error) {
    return refuse(path, error instanceof Error ? error.message : "cannot be written", error);
  }
}
