import type { MoRef } from "../vmomi.ts";
import { mayDo } from "./call.ts";
import { managedObjectNotFound, noPermission } from "./fault.ts";
import type { PropertyFilter, PropertySpec, Traversal } from "./filter-spec.ts";
import { type ManagedObject, propertyOf, readProperty } from "./managed-object.ts";
import { findObject, type Looker } from "./objects.ts";
import { any, list, type ObjectValue, object, refer, text, type VimField, type VimValue } from "./value.ts";

/** An object that a filter found, with those of its properties that were asked for. */
export interface Collected {
  readonly ref: MoRef;
  readonly properties: ReadonlyMap<string, VimValue>;
  /** Paths that the caller may not read, with the privilege it would take. */
  readonly missing: ReadonlyMap<string, string>;
}

/**
 * What a filter finds now, every object once.
 *
 * @throws VimFault ManagedObjectNotFound, InvalidProperty
 */
export function collect(filter: PropertyFilter, looker: Looker): readonly Collected[] {
  const found = new Map<string, ManagedObject>();
  const walked = new Map<Traversal, Set<string>>();
  const follow = (from: ManagedObject, next: readonly Traversal[]): void => {
    for (const traversal of next) {
      if (!from.types.includes(traversal.type)) continue;
      const seen = walked.get(traversal) ?? new Set();
      walked.set(traversal, seen);
      if (seen.has(from.ref.value)) continue;
      seen.add(from.ref.value);
      for (const ref of referencesIn(readProperty(from, traversal.path))) {
        const target = findObject(ref, looker);
        if (!target) continue;
        if (!traversal.skip) found.set(ref.value, target);
        follow(target, traversal.next);
      }
    }
  };
  for (const { ref, skip, next } of filter.starts) {
    const start = findObject(ref, looker);
    if (!start) {
      if (filter.toleratesMissing) continue;
      throw managedObjectNotFound(ref);
    }
    if (!skip) found.set(ref.value, start);
    follow(start, next);
  }
  return [...found.values()].flatMap((each) => {
    const specs = filter.properties.filter(({ type }) => each.types.includes(type));
    return specs.length === 0 ? [] : [propertiesOf(each, specs, looker)];
  });
}

function referencesIn(value: VimValue | undefined): readonly MoRef[] {
  if (value?.kind === "reference") return [value.value];
  return value?.kind === "list" ? value.items.flatMap(referencesIn) : [];
}

function propertiesOf(found: ManagedObject, specs: readonly PropertySpec[], looker: Looker): Collected {
  const properties = new Map<string, VimValue>();
  const missing = new Map<string, string>();
  for (const path of specs.flatMap(({ paths }) => paths ?? [...found.properties.keys()])) {
    const { privilege } = propertyOf(found, path);
    if (privilege !== null && !mayDo(privilege, looker.session)) {
      missing.set(path, privilege);
      continue;
    }
    const value = readProperty(found, path);
    if (value !== undefined) properties.set(path, value);
  }
  return { ref: found.ref, properties, missing };
}

/** The same as the `ObjectContent` of an answer. */
export function objectContent({ ref, properties, missing }: Collected, looker: Looker): ObjectValue {
  return object("ObjectContent", [
    ["obj", refer(ref)],
    [
      "propSet",
      list(
        "DynamicProperty",
        [...properties].map(([name, value]) =>
          object("DynamicProperty", [
            ["name", text(name)],
            ["val", any(value)],
          ]),
        ),
      ),
    ],
    missingSet(ref, missing, looker),
  ]);
}

export function missingSet(ref: MoRef, missing: ReadonlyMap<string, string>, looker: Looker): VimField {
  const rows = [...missing].map(([path, privilege]) => {
    const fault = noPermission(ref, privilege, looker.view.group.release);
    return object("MissingProperty", [
      ["path", text(path)],
      [
        "fault",
        object("LocalizedMethodFault", [
          ["fault", any(object(fault.type, fault.fields))],
          ["localizedMessage", text(fault.message)],
        ]),
      ],
    ]);
  });
  return ["missingSet", list("MissingProperty", rows)];
}
