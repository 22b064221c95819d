import { invalidArgument } from "../fault.ts";
import { isList, isObject, JsonNumber } from "../json.ts";
import { type Input, type Operation, textField } from "../operation.ts";
import type { LogServer } from "./appliance-settings.ts";

const BOTH = ["vcenter", "appliance"] as const;
const HEALTH: readonly string[] = [
  "system",
  "applmgmt",
  "load",
  "mem",
  "storage",
  "swap",
  "database-storage",
  "software-packages",
];
const PROTOCOLS: readonly string[] = ["TLS", "TCP", "UDP", "RELP"];

function health(item: string): Operation {
  return {
    service: `com.vmware.appliance.health.${item.replace("-", "")}`,
    operation: "get",
    rest: [`GET /api/appliance/health/${item}`, `GET /rest/appliance/health/${item}`],
    rpc: "plain",
    doors: BOTH,
    run: () => "green",
  };
}

/** @throws VapiFault for what is no list of servers. */
function logServers(input: Input): LogServer[] {
  const list = input.get("cfg_list");
  return (isList(list) ? list : []).map((entry) => {
    if (!isObject(entry)) throw invalidArgument("A server is a structure of hostname, port and protocol.");
    const [hostname, protocol, port] = [
      textField(entry, "hostname"),
      textField(entry, "protocol"),
      entry.get("port"),
    ];
    const number = port instanceof JsonNumber && port.isInteger ? port.value : 0;
    if (hostname === "" || !PROTOCOLS.includes(protocol) || number < 1 || number > 65_535) {
      throw invalidArgument("A server has a hostname, a port and a protocol.");
    }
    return { hostname, port: number, protocol };
  });
}

export const APPLIANCE_OPERATIONS: readonly Operation[] = [
  ...HEALTH.map(health),
  {
    service: "com.vmware.appliance.system.version",
    operation: "get",
    rest: ["GET /api/appliance/system/version", "GET /rest/appliance/system/version"],
    doors: BOTH,
    run: ({ door }) => {
      const { version, build } = door.view.group.release;
      return {
        version: `${version}.00000`,
        build,
        product: "VMware vCenter Server",
        type: "vCenter Server with an embedded Platform Services Controller",
        summary: "",
        releasedate: "2024-06-25",
        install_time: "",
      };
    },
  },
  {
    service: "com.vmware.appliance.logging.forwarding",
    operation: "get",
    rest: ["GET /api/appliance/logging/forwarding", "GET /rest/appliance/logging/forwarding"],
    doors: BOTH,
    run: ({ door }) => door.view.vapi.appliance.logServers,
  },
  {
    service: "com.vmware.appliance.logging.forwarding",
    operation: "set",
    rest: ["PUT /api/appliance/logging/forwarding", "PUT /rest/appliance/logging/forwarding"],
    doors: BOTH,
    fields: { cfg_list: "list of structures" },
    run: ({ door, input }) => {
      door.view.vapi.appliance.logServers = logServers(input);
    },
  },
  {
    service: "com.vmware.appliance.logging.forwarding",
    operation: "test",
    rest: [
      "POST /api/appliance/logging/forwarding?action=test",
      "POST /rest/appliance/logging/forwarding?action=test",
    ],
    doors: BOTH,
    fields: { "send_test_message?": "boolean" },
    run: ({ door }) => door.view.vapi.appliance.logServers.map(({ hostname }) => ({ hostname, state: "UP" })),
  },
  {
    service: "com.vmware.appliance.system.security.global_fips",
    operation: "get",
    rest: ["GET /api/appliance/system/global-fips", "GET /rest/appliance/system/global-fips"],
    doors: BOTH,
    run: ({ door }) => ({ enabled: door.view.vapi.appliance.fips }),
  },
  {
    service: "com.vmware.appliance.system.security.global_fips",
    operation: "update",
    rest: ["PUT /api/appliance/system/global-fips", "PUT /rest/appliance/system/global-fips"],
    doors: BOTH,
    fields: { enabled: "boolean" },
    run: ({ door, input }) => {
      door.view.vapi.appliance.fips = input.get("enabled") === true;
    },
  },
  {
    service: "com.vmware.appliance.update",
    operation: "get",
    rest: ["GET /api/appliance/update", "GET /rest/appliance/update"],
    doors: BOTH,
    run: ({ door }) => ({
      state: "UP_TO_DATE",
      version: `${door.view.group.release.version}.00000`,
      latest_query_time: new Date(door.view.now - 3_600_000).toISOString(),
    }),
  },
  {
    service: "com.vmware.appliance.update.pending",
    operation: "list",
    rest: ["GET /api/appliance/update/pending", "GET /rest/appliance/update/pending"],
    doors: BOTH,
    fields: { source_type: "string", "url?": "string" },
    run: () => [],
  },
];
