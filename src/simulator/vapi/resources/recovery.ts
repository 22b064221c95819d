import { notFound } from "../fault.ts";
import { type Operation, textField } from "../operation.ts";
import { optional, type RpcType } from "../rpc-value.ts";

const BOTH = ["vcenter", "appliance"] as const;
const backup = "com.vmware.appliance.recovery.backup";
const restore = "com.vmware.appliance.recovery.restore.job";
const JOB_FIELDS = {
  location: "string",
  location_type: "string",
  "location_user?": "string",
  "location_password?": "string",
  "backup_password?": "string",
  "comment?": "string",
  "parts?": "list of strings",
  "fast_backup?": "boolean",
} as const;
const JOB: RpcType = {
  structure: "com.vmware.appliance.recovery.backup.job.backup_job_status",
  fields: {
    id: "plain",
    state: "plain",
    messages: { list: "plain" },
    progress: "plain",
    start_time: "plain",
    end_time: optional(),
  },
};
const RESTORE_JOB: RpcType = {
  structure: "com.vmware.appliance.recovery.restore.job.restore_job_status",
  fields: { state: "plain", messages: { list: "plain" }, progress: "plain" },
};

export const RECOVERY_OPERATIONS: readonly Operation[] = [
  {
    service: `${backup}.parts`,
    operation: "list",
    rest: ["GET /api/appliance/recovery/backup/parts", "GET /rest/appliance/recovery/backup/parts"],
    rpc: {
      list: {
        structure: `${backup}.parts.part`,
        fields: {
          id: "plain",
          name: localizableMessage(),
          description: localizableMessage(),
          selected_by_default: "plain",
          optional: "plain",
        },
      },
    },
    doors: BOTH,
    run: () => [part("common", "Inventory and configuration"), part("seat", "Stats, Events, and Tasks")],
  },
  {
    service: `${backup}.parts`,
    operation: "get",
    rest: ["GET /api/appliance/recovery/backup/parts/{id}", "GET /rest/appliance/recovery/backup/parts/{id}"],
    rpc: "plain",
    doors: BOTH,
    fields: { id: "string" },
    run: ({ input }) => {
      const id = textField(input, "id");
      if (id !== "common" && id !== "seat") throw notFound("part", id);
      return id === "common" ? 314 : 27;
    },
  },
  {
    service: `${backup}.schedules`,
    operation: "list",
    rest: ["GET /api/appliance/recovery/backup/schedules", "GET /rest/appliance/recovery/backup/schedules"],
    doors: BOTH,
    run: () => ({}),
  },
  {
    service: `${backup}.job`,
    operation: "list",
    rest: ["GET /api/appliance/recovery/backup/job", "GET /rest/appliance/recovery/backup/job"],
    rpc: { list: "plain" },
    doors: BOTH,
    run: ({ door }) => door.view.vapi.appliance.jobIds("backup"),
  },
  {
    service: `${backup}.job`,
    operation: "create",
    rest: ["POST /api/appliance/recovery/backup/job", "POST /rest/appliance/recovery/backup/job"],
    rpc: JOB,
    doors: BOTH,
    status: 201,
    parameter: "piece",
    fields: JOB_FIELDS,
    run: ({ door }) => door.view.vapi.appliance.startJob("backup", door.view.now),
  },
  {
    service: `${backup}.job`,
    operation: "get",
    rest: ["GET /api/appliance/recovery/backup/job/{id}", "GET /rest/appliance/recovery/backup/job/{id}"],
    rpc: JOB,
    doors: BOTH,
    fields: { id: "string" },
    run: ({ door, input }) => door.view.vapi.appliance.job("backup", textField(input, "id"), door.view.now),
  },
  {
    service: restore,
    operation: "create",
    rest: ["POST /api/appliance/recovery/restore/job", "POST /rest/appliance/recovery/restore/job"],
    rpc: RESTORE_JOB,
    doors: ["appliance"],
    parameter: "piece",
    fields: { ...JOB_FIELDS, "sso_admin_user_name?": "string", "sso_admin_user_password?": "string" },
    run: ({ door }) => door.view.vapi.appliance.startJob("restore", door.view.now),
  },
  {
    service: restore,
    operation: "get",
    rest: ["GET /api/appliance/recovery/restore/job", "GET /rest/appliance/recovery/restore/job"],
    rpc: RESTORE_JOB,
    doors: ["appliance"],
    run: ({ door }) => door.view.vapi.appliance.job("restore", undefined, door.view.now),
  },
  {
    service: "com.vmware.appliance.recovery.reconciliation.job",
    operation: "get",
    rest: [
      "GET /api/appliance/recovery/reconciliation/job",
      "GET /rest/appliance/recovery/reconciliation/job",
    ],
    doors: ["appliance"],
    run: () => ({ status: "NONE", messages: [], progress: 0 }),
  },
];

function part(id: string, text: string): object {
  const message = { id: `${backup}.parts.${id}`, default_message: text, args: [] };
  return { id, name: message, description: message, selected_by_default: true, optional: id !== "common" };
}

function localizableMessage(): RpcType {
  return {
    structure: "com.vmware.vapi.std.localizable_message",
    fields: { id: "plain", default_message: "plain", args: { list: "plain" } },
  };
}
