import type {
  LookupServiceRegistrationEndpoint,
  LookupServiceRegistrationFilter,
  LookupServiceRegistrationInfo,
} from "./wsdl-tables.ts";

/** The services that have a documented filter, by the names the toolkit uses for them. */
export type ServiceName = "sso" | "vapi" | "vcenter" | "sms" | "pbm" | "eam";

/** Where a predefined service is registered, and where it is found when there is no registration. */
export interface PredefinedService {
  readonly name: ServiceName;
  readonly title: string;
  /** Values of `serviceType.product` that count, the documented one first. */
  readonly products: readonly string[];
  /** Values of `serviceType.type` that count, the documented one first. */
  readonly types: readonly string[];
  /** `endpointType.protocol` */
  readonly protocol: string;
  /** `endpointType.type` */
  readonly endpointType: string;
  /** Path on a vCenter whose Lookup Service cannot be used. */
  readonly wellKnownPath: string;
}

/**
 * The six predefined services. Values: vSphere Automation SDKs Programming Guide, "Filter Parameters for
 * Predefined Service Endpoints". That guide prints EAM under the product of SMS; servers have it under
 * `com.vmware.cis`, so both count. `sso:sts` and `sso:admin` are the service types of older servers.
 */
export const PREDEFINED_SERVICES: readonly PredefinedService[] = [
  {
    name: "sso",
    title: "Security Token Service",
    products: ["com.vmware.cis"],
    types: ["cs.identity", "sso:sts", "sso:admin"],
    protocol: "wsTrust",
    endpointType: "com.vmware.cis.cs.identity.sso",
    wellKnownPath: "/sts/STSService",
  },
  {
    name: "vapi",
    title: "vSphere Automation API",
    products: ["com.vmware.cis"],
    types: ["cs.vapi"],
    protocol: "vapi.json.https.public",
    endpointType: "com.vmware.vapi.endpoint",
    wellKnownPath: "/api",
  },
  {
    name: "vcenter",
    title: "vCenter Server",
    products: ["com.vmware.cis"],
    types: ["vcenterserver"],
    protocol: "vmomi",
    endpointType: "com.vmware.vim",
    wellKnownPath: "/sdk",
  },
  {
    name: "sms",
    title: "Storage Monitoring Service",
    products: ["com.vmware.vim.sms"],
    types: ["sms"],
    protocol: "https",
    endpointType: "com.vmware.vim.sms",
    wellKnownPath: "/sms/sdk",
  },
  {
    name: "pbm",
    title: "Storage Policy Based Management",
    products: ["com.vmware.vim.sms"],
    types: ["sms"],
    protocol: "https",
    endpointType: "com.vmware.vim.pbm",
    wellKnownPath: "/pbm/sdk",
  },
  {
    name: "eam",
    title: "ESX Agent Manager",
    products: ["com.vmware.cis", "com.vmware.vim.sms"],
    types: ["cs.eam"],
    protocol: "vmomi",
    endpointType: "com.vmware.cis.cs.eam.sdk",
    wellKnownPath: "/eam/sdk",
  },
];

/** The predefined service an endpoint is, or null. */
export function serviceOf(
  registration: Pick<LookupServiceRegistrationInfo, "serviceType">,
  endpoint: Pick<LookupServiceRegistrationEndpoint, "endpointType">,
): ServiceName | null {
  const { product, type } = registration.serviceType;
  const found = PREDEFINED_SERVICES.find(
    (service) =>
      service.endpointType === endpoint.endpointType.type &&
      service.protocol === endpoint.endpointType.protocol &&
      service.types.includes(type) &&
      service.products.includes(product),
  );
  return found?.name ?? null;
}

/**
 * The filters to ask a Lookup Service for one service with, in order: an answer to any of them counts. The first
 * holds the documented values.
 */
export function filtersFor(service: ServiceName): LookupServiceRegistrationFilter[] {
  const { products, types, protocol, endpointType } = predefinedService(service);
  return types.flatMap((type) =>
    products.map((product) => ({
      serviceType: { product, type },
      endpointType: { protocol, type: endpointType },
    })),
  );
}

/** The table's row of one service. */
export function predefinedService(name: ServiceName): PredefinedService {
  const row = PREDEFINED_SERVICES.find((service) => service.name === name);
  if (!row) throw new TypeError(`no predefined service ${name}`);
  return row;
}
