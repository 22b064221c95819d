import type { MoRef } from "../vmomi.ts";
import { invalidProperty } from "./fault.ts";
import type { VimValue } from "./value.ts";

export interface Property {
  /** What the caller needs to read it; null where anybody may. */
  readonly privilege: string | null;
  /** Undefined where it is not set. */
  readonly read: () => VimValue | undefined;
}

export interface ManagedObject {
  readonly ref: MoRef;
  /** Its type and those that it extends. */
  readonly types: readonly string[];
  readonly properties: ReadonlyMap<string, Property>;
}

export type Properties = Readonly<Record<string, Property>>;

export function managed(ref: MoRef, bases: readonly string[], properties: Properties): ManagedObject {
  return { ref, types: [ref.type, ...bases], properties: new Map(Object.entries(properties)) };
}

/**
 * The property that a path such as `summary.config.name` begins with.
 *
 * @throws VimFault InvalidProperty
 */
export function propertyOf(found: ManagedObject, path: string): Property {
  const property = found.properties.get(path.replace(/\..*$/s, ""));
  if (!property) throw invalidProperty(path);
  return property;
}

/** @throws VimFault InvalidProperty */
export function readProperty(found: ManagedObject, path: string): VimValue | undefined {
  let value = propertyOf(found, path).read();
  for (const step of path.split(".").slice(1)) {
    const data = value?.kind === "any" ? value.value : value;
    if (data === undefined) return undefined;
    if (data.kind !== "object") throw invalidProperty(path);
    // Data objects hold what they are here for: any other field of theirs is one that is not set.
    value = data.fields.find(([each]) => each === step)?.[1];
  }
  return value;
}
