import type { MoRef } from "../vmomi.ts";

/** A parameter of an operation, or a field of a data object that is passed to one. */
export interface Parameter {
  readonly name: string;
  /** `string`, `boolean`, `int`, `ManagedObjectReference`, or the name of a data type below. */
  readonly type: string;
  readonly optional?: boolean;
  readonly many?: boolean;
}

interface DataType {
  readonly base?: string;
  readonly fields: readonly Parameter[];
}

/** Data types that operations take, in the order of the schema. */
const DATA_TYPES: ReadonlyMap<string, DataType> = new Map<string, DataType>([
  [
    "PropertyFilterSpec",
    {
      fields: [
        { name: "propSet", type: "PropertySpec", many: true },
        { name: "objectSet", type: "ObjectSpec", many: true },
        { name: "reportMissingObjectsInResults", type: "boolean", optional: true },
      ],
    },
  ],
  [
    "PropertySpec",
    {
      fields: [
        { name: "type", type: "string" },
        { name: "all", type: "boolean", optional: true },
        { name: "pathSet", type: "string", optional: true, many: true },
      ],
    },
  ],
  [
    "ObjectSpec",
    {
      fields: [
        { name: "obj", type: "ManagedObjectReference" },
        { name: "skip", type: "boolean", optional: true },
        { name: "selectSet", type: "SelectionSpec", optional: true, many: true },
      ],
    },
  ],
  ["SelectionSpec", { fields: [{ name: "name", type: "string", optional: true }] }],
  [
    "TraversalSpec",
    {
      base: "SelectionSpec",
      fields: [
        { name: "type", type: "string" },
        { name: "path", type: "string" },
        { name: "skip", type: "boolean", optional: true },
        { name: "selectSet", type: "SelectionSpec", optional: true, many: true },
      ],
    },
  ],
  ["RetrieveOptions", { fields: [{ name: "maxObjects", type: "int", optional: true }] }],
  [
    "WaitOptions",
    {
      fields: [
        { name: "maxWaitSeconds", type: "int", optional: true },
        { name: "maxObjectUpdates", type: "int", optional: true },
      ],
    },
  ],
]);

/** All fields of a data type, those of its base first; undefined for a type that no operation takes. */
export function fieldsOf(type: string): readonly Parameter[] | undefined {
  const found = DATA_TYPES.get(type);
  if (!found) return undefined;
  return found.base === undefined ? found.fields : [...(fieldsOf(found.base) ?? []), ...found.fields];
}

/** Whether a data type may stand where another is declared. */
export function extendsType(type: string, declared: string): boolean {
  if (type === declared) return true;
  const base = DATA_TYPES.get(type)?.base;
  return base !== undefined && extendsType(base, declared);
}

export type Argument = string | number | boolean | MoRef | Arguments | readonly Argument[];

/** What an operation, or a data object, was given: read by the rules above, and so of the declared types. */
export class Arguments {
  readonly type: string;
  readonly #values: ReadonlyMap<string, Argument>;

  constructor(type: string, values: ReadonlyMap<string, Argument>) {
    this.type = type;
    this.#values = values;
  }

  /** Empty where it was not given. */
  text(name: string): string {
    return this.optionalText(name) ?? "";
  }

  optionalText(name: string): string | undefined {
    const value = this.#values.get(name);
    return typeof value === "string" ? value : undefined;
  }

  /** False where it was not given. */
  flag(name: string): boolean {
    return this.#values.get(name) === true;
  }

  number(name: string): number | undefined {
    const value = this.#values.get(name);
    return typeof value === "number" ? value : undefined;
  }

  texts(name: string): readonly string[] {
    return this.#list(name).filter((value) => typeof value === "string");
  }

  reference(name: string): MoRef | undefined {
    const value = this.#values.get(name);
    return isReference(value) ? value : undefined;
  }

  references(name: string): readonly MoRef[] {
    return this.#list(name).filter(isReference);
  }

  data(name: string): Arguments | undefined {
    const value = this.#values.get(name);
    return value instanceof Arguments ? value : undefined;
  }

  dataList(name: string): readonly Arguments[] {
    return this.#list(name).filter((value) => value instanceof Arguments);
  }

  #list(name: string): readonly Argument[] {
    const value = this.#values.get(name);
    return Array.isArray(value) ? value : [];
  }
}

function isReference(value: Argument | undefined): value is MoRef {
  return typeof value === "object" && !Array.isArray(value) && !(value instanceof Arguments);
}
