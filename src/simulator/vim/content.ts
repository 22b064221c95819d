import { type Release, vimVersions } from "../release.ts";
import type { NodeView } from "../view.ts";
import { field, type MoRef } from "../vmomi.ts";
import { type ObjectValue, object, reference, text } from "./value.ts";

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

/** The managers of a release: name of the property, type and value of the reference. */
function managersOf(release: Release): typeof MANAGERS {
  if (!release.version.startsWith("9.")) return MANAGERS;
  return [...MANAGERS, ["directPathProfileManager", "DirectPathProfileManager", "DirectPathProfileManager"]];
}

/** Singletons that a client learns of by the service content, beside the root folder. */
export function serviceObjects(release: Release): readonly MoRef[] {
  return [
    { type: "PropertyCollector", value: "propertyCollector" },
    { type: "ViewManager", value: "ViewManager" },
    ...managersOf(release).map(([, type, value]) => ({ type, value })),
  ];
}

export function serviceContent({ node, group }: NodeView): ObjectValue {
  const { release } = group;
  return object("ServiceContent", [
    ["rootFolder", reference("Folder", "group-d1")],
    ["propertyCollector", reference("PropertyCollector", "propertyCollector")],
    ["viewManager", reference("ViewManager", "ViewManager")],
    ["about", about(release, node.instanceUuid)],
    ...managersOf(release).map(([name, type, value]) => [name, reference(type, value)] as const),
  ]);
}

function about(release: Release, instanceUuid: string): ObjectValue {
  return object("AboutInfo", [
    ["name", text("VMware vCenter Server")],
    ["fullName", text(`VMware vCenter Server ${release.version} build-${release.build}`)],
    ["vendor", text("VMware, Inc.")],
    ["version", text(release.version)],
    ["build", text(release.build)],
    ["localeVersion", text("INTL")],
    ["localeBuild", text("000")],
    ["osType", text("linux-x64")],
    ["productLineId", text("vpx")],
    ["apiType", text("VirtualCenter")],
    ["apiVersion", text(release.apiVersion)],
    ["instanceUuid", text(instanceUuid)],
    ["licenseProductName", text("VMware VirtualCenter Server")],
    ["licenseProductVersion", text(release.licenseVersion)],
  ]);
}

/** The documents that tell clients which versions of an interface the server speaks. */
export function serviceVersions(namespace: "urn:vim25" | "urn:vsan", release: Release): string {
  const [current, ...prior] = vimVersions(release);
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<namespaces version="1.0"><namespace>` +
    `${field("name", namespace)}${field("version", current)}` +
    `<priorVersions>${prior.map((version) => field("version", version)).join("")}</priorVersions>` +
    `</namespace></namespaces>\n`
  );
}
