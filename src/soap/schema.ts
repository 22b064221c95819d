/**
 * What a WSDL says of types and operations, as plain tables. They are generated (`npm run generate`) and hold no
 * code, so that loading them costs next to nothing; the first use of a type compiles it.
 *
 * @module
 */

import { InvalidArgumentError } from "../errors.ts";

/** How often a field occurs: once, at most once, any number of times, at least once. */
export type Occurrence = "1" | "?" | "*" | "+";

/**
 * One child element: name, type, occurrence. The type is `xsd:string`, `xsd:boolean`, `xsd:int`, `xsd:anyType`,
 * `moref` (text with a `type` attribute), or the name of a complex type of the same schema.
 */
export type FieldTable = readonly [name: string, type: string, occurs: Occurrence];

/** A complex type and its own fields; on the wire the fields of its bases come first. */
export interface TypeTable {
  readonly base?: string;
  readonly fields: readonly FieldTable[];
}

export interface OperationTable {
  /** Children of the request element. */
  readonly request: readonly FieldTable[];
  /** The one child of the response element; undefined where the response is empty. */
  readonly response?: FieldTable;
}

/** Request and result of operations by name: the side of a schema that only the compiler sees. */
export type OperationMap = Readonly<Record<string, { readonly request: object; readonly result: unknown }>>;

/** Types and operations of one target namespace, document/literal, elements qualified. */
export interface SoapSchema<Operations = OperationMap> {
  readonly namespace: string;
  readonly types: Readonly<Record<string, TypeTable>>;
  readonly operations: { readonly [Name in keyof Operations]: OperationTable };
}

/** A schema of which the compiler knows nothing but that it is one. */
export type ServiceSchema = SoapSchema<OperationMap>;

/** What an operation is asked with. */
export type RequestOf<Operations, Name extends keyof Operations> = Operations[Name] extends {
  readonly request: infer Request;
}
  ? Request
  : never;

/** What an operation returns. */
export type ResultOf<Operations, Name extends keyof Operations> = Operations[Name] extends {
  readonly result: infer Result;
}
  ? Result
  : never;

export type Scalar = "xsd:string" | "xsd:boolean" | "xsd:int" | "xsd:anyType" | "moref";

const SCALARS: ReadonlySet<string> = new Set<Scalar>([
  "xsd:string",
  "xsd:boolean",
  "xsd:int",
  "xsd:anyType",
  "moref",
]);

/** A field ready for use; `index` is its place in the type. */
export interface Field {
  readonly name: string;
  readonly index: number;
  readonly required: boolean;
  readonly many: boolean;
  /** Undefined for a complex type. */
  readonly scalar: Scalar | undefined;
  /** Name of the complex type; `""` for a scalar. */
  readonly type: string;
}

/** A complex type ready for use. */
export interface ComplexType {
  readonly name: string;
  readonly fields: readonly Field[];
  readonly byName: ReadonlyMap<string, Field>;
}

function compileFields(tables: readonly FieldTable[]): Field[] {
  return tables.map(([name, type, occurs], index) => ({
    name,
    index,
    required: occurs === "1" || occurs === "+",
    many: occurs === "*" || occurs === "+",
    scalar: SCALARS.has(type) ? (type as Scalar) : undefined,
    type: SCALARS.has(type) ? "" : type,
  }));
}

/** Makes a type of loose fields, as those of a request. */
export function typeOf(name: string, tables: readonly FieldTable[]): ComplexType {
  const fields = compileFields(tables);
  return { name, fields, byName: new Map(fields.map((field) => [field.name, field])) };
}

/** Compiles the types of a schema as they are asked for. */
export class TypeRegistry {
  readonly #tables: Readonly<Record<string, TypeTable>>;
  readonly #compiled = new Map<string, ComplexType>();

  constructor(tables: Readonly<Record<string, TypeTable>>) {
    this.#tables = tables;
  }

  /** The type of that name, its bases' fields first; without fields when the tables do not declare it. */
  get(name: string): ComplexType {
    let type = this.#compiled.get(name);
    if (!type) {
      type = typeOf(name, this.#flatten(name));
      this.#compiled.set(name, type);
    }
    return type;
  }

  /** True when `name` is `base` or extends it. */
  extends(name: string, base: string): boolean {
    for (let type: string | undefined = name; type; type = this.#table(type)?.base) {
      if (type === base) return true;
    }
    return false;
  }

  #flatten(name: string): FieldTable[] {
    const table = this.#table(name);
    if (!table) return [];
    return table.base ? [...this.#flatten(table.base), ...table.fields] : [...table.fields];
  }

  #table(name: string): TypeTable | undefined {
    return Object.hasOwn(this.#tables, name) ? this.#tables[name] : undefined;
  }
}

const registries = new WeakMap<object, TypeRegistry>();

/** The registry of a schema, one for each. */
export function registryOf(schema: SoapSchema<unknown>): TypeRegistry {
  let registry = registries.get(schema);
  if (!registry) {
    registry = new TypeRegistry(schema.types);
    registries.set(schema, registry);
  }
  return registry;
}

/**
 * The table of an operation.
 *
 * @throws InvalidArgumentError listing the operations when there is none of that name.
 */
export function operationOf<Operations>(
  schema: SoapSchema<Operations>,
  name: keyof Operations & string,
): OperationTable {
  const table = Object.hasOwn(schema.operations, name) ? schema.operations[name] : undefined;
  if (!table) {
    throw new InvalidArgumentError(`there is no operation ${name}`, {
      hint: `the operations are ${Object.keys(schema.operations).join(", ")}`,
    });
  }
  return table;
}
