import type { ServiceName } from "./faults.ts";

/** Solution user (or administrator) that owns a registration. */
export type Owner = "vpxd" | "vpxd-extension" | "vsphere-webclient" | "machine" | "administrator";

export interface EndpointTemplate {
  readonly protocol: string;
  readonly type: string;
  /** Path on the node; `{domain}` stands for the SSO domain. Absent for an endpoint that has only a local URL. */
  readonly path?: string;
  /** URL for callers on the node itself; with a path it becomes the attribute `cis.common.ep.localurl`. */
  readonly local?: string;
  /** The predefined service this endpoint is, where that is less than its whole registration. */
  readonly service?: ServiceName;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** What every node registers; the group fills in node, site, owner, URLs and certificates. */
export interface ServiceTemplate {
  /** Default `com.vmware.cis`. */
  readonly product?: string;
  readonly type: string;
  /** Registered version; `release` stands for the version of the node. */
  readonly version: string;
  readonly owner: Owner;
  readonly endpoints: readonly EndpointTemplate[];
  /** The predefined service this registration is, as a whole. */
  readonly service?: ServiceName;
  /**
   * How the service ID looks: a bare UUID, `<site>:<UUID>` as SSO rows have it, or the machine ID with this
   * word behind it. Default bare.
   */
  readonly id?: "site" | { readonly suffix: string };
  /** As the Platform Services Controller registers: no node ID. */
  readonly withoutNode?: boolean;
  /** Resource key of name and description. */
  readonly resourceKey?: string;
  readonly name?: string;
  readonly description?: string;
  /** Value of `com.vmware.cis.cm.GroupInternalId`. */
  readonly group?: string;
  /** `sslTrust` holds the certificate twice, as some installations have it. */
  readonly repeatedTrust?: boolean;
}

const BUNDLE_TYPE = "com.vmware.cis.common.resourcebundle";
const BUNDLE_BASENAME = "com.vmware.cis.common.resourcebundle.basename";

function bundle(path: string, basename: string): EndpointTemplate {
  return { protocol: "http", type: BUNDLE_TYPE, path, attributes: { [BUNDLE_BASENAME]: basename } };
}

/** Public and node-local door of a vAPI provider. */
function vapi(type: string, path: string, port: number): readonly EndpointTemplate[] {
  const local = `http://localhost:${port}${path}`;
  return [
    { protocol: "vapi.json.https", type: `${type}.vapi.https`, path, local },
    { protocol: "vapi.json.http", type: `${type}.vapi`, local },
  ];
}

const STS: EndpointTemplate = {
  protocol: "wsTrust",
  type: "com.vmware.cis.cs.identity.sso",
  path: "/sts/STSService/{domain}",
  local: "http://localhost:1080/sts/STSService/{domain}",
};
const SSO_ADMIN: EndpointTemplate = {
  protocol: "vmomi",
  type: "com.vmware.cis.cs.identity.admin",
  path: "/sso-adminserver/sdk/{domain}",
  local: "http://localhost:1080/sso-adminserver/sdk/{domain}",
};
const SSO_GROUP_CHECK: EndpointTemplate = {
  protocol: "vmomi",
  type: "com.vmware.cis.cs.identity.groupcheck",
  path: "/sso-adminserver/sdk/{domain}",
};

/**
 * The registrations of one node. The predefined services, the rows named in VMware's own clients and their
 * paths are facts; the rest has the shape of a real list with plausible endpoint types.
 */
export const SERVICES: readonly ServiceTemplate[] = [
  {
    type: "vcenterserver",
    version: "release",
    owner: "vpxd",
    service: "vcenter",
    group: "com.vmware.vim.vcenter",
    resourceKey: "AboutInfo.vpx.name",
    endpoints: [
      { protocol: "vmomi", type: "com.vmware.vim", path: "/sdk", local: "http://localhost:8085/sdk" },
      {
        protocol: "vmomi",
        type: "com.vmware.vim.extension",
        path: "/sdk",
        local: "http://localhost:8085/sdk",
      },
      bundle("/catalog/catalog.zip", "cis.vc.action:cis.vc.alarm:cis.vc.auth:cis.vc.cluster:cis.vc.task"),
    ],
  },
  {
    type: "cs.vapi",
    version: "2.0",
    owner: "vpxd-extension",
    service: "vapi",
    group: "com.vmware.vapi",
    resourceKey: "cs.vapi.ServiceName",
    name: "vAPI Endpoint",
    endpoints: [
      {
        protocol: "vapi.json.https.public",
        type: "com.vmware.vapi.endpoint",
        path: "/api",
        local: "http://localhost:12346/api",
      },
      { protocol: "vapi.json.http", type: "com.vmware.vapi.endpoint", local: "http://localhost:12346/api" },
      {
        protocol: "rest",
        type: "com.vmware.vapi.rest.endpoint",
        path: "/rest",
        local: "http://localhost:12346/rest",
      },
      bundle("/vapiendpoint/resourcebundle", "cs.vapi"),
    ],
  },
  {
    product: "com.vmware.vim.sms",
    type: "sms",
    version: "2.0",
    owner: "vpxd",
    group: "com.vmware.vim.sms",
    resourceKey: "sms.ServiceName",
    endpoints: [
      {
        protocol: "https",
        type: "com.vmware.vim.sms",
        path: "/sms/sdk",
        local: "http://localhost:22000/sms/sdk",
        service: "sms",
      },
      {
        protocol: "https",
        type: "com.vmware.vim.pbm",
        path: "/pbm/sdk",
        local: "http://localhost:22000/pbm/sdk",
        service: "pbm",
      },
    ],
  },
  {
    type: "cs.eam",
    version: "3.0",
    owner: "vpxd-extension",
    service: "eam",
    group: "com.vmware.cis.cs.eam",
    resourceKey: "cs.eam.ServiceName",
    endpoints: [
      {
        protocol: "vmomi",
        type: "com.vmware.cis.cs.eam.sdk",
        path: "/eam/sdk",
        local: "http://localhost:15005/eam/sdk",
      },
      bundle("/eam/resourcebundle", "cs.eam"),
    ],
  },
  {
    type: "cs.identity",
    version: "2.0",
    owner: "administrator",
    service: "sso",
    id: "site",
    group: "com.vmware.cis.cs.identity",
    resourceKey: "cs.identity.ServiceName",
    name: "Single Sign-On",
    description: "Identity and token services",
    endpoints: [STS, SSO_ADMIN, SSO_GROUP_CHECK],
  },
  {
    type: "sso:sts",
    version: "2.0",
    owner: "administrator",
    service: "sso",
    id: "site",
    withoutNode: true,
    endpoints: [STS],
  },
  {
    type: "sso:admin",
    version: "2.0",
    owner: "administrator",
    service: "sso",
    id: "site",
    withoutNode: true,
    endpoints: [SSO_ADMIN],
  },
  {
    type: "sso:groupcheck",
    version: "2.0",
    owner: "administrator",
    service: "sso",
    id: "site",
    withoutNode: true,
    endpoints: [SSO_GROUP_CHECK],
  },
  {
    type: "cs.authorization",
    version: "2.0",
    owner: "vpxd",
    id: { suffix: "authz" },
    repeatedTrust: true,
    resourceKey: "cs.authorization.ServiceName",
    endpoints: [
      {
        protocol: "vmomi",
        type: "com.vmware.cis.authorization.server",
        path: "/invsvc/vmomi/sdk",
        local: "http://localhost:10080/invsvc/vmomi/sdk",
      },
      ...vapi("com.vmware.cis.authorization", "/invsvc/vapi", 10080),
    ],
  },
  {
    type: "cs.license",
    version: "2.0",
    owner: "administrator",
    withoutNode: true,
    resourceKey: "cs.license.ServiceName",
    endpoints: [
      {
        protocol: "vmomi",
        type: "com.vmware.cis.cs.license.sdk",
        path: "/ls/sdk",
        local: "http://localhost:10083/ls/sdk",
      },
      {
        protocol: "vmomi",
        type: "com.vmware.ph.globalconfig.consentservice",
        path: "/ls/ph/sdk",
        local: "http://localhost:10083/ls/ph/sdk",
      },
    ],
  },
  {
    type: "cs.keyvalue",
    version: "1.0",
    owner: "vpxd",
    id: { suffix: "kv" },
    endpoints: [
      {
        protocol: "vmomi",
        type: "com.vmware.cis.cs.keyvalue",
        path: "/invsvc/kv/sdk",
        local: "http://localhost:10080/invsvc/kv/sdk",
      },
    ],
  },
  {
    type: "cis.cls",
    version: "2.0",
    owner: "vpxd-extension",
    group: "com.vmware.cis.cls",
    resourceKey: "cis.cls.ServiceName",
    name: "Content Library",
    endpoints: [
      {
        protocol: "vapi.json.https",
        type: "com.vmware.cis.cls.vapi.https",
        path: "/cls/vapi",
        local: "http://localhost:16666/cls/vapi",
      },
      {
        protocol: "vapi.json.http",
        type: "com.vmware.cis.cls.vapi",
        local: "http://localhost:16666/cls/vapi",
      },
      { protocol: "https", type: "com.vmware.cis.cls.datapath", path: "/cls/data" },
    ],
  },
  {
    type: "applmgmt",
    version: "1.0",
    owner: "machine",
    resourceKey: "applmgmt.ServiceName",
    endpoints: [
      {
        protocol: "vapi.json.https.public",
        type: "com.vmware.applmgmt",
        path: "/applmgmt/api",
        local: "http://localhost:8201/api",
      },
      { protocol: "vapi.json.http", type: "com.vmware.applmgmt", local: "http://localhost:8201/api" },
    ],
  },
  {
    type: "vsphereui",
    version: "release",
    owner: "vsphere-webclient",
    resourceKey: "vsphereui.ServiceName",
    name: "vSphere Client",
    endpoints: [
      {
        protocol: "https",
        type: "com.vmware.vsphere.client",
        path: "/ui",
        local: "http://localhost:5090/ui",
      },
      bundle("/ui/resourcebundle", "vsphereui"),
    ],
  },
  {
    product: "com.vmware.vim.vsan",
    type: "vsan-health",
    version: "release",
    owner: "vpxd-extension",
    endpoints: [
      {
        protocol: "vmomi",
        type: "com.vmware.vim.vsan.health",
        path: "/vsanHealth",
        local: "http://localhost:8006/vsanHealth",
      },
    ],
  },
  {
    product: "com.vmware.vim.vsan",
    type: "vsan-dps",
    version: "1.0",
    owner: "vpxd-extension",
    endpoints: vapi("com.vmware.vim.vsan.dps", "/vsandps/vapi", 8084),
  },
  {
    product: "com.vmware.vim.vslm",
    type: "vslm",
    version: "release",
    owner: "vpxd-extension",
    endpoints: [
      {
        protocol: "vmomi",
        type: "com.vmware.vim.vslm",
        path: "/vslm/sdk",
        local: "http://localhost:8090/vslm/sdk",
      },
    ],
  },
  {
    type: "cs.perfcharts",
    version: "release",
    owner: "vpxd-extension",
    resourceKey: "cs.perfcharts.ServiceName",
    endpoints: [
      {
        protocol: "https",
        type: "com.vmware.cis.cs.perfcharts",
        path: "/statsreport",
        local: "http://localhost:13080/statsreport",
      },
    ],
  },
  {
    type: "topologysvc",
    version: "1.0",
    owner: "vpxd-extension",
    endpoints: vapi("com.vmware.vcenter.topology", "/topologysvc/vapi", 15200),
  },
  {
    type: "certificatemanagement",
    version: "1.0",
    owner: "vpxd-extension",
    name: "Certificate Management",
    endpoints: vapi("com.vmware.vcenter.certificatemanagement", "/certificatemanagement/vapi", 15010),
  },
  {
    type: "certificateauthority",
    version: "1.0",
    owner: "machine",
    endpoints: vapi("com.vmware.vcenter.certificateauthority", "/certificateauthority/vapi", 15011),
  },
  {
    type: "trustmanagement",
    version: "1.0",
    owner: "vpxd-extension",
    endpoints: vapi("com.vmware.vcenter.trustmanagement", "/trustmanagement/vapi", 15012),
  },
  {
    type: "tokenservice",
    version: "1.0",
    owner: "machine",
    endpoints: vapi("com.vmware.vcenter.tokenservice", "/tokenservice/vapi", 15013),
  },
  {
    type: "cis.tagging",
    version: "2.0",
    owner: "vpxd",
    endpoints: vapi("com.vmware.cis.tagging", "/tagging/vapi", 10081),
  },
  {
    type: "cs.ds",
    version: "2.0",
    owner: "vpxd",
    endpoints: [
      { protocol: "vapi.json.https", type: "com.vmware.cis.data.provider", path: "/dataservice/vapi" },
      {
        protocol: "https",
        type: "com.vmware.cis.ds",
        path: "/dataservice",
        local: "http://localhost:10082/ds",
      },
    ],
  },
  {
    type: "phservice",
    version: "1.0",
    owner: "vpxd-extension",
    endpoints: [
      {
        protocol: "https",
        type: "com.vmware.ph.api",
        path: "/analytics/telemetry",
        local: "http://localhost:15080/analytics/telemetry",
      },
    ],
  },
  {
    product: "com.vmware.rbd",
    type: "rbd",
    version: "1.0",
    owner: "vpxd-extension",
    name: "Auto Deploy",
    endpoints: [{ protocol: "vmomi", type: "com.vmware.rbd", path: "/vmw/rbd" }],
  },
  {
    product: "com.vmware.imagebuilder",
    type: "imagebuilder",
    version: "1.0",
    owner: "vpxd-extension",
    endpoints: [{ protocol: "vmomi", type: "com.vmware.imagebuilder", path: "/imagebuilder/sdk" }],
  },
  {
    product: "com.vmware.vcIntegrity",
    type: "updatemgr",
    version: "release",
    owner: "vpxd-extension",
    resourceKey: "com.vmware.vcIntegrity.label",
    endpoints: [
      {
        protocol: "vmomi",
        type: "com.vmware.vcIntegrity",
        path: "/vci/sdk",
        local: "http://localhost:8083/sdk",
      },
      { protocol: "https", type: "com.vmware.vcIntegrity.download", path: "/vum/download" },
    ],
  },
  {
    type: "vlcm",
    version: "release",
    owner: "vpxd-extension",
    endpoints: vapi("com.vmware.vcenter.lcm", "/lcm/api", 9087),
  },
  {
    type: "vcha",
    version: "1.0",
    owner: "vpxd-extension",
    endpoints: vapi("com.vmware.vcenter.vcha", "/vcha/vapi", 5431),
  },
  {
    type: "hvc",
    version: "1.0",
    owner: "vpxd-extension",
    endpoints: vapi("com.vmware.vcenter.hvc", "/hvc/vapi", 18080),
  },
  {
    type: "infraprofile",
    version: "1.0",
    owner: "vpxd-extension",
    endpoints: vapi("com.vmware.appliance.infraprofile", "/infraprofile/vapi", 18090),
  },
  {
    type: "observability",
    version: "1.0",
    owner: "machine",
    endpoints: vapi("com.vmware.vcenter.observability", "/observability/vapi", 18201),
  },
  {
    type: "vstats",
    version: "1.0",
    owner: "vpxd-extension",
    endpoints: vapi("com.vmware.vstats", "/vstats/vapi", 15300),
  },
  {
    type: "wcp",
    version: "1.0",
    owner: "vpxd-extension",
    group: "com.vmware.vcenter.wcp",
    endpoints: vapi("com.vmware.vcenter.wcp", "/wcp/vapi", 8900),
  },
  // Registered for its health only: rows without an endpoint exist.
  { type: "netdumper", version: "release", owner: "vpxd-extension", endpoints: [] },
];
