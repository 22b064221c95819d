import type { MoRef } from "../vmomi.ts";

/** A value of the VIM types, written as XML or as JSON by the door it leaves through. */
export type VimValue = SimpleValue | ReferenceValue | ObjectValue | ListValue | AnyValue;

/** `type` is a primitive of VMOMI (`string`, `boolean`, `int`, `long`, `dateTime`) or the name of an enumeration. */
export interface SimpleValue {
  readonly kind: "simple";
  readonly type: string;
  readonly value: string | number | boolean;
}

export interface ReferenceValue {
  readonly kind: "reference";
  readonly value: MoRef;
}

export interface ObjectValue {
  readonly kind: "object";
  readonly type: string;
  readonly fields: readonly VimField[];
}

export interface ListValue {
  readonly kind: "list";
  /** Type of the elements. */
  readonly element: string;
  readonly items: readonly VimValue[];
}

/** A value where the declared type is `anyType`, or a base of its own: the message has to say what it is. */
export interface AnyValue {
  readonly kind: "any";
  readonly value: Exclude<VimValue, AnyValue>;
}

/** A field of a data object; absent where it is not set. */
export type VimField = readonly [name: string, value: VimValue | undefined];

const PRIMITIVES: ReadonlySet<string> = new Set(["string", "boolean", "int", "long", "dateTime"]);

export function isPrimitive(type: string): boolean {
  return PRIMITIVES.has(type);
}

export function text(value: string): SimpleValue {
  return { kind: "simple", type: "string", value };
}

export function flag(value: boolean): SimpleValue {
  return { kind: "simple", type: "boolean", value };
}

export function int(value: number): SimpleValue {
  return { kind: "simple", type: "int", value };
}

export function long(value: number): SimpleValue {
  return { kind: "simple", type: "long", value };
}

/** @param milliseconds since 1970. */
export function time(milliseconds: number): SimpleValue {
  return { kind: "simple", type: "dateTime", value: new Date(milliseconds).toISOString() };
}

export function enumeration(type: string, value: string): SimpleValue {
  return { kind: "simple", type, value };
}

export function reference(type: string, value: string): ReferenceValue {
  return { kind: "reference", value: { type, value } };
}

export function refer(value: MoRef): ReferenceValue {
  return { kind: "reference", value };
}

export function object(type: string, fields: readonly VimField[]): ObjectValue {
  return { kind: "object", type, fields };
}

export function list(element: string, items: readonly VimValue[]): ListValue {
  return { kind: "list", element, items };
}

export function references(items: readonly MoRef[]): ListValue {
  return list("ManagedObjectReference", items.map(refer));
}

export function texts(items: readonly string[]): ListValue {
  return list("string", items.map(text));
}

export function any(value: VimValue): AnyValue {
  return value.kind === "any" ? value : { kind: "any", value };
}

/** Name of the type of a value, as `xsi:type` and `_typeName` have it. */
export function typeName(value: Exclude<VimValue, AnyValue>): string {
  switch (value.kind) {
    case "reference":
      return "ManagedObjectReference";
    case "list":
      return `ArrayOf${value.element.charAt(0).toUpperCase()}${value.element.slice(1)}`;
    default:
      return value.type;
  }
}
