import { typeName, type VimField, type VimValue } from "./value.ts";

type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

/** A value as VI/JSON writes it: data objects name their type, and what stands under `anyType` is boxed. */
export function jsonOf(value: VimValue): Json {
  switch (value.kind) {
    case "simple":
      return value.value;
    case "reference":
      return { _typeName: "ManagedObjectReference", type: value.value.type, value: value.value.value };
    case "object":
      return { _typeName: value.type, ...jsonFields(value.fields) };
    case "list":
      return value.items.map(jsonOf);
    case "any": {
      const inner = value.value;
      if (inner.kind === "object" || inner.kind === "reference") return jsonOf(inner);
      return { _typeName: typeName(inner), _value: jsonOf(inner) };
    }
  }
}

/** The fields of a data object; a list without items is left out, as a field that is not set. */
export function jsonFields(fields: readonly VimField[]): { readonly [name: string]: Json } {
  return Object.fromEntries(
    fields.flatMap(([name, value]) =>
      value === undefined || (value.kind === "list" && value.items.length === 0)
        ? []
        : [[name, jsonOf(value)] as const],
    ),
  );
}
