import { randomUUID } from "node:crypto";

export type FolderType = "DATACENTER" | "DATASTORE" | "HOST" | "NETWORK" | "VIRTUAL_MACHINE";
export type PowerState = "POWERED_ON" | "POWERED_OFF" | "SUSPENDED";

/** A managed object with a name and a place. IDs are the values of its managed object reference. */
interface Placed {
  readonly id: string;
  readonly name: string;
}

export interface InventoryFolder extends Placed {
  readonly type: FolderType;
  /** A folder or the datacenter; undefined for the root folder. */
  readonly parent: string | undefined;
  /** `vim.Tag` keys. */
  readonly tags: readonly string[];
}

export interface InventoryDatacenter extends Placed {
  readonly parent: string;
  readonly vmFolder: string;
  readonly hostFolder: string;
  readonly datastoreFolder: string;
  readonly networkFolder: string;
}

export interface InventoryCluster extends Placed {
  readonly parent: string;
  readonly resourcePool: string;
  readonly drsEnabled: boolean;
  readonly haEnabled: boolean;
}

export interface InventoryHost extends Placed {
  readonly cluster: string;
}

export interface InventoryVm extends Placed {
  readonly folder: string;
  readonly host: string;
  readonly guestOs: string;
  readonly cpuCount: number;
  readonly memoryMiB: number;
  readonly instanceUuid: string;
  powerState: PowerState;
}

/** What one vCenter manages. vAPI and VIM show the same objects. */
export interface Inventory {
  /** The first is the root folder. */
  readonly folders: readonly InventoryFolder[];
  readonly datacenter: InventoryDatacenter;
  readonly cluster: InventoryCluster;
  readonly hosts: readonly InventoryHost[];
  readonly vms: readonly InventoryVm[];
}

const ROOT_FOLDER = "group-d1";

export function createInventory(): Inventory {
  const datacenter: InventoryDatacenter = {
    id: "datacenter-2",
    name: "Datacenter",
    parent: ROOT_FOLDER,
    vmFolder: "group-v3",
    hostFolder: "group-h4",
    datastoreFolder: "group-s5",
    networkFolder: "group-n6",
  };
  const folder = (
    id: string,
    name: string,
    type: FolderType,
    parent: string | undefined,
    tags: readonly string[] = [],
  ): InventoryFolder => ({ id, name, type, parent, tags });
  const vm = (
    id: string,
    name: string,
    powerState: PowerState,
    cpuCount: number,
    memoryMiB: number,
  ): InventoryVm => ({
    id,
    name,
    powerState,
    cpuCount,
    memoryMiB,
    folder: datacenter.vmFolder,
    host: "host-10",
    guestOs: "OTHER_LINUX_64",
    instanceUuid: randomUUID(),
  });
  return {
    folders: [
      folder(ROOT_FOLDER, "Datacenters", "DATACENTER", undefined),
      folder("group-d3", "Lab", "DATACENTER", ROOT_FOLDER, ["SYSTEM/COM.VMWARE.VIM.VC", "lab"]),
      folder(datacenter.vmFolder, "vm", "VIRTUAL_MACHINE", datacenter.id),
      folder(datacenter.hostFolder, "host", "HOST", datacenter.id),
      folder(datacenter.datastoreFolder, "datastore", "DATASTORE", datacenter.id),
      folder(datacenter.networkFolder, "network", "NETWORK", datacenter.id),
    ],
    datacenter,
    cluster: {
      id: "domain-c8",
      name: "Cluster-01",
      parent: datacenter.hostFolder,
      resourcePool: "resgroup-9",
      drsEnabled: true,
      haEnabled: false,
    },
    hosts: [{ id: "host-10", name: "esx01.sim.example", cluster: "domain-c8" }],
    vms: [
      vm("vm-11", "web-01", "POWERED_ON", 2, 4096),
      vm("vm-12", "web-02", "POWERED_OFF", 2, 4096),
      vm("vm-13", "db-01", "POWERED_ON", 4, 16_384),
    ],
  };
}
