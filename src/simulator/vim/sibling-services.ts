import type { NodeView } from "../view.ts";
import type { MoRef } from "../vmomi.ts";
import type { Parameter } from "./parameters.ts";
import { flag, list, type ObjectValue, object, reference, references, text, type VimValue } from "./value.ts";

/** A service beside VIM that knows its callers by their VIM session. */
export interface Sibling {
  readonly namespace: string;
  /** Where it wants the session's ID. */
  readonly carrier: "soap-header" | "cookie";
  readonly operations: Readonly<Record<string, SiblingOperation>>;
}

/** Few operations of a service: enough to see whether a session arrives. */
export interface SiblingOperation {
  readonly receiver: MoRef;
  /** Answered without a session. */
  readonly anonymous?: boolean;
  readonly parameters?: readonly Parameter[];
  readonly run: (view: NodeView) => VimValue | undefined;
}

const PBM_PROFILES = { type: "PbmProfileProfileManager", value: "ProfileManager" };

const PBM: Sibling = {
  namespace: "urn:pbm",
  carrier: "soap-header",
  operations: {
    PbmRetrieveServiceContent: {
      receiver: { type: "PbmServiceInstance", value: "ServiceInstance" },
      anonymous: true,
      run: ({ node }) =>
        object("PbmServiceInstanceContent", [
          [
            "aboutInfo",
            object("PbmAboutInfo", [
              ["name", text("PBM")],
              ["version", text("2.0")],
              ["instanceUuid", text(node.instanceUuid)],
            ]),
          ],
          ["sessionManager", reference("PbmSessionManager", "SessionManager")],
          [
            "capabilityMetadataManager",
            reference("PbmCapabilityMetadataManager", "CapabilityMetadataManager"),
          ],
          ["profileManager", reference(PBM_PROFILES.type, PBM_PROFILES.value)],
          ["complianceManager", reference("PbmComplianceManager", "complianceManager")],
          ["placementSolver", reference("PbmPlacementSolver", "placementSolver")],
        ]),
    },
    PbmFetchResourceType: {
      receiver: PBM_PROFILES,
      run: () =>
        list("PbmProfileResourceType", [
          object("PbmProfileResourceType", [["resourceType", text("STORAGE")]]),
        ]),
    },
  },
};

const SMS_INSTANCE = { type: "SmsServiceInstance", value: "ServiceInstance" };

const SMS: Sibling = {
  namespace: "urn:sms",
  carrier: "soap-header",
  operations: {
    QueryAboutInfo: {
      receiver: SMS_INSTANCE,
      anonymous: true,
      run: (view) => aboutInfo("SmsAboutInfo", "VMware Storage Monitoring Service", "5.0", view),
    },
    QueryStorageManager: {
      receiver: SMS_INSTANCE,
      run: () => reference("SmsStorageManager", "storageManager"),
    },
  },
};

const VSLM_OBJECTS = { type: "VslmVStorageObjectManager", value: "VStorageObjectManager" };

const VSLM: Sibling = {
  namespace: "urn:vslm",
  carrier: "soap-header",
  operations: {
    RetrieveContent: {
      receiver: { type: "VslmServiceInstance", value: "ServiceInstance" },
      anonymous: true,
      run: (view) =>
        object("VslmServiceInstanceContent", [
          [
            "aboutInfo",
            aboutInfo("VslmAboutInfo", "VMware Virtual Storage Lifecycle Manager Service", "1.0.0", view),
          ],
          ["sessionManager", reference("VslmSessionManager", "SessionManager")],
          ["vStorageObjectManager", reference(VSLM_OBJECTS.type, VSLM_OBJECTS.value)],
          ["storageLifecycleManager", reference("VslmStorageLifecycleManager", "StorageLifecycleManager")],
        ]),
    },
    VslmListVStorageObjectForSpec: {
      receiver: VSLM_OBJECTS,
      parameters: [{ name: "maxResult", type: "int" }],
      run: () => object("VslmVsoVStorageObjectQueryResult", [["allRecordsReturned", flag(true)]]),
    },
  },
};

const AGENT_MANAGER = { type: "EsxAgentManager", value: "EsxAgentManager" };

/** Has nothing to say to strangers. */
const EAM: Sibling = {
  namespace: "urn:eam",
  carrier: "cookie",
  operations: {
    QueryAgency: {
      receiver: AGENT_MANAGER,
      run: () => references([{ type: "Agency", value: "agency-1" }]),
    },
    GetMaintenanceModePolicy: { receiver: AGENT_MANAGER, run: () => text("singleHost") },
  },
};

/** So has this one, but for the versions that it lists at `/sdk/vsanServiceVersions.xml`. */
const VSAN: Sibling = {
  namespace: "urn:vsan",
  carrier: "cookie",
  operations: {
    VsanClusterGetConfig: {
      receiver: { type: "VsanVcClusterConfigSystem", value: "vsan-cluster-config-system" },
      parameters: [{ name: "cluster", type: "ManagedObjectReference" }],
      run: () => object("VsanConfigInfoEx", [["enabled", flag(false)]]),
    },
  },
};

const SIBLINGS: ReadonlyMap<string, Sibling> = new Map([
  ["/pbm", PBM],
  ["/pbm/sdk", PBM],
  ["/sms/sdk", SMS],
  ["/vslm/sdk", VSLM],
  ["/eam/sdk", EAM],
  ["/vsanHealth", VSAN],
]);

/** The service at a path, with or without a slash at its end. */
export function siblingAt(path: string): Sibling | undefined {
  return SIBLINGS.get(path.replace(/\/$/, ""));
}

function aboutInfo(type: string, name: string, version: string, { node, group }: NodeView): ObjectValue {
  return object(type, [
    ["name", text(name)],
    ["fullName", text(`${name} ${group.release.version}`)],
    ["vendor", text("VMware, Inc.")],
    ["apiVersion", text(version)],
    ["instanceUuid", text(node.instanceUuid)],
  ]);
}
