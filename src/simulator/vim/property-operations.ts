import { type Call, checkPrivilege, destroyOwn, type Operation, type Operations, sessionOf } from "./call.ts";
import { collect, objectContent } from "./collect.ts";
import { invalidArgument, managedObjectNotFound } from "./fault.ts";
import { readFilterSpec } from "./filter-spec.ts";
import { propertyOf, readProperty } from "./managed-object.ts";
import { findObject } from "./objects.ts";
import type { Arguments, Parameter } from "./parameters.ts";
import { updatesSince, waitForUpdates } from "./updates.ts";
import { any, list, type ObjectValue, object, refer, text, type VimValue } from "./value.ts";

const SPEC_SET: Parameter = { name: "specSet", type: "PropertyFilterSpec", many: true };
const TOKEN: Parameter = { name: "token", type: "string" };
const VERSION: Parameter = { name: "version", type: "string", optional: true };

/** Operations of the `PropertyCollector`, and `Fetch`, which every object has. */
export const PROPERTY_OPERATIONS: Operations = {
  Fetch: {
    receivers: [],
    privilege: null,
    parameters: [{ name: "prop", type: "string" }],
    run: (args, call) => {
      const value = fetchProperty(args.text("prop"), call);
      return value && any(value);
    },
  },
  RetrieveProperties: operation([SPEC_SET], (args, call) => list("ObjectContent", contents(args, call))),
  RetrievePropertiesEx: operation([SPEC_SET, { name: "options", type: "RetrieveOptions" }], (args, call) => {
    const size = args.data("options")?.number("maxObjects") ?? Number.POSITIVE_INFINITY;
    if (size < 1) throw invalidArgument("options.maxObjects");
    return page(contents(args, call), size, call);
  }),
  ContinueRetrievePropertiesEx: operation([TOKEN], (args, call) => {
    const left = call.view.vim.take(args.text("token"), sessionOf(call));
    if (!left) throw invalidArgument("token");
    return page(left.contents, left.size, call);
  }),
  CancelRetrievePropertiesEx: operation([TOKEN], (args, call) => {
    if (!call.view.vim.take(args.text("token"), sessionOf(call))) throw invalidArgument("token");
    return undefined;
  }),
  CreatePropertyCollector: operation([], (_args, call) => {
    const { view } = call;
    const session = sessionOf(call);
    const ref = { type: "PropertyCollector", value: view.vim.newId(session) };
    view.vim.add({ kind: "collector", ref, sessionId: session.id });
    return refer(ref);
  }),
  DestroyPropertyCollector: operation([], (_args, call) => {
    const { view, receiver } = call;
    const session = sessionOf(call);
    const own = view.vim.find(receiver.value, session);
    // The one of the service content is everybody's.
    if (!own) throw invalidArgument("_this");
    for (const filter of view.vim.filtersOf(receiver, session)) view.vim.remove(filter);
    view.vim.remove(own);
    return undefined;
  }),
  CreateFilter: operation(
    [
      { name: "spec", type: "PropertyFilterSpec" },
      { name: "partialUpdates", type: "boolean" },
    ],
    createFilter,
  ),
  DestroyPropertyFilter: destroyOwn(["PropertyFilter"]),
  WaitForUpdatesEx: operation(
    [VERSION, { name: "options", type: "WaitOptions", optional: true }],
    (args, call) =>
      waitForUpdates(args.text("version"), call, args.data("options")?.number("maxWaitSeconds")),
  ),
  WaitForUpdates: operation([VERSION], (args, call) => waitForUpdates(args.text("version"), call)),
  CheckForUpdates: operation([VERSION], (args, call) => updatesSince(args.text("version"), call)),
  CancelWaitForUpdates: operation([], (_args, call) => {
    call.view.vim.cancelWait(call.receiver, sessionOf(call));
    return undefined;
  }),
};

function operation(parameters: readonly Parameter[], run: Operation["run"]): Operation {
  return { receivers: ["PropertyCollector"], privilege: "System.View", parameters, run };
}

/**
 * Reads one property of the receiver. Without a session one learns of no object or property that is not for anybody.
 *
 * @throws VimFault
 */
export function fetchProperty(name: string, call: Call): VimValue | undefined {
  const found = findObject(call.receiver, call);
  if (!call.session && !found?.properties.has(name)) checkPrivilege("System.View", call.receiver, call);
  if (!found) throw managedObjectNotFound(call.receiver);
  checkPrivilege(propertyOf(found, name).privilege, call.receiver, call);
  return readProperty(found, name);
}

function contents(args: Arguments, call: Call): readonly ObjectValue[] {
  return args
    .dataList("specSet")
    .map(readFilterSpec)
    .flatMap((filter) => collect(filter, call))
    .map((each) => objectContent(each, call));
}

/** As many objects as wanted, and a token for the rest; nothing where there are none. */
function page(all: readonly ObjectValue[], size: number, call: Call): ObjectValue | undefined {
  if (all.length === 0) return undefined;
  const [now, later] = [all.slice(0, size), all.slice(size)];
  const sessionId = sessionOf(call).id;
  const token = later.length > 0 ? call.view.vim.keep({ sessionId, contents: later, size }) : undefined;
  return object("RetrieveResult", [
    ["token", token === undefined ? undefined : text(token)],
    ["objects", list("ObjectContent", now)],
  ]);
}

function createFilter(args: Arguments, call: Call): VimValue | undefined {
  const { view, receiver } = call;
  const session = sessionOf(call);
  const given = args.data("spec");
  if (!given) return undefined;
  const spec = readFilterSpec(given);
  // Refuses objects and properties that there are not, as the first look at them would.
  collect(spec, call);
  const ref = { type: "PropertyFilter", value: view.vim.newId(session) };
  view.vim.add({
    kind: "filter",
    ref,
    sessionId: session.id,
    collector: receiver,
    spec,
    reported: undefined,
  });
  return refer(ref);
}
