import { VapiFault } from "./fault.ts";
import { isList, isObject, type Json } from "./json.ts";

/**
 * How a value that REST writes as plain JSON is encoded in JSON-RPC: as it stands, or as a structure, list, or
 * optional, of these.
 */
export type RpcType =
  | "plain"
  | "secret"
  | { readonly list: RpcType }
  | { readonly optional: RpcType }
  | { readonly structure: string; readonly fields: Readonly<Record<string, RpcType>> };

export function optional(type: RpcType = "plain"): RpcType {
  return { optional: type };
}

/** Encodes a result. Fields of a structure that are missing are optional ones without a value. */
export function encodeValue(value: unknown, type: RpcType): unknown {
  if (value === undefined || value === null) {
    return typeof type === "object" && "optional" in type ? { OPTIONAL: null } : null;
  }
  if (type === "plain") return value;
  if (type === "secret") return { SECRET: value };
  if ("optional" in type) return { OPTIONAL: encodeValue(value, type.optional) };
  if ("list" in type) return (value as readonly unknown[]).map((item) => encodeValue(item, type.list));
  const fields = Object.entries(type.fields).map(([name, fieldType]) => [
    name,
    encodeValue((value as Record<string, unknown>)[name], fieldType),
  ]);
  return { STRUCTURE: { [type.structure]: Object.fromEntries(fields) } };
}

/**
 * The fields of an `operation-input`, in plain JSON.
 *
 * @throws VapiFault invalid_request for what is not encoded as vAPI values are.
 */
export function decodeInput(value: Json | undefined): ReadonlyMap<string, Json> {
  const fields = structureIn(value, "operation-input");
  return new Map([...fields].map(([name, field]) => [name, decode(field)] as const));
}

function decode(value: Json): Json {
  if (isList(value)) return value.map(decode);
  if (!isObject(value)) return value;
  const [[kind, content] = ["", null], further] = [...value];
  if (further) throw malformed();
  switch (kind) {
    case "OPTIONAL":
      return content === null ? null : decode(content);
    case "SECRET":
    case "BINARY":
      if (typeof content !== "string") throw malformed();
      return content;
    case "STRUCTURE":
      return new Map([...structureIn(value)].map(([name, field]) => [name, decode(field)] as const));
    default:
      throw malformed();
  }
}

function structureIn(value: Json | undefined, wanted?: string): ReadonlyMap<string, Json> {
  const content = isObject(value) && value.size === 1 ? value.get("STRUCTURE") : undefined;
  if (!isObject(content) || content.size !== 1) throw malformed();
  const [[name, fields] = ["", null]] = [...content];
  if ((wanted !== undefined && name !== wanted) || !isObject(fields)) throw malformed();
  return fields;
}

function malformed(): VapiFault {
  return new VapiFault(
    "invalid_request",
    "vapi.data.invalid",
    "The input is not encoded as vAPI values are.",
  );
}
