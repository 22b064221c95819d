import type { NodeView } from "../view.ts";
import type { MoRef } from "../vmomi.ts";
import { type Call, destroyOwn, type Operations, sessionOf } from "./call.ts";
import { serviceContent } from "./content.ts";
import { entities } from "./entities.ts";
import { managedObjectNotFound, VimFault } from "./fault.ts";
import type { ManagedObject } from "./managed-object.ts";
import { findObject } from "./objects.ts";
import type { Arguments, Parameter } from "./parameters.ts";
import { any, int, list, object, refer, text, time, type VimValue } from "./value.ts";

const TYPES: Parameter = { name: "type", type: "string", optional: true, many: true };

/** Operations of the service itself, its options, its search index and its views. */
export const SERVICE_OPERATIONS: Operations = {
  RetrieveServiceContent: {
    receivers: ["ServiceInstance"],
    privilege: null,
    parameters: [],
    run: (_args, { view }) => serviceContent(view),
  },
  CurrentTime: {
    receivers: ["ServiceInstance"],
    privilege: "System.View",
    parameters: [],
    run: (_args, { view }) => time(view.now),
  },
  QueryOptions: {
    receivers: ["OptionManager"],
    privilege: "System.Read",
    parameters: [{ name: "name", type: "string", optional: true }],
    run: queryOptions,
  },
  FindByInventoryPath: {
    receivers: ["SearchIndex"],
    privilege: "System.View",
    parameters: [{ name: "inventoryPath", type: "string" }],
    run: (args, { view }) => findByPath(args.text("inventoryPath"), view),
  },
  CreateContainerView: {
    receivers: ["ViewManager"],
    privilege: "System.View",
    parameters: [
      { name: "container", type: "ManagedObjectReference" },
      TYPES,
      { name: "recursive", type: "boolean" },
    ],
    run: createContainerView,
  },
  CreateListView: {
    receivers: ["ViewManager"],
    privilege: "System.View",
    parameters: [{ name: "obj", type: "ManagedObjectReference", optional: true, many: true }],
    run: (args, call) => {
      const { vim } = call.view;
      const session = sessionOf(call);
      const ref = { type: "ListView", value: vim.newId(session) };
      const members = args.references("obj").map((each) => existing(each, call).ref);
      vim.add({
        kind: "view",
        ref,
        sessionId: session.id,
        container: undefined,
        types: [],
        recursive: false,
        members,
      });
      return refer(ref);
    },
  },
  DestroyView: destroyOwn(["ContainerView", "ListView"]),
};

function createContainerView(args: Arguments, call: Call): VimValue {
  const { vim } = call.view;
  const session = sessionOf(call);
  const container = existing(args.reference("container") ?? call.receiver, call).ref;
  const ref = { type: "ContainerView", value: vim.newId(session) };
  vim.add({
    kind: "view",
    ref,
    sessionId: session.id,
    container,
    types: args.texts("type"),
    recursive: args.flag("recursive"),
    members: [],
  });
  return refer(ref);
}

/** @throws VimFault ManagedObjectNotFound */
function existing(ref: MoRef, call: Call): ManagedObject {
  const found = findObject(ref, call);
  if (!found) throw managedObjectNotFound(ref);
  return found;
}

/** The option of a name, or those below it where the name ends in a dot; all of them without a name. */
function queryOptions(args: Arguments, { view }: Call): VimValue {
  const name = args.text("name");
  const found = options(view).filter(
    ([key]) => name === "" || key === name || (name.endsWith(".") && key.startsWith(name)),
  );
  if (found.length === 0) {
    throw new VimFault("InvalidName", `The name '${name}' is invalid.`, [["name", text(name)]]);
  }
  return list(
    "OptionValue",
    found.map(([key, value]) =>
      object("OptionValue", [
        ["key", text(key)],
        ["value", any(value)],
      ]),
    ),
  );
}

function options({ node, group, sessions }: NodeView): readonly (readonly [key: string, value: VimValue])[] {
  const base = `https://127.0.0.1:${node.port}`;
  const { ssoDomain } = group;
  return [
    ["VirtualCenter.InstanceName", text(node.instanceName)],
    ["VirtualCenter.FQDN", text(node.instanceName)],
    ["config.vmacore.soap.maxSessionCount", int(sessions.rules.maxSessions)],
    ["config.vmacore.soap.sessionTimeout", int(Math.round(sessions.rules.idleMs / 1000))],
    ["config.vpxd.sso.admin.uri", text(`${base}/sso-adminserver/sdk/${ssoDomain}`)],
    ["config.vpxd.sso.groupcheck.uri", text(`${base}/sso-adminserver/sdk/${ssoDomain}`)],
    ["config.vpxd.sso.lookupService.uri", text(`${base}/lookupservice/sdk`)],
    ["config.vpxd.sso.sts.uri", text(`${base}/sts/STSService/${ssoDomain}`)],
  ];
}

/** The entity at a path such as `Datacenter/vm/web-01`; the root folder has the empty path. */
function findByPath(path: string, { inventory }: NodeView): VimValue | undefined {
  const all = [...entities(inventory).values()];
  const pathOf = (each: ManagedObject): string => {
    const parent = each.properties.get("parent")?.read();
    const above =
      parent?.kind === "reference" ? all.find(({ ref }) => ref.value === parent.value.value) : undefined;
    if (!above) return "";
    const name = each.properties.get("name")?.read();
    return `${pathOf(above)}/${name?.kind === "simple" ? String(name.value) : ""}`;
  };
  const wanted = path.replace(/^\/*|\/*$/g, "");
  const found = all.find((each) => pathOf(each).slice(1) === wanted);
  return found && refer(found.ref);
}
