import { vimVersions } from "../../release.ts";
import { invalidArgument, notAllowed, notFound, operationNotFound } from "../fault.ts";
import { type Input, type Invocation, type Operation, textField, textsField } from "../operation.ts";
import { optional, type RpcType } from "../rpc-value.ts";

const MAX_RELEASES = 128;
const MAX_RELEASE_LENGTH = 64;
const HELLO_SINCE = "8.0.2.0";
const TAG_CATEGORY = "urn:vmomi:InventoryServiceCategory:5b7a3f52-6d0c-4c44-a1d4-3b7a3f6f2a01:GLOBAL";
const TAG = "urn:vmomi:InventoryServiceTag:8a1e6d1e-5a0f-4f0e-9d9e-7f6f3a6f2a02:GLOBAL";

/** The first release that the client prefers and the server speaks; empty where there is none. */
function hello({ door, input }: Invocation): object {
  const versions = vimVersions(door.view.group.release);
  if (!versions.includes(HELLO_SINCE)) throw operationNotFound("The operation hello does not exist.");
  const asked = textsField(input, "api_releases") ?? [];
  if (asked.length > MAX_RELEASES || asked.some((release) => release.length > MAX_RELEASE_LENGTH)) {
    throw invalidArgument(
      `At most ${MAX_RELEASES} releases of ${MAX_RELEASE_LENGTH} characters are compared.`,
    );
  }
  const known = versions.filter((version) => /^\d+\.\d+\.\d+\.\d+$/.test(version) && version >= "8.0.1.0");
  return { api_release: asked.find((release) => known.includes(release)) ?? "" };
}

const HISTORY_DOORS = ["vcenter", "appliance"] as const;

function historyAction(action: "pause" | "resume" | "cancel"): Operation {
  return {
    service: "com.vmware.vcenter.deployment.history",
    operation: action,
    rest: [
      `POST /rest/vcenter/deployment/history?action=${action}`,
      `POST /api/vcenter/deployment/history?action=${action}`,
    ],
    doors: HISTORY_DOORS,
    run: () => {
      throw notAllowed("No history is being imported.");
    },
  };
}

function install(kind: "install" | "upgrade", action: "check" | "start"): Operation {
  return {
    service: `com.vmware.vcenter.deployment.${kind}`,
    operation: action,
    rest: [
      `POST /rest/vcenter/deployment/${kind}?action=${action}`,
      `POST /api/vcenter/deployment/${kind}?action=${action}`,
    ],
    doors: ["appliance"],
    fields: "any",
    run: () => {
      throw notAllowed("The appliance is configured already.");
    },
  };
}

/** ID of the one category there is. */
function categoryOf(input: Input, field: string): string {
  const id = textField(input, field);
  if (id !== TAG_CATEGORY) throw notFound("category", id);
  return id;
}

const taskFields = { task: "string" } as const;
const BOTH = ["vcenter", "appliance"] as const;
const MESSAGE: RpcType = {
  structure: "com.vmware.vapi.std.localizable_message",
  fields: { id: "plain", default_message: "plain", args: { list: "plain" } },
};

export const VCENTER_OPERATIONS: readonly Operation[] = [
  {
    service: "com.vmware.vcenter.system",
    operation: "hello",
    rest: ["POST /api/vcenter/system?action=hello"],
    access: "anybody",
    fields: { api_releases: "list of strings" },
    run: hello,
  },
  {
    service: "com.vmware.vcenter.certificate_management.vcenter.signing_certificate",
    operation: "get",
    rest: ["GET /api/vcenter/certificate-management/vcenter/signing-certificate"],
    access: "administrators",
    run: ({ door }) => {
      const { leaf, expiredLeaf, authority } = door.view.sso.signing;
      const active = door.view.faults.expiredSigningCertificate ? expiredLeaf : leaf;
      const chain = { cert_chain: [active.toString(), authority.toString()] };
      return { active_cert_chain: chain, signing_cert_chains: [chain] };
    },
  },
  {
    service: "com.vmware.vcenter.deployment",
    operation: "get",
    rest: ["GET /rest/vcenter/deployment", "GET /api/vcenter/deployment"],
    doors: ["appliance"],
    run: () => ({
      state: "CONFIGURED",
      operation: "INSTALL",
      status: "SUCCEEDED",
      progress: {
        total: 100,
        completed: 100,
        message: { id: "com.vmware.vcenter.deployment", default_message: "Task has completed.", args: [] },
      },
      cancelable: false,
      service: "com.vmware.vcenter.deployment",
    }),
  },
  install("install", "check"),
  install("install", "start"),
  install("upgrade", "check"),
  install("upgrade", "start"),
  {
    service: "com.vmware.vcenter.deployment.history",
    operation: "get",
    rest: ["GET /rest/vcenter/deployment/history", "GET /api/vcenter/deployment/history"],
    doors: HISTORY_DOORS,
    access: "administrators",
    run: () => ({ data_type: "NONE", status: "SUCCEEDED", cancelable: false }),
  },
  historyAction("pause"),
  historyAction("resume"),
  historyAction("cancel"),
  {
    service: "com.vmware.vcenter.lcm.discovery.product_catalog",
    operation: "list",
    rest: [
      "GET /api/vcenter/lcm/discovery/product-catalog",
      "GET /rest/vcenter/lcm/discovery/product-catalog",
    ],
    run: () => [
      { installed_product: "VC", name: "VMware vCenter Server", versions: ["8.0"], auto: true },
      {
        installed_product: "VRO",
        name: "VMware Aria Automation Orchestrator",
        versions: ["8.18"],
        auto: false,
      },
    ],
  },
  {
    service: "com.vmware.vcenter.lcm.discovery.associated_products",
    operation: "list",
    rest: [
      "GET /api/vcenter/lcm/discovery/associated-products",
      "GET /rest/vcenter/lcm/discovery/associated-products",
    ],
    run: () => [],
  },
  {
    service: "com.vmware.vcenter.lcm.discovery.interop_report",
    operation: "create",
    rest: ["POST /api/vcenter/lcm/discovery/interop-report"],
    task: "only",
    fields: "any",
    run: ({ door, user }) =>
      door.view.vapi.tasks.start({
        service: "com.vmware.vcenter.lcm.discovery.interop_report",
        operation: "create$task",
        description: "Compare the versions of associated products",
        user,
        now: door.view.now,
        outcome: { issues: { errors: [], warnings: [] }, result: { report: { products: [] } } },
      }),
  },
  {
    service: "com.vmware.cis.tasks",
    operation: "list",
    rest: ["GET /api/cis/tasks", "GET /rest/cis/tasks"],
    doors: BOTH,
    parameter: "filter_spec",
    fields: { "tasks?": "list of strings", "services?": "list of strings" },
    run: ({ door, input }) => {
      const filter = { ids: textsField(input, "tasks"), services: textsField(input, "services") };
      return door.view.vapi.tasks.list(filter, door.view.now);
    },
  },
  {
    service: "com.vmware.cis.tasks",
    operation: "get",
    rest: ["GET /api/cis/tasks/{task}", "GET /rest/cis/tasks/{task}"],
    rpc: {
      structure: "com.vmware.cis.task.info",
      fields: {
        description: MESSAGE,
        service: "plain",
        operation: "plain",
        status: "plain",
        cancelable: "plain",
        user: optional(),
        start_time: optional(),
        end_time: optional(),
        result: optional(),
        progress: optional({
          structure: "com.vmware.cis.task.progress",
          fields: { total: "plain", completed: "plain", message: MESSAGE },
        }),
      },
    },
    doors: BOTH,
    fields: taskFields,
    run: ({ door, input }) => door.view.vapi.tasks.get(textField(input, "task"), door.view.now),
  },
  {
    service: "com.vmware.cis.tasks",
    operation: "cancel",
    rest: ["POST /api/cis/tasks/{task}?action=cancel", "POST /rest/cis/tasks/{task}?action=cancel"],
    rpc: "plain",
    doors: BOTH,
    fields: taskFields,
    run: ({ door, input }) => door.view.vapi.tasks.cancel(textField(input, "task"), door.view.now),
  },
  {
    service: "com.vmware.cis.tagging.category",
    operation: "list",
    rest: ["GET /api/cis/tagging/category", "GET /rest/com/vmware/cis/tagging/category"],
    run: () => [TAG_CATEGORY],
  },
  {
    service: "com.vmware.cis.tagging.category",
    operation: "get",
    rest: [
      "GET /api/cis/tagging/category/{category}",
      "GET /rest/com/vmware/cis/tagging/category/{category}",
    ],
    fields: { category: "string" },
    run: ({ input }) => {
      const id = categoryOf(input, "category");
      return { id, name: "stage", description: "", cardinality: "SINGLE", associable_types: [], used_by: [] };
    },
  },
  {
    service: "com.vmware.cis.tagging.tag",
    operation: "list",
    rest: ["GET /api/cis/tagging/tag", "GET /rest/com/vmware/cis/tagging/tag"],
    run: () => [TAG],
  },
  {
    service: "com.vmware.cis.tagging.tag",
    operation: "list_tags_for_category",
    rest: [
      "POST /api/cis/tagging/tag?action=list-tags-for-category",
      "POST /rest/com/vmware/cis/tagging/tag/{category_id}?~action=list-tags-for-category",
    ],
    access: "users",
    fields: { category_id: "string" },
    run: ({ input }) => {
      categoryOf(input, "category_id");
      return [TAG];
    },
  },
  {
    service: "com.vmware.cis.tagging.tag",
    operation: "get",
    rest: ["GET /api/cis/tagging/tag/{tag}", "GET /rest/com/vmware/cis/tagging/tag/{tag}"],
    fields: { tag: "string" },
    run: ({ input }) => {
      const id = textField(input, "tag");
      if (id !== TAG) throw notFound("tag", id);
      return { id, category_id: TAG_CATEGORY, name: "production", description: "", used_by: [] };
    },
  },
];
