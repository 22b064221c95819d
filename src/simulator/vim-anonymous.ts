import { VIM_NAMESPACE } from "../xml/names.ts";
import { type Release, vimVersions } from "./release.ts";
import { type SoapRequest, writeResponse } from "./soap.ts";
import type { NodeView } from "./view.ts";
import { field, invalidRequest, moRefField, nameOf, readReceiver, refuseText, VmomiFault } from "./vmomi.ts";

/** References of ServiceContent after `about`: element, type, value. Order of the VIM schema. */
const MANAGERS: readonly (readonly [element: string, type: string, value: string])[] = [
  ["setting", "OptionManager", "VpxSettings"],
  ["userDirectory", "UserDirectory", "UserDirectory"],
  ["sessionManager", "SessionManager", "SessionManager"],
  ["authorizationManager", "AuthorizationManager", "AuthorizationManager"],
  ["serviceManager", "ServiceManager", "ServiceMgr"],
  ["perfManager", "PerformanceManager", "PerfMgr"],
  ["scheduledTaskManager", "ScheduledTaskManager", "ScheduledTaskManager"],
  ["alarmManager", "AlarmManager", "AlarmManager"],
  ["eventManager", "EventManager", "EventManager"],
  ["taskManager", "TaskManager", "TaskManager"],
  ["extensionManager", "ExtensionManager", "ExtensionManager"],
  ["customizationSpecManager", "CustomizationSpecManager", "CustomizationSpecManager"],
  ["guestCustomizationManager", "VirtualMachineGuestCustomizationManager", "GuestCustomizationManager"],
  ["customFieldsManager", "CustomFieldsManager", "CustomFieldsManager"],
  ["diagnosticManager", "DiagnosticManager", "DiagMgr"],
  ["licenseManager", "LicenseManager", "LicenseManager"],
  ["searchIndex", "SearchIndex", "SearchIndex"],
  ["fileManager", "FileManager", "FileManager"],
  ["datastoreNamespaceManager", "DatastoreNamespaceManager", "DatastoreNamespaceManager"],
  ["virtualDiskManager", "VirtualDiskManager", "virtualDiskManager"],
  ["snmpSystem", "HostSnmpSystem", "SnmpSystem"],
  ["vmProvisioningChecker", "VirtualMachineProvisioningChecker", "ProvChecker"],
  ["vmCompatibilityChecker", "VirtualMachineCompatibilityChecker", "CompatChecker"],
  ["ovfManager", "OvfManager", "OvfManager"],
  ["ipPoolManager", "IpPoolManager", "IpPoolManager"],
  ["dvSwitchManager", "DistributedVirtualSwitchManager", "DVSManager"],
  ["hostProfileManager", "HostProfileManager", "HostProfileManager"],
  ["clusterProfileManager", "ClusterProfileManager", "ClusterProfileManager"],
  ["complianceManager", "ProfileComplianceManager", "MoComplianceManager"],
  ["localizationManager", "LocalizationManager", "LocalizationManager"],
  ["storageResourceManager", "StorageResourceManager", "StorageResourceManager"],
  ["guestOperationsManager", "GuestOperationsManager", "guestOperationsManager"],
  ["overheadMemoryManager", "OverheadMemoryManager", "OverheadMemoryManager"],
  ["certificateManager", "CertificateManager", "certificateManager"],
  ["ioFilterManager", "IoFilterManager", "IoFilterManager"],
  ["vStorageObjectManager", "VcenterVStorageObjectManager", "VStorageObjectManager"],
  ["hostSpecManager", "HostSpecificationManager", "HostSpecificationManager"],
  ["cryptoManager", "CryptoManagerKmip", "CryptoManager"],
  ["healthUpdateManager", "HealthUpdateManager", "HealthUpdateManager"],
  ["failoverClusterConfigurator", "FailoverClusterConfigurator", "FailoverClusterConfigurator"],
  ["failoverClusterManager", "FailoverClusterManager", "FailoverClusterManager"],
  ["tenantManager", "TenantTenantManager", "TenantManager"],
  ["siteInfoManager", "SiteInfoManager", "SiteInfoManager"],
  ["storageQueryManager", "StorageQueryManager", "StorageQueryManager"],
];

const VIM_ACTION = /^"?(urn:(internal)?vim25(\/[^"]*)?)?"?$/;

/**
 * Answers one call to `/sdk` of a caller who has not logged in: the service content, and for everything else that
 * a login is missing.
 *
 * @throws VmomiFault
 */
export function answerVim(request: SoapRequest, soapAction: string | undefined, view: NodeView): string {
  const { call } = request;
  if (!VIM_ACTION.test(soapAction?.trim() ?? "")) {
    throw new VmomiFault("InvalidRequest", `Unsupported version URI ${soapAction}`, {
      faultCode: "VersionMismatchFaultCode",
    });
  }
  if (call.namespace !== VIM_NAMESPACE) {
    throw invalidRequest(`The namespace of ${nameOf(call)} is not ${VIM_NAMESPACE}`);
  }
  const receiver = readReceiver(call);
  if (call.local !== "RetrieveServiceContent") {
    throw new VmomiFault("NotAuthenticated", "The session is not authenticated.", {
      fields: moRefField("object", receiver) + field("privilegeId", "System.View"),
    });
  }
  if (receiver.type !== "ServiceInstance" || receiver.value !== "ServiceInstance") {
    throw new VmomiFault(
      "ManagedObjectNotFound",
      `There is no object ${receiver.type}:${receiver.value} on this server`,
      { fields: moRefField("obj", receiver) },
    );
  }
  refuseText(call);
  if (call.children.length > 1) throw invalidRequest("RetrieveServiceContent takes nothing but _this");
  return writeResponse(call.local, VIM_NAMESPACE, serviceContent(view));
}

function serviceContent({ node, group }: NodeView): string {
  const { release } = group;
  const managers = MANAGERS.map(([element, type, value]) => moRefField(element, { type, value }));
  if (release.version.startsWith("9.")) {
    managers.push(
      moRefField("directPathProfileManager", {
        type: "DirectPathProfileManager",
        value: "DirectPathProfileManager",
      }),
    );
  }
  return `<returnval>${[
    moRefField("rootFolder", { type: "Folder", value: "group-d1" }),
    moRefField("propertyCollector", { type: "PropertyCollector", value: "propertyCollector" }),
    moRefField("viewManager", { type: "ViewManager", value: "ViewManager" }),
    about(release, node.instanceUuid),
    ...managers,
  ].join("")}</returnval>`;
}

function about(release: Release, instanceUuid: string): string {
  return `<about>${[
    field("name", "VMware vCenter Server"),
    field("fullName", `VMware vCenter Server ${release.version} build-${release.build}`),
    field("vendor", "VMware, Inc."),
    field("version", release.version),
    field("build", release.build),
    field("localeVersion", "INTL"),
    field("localeBuild", "000"),
    field("osType", "linux-x64"),
    field("productLineId", "vpx"),
    field("apiType", "VirtualCenter"),
    field("apiVersion", release.apiVersion),
    field("instanceUuid", instanceUuid),
    field("licenseProductName", "VMware VirtualCenter Server"),
    field("licenseProductVersion", release.licenseVersion),
  ].join("")}</about>`;
}

/** The document that tells clients which versions of `urn:vim25` the server speaks. */
export function serviceVersions(release: Release): string {
  const [current, ...prior] = vimVersions(release);
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<namespaces version="1.0"><namespace>` +
    `${field("name", VIM_NAMESPACE)}${field("version", current)}` +
    `<priorVersions>${prior.map((version) => field("version", version)).join("")}</priorVersions>` +
    `</namespace></namespaces>\n`
  );
}
