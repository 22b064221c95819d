import { type Operation, textField } from "../operation.ts";

const item = "com.vmware.content.library.item";
const session = "com.vmware.content.library.item.update_session";
const file = "com.vmware.content.library.item.updatesession.file";
const API = "/api/content/library";
const REST = "/rest/com/vmware/content/library";
const ID = { id: "string" } as const;
const FILE_FIELDS = {
  id: "string",
  name: "string",
  source_type: "string",
  "source_endpoint?": "structure",
  "size?": "integer",
  "checksum_info?": "structure",
} as const;

/** An operation on a session by its ID: `?action=` under `/api`, `?~action=` under `/rest`. */
function sessionAction(name: string, run: Operation["run"], fields: Operation["fields"] = ID): Operation {
  const action = name.replace("_", "-");
  return {
    service: session,
    operation: name,
    rest: [
      `POST ${API}/item/update-session/{id}?action=${action}`,
      `POST ${REST}/item/update-session/{id}?~action=${action}`,
    ],
    fields,
    run,
  };
}

export const CONTENT_LIBRARY_OPERATIONS: readonly Operation[] = [
  {
    service: "com.vmware.content.library",
    operation: "list",
    rest: [
      `GET ${API}`,
      `GET ${REST}`,
      "GET /api/content/local-library",
      "GET /rest/com/vmware/content/local-library",
    ],
    run: ({ door }) => [door.view.vapi.library.id],
  },
  {
    service: item,
    operation: "list",
    rest: [`GET ${API}/item`, `GET ${REST}/item`],
    fields: { library_id: "string" },
    run: ({ door, input }) => door.view.vapi.library.itemIds(textField(input, "library_id")),
  },
  {
    service: item,
    operation: "create",
    rest: [`POST ${API}/item`, `POST ${REST}/item`],
    status: 201,
    fields: {
      library_id: "string",
      name: "string",
      "description?": "string",
      "type?": "string",
      "client_token?": "string",
    },
    run: ({ door, input }) => door.view.vapi.library.createItem(input),
  },
  {
    service: session,
    operation: "list",
    rest: [`GET ${API}/item/update-session`, `GET ${REST}/item/update-session`],
    fields: { "library_item_id?": "string" },
    run: ({ door, input }) =>
      door.view.vapi.library.sessionIds(textField(input, "library_item_id") || undefined),
  },
  {
    service: session,
    operation: "create",
    rest: [`POST ${API}/item/update-session`, `POST ${REST}/item/update-session`],
    status: 201,
    fields: { library_item_id: "string", "client_token?": "string" },
    run: ({ door, input }) => door.view.vapi.library.startSession(input, door.view.now),
  },
  {
    service: session,
    operation: "get",
    rest: [`GET ${API}/item/update-session/{id}`, `GET ${REST}/item/update-session/{id}`],
    fields: ID,
    run: ({ door, input }) => door.view.vapi.library.session(textField(input, "id")),
  },
  {
    service: session,
    operation: "delete",
    rest: [`DELETE ${API}/item/update-session/{id}`, `DELETE ${REST}/item/update-session/{id}`],
    fields: ID,
    run: ({ door, input }) => door.view.vapi.library.deleteSession(textField(input, "id")),
  },
  sessionAction("complete", ({ door, input }) => door.view.vapi.library.complete(textField(input, "id"))),
  sessionAction("cancel", ({ door, input }) => door.view.vapi.library.cancel(textField(input, "id"))),
  sessionAction(
    "fail",
    ({ door, input }) =>
      door.view.vapi.library.fail(textField(input, "id"), textField(input, "client_error_message")),
    { id: "string", client_error_message: "string" },
  ),
  sessionAction("keep_alive", ({ door, input }) => door.view.vapi.library.keepAlive(textField(input, "id")), {
    id: "string",
    "client_progress?": "integer",
  }),
  {
    service: file,
    operation: "add",
    rest: [
      `POST ${API}/item/update-session/{id}/file`,
      `POST ${REST}/item/updatesession/file/{id}?~action=add`,
    ],
    fields: FILE_FIELDS,
    run: ({ door, input }) => door.view.vapi.library.addFile(textField(input, "id"), input),
  },
  {
    service: file,
    operation: "list",
    rest: [`GET ${API}/item/update-session/{id}/file`, `GET ${REST}/item/updatesession/file`],
    fields: ID,
    run: ({ door, input }) => door.view.vapi.library.files(textField(input, "id")),
  },
  {
    service: item,
    operation: "get",
    rest: [`GET ${API}/item/{id}`, `GET ${REST}/item/{id}`],
    fields: ID,
    run: ({ door, input }) => door.view.vapi.library.item(textField(input, "id")),
  },
  {
    service: item,
    operation: "delete",
    rest: [`DELETE ${API}/item/{id}`, `DELETE ${REST}/item/{id}`],
    fields: ID,
    run: ({ door, input }) => door.view.vapi.library.deleteItem(textField(input, "id")),
  },
  {
    service: "com.vmware.content.library",
    operation: "get",
    rest: [`GET ${API}/{id}`, `GET ${REST}/{id}`],
    fields: ID,
    run: ({ door, input }) => door.view.vapi.library.describe(textField(input, "id")),
  },
];
