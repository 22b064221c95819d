/**
 * The Lookup Service: where every service of every vCenter of a linked group is.
 *
 * @module
 */

export { type AboutInfo, retrieveAbout } from "./about.ts";
export type { CallOptions, WriteOptions } from "./caller.ts";
export { LOOKUP_PATH, LookupService, type LookupServiceOptions } from "./client.ts";
export { type DiscoverOptions, type Discovery, DiscoveryFailure, discover } from "./discover.ts";
export { Endpoint, type EndpointFields } from "./endpoint.ts";
export { matchNode } from "./match.ts";
export { LookupNode, type NodeFields, type NodeWarning, type ProductInfo, type WarningCode } from "./node.ts";
export type { ServiceRegistration } from "./registration.ts";
export type { RewritePolicy } from "./rewrite.ts";
export { filtersFor, PREDEFINED_SERVICES, type PredefinedService, type ServiceName } from "./services.ts";
export { readSslTrust, type SslTrust } from "./ssl-trust.ts";
export type { LinkedTopology } from "./topology.ts";
export { readCreateSpec, readSetSpec } from "./writes.ts";
export type {
  LookupHaBackupNodeConfiguration,
  LookupServiceContent,
  LookupServiceRegistrationAttribute,
  LookupServiceRegistrationCreateSpec,
  LookupServiceRegistrationEndpoint,
  LookupServiceRegistrationEndpointType,
  LookupServiceRegistrationFilter,
  LookupServiceRegistrationInfo,
  LookupServiceRegistrationServiceType,
  LookupServiceRegistrationSetSpec,
  ManagedObjectReference,
} from "./wsdl-tables.ts";
