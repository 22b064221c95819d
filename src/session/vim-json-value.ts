import { InvalidArgumentError } from "../errors.ts";
import type { ManagedObjectReference } from "./vim-calls.ts";

/** Names of the types whose values VI/JSON boxes where any type is declared. */
export type BoxedType =
  | "boolean"
  | "byte"
  | "short"
  | "int"
  | "long"
  | "float"
  | "double"
  | "string"
  | "binary"
  | "dateTime"
  | `ArrayOf${string}`;

/**
 * A data object with the name of its type, which VI/JSON needs where a method declares a base type, and takes
 * everywhere: `vimTyped("ConfigSpec", { name: "a" })`.
 */
export function vimTyped<Fields extends object>(
  typeName: string,
  fields: Fields,
): Fields & { readonly _typeName: string } {
  // In front: readers that do not look ahead need it there.
  return Object.assign({ _typeName: typeName }, fields, { _typeName: typeName });
}

/** A reference to a managed object: `vimReference("VirtualMachine", "vm-42")`. */
export function vimReference(
  type: string,
  value: string,
): ManagedObjectReference & { readonly _typeName: "ManagedObjectReference" } {
  return { _typeName: "ManagedObjectReference", type, value };
}

/** A simple value or an array where any type is declared: `vimBoxed("int", 5)`, `vimBoxed("ArrayOfString", ["a"])`. */
export function vimBoxed<Value>(
  typeName: BoxedType,
  value: Value,
): { readonly _typeName: BoxedType; readonly _value: Value } {
  return { _typeName: typeName, _value: value };
}

/**
 * The body of a method's call. Dates are written in UTC, bytes as base64, undefined members are left out.
 *
 * @throws InvalidArgumentError for what JSON cannot hold, by its name.
 */
export function writeParams(params: object): string {
  if (typeof params !== "object" || params === null || Array.isArray(params)) {
    throw new InvalidArgumentError("The parameters of a method must be an object: each by its name");
  }
  try {
    return JSON.stringify(params, replacer);
  } catch (cause) {
    if (cause instanceof InvalidArgumentError) throw cause;
    throw new InvalidArgumentError("The parameters hold themselves, or are nested too deep", { cause });
  }
}

function replacer(this: unknown, name: string, value: unknown): unknown {
  // The value before its toJSON, which Buffer has.
  const given: unknown = (this as Readonly<Record<string, unknown>>)[name];
  if (given instanceof Uint8Array) return Buffer.from(given).toString("base64");
  const unfit =
    (typeof value === "number" && !Number.isFinite(value)) ||
    (given instanceof Date && value === null) ||
    given instanceof Map ||
    given instanceof Set ||
    ["bigint", "function", "symbol"].includes(typeof value);
  if (unfit)
    throw new InvalidArgumentError(`The parameter ${JSON.stringify(name)} is nothing that JSON can hold`);
  return value;
}
