/** A registration in the WSDL's field names, as `vsso lookup list -o json` prints it. */
export interface WsdlRegistration {
  readonly serviceVersion: string;
  readonly vendorNameResourceKey?: string;
  readonly vendorNameDefault?: string;
  readonly vendorProductInfoResourceKey?: string;
  readonly vendorProductInfoDefault?: string;
  readonly serviceEndpoints?: readonly WsdlEndpoint[];
  readonly serviceAttributes?: readonly WsdlAttribute[];
  readonly serviceNameResourceKey?: string;
  readonly serviceNameDefault?: string;
  readonly serviceDescriptionResourceKey?: string;
  readonly serviceDescriptionDefault?: string;
  readonly ownerId: string;
  readonly serviceType: { readonly product: string; readonly type: string };
  readonly nodeId?: string;
  readonly serviceId: string;
  readonly siteId: string;
}

interface WsdlEndpoint {
  readonly url: string;
  readonly endpointType: { readonly protocol?: string; readonly type?: string };
  readonly sslTrust?: readonly string[];
  readonly endpointAttributes?: readonly WsdlAttribute[];
}

interface WsdlAttribute {
  readonly key: string;
  readonly value: string;
}

/** The same registration as `govc sso.service.ls -json` prints it: Go's names, "" for absent, null for no list. */
export interface GovcRegistration {
  readonly ServiceVersion: string;
  readonly VendorNameResourceKey: string;
  readonly VendorNameDefault: string;
  readonly VendorProductInfoResourceKey: string;
  readonly VendorProductInfoDefault: string;
  readonly ServiceEndpoints: readonly GovcEndpoint[] | null;
  readonly ServiceAttributes: readonly GovcAttribute[] | null;
  readonly ServiceNameResourceKey: string;
  readonly ServiceNameDefault: string;
  readonly ServiceDescriptionResourceKey: string;
  readonly ServiceDescriptionDefault: string;
  readonly OwnerId: string;
  readonly ServiceType: { readonly Product: string; readonly Type: string };
  readonly NodeId: string;
  readonly ServiceId: string;
  readonly SiteId: string;
}

interface GovcEndpoint {
  readonly Url: string;
  readonly EndpointType: { readonly Protocol: string; readonly Type: string };
  readonly SslTrust: readonly string[] | null;
  readonly EndpointAttributes: readonly GovcAttribute[] | null;
}

interface GovcAttribute {
  readonly Key: string;
  readonly Value: string;
}

/** Writes one of ours the way govc writes it. A field of ours that has no place there is an error. */
export function toGovc(registration: WsdlRegistration): GovcRegistration {
  const {
    serviceVersion,
    vendorNameResourceKey = "",
    vendorNameDefault = "",
    vendorProductInfoResourceKey = "",
    vendorProductInfoDefault = "",
    serviceEndpoints = [],
    serviceAttributes = [],
    serviceNameResourceKey = "",
    serviceNameDefault = "",
    serviceDescriptionResourceKey = "",
    serviceDescriptionDefault = "",
    ownerId,
    serviceType: { product, type, ...moreOfType },
    nodeId = "",
    serviceId,
    siteId,
    ...more
  } = registration;
  nothingIn({ ...moreOfType, ...more });
  return {
    ServiceVersion: serviceVersion,
    VendorNameResourceKey: vendorNameResourceKey,
    VendorNameDefault: vendorNameDefault,
    VendorProductInfoResourceKey: vendorProductInfoResourceKey,
    VendorProductInfoDefault: vendorProductInfoDefault,
    ServiceEndpoints: listOrNull(serviceEndpoints, endpointToGovc),
    ServiceAttributes: listOrNull(serviceAttributes, attributeToGovc),
    ServiceNameResourceKey: serviceNameResourceKey,
    ServiceNameDefault: serviceNameDefault,
    ServiceDescriptionResourceKey: serviceDescriptionResourceKey,
    ServiceDescriptionDefault: serviceDescriptionDefault,
    OwnerId: ownerId,
    ServiceType: { Product: product, Type: type },
    NodeId: nodeId,
    ServiceId: serviceId,
    SiteId: siteId,
  };
}

/** Writes one of govc's in the WSDL's names; empty strings and lists are left out. A field unknown to us is an error. */
export function toWsdl(registration: GovcRegistration): WsdlRegistration {
  const {
    ServiceVersion,
    VendorNameResourceKey,
    VendorNameDefault,
    VendorProductInfoResourceKey,
    VendorProductInfoDefault,
    ServiceEndpoints,
    ServiceAttributes,
    ServiceNameResourceKey,
    ServiceNameDefault,
    ServiceDescriptionResourceKey,
    ServiceDescriptionDefault,
    OwnerId,
    ServiceType: { Product, Type, ...moreOfType },
    NodeId,
    ServiceId,
    SiteId,
    ...more
  } = registration;
  nothingIn({ ...moreOfType, ...more });
  return withoutEmpty({
    serviceVersion: ServiceVersion,
    vendorNameResourceKey: VendorNameResourceKey,
    vendorNameDefault: VendorNameDefault,
    vendorProductInfoResourceKey: VendorProductInfoResourceKey,
    vendorProductInfoDefault: VendorProductInfoDefault,
    serviceEndpoints: (ServiceEndpoints ?? []).map(
      ({ Url, EndpointType, SslTrust, EndpointAttributes, ...rest }) => {
        nothingIn(rest);
        const { Protocol, Type: endpointType, ...restOfType } = EndpointType;
        nothingIn(restOfType);
        return withoutEmpty({
          url: Url,
          endpointType: withoutEmpty({ protocol: Protocol, type: endpointType }),
          sslTrust: SslTrust ?? [],
          endpointAttributes: attributesToWsdl(EndpointAttributes),
        });
      },
    ),
    serviceAttributes: attributesToWsdl(ServiceAttributes),
    serviceNameResourceKey: ServiceNameResourceKey,
    serviceNameDefault: ServiceNameDefault,
    serviceDescriptionResourceKey: ServiceDescriptionResourceKey,
    serviceDescriptionDefault: ServiceDescriptionDefault,
    ownerId: OwnerId,
    serviceType: { product: Product, type: Type },
    nodeId: NodeId,
    serviceId: ServiceId,
    siteId: SiteId,
  });
}

/** Registrations in an order of their own: a Lookup Service promises none. */
export function sorted<T extends WsdlRegistration | GovcRegistration>(registrations: readonly T[]): T[] {
  // The ID alone is not enough: vcsim's alias of the STS has the ID of the row it repeats.
  const key = (r: WsdlRegistration | GovcRegistration) =>
    "ServiceId" in r ? `${r.ServiceId} ${r.ServiceType.Type}` : `${r.serviceId} ${r.serviceType.type}`;
  return [...registrations].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** One of ours with empty lists left out, as `toWsdl` has it. */
export function withoutEmptyLists(registration: WsdlRegistration): WsdlRegistration {
  const endpoints = registration.serviceEndpoints?.map((endpoint) => withoutEmpty(endpoint)) ?? [];
  return withoutEmpty({ ...registration, serviceEndpoints: endpoints });
}

function endpointToGovc({
  url,
  endpointType,
  sslTrust = [],
  endpointAttributes = [],
  ...more
}: WsdlEndpoint): GovcEndpoint {
  const { protocol = "", type = "", ...moreOfType } = endpointType;
  nothingIn({ ...moreOfType, ...more });
  return {
    Url: url,
    EndpointType: { Protocol: protocol, Type: type },
    SslTrust: listOrNull(sslTrust, (text) => text),
    EndpointAttributes: listOrNull(endpointAttributes, attributeToGovc),
  };
}

function attributeToGovc({ key, value, ...more }: WsdlAttribute): GovcAttribute {
  nothingIn(more);
  return { Key: key, Value: value };
}

function attributesToWsdl(attributes: readonly GovcAttribute[] | null): WsdlAttribute[] {
  return (attributes ?? []).map(({ Key, Value, ...more }) => {
    nothingIn(more);
    return { key: Key, value: Value };
  });
}

function listOrNull<T, U>(list: readonly T[], write: (item: T) => U): U[] | null {
  return list.length === 0 ? null : list.map(write);
}

function withoutEmpty<T extends object>(value: T): T {
  return Object.fromEntries(
    Object.entries(value).filter(([, v]) => v !== "" && !(Array.isArray(v) && v.length === 0)),
  ) as T;
}

function nothingIn(rest: object): void {
  const names = Object.keys(rest);
  if (names.length > 0) throw new Error(`fields without a counterpart: ${names.join(", ")}`);
}
