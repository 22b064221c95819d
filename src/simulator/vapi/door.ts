import type { SessionTable } from "../sessions/table.ts";
import type { NodeView } from "../view.ts";

/** Where vAPI is served: by the vCenter on its port, or by the appliance's own management service on another. */
export interface VapiDoor {
  readonly name: "vcenter" | "appliance";
  readonly sessions: SessionTable;
  readonly view: NodeView;
}

export function vcenterDoor(view: NodeView): VapiDoor {
  return { name: "vcenter", sessions: view.sessions, view };
}

export function applianceDoor(view: NodeView): VapiDoor {
  return { name: "appliance", sessions: view.vapi.applianceSessions, view };
}
