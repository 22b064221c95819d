import { type Call, sessionOf } from "./call.ts";
import { type Collected, collect, missingSet } from "./collect.ts";
import { VimFault } from "./fault.ts";
import type { FilterObject } from "./state.ts";
import {
  any,
  enumeration,
  flag,
  list,
  type ObjectValue,
  object,
  refer,
  text,
  type VimValue,
} from "./value.ts";
import { fieldXml } from "./write-xml.ts";

/**
 * What has changed for the filters of the receiver since the version given; everything since none. Where nothing
 * has, nothing is returned at once: the time that a caller would wait for is not spent.
 *
 * @throws VimFault InvalidCollectorVersion
 */
export function updatesSince(version: string, call: Call): ObjectValue | undefined {
  const { view, receiver } = call;
  const session = sessionOf(call);
  if (version !== "" && version !== String(view.vim.versionOf(receiver, session))) {
    throw new VimFault("InvalidCollectorVersion", "The data version is not valid.");
  }
  const updates = view.vim.filtersOf(receiver, session).flatMap((filter) => {
    if (version === "") filter.reported = undefined;
    const objects = changesOf(filter, call);
    if (objects.length === 0) return [];
    return [
      object("PropertyFilterUpdate", [
        ["filter", refer(filter.ref)],
        ["objectSet", list("ObjectUpdate", objects)],
      ]),
    ];
  });
  if (updates.length === 0) return undefined;
  return object("UpdateSet", [
    ["version", text(String(view.vim.nextVersion(receiver, session)))],
    ["filterSet", list("PropertyFilterUpdate", updates)],
    ["truncated", flag(false)],
  ]);
}

function changesOf(filter: FilterObject, call: Call): readonly ObjectValue[] {
  const before = filter.reported;
  const now = collect(filter.spec, call);
  filter.reported = new Map(now.map((each) => [each.ref.value, snapshot(each)]));
  const changed = now.flatMap((each) => {
    const old = before?.get(each.ref.value);
    if (!old) return [update("enter", each, [...each.properties], call)];
    const news = [...each.properties].filter(([name, value]) => old.get(name) !== print(value));
    return news.length === 0 ? [] : [update("modify", each, news, call)];
  });
  return changed;
}

function snapshot({ properties }: Collected): ReadonlyMap<string, string> {
  return new Map([...properties].map(([name, value]) => [name, print(value)]));
}

function print(value: VimValue): string {
  return fieldXml("val", any(value));
}

function update(
  kind: "enter" | "modify",
  { ref, missing }: Collected,
  properties: readonly (readonly [string, VimValue])[],
  call: Call,
): ObjectValue {
  const changes = properties.map(([name, value]) =>
    object("PropertyChange", [
      ["name", text(name)],
      ["op", enumeration("PropertyChangeOp", "assign")],
      ["val", any(value)],
    ]),
  );
  return object("ObjectUpdate", [
    ["kind", enumeration("ObjectUpdateKind", kind)],
    ["obj", refer(ref)],
    ["changeSet", list("PropertyChange", changes)],
    missingSet(ref, missing, call),
  ]);
}
