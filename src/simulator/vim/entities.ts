import type {
  FolderType,
  Inventory,
  InventoryFolder,
  InventoryHost,
  InventoryVm,
  PowerState,
} from "../inventory.ts";
import type { MoRef } from "../vmomi.ts";
import { type ManagedObject, managed, type Property } from "./managed-object.ts";
import {
  enumeration,
  flag,
  int,
  list,
  type ObjectValue,
  object,
  refer,
  reference,
  references,
  text,
  texts,
  type VimField,
  type VimValue,
} from "./value.ts";

const CHILD_TYPES: Readonly<Record<FolderType, readonly string[]>> = {
  DATACENTER: ["Folder", "Datacenter"],
  DATASTORE: ["Folder", "Datastore", "StoragePod"],
  HOST: ["Folder", "ComputeResource"],
  NETWORK: ["Folder", "Network", "DistributedVirtualSwitch"],
  VIRTUAL_MACHINE: ["Folder", "VirtualMachine", "VirtualApp"],
};

const POWER: Readonly<Record<PowerState, string>> = {
  POWERED_ON: "poweredOn",
  POWERED_OFF: "poweredOff",
  SUSPENDED: "suspended",
};

/** Identifiers of guest systems: what vAPI says, and what VIM says. */
const GUESTS: ReadonlyMap<string, string> = new Map([["OTHER_LINUX_64", "otherLinux64Guest"]]);

/** Every entity of the inventory, by the value of its reference. */
export function entities(inventory: Inventory): ReadonlyMap<string, ManagedObject> {
  const { folders, cluster, hosts, vms } = inventory;
  const all = [
    ...folders.map((each) => folder(each, inventory)),
    datacenterObject(inventory),
    clusterObject(inventory),
    entity({ type: "ResourcePool", value: cluster.resourcePool }, [], {
      name: "Resources",
      parent: { type: "ClusterComputeResource", value: cluster.id },
      own: {
        owner: () => reference("ClusterComputeResource", cluster.id),
        resourcePool: () => references([]),
        vm: () => references(vms.map(vmRef)),
      },
    }),
    ...hosts.map((each) => host(each, inventory)),
    ...vms.map((each) => virtualMachine(each, inventory)),
  ];
  return new Map(all.map((each) => [each.ref.value, each]));
}

interface EntityFacts {
  readonly name: string;
  readonly parent: MoRef | undefined;
  readonly tags?: readonly string[];
  readonly own: Readonly<Record<string, () => VimValue | undefined>>;
}

function entity(ref: MoRef, bases: readonly string[], facts: EntityFacts): ManagedObject {
  const { name, parent, tags = [], own } = facts;
  const common: EntityFacts["own"] = {
    parent: () => parent && refer(parent),
    customValue: () => list("CustomFieldValue", []),
    overallStatus: () => enumeration("ManagedEntityStatus", "green"),
    configStatus: () => enumeration("ManagedEntityStatus", "green"),
    configIssue: () => list("Event", []),
    effectiveRole: () => list("int", [int(-1)]),
    permission: () => list("Permission", []),
    name: () => text(name),
    disabledMethod: () => texts([]),
    recentTask: () => references([]),
    declaredAlarmState: () => list("AlarmState", []),
    triggeredAlarmState: () => list("AlarmState", []),
    alarmActionsEnabled: () => flag(true),
    tag: () =>
      list(
        "Tag",
        tags.map((key) => object("Tag", [["key", text(key)]])),
      ),
  };
  const properties = Object.entries({ ...common, ...own }).map(([key, read]): readonly [string, Property] => [
    key,
    { privilege: "System.View", read },
  ]);
  return managed(ref, [...bases, "ManagedEntity", "ExtensibleManagedObject"], Object.fromEntries(properties));
}

function folder(each: InventoryFolder, inventory: Inventory): ManagedObject {
  const { folders, datacenter, cluster, vms } = inventory;
  const children: MoRef[] = [
    ...folders.filter(({ parent }) => parent === each.id).map(({ id }) => folderRef(id)),
    ...(datacenter.parent === each.id ? [{ type: "Datacenter", value: datacenter.id }] : []),
    ...(cluster.parent === each.id ? [{ type: "ClusterComputeResource", value: cluster.id }] : []),
    ...vms.filter((vm) => vm.folder === each.id).map(vmRef),
  ];
  const { parent } = each;
  const above =
    parent === datacenter.id ? { type: "Datacenter", value: parent } : parent && folderRef(parent);
  return entity(folderRef(each.id), [], {
    name: each.name,
    parent: above || undefined,
    tags: each.tags,
    own: {
      ...notSet("namespace"),
      childType: () => texts(CHILD_TYPES[each.type]),
      childEntity: () => references(children),
    },
  });
}

function datacenterObject({ datacenter }: Inventory): ManagedObject {
  return entity({ type: "Datacenter", value: datacenter.id }, [], {
    name: datacenter.name,
    parent: folderRef(datacenter.parent),
    own: {
      vmFolder: () => refer(folderRef(datacenter.vmFolder)),
      hostFolder: () => refer(folderRef(datacenter.hostFolder)),
      datastoreFolder: () => refer(folderRef(datacenter.datastoreFolder)),
      networkFolder: () => refer(folderRef(datacenter.networkFolder)),
      datastore: () => references([]),
      network: () => references([]),
    },
  });
}

function clusterObject({ cluster, hosts }: Inventory): ManagedObject {
  return entity({ type: "ClusterComputeResource", value: cluster.id }, ["ComputeResource"], {
    name: cluster.name,
    parent: folderRef(cluster.parent),
    own: {
      resourcePool: () => reference("ResourcePool", cluster.resourcePool),
      host: () => references(hosts.map(({ id }) => ({ type: "HostSystem", value: id }))),
      datastore: () => references([]),
      network: () => references([]),
    },
  });
}

function host(each: InventoryHost, { vms }: Inventory): ManagedObject {
  return entity({ type: "HostSystem", value: each.id }, [], {
    name: each.name,
    parent: { type: "ClusterComputeResource", value: each.cluster },
    own: {
      vm: () => references(vms.filter((vm) => vm.host === each.id).map(vmRef)),
      datastore: () => references([]),
      network: () => references([]),
      runtime: () =>
        object("HostRuntimeInfo", [
          ["connectionState", enumeration("HostSystemConnectionState", "connected")],
          ["powerState", enumeration("HostSystemPowerState", "poweredOn")],
          ["inMaintenanceMode", flag(false)],
        ]),
      ...notSet("capability", "config", "hardware", "summary", "systemResources"),
    },
  });
}

function virtualMachine(each: InventoryVm, { cluster }: Inventory): ManagedObject {
  const runtime = (): ObjectValue =>
    object("VirtualMachineRuntimeInfo", [
      ["host", reference("HostSystem", each.host)],
      ["connectionState", enumeration("VirtualMachineConnectionState", "connected")],
      ["powerState", enumeration("VirtualMachinePowerState", POWER[each.powerState])],
      ["toolsInstallerMounted", flag(false)],
      ["numMksConnections", int(0)],
    ]);
  const guestId = GUESTS.get(each.guestOs) ?? "otherGuest64";
  const size: readonly VimField[] = [
    ["memorySizeMB", int(each.memoryMiB)],
    ["numCpu", int(each.cpuCount)],
  ];
  return entity(vmRef(each), [], {
    name: each.name,
    parent: folderRef(each.folder),
    own: {
      runtime,
      summary: () =>
        object("VirtualMachineSummary", [
          ["vm", refer(vmRef(each))],
          ["runtime", runtime()],
          ["guest", object("VirtualMachineGuestSummary", [["guestId", text(guestId)]])],
          [
            "config",
            object("VirtualMachineConfigSummary", [
              ["name", text(each.name)],
              ["template", flag(false)],
              ["vmPathName", text(`[datastore] ${each.name}/${each.name}.vmx`)],
              ...size,
              ["uuid", text(each.instanceUuid)],
              ["instanceUuid", text(each.instanceUuid)],
              ["guestId", text(guestId)],
            ]),
          ],
          [
            "quickStats",
            object("VirtualMachineQuickStats", [
              ["guestHeartbeatStatus", enumeration("ManagedEntityStatus", "gray")],
            ]),
          ],
          ["overallStatus", enumeration("ManagedEntityStatus", "green")],
        ]),
      config: () =>
        object("VirtualMachineConfigInfo", [
          ["changeVersion", text("1")],
          ["name", text(each.name)],
          ["guestFullName", text(guestId)],
          ["version", text("vmx-21")],
          ["uuid", text(each.instanceUuid)],
          ["instanceUuid", text(each.instanceUuid)],
          ["template", flag(false)],
          ["guestId", text(guestId)],
          [
            "hardware",
            object("VirtualHardware", [
              ["numCPU", int(each.cpuCount)],
              ["memoryMB", int(each.memoryMiB)],
            ]),
          ],
        ]),
      guest: () =>
        object("GuestInfo", [
          ["toolsRunningStatus", text("guestToolsNotRunning")],
          ["guestState", text("notRunning")],
        ]),
      guestHeartbeatStatus: () => enumeration("ManagedEntityStatus", "gray"),
      resourcePool: () => reference("ResourcePool", cluster.resourcePool),
      ...notSet("capability", "environmentBrowser", "layout", "layoutEx", "parentVApp"),
      ...notSet("resourceConfig", "snapshot", "storage"),
      datastore: () => references([]),
      network: () => references([]),
      rootSnapshot: () => references([]),
    },
  });
}

/** Properties that there are, without a value. */
function notSet(...names: readonly string[]): EntityFacts["own"] {
  return Object.fromEntries(names.map((name) => [name, () => undefined]));
}

function folderRef(value: string): MoRef {
  return { type: "Folder", value };
}

function vmRef({ id }: Pick<InventoryVm, "id">): MoRef {
  return { type: "VirtualMachine", value: id };
}
