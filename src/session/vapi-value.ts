import { InvalidArgumentError, ProtocolError } from "../errors.ts";
import { type CanonicalValue, Double } from "./canonical-json.ts";

/**
 * A value of vAPI's data model, as it stands in a JSON-RPC message: text, booleans, whole numbers, doubles, lists and
 * null (VOID) as themselves, all else as an object with one member that names its kind.
 */
export type VapiValue = CanonicalValue;

/** Levels of values in values, in both directions. */
const MAX_DEPTH = 100;
const MAP_ENTRY = "map-entry";
const OPERATION_INPUT = "operation-input";

const MIN_INTEGER = -(2n ** 63n);
const MAX_INTEGER = 2n ** 63n - 1n;

/**
 * A structure, by its name in vAPI: `com.vmware.content.library.item_model`. Fields are converted like any value; those
 * that are undefined are left out.
 */
export function vapiStructure(name: string, fields: object): object {
  return { STRUCTURE: own(name, fields) };
}

/** A value where the operation declares an optional one; null and undefined stand for none. */
export function vapiOptional(value?: unknown): object {
  return { OPTIONAL: value ?? null };
}

/** Text that is declared a secret, as passwords are. No error quotes it. */
export function vapiSecret(text: string): object {
  return { SECRET: text };
}

/** Bytes. A `Uint8Array` stands for the same. */
export function vapiBinary(bytes: Uint8Array): object {
  return { BINARY: bytes };
}

/** A map, whose keys may be of any kind. A `Map` stands for the same. */
export function vapiMap(
  entries: Iterable<readonly [unknown, unknown]> | Readonly<Record<string, unknown>>,
): object {
  return new Map(
    Symbol.iterator in entries ? (entries as Iterable<readonly [unknown, unknown]>) : Object.entries(entries),
  );
}

/** A number where the operation declares a double: a whole one would be taken for an integer. */
export function vapiDouble(value: number): object {
  return new Double(value);
}

/**
 * The input of an operation: its parameters by name. Text, numbers, booleans, lists, `null`, `bigint`, `Date`,
 * `Uint8Array` and `Map` are converted; what JSON cannot tell (the name of a structure, that a value is optional, a
 * secret or a double) is said with `vapiStructure`, `vapiOptional`, `vapiSecret`, `vapiBinary`, `vapiMap` and `vapiDouble`, or in the form of
 * the wire, which is passed on: `{"STRUCTURE": {"<name>": {…}}}`, `{"OPTIONAL": …}`, `{"SECRET": "…"}`, `{"BINARY":
 * "<base64>"}`.
 *
 * @throws InvalidArgumentError for what has no place in vAPI, with its path. A plain object inside is among it: servers
 *   refuse a structure without its name.
 */
export function encodeInput(input: object = {}): VapiValue {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new InvalidArgumentError("The input of an operation must be an object: its parameters by name");
  }
  const tagged = tagOf(input);
  // The whole of the wire's form.
  if (tagged?.tag === "STRUCTURE") return encodeTagged(tagged, "input", 0);
  if (!isPlain(input)) throw unfit("input", "is not a plain object");
  return { STRUCTURE: own(OPERATION_INPUT, encodeFields(input, "input", 0)) };
}

/** A value by the same rules as `encodeInput` has for parameters. */
export function encodeValue(value: unknown, path = "value", depth = 0): VapiValue {
  if (depth > MAX_DEPTH)
    throw unfit(path.slice(0, 200), `is nested more than ${MAX_DEPTH} levels, or holds itself`);
  switch (typeof value) {
    case "string":
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      throw unfit(path, `is ${value}`);
    case "bigint":
      if (value >= MIN_INTEGER && value <= MAX_INTEGER) return value;
      throw unfit(path, "does not fit into 64 bits");
    case "object":
      break;
    default:
      throw unfit(path, `is of type ${typeof value}`);
  }
  if (value === null || value instanceof Double) return value;
  if (Array.isArray(value)) {
    return Array.from(value, (each: unknown, index) => encodeValue(each, `${path}[${index}]`, depth + 1));
  }
  if (value instanceof Uint8Array) return { BINARY: Buffer.from(value).toString("base64") };
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw unfit(path, "is no date");
    return value.toISOString();
  }
  if (value instanceof Map) {
    return Array.from(value as Map<unknown, unknown>, ([key, each], index) =>
      encodeValue(vapiStructure(MAP_ENTRY, { key, value: each }), `${path}[${index}]`, depth + 1),
    );
  }
  const tagged = tagOf(value);
  if (tagged !== undefined) return encodeTagged(tagged, path, depth);
  throw new InvalidArgumentError(`${path} is an object, and vAPI does not tell what it is by its fields`, {
    hint: 'name it: {"STRUCTURE": {"<name>": {…}}}, or vapiStructure(name, fields); a map is made by vapiMap(entries)',
  });
}

/**
 * Plain JSON of a value of the wire, as REST has it: structures and errors as objects of their fields (their names are
 * lost), optional values as themselves or null, secrets as text, bytes as their base64 text, maps with keys of text as
 * objects and others as lists of `{ key, value }`. An empty map cannot be told from an empty list and is one. Whole
 * numbers beyond 2^53 lose their last digits.
 *
 * @throws ProtocolError `RESPONSE_UNEXPECTED` for what is no value of vAPI.
 */
export function decodeValue(value: unknown, depth = 0): unknown {
  if (depth > MAX_DEPTH) throw noValue(`is nested more than ${MAX_DEPTH} levels`);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) {
    const entries = mapEntries(value);
    return entries === undefined
      ? value.map((each) => decodeValue(each, depth + 1))
      : decodeMap(entries, depth);
  }
  const tagged = tagOf(value);
  switch (tagged?.tag) {
    case "STRUCTURE":
    case "ERROR":
      return decodeFields(named(tagged.content)?.fields, depth);
    case "OPTIONAL":
      return tagged.content === null ? null : decodeValue(tagged.content, depth + 1);
    case "SECRET":
    case "BINARY":
      if (typeof tagged.content === "string") return tagged.content;
      throw noValue(`holds a ${tagged.tag} that is no text`);
    default:
      throw noValue("holds an object of no kind that is known");
  }
}

/** The name and the fields of `{"<name>": {…}}`. */
export function named(content: unknown): { readonly name: string; readonly fields: object } | undefined {
  if (!isObject(content)) return undefined;
  const [entry, ...more] = Object.entries(content);
  if (entry === undefined || more.length > 0) return undefined;
  const [name, fields] = entry;
  return isObject(fields) ? { name, fields } : undefined;
}

interface Tagged {
  readonly tag: string;
  readonly content: unknown;
}

const TAGS: ReadonlySet<string> = new Set(["STRUCTURE", "ERROR", "OPTIONAL", "SECRET", "BINARY"]);

function tagOf(value: object): Tagged | undefined {
  const [entry, ...more] = Object.entries(value);
  if (entry === undefined || more.length > 0) return undefined;
  const [tag, content] = entry as [string, unknown];
  return TAGS.has(tag) ? { tag, content } : undefined;
}

function encodeTagged({ tag, content }: Tagged, path: string, depth: number): VapiValue {
  switch (tag) {
    case "OPTIONAL":
      return { OPTIONAL: content === null ? null : encodeValue(content, path, depth + 1) };
    case "SECRET":
      if (typeof content === "string") return { SECRET: content };
      throw unfit(path, "is a secret that is no text");
    case "BINARY":
      if (content instanceof Uint8Array) return { BINARY: Buffer.from(content).toString("base64") };
      if (typeof content === "string" && isBase64(content)) return { BINARY: content };
      throw unfit(path, "is binary that is neither bytes nor base64");
    default: {
      const found = named(content);
      if (found === undefined || found.name === "")
        throw unfit(path, "is no structure of one name with an object of fields");
      return own(tag, own(found.name, encodeFields(found.fields, path, depth))) as VapiValue;
    }
  }
}

function encodeFields(fields: object, path: string, depth: number): { [name: string]: VapiValue } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    given.map(([name, value]) => [name, encodeValue(value, `${path}.${name}`, depth + 1)]),
  );
}

function decodeFields(fields: object | undefined, depth: number): object {
  if (fields === undefined) throw noValue("holds a structure without one name and fields");
  // An own member whatever its name, "__proto__" too.
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, decodeValue(value, depth + 1)]),
  );
}

/** Keys and values of a list that is a map; undefined for any other. */
function mapEntries(list: readonly unknown[]): (readonly [unknown, unknown])[] | undefined {
  if (list.length === 0) return undefined;
  const entries: (readonly [unknown, unknown])[] = [];
  for (const each of list) {
    const tagged = isObject(each) ? tagOf(each) : undefined;
    const found = tagged?.tag === "STRUCTURE" ? named(tagged.content) : undefined;
    if (found?.name !== MAP_ENTRY) return undefined;
    const { key, value, ...more } = found.fields as { readonly key?: unknown; readonly value?: unknown };
    if (key === undefined || value === undefined || Object.keys(more).length > 0) return undefined;
    entries.push([key, value]);
  }
  return entries;
}

function decodeMap(entries: readonly (readonly [unknown, unknown])[], depth: number): unknown {
  const decoded = entries.map(
    ([key, value]) => [decodeValue(key, depth + 1), decodeValue(value, depth + 1)] as const,
  );
  const keys = new Set(decoded.map(([key]) => key));
  const texts = decoded.every(([key]) => typeof key === "string") && keys.size === decoded.length;
  return texts
    ? Object.fromEntries(decoded as (readonly [string, unknown])[])
    : decoded.map(([key, value]) => ({ key, value }));
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

/** An object with one member, whatever its name. */
function own<Value>(name: string, value: Value): { [name: string]: Value } {
  return Object.fromEntries([[name, value]]);
}

function unfit(path: string, problem: string): InvalidArgumentError {
  return new InvalidArgumentError(`${path} ${problem}: it has no place in vAPI`);
}

function noValue(problem: string): ProtocolError {
  return new ProtocolError("RESPONSE_UNEXPECTED", `The answer ${problem}: it is no value of vAPI`);
}
