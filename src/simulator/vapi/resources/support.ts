import { invalidArgument } from "../fault.ts";
import { type Invocation, type Operation, textField } from "../operation.ts";

const BOTH = ["vcenter", "appliance"] as const;
const bundle = "com.vmware.appliance.support_bundle";
const profiles = "com.vmware.appliance.infraprofile.configs";

/** Starts what runs as a task. */
function taskOf(
  operation: string,
  service: string,
  description: string,
  outcome: (call: Invocation) => unknown,
): Operation["run"] {
  return (call) => {
    const { door, user } = call;
    const { now } = door.view;
    return door.view.vapi.tasks.start({
      service,
      operation: `${operation}$task`,
      description,
      user,
      now,
      outcome: outcome(call),
    });
  };
}

/** What checking or importing a profile comes to: only JSON with a product is one. */
function profileOutcome({ input }: Invocation): unknown {
  const spec = textField(input, "config_spec");
  return spec.includes("productName")
    ? { status: "VALID" }
    : invalidArgument("config_spec is not a profile that was exported.");
}

export const SUPPORT_OPERATIONS: readonly Operation[] = [
  {
    service: `${bundle}.components`,
    operation: "list",
    rest: ["GET /api/appliance/support-bundle/components", "GET /rest/appliance/support-bundle/components"],
    doors: BOTH,
    run: () => ({ services: ["vpxd", "vapi", "sso"], system: ["network", "storage"] }),
  },
  {
    service: bundle,
    operation: "list",
    rest: ["GET /api/appliance/support-bundle", "GET /rest/appliance/support-bundle"],
    doors: BOTH,
    run: () => [],
  },
  {
    service: bundle,
    operation: "create",
    rest: ["POST /api/appliance/support-bundle", "POST /rest/appliance/support-bundle"],
    doors: BOTH,
    task: "optional",
    status: 202,
    fields: { "components?": "structure", "description?": "string", "partition?": "string" },
    run: taskOf("create", bundle, "Collect a support bundle", () => undefined),
  },
  {
    service: profiles,
    operation: "list",
    rest: ["GET /api/appliance/infraprofile/configs"],
    run: () =>
      ["ApplianceManagement", "ApplianceNetwork", "AuthenticationManagement"].map((name) => ({
        name,
        info: name,
      })),
  },
  {
    service: profiles,
    operation: "export",
    rest: ["POST /api/appliance/infraprofile/configs?action=export"],
    fields: { "profiles?": "list of strings", "description?": "string", "encryption_key?": "string" },
    run: ({ door }) =>
      JSON.stringify({ productName: "VMware vCenter Server", version: door.view.group.release.version }),
  },
  ...(["validate", "import"] as const).map(
    (operation): Operation => ({
      service: profiles,
      operation,
      rest: [`POST /api/appliance/infraprofile/configs?action=${operation}`],
      task: "only",
      fields: {
        config_spec: "string",
        "profiles?": "list of strings",
        "encryption_key?": "string",
        "description?": "string",
        "profile_spec?": "structure",
      },
      run: taskOf(operation, profiles, `Infrastructure profiles: ${operation}`, profileOutcome),
    }),
  ),
];
