import { type Call, sessionOf } from "./call.ts";
import { type Collected, collect, missingSet } from "./collect.ts";
import { invalidArgument, VimFault } from "./fault.ts";
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

/** How long a call waits at most, whatever it asks for. */
const MAX_WAIT_SECONDS = 1800;

/**
 * As `updatesSince`, for a caller that waits: where nothing has changed, the answer may be put off.
 *
 * @throws VimFault InvalidCollectorVersion, InvalidArgument, or RequestCanceled where another call ended the wait.
 */
export function waitForUpdates(
  version: string,
  call: Call,
  seconds: number = MAX_WAIT_SECONDS,
): ObjectValue | undefined {
  const { view, receiver, request } = call;
  if (seconds < 0) throw invalidArgument("options.maxWaitSeconds");
  const canceled = view.vim.takeCancellation(receiver, sessionOf(call));
  if (canceled && request.again) {
    throw new VimFault("RequestCanceled", "The task was canceled by a user.");
  }
  const updates = updatesSince(version, call);
  if (!updates) call.holdMs = Math.min(seconds, MAX_WAIT_SECONDS) * 1000;
  return updates;
}

/**
 * What has changed for the filters of the receiver since the version given; everything since none. Where nothing
 * has, nothing is returned.
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
