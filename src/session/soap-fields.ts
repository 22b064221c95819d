import { InvalidArgumentError } from "../errors.ts";
import { escapeAttribute, escapeText } from "../xml/escape.ts";
import { XSD_NAMESPACE, XSI_NAMESPACE } from "../xml/names.ts";
import type { ManagedObjectReference } from "./vim-calls.ts";

/**
 * A value of a VMOMI message. Managed objects are `{ type, value }`; other objects are data objects: their fields in
 * the order of the WSDL, `$type` where the type is derived from the declared one. A simple value where the WSDL says
 * `xsd:anyType` is `{ $type: "xsd:string", $value: "…" }`. Lists repeat the element; undefined and null leave it out.
 */
export type SoapValue =
  | string
  | number
  | bigint
  | boolean
  | Date
  | Uint8Array
  | ManagedObjectReference
  | SoapFields
  | readonly SoapValue[]
  | null
  | undefined;

/** Elements by name, in the order of the WSDL. */
export interface SoapFields {
  readonly [name: string]: SoapValue;
}

const NAME = /^[A-Za-z_][\w.-]{0,99}$/;
const MAX_DEPTH = 32;

/** @throws InvalidArgumentError for what cannot be the name of an operation, a field or a type. */
export function checkName(name: string): string {
  if (NAME.test(name)) return name;
  throw new InvalidArgumentError(`${JSON.stringify(name)} is no name of a VMOMI operation, field or type`);
}

/**
 * Writes fields as elements, one after the other, in exclusive canonical form as long as no `$type` is given.
 *
 * @throws InvalidArgumentError for a value that has no form in XML.
 */
export function encodeFields(fields: SoapFields): string {
  return Object.entries(fields)
    .map(([name, value]) => encode(name, value, 1))
    .join("");
}

/** An element that refers to a managed object. */
export function encodeReference(name: string, { type, value }: ManagedObjectReference): string {
  return `<${name} type="${escapeAttribute(checkName(type))}">${escapeText(value)}</${name}>`;
}

function encode(name: string, value: SoapValue, depth: number): string {
  if (value === undefined || value === null) return "";
  if (depth > MAX_DEPTH) throw new InvalidArgumentError("A value is nested too deep");
  if (Array.isArray(value)) {
    return value.map((each: SoapValue) => encode(name, each, depth + 1)).join("");
  }
  checkName(name);
  if (typeof value !== "object") return `<${name}>${escapeText(simple(name, value))}</${name}>`;
  if (value instanceof Date) return `<${name}>${dateText(name, value)}</${name}>`;
  if (value instanceof Uint8Array) return `<${name}>${Buffer.from(value).toString("base64")}</${name}>`;
  if (isReference(value)) return encodeReference(name, value);
  const { $type, $value, ...fields } = value as SoapFields;
  const content =
    $value === undefined
      ? Object.entries(fields)
          .map(([field, each]) => encode(field, each, depth + 1))
          .join("")
      : encode("v", $value, depth + 1).replace(/^<v>|<\/v>$/g, "");
  return `<${name}${typeAttribute($type)}>${content}</${name}>`;
}

function isReference(value: object): value is ManagedObjectReference {
  return (
    Object.keys(value).length === 2 &&
    "type" in value &&
    "value" in value &&
    typeof value.type === "string" &&
    typeof value.value === "string"
  );
}

function typeAttribute($type: SoapValue): string {
  if ($type === undefined) return "";
  const name = String($type);
  const xsd = name.startsWith("xsd:");
  const local = checkName(xsd ? name.slice(4) : name);
  const declared = xsd ? ` xmlns:xsd="${XSD_NAMESPACE}"` : "";
  return `${declared} xmlns:xsi="${XSI_NAMESPACE}" xsi:type="${xsd ? "xsd:" : ""}${local}"`;
}

function simple(name: string, value: string | number | bigint | boolean): string {
  if (typeof value === "number" && !Number.isFinite(value)) {
    throw new InvalidArgumentError(`The number of ${name} is not finite`);
  }
  return String(value);
}

function dateText(name: string, value: Date): string {
  if (Number.isNaN(value.getTime())) throw new InvalidArgumentError(`The date of ${name} is not valid`);
  return value.toISOString();
}
