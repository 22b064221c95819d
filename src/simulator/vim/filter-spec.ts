import type { MoRef } from "../vmomi.ts";
import { invalidArgument } from "./fault.ts";
import type { Arguments } from "./parameters.ts";

/** Properties wanted of the objects of a type; all of them where `paths` is undefined. */
export interface PropertySpec {
  readonly type: string;
  readonly paths: readonly string[] | undefined;
}

/** A way from an object to further ones. */
export interface Traversal {
  readonly type: string;
  readonly path: string;
  readonly skip: boolean;
  /** Filled once all of them are known, as they may name each other. */
  next: readonly Traversal[];
}

export interface Start {
  readonly ref: MoRef;
  readonly skip: boolean;
  readonly next: readonly Traversal[];
}

export interface PropertyFilter {
  readonly properties: readonly PropertySpec[];
  readonly starts: readonly Start[];
  readonly toleratesMissing: boolean;
}

/**
 * Reads a `PropertyFilterSpec`.
 *
 * @throws VimFault InvalidArgument where a selection names one that is not there.
 */
export function readFilterSpec(spec: Arguments): PropertyFilter {
  return {
    properties: spec.dataList("propSet").map((each) => ({
      type: each.text("type"),
      paths: each.flag("all") ? undefined : each.texts("pathSet"),
    })),
    starts: spec.dataList("objectSet").map(readStart),
    toleratesMissing: spec.flag("reportMissingObjectsInResults"),
  };
}

function readStart(spec: Arguments): Start {
  const selections = spec.dataList("selectSet");
  const made = new Map<Arguments, Traversal>();
  const named = new Map<string, Traversal>();
  const make = (selection: Arguments): void => {
    if (selection.type !== "TraversalSpec") return;
    const traversal: Traversal = {
      type: selection.text("type"),
      path: selection.text("path"),
      skip: selection.flag("skip"),
      next: [],
    };
    made.set(selection, traversal);
    const name = selection.text("name");
    if (name !== "") named.set(name, traversal);
    selection.dataList("selectSet").forEach(make);
  };
  const resolve = (selection: Arguments): Traversal => {
    const found = made.get(selection) ?? named.get(selection.text("name"));
    if (!found) throw invalidArgument("selectSet");
    return found;
  };
  selections.forEach(make);
  for (const [selection, traversal] of made) traversal.next = selection.dataList("selectSet").map(resolve);
  return {
    ref: spec.reference("obj") ?? { type: "", value: "" },
    skip: spec.flag("skip"),
    next: selections.map(resolve),
  };
}
