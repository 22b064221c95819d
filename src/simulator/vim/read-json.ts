import { malformed } from "./fault.ts";
import { type Argument, Arguments, extendsType, fieldsOf, type Parameter } from "./parameters.ts";

const MAX_DEPTH = 64;

/**
 * Reads the body of a method call: one JSON object with the method's parameters by name. What is no parameter is
 * refused; a `_typeName` beside them is not looked at.
 *
 * @throws MalformedRequest
 */
export function readJsonArguments(method: string, body: Buffer, parameters: readonly Parameter[]): Arguments {
  if (body.length === 0) return new Arguments(method, readFields(method, {}, parameters, 0));
  const value = parse(body);
  if (!isObject(value)) throw malformed("The body is not a JSON object");
  const { _typeName: type, ...fields } = value;
  if (type !== undefined && typeof type !== "string") throw malformed("_typeName is not a string");
  return new Arguments(method, readFields(method, fields, parameters, 0));
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    throw malformed("The body is not JSON in UTF-8");
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function readFields(
  parent: string,
  given: Readonly<Record<string, unknown>>,
  fields: readonly Parameter[],
  depth: number,
): ReadonlyMap<string, Argument> {
  if (depth > MAX_DEPTH) throw malformed("The body is nested too deeply");
  const unknown = Object.keys(given).find((name) => !fields.some((field) => field.name === name));
  if (unknown !== undefined) throw malformed(`${parent} does not take ${JSON.stringify(unknown)}`);
  const values = new Map<string, Argument>();
  for (const { name, type, many, optional } of fields) {
    if (!Object.hasOwn(given, name)) {
      if (!optional) throw malformed(`${parent} has no ${name}`);
      continue;
    }
    const value = given[name];
    if (!many) values.set(name, readValue(name, value, type, depth + 1));
    else if (Array.isArray(value)) {
      values.set(
        name,
        value.map((item) => readValue(name, item, type, depth + 1)),
      );
    } else throw malformed(`${name} is not an array`);
  }
  return values;
}

function readValue(name: string, value: unknown, declared: string, depth: number): Argument {
  if (declared === "string" && typeof value === "string") return value;
  if (declared === "boolean" && typeof value === "boolean") return value;
  if (declared === "int" && typeof value === "number" && Number.isInteger(value)) return value;
  if (!isObject(value)) throw malformed(`${name} is not of the type ${declared}`);
  const { _typeName: given, ...fields } = value;
  const actual = given ?? declared;
  if (typeof actual !== "string") throw malformed(`_typeName of ${name} is not a string`);
  if (declared === "ManagedObjectReference") return readReference(name, actual, fields);
  const own = extendsType(actual, declared) ? fieldsOf(actual) : undefined;
  if (!own) throw malformed(`${name} is not of the type ${declared}`);
  return new Arguments(actual, readFields(name, fields, own, depth));
}

function readReference(name: string, actual: string, fields: Readonly<Record<string, unknown>>): Argument {
  const { type, value, ...others } = fields;
  const good = typeof type === "string" && type !== "" && typeof value === "string" && value !== "";
  if (actual !== "ManagedObjectReference" || !good || Object.keys(others).some((o) => o !== "serverGuid")) {
    throw malformed(`${name} is not a managed object reference`);
  }
  return { type, value };
}
