import type { InventoryVm } from "../../inventory.ts";
import { invalidArgument, notFound, type StandardError, VapiFault } from "../fault.ts";
import { type Input, type Invocation, type Operation, textField, textsField } from "../operation.ts";
import { optional, type RpcType } from "../rpc-value.ts";

const VM_SUMMARY: RpcType = {
  list: {
    structure: "com.vmware.vcenter.VM.summary",
    fields: {
      vm: "plain",
      name: "plain",
      power_state: "plain",
      cpu_count: optional(),
      memory_size_MiB: optional(),
    },
  },
};

/** Whether an object passes a filter: each field that is given has to name it. */
function passes(input: Input, values: Readonly<Record<string, string | undefined>>): boolean {
  return Object.entries(values).every(([field, value]) => {
    const wanted = textsField(input, field);
    return wanted === undefined || wanted.length === 0 || (value !== undefined && wanted.includes(value));
  });
}

function listVms({ door, input }: Invocation): object[] {
  const { vms, cluster, datacenter } = door.view.inventory;
  const states = textsField(input, "power_states") ?? [];
  if (states.some((state) => !["POWERED_ON", "POWERED_OFF", "SUSPENDED"].includes(state))) {
    throw invalidArgument("power_states has a state that there is not.");
  }
  return vms
    .filter((vm) =>
      passes(input, {
        vms: vm.id,
        names: vm.name,
        folders: vm.folder,
        hosts: vm.host,
        clusters: cluster.id,
        datacenters: datacenter.id,
        power_states: vm.powerState,
      }),
    )
    .map((vm) => ({
      vm: vm.id,
      name: vm.name,
      power_state: vm.powerState,
      cpu_count: vm.cpuCount,
      memory_size_MiB: vm.memoryMiB,
    }));
}

function findVm({ door, input }: Invocation): InventoryVm {
  const id = textField(input, "vm");
  const found = door.view.inventory.vms.find((vm) => vm.id === id);
  if (!found) throw notFound("virtual machine", id);
  return found;
}

function vmDetail(vm: InventoryVm): object {
  return {
    name: vm.name,
    power_state: vm.powerState,
    guest_OS: vm.guestOs,
    cpu: { count: vm.cpuCount, cores_per_socket: 1, hot_add_enabled: false, hot_remove_enabled: false },
    memory: { size_MiB: vm.memoryMiB, hot_add_enabled: false },
    hardware: { version: "VMX_19", upgrade_policy: "NEVER", upgrade_status: "NONE" },
    identity: { name: vm.name, instance_uuid: vm.instanceUuid, bios_uuid: vm.instanceUuid },
    instant_clone_frozen: false,
    boot: { type: "BIOS", delay: 0, retry: false, retry_delay: 10_000, enter_setup_mode: false },
    boot_devices: [],
    disks: {},
    nics: {},
    cdroms: {},
    floppies: {},
    parallel_ports: {},
    serial_ports: {},
    sata_adapters: {},
    scsi_adapters: {},
  };
}

/** Power operations refuse a machine that is in that state already; some want one that is switched on. */
function power(operation: "start" | "stop" | "suspend" | "reset"): Operation {
  return {
    service: "com.vmware.vcenter.vm.power",
    operation,
    rest: [
      `POST /api/vcenter/vm/{vm}/power?action=${operation}`,
      `POST /rest/vcenter/vm/{vm}/power/${operation}`,
    ],
    rpc: "plain",
    fields: { vm: "string" },
    run: (call) => {
      const vm = findVm(call);
      const target = {
        start: "POWERED_ON",
        stop: "POWERED_OFF",
        suspend: "SUSPENDED",
        reset: "POWERED_ON",
      } as const;
      if (operation !== "reset" && vm.powerState === target[operation]) {
        throw powerFault("already_in_desired_state", "already_in_state", vm, "already");
      }
      if ((operation === "reset" || operation === "suspend") && vm.powerState !== "POWERED_ON") {
        throw powerFault("not_allowed_in_current_state", "not_powered_on", vm, "and not POWERED_ON");
      }
      vm.powerState = target[operation];
    },
  };
}

function powerFault(kind: StandardError, id: string, vm: InventoryVm, how: string): VapiFault {
  const text = `Virtual machine ${vm.name} is ${vm.powerState} ${how}.`;
  return new VapiFault(kind, `com.vmware.api.vcenter.vm.power.${id}`, text, [vm.name]);
}

export const INVENTORY_OPERATIONS: readonly Operation[] = [
  {
    service: "com.vmware.vcenter.VM",
    operation: "list",
    rest: ["GET /api/vcenter/vm", "GET /rest/vcenter/vm"],
    rpc: VM_SUMMARY,
    parameter: "filter",
    fields: {
      "vms?": "list of strings",
      "names?": "list of strings",
      "folders?": "list of strings",
      "datacenters?": "list of strings",
      "hosts?": "list of strings",
      "clusters?": "list of strings",
      "power_states?": "list of strings",
    },
    run: listVms,
  },
  {
    service: "com.vmware.vcenter.VM",
    operation: "get",
    rest: ["GET /api/vcenter/vm/{vm}", "GET /rest/vcenter/vm/{vm}"],
    fields: { vm: "string" },
    run: (call) => vmDetail(findVm(call)),
  },
  {
    service: "com.vmware.vcenter.vm.power",
    operation: "get",
    rest: ["GET /api/vcenter/vm/{vm}/power", "GET /rest/vcenter/vm/{vm}/power"],
    rpc: { structure: "com.vmware.vcenter.vm.power.info", fields: { state: "plain" } },
    fields: { vm: "string" },
    run: (call) => ({ state: findVm(call).powerState }),
  },
  power("start"),
  power("stop"),
  power("suspend"),
  power("reset"),
  {
    service: "com.vmware.vcenter.cluster",
    operation: "list",
    rest: ["GET /api/vcenter/cluster", "GET /rest/vcenter/cluster"],
    rpc: {
      list: {
        structure: "com.vmware.vcenter.cluster.summary",
        fields: { cluster: "plain", name: "plain", ha_enabled: "plain", drs_enabled: "plain" },
      },
    },
    parameter: "filter",
    fields: {
      "clusters?": "list of strings",
      "names?": "list of strings",
      "folders?": "list of strings",
      "datacenters?": "list of strings",
    },
    run: ({ door, input }) => {
      const { cluster, datacenter } = door.view.inventory;
      const { id, name, drsEnabled, haEnabled, parent } = cluster;
      return passes(input, { clusters: id, names: name, folders: parent, datacenters: datacenter.id })
        ? [{ cluster: id, name, ha_enabled: haEnabled, drs_enabled: drsEnabled }]
        : [];
    },
  },
  {
    service: "com.vmware.vcenter.cluster",
    operation: "get",
    rest: ["GET /api/vcenter/cluster/{cluster}", "GET /rest/vcenter/cluster/{cluster}"],
    fields: { cluster: "string" },
    run: ({ door, input }) => {
      const { cluster } = door.view.inventory;
      const id = textField(input, "cluster");
      if (id !== cluster.id) throw notFound("cluster", id);
      return { name: cluster.name, resource_pool: cluster.resourcePool };
    },
  },
  {
    service: "com.vmware.vcenter.folder",
    operation: "list",
    rest: ["GET /api/vcenter/folder", "GET /rest/vcenter/folder"],
    parameter: "filter",
    fields: {
      "folders?": "list of strings",
      "names?": "list of strings",
      "type?": "string",
      "parent_folders?": "list of strings",
      "datacenters?": "list of strings",
    },
    run: ({ door, input }) => {
      const { folders, datacenter } = door.view.inventory;
      return folders
        .filter(({ id, name, type, parent }) =>
          passes(input, {
            folders: id,
            names: name,
            type,
            parent_folders: parent,
            datacenters: parent === datacenter.id ? datacenter.id : undefined,
          }),
        )
        .map(({ id, name, type }) => ({ folder: id, name, type }));
    },
  },
  {
    service: "com.vmware.vcenter.datacenter",
    operation: "list",
    rest: ["GET /api/vcenter/datacenter", "GET /rest/vcenter/datacenter"],
    parameter: "filter",
    fields: { "datacenters?": "list of strings", "names?": "list of strings", "folders?": "list of strings" },
    run: ({ door, input }) => {
      const { id, name, parent } = door.view.inventory.datacenter;
      return passes(input, { datacenters: id, names: name, folders: parent })
        ? [{ datacenter: id, name }]
        : [];
    },
  },
  {
    service: "com.vmware.vcenter.host",
    operation: "list",
    rest: ["GET /api/vcenter/host", "GET /rest/vcenter/host"],
    parameter: "filter",
    fields: { "hosts?": "list of strings", "names?": "list of strings", "clusters?": "list of strings" },
    run: ({ door, input }) =>
      door.view.inventory.hosts
        .filter(({ id, name, cluster }) => passes(input, { hosts: id, names: name, clusters: cluster }))
        .map(({ id, name }) => ({
          host: id,
          name,
          connection_state: "CONNECTED",
          power_state: "POWERED_ON",
        })),
  },
  {
    service: "com.vmware.vcenter.compute.policies",
    operation: "list",
    rest: ["GET /api/vcenter/compute/policies", "GET /rest/vcenter/compute/policies"],
    parameter: "filter",
    fields: { "policies?": "list of strings" },
    run: () => [],
  },
];
