import { EndpointNotFoundError } from "../errors.ts";
import type { Endpoint } from "./endpoint.ts";
import { predefinedService, type ServiceName } from "./services.ts";

/** Something about a node that an operator should know; never a failure by itself. */
export interface NodeWarning {
  readonly code: WarningCode;
  readonly message: string;
}

export type WarningCode =
  | "NODE_ID_MISSING"
  | "NODE_ID_DUPLICATE"
  | "INSTANCE_NAME_MISSING"
  | "FIELD_MISSING"
  | "URL_INVALID"
  | "URL_REWRITTEN"
  | "URL_UNREACHABLE"
  | "SSL_TRUST_UNREADABLE"
  | "SSL_TRUST_EXPIRED"
  | "SERVICE_MISSING"
  | "LOOKUP_UNAVAILABLE"
  | "ABOUT_FAILED"
  | "REPLICATION_FAILED"
  | "REPLICATION_LAG";

/** What a vCenter says of itself without a login. */
export interface ProductInfo {
  readonly version: string;
  readonly build: string;
}

export interface NodeFields {
  /** ID of the node in the SSO domain (vmdir's LDU GUID, not the machine ID); null where nothing tells it. */
  readonly nodeId: string | null;
  /** `com.vmware.vim.vcenter.instanceName`: the FQDN or IP address the vCenter was deployed with. */
  readonly instanceName: string;
  /** Host of the vCenter's own endpoint, without port. */
  readonly host: string;
  readonly siteId: string | null;
  /** ID of the `vcenterserver` registration, which is the vCenter's instance UUID. */
  readonly serviceId: string | null;
  /** `serviceVersion` of the `vcenterserver` registration. */
  readonly version: string;
}

/** One vCenter of a linked group. */
export class LookupNode implements NodeFields {
  readonly nodeId: string | null;
  readonly instanceName: string;
  readonly host: string;
  readonly siteId: string | null;
  readonly serviceId: string | null;
  readonly version: string;
  /** Answer of an anonymous RetrieveServiceContent, where it was asked for. */
  readonly product: ProductInfo | undefined;
  /** The node's endpoints but those of the STS, which the group keeps. */
  readonly endpoints: readonly Endpoint[];
  readonly warnings: readonly NodeWarning[];

  constructor(
    fields: NodeFields,
    endpoints: readonly Endpoint[],
    warnings: readonly NodeWarning[],
    product?: ProductInfo,
  ) {
    this.nodeId = fields.nodeId;
    this.instanceName = fields.instanceName;
    this.host = fields.host;
    this.siteId = fields.siteId;
    this.serviceId = fields.serviceId;
    this.version = fields.version;
    this.endpoints = endpoints;
    this.warnings = warnings;
    this.product = product;
  }

  /** The node's endpoint of a predefined service, or undefined. The STS belongs to the group, not to a node. */
  endpoint(service: ServiceName): Endpoint | undefined {
    return this.endpoints.find((endpoint) => endpoint.service === service && endpoint.url !== null);
  }

  /**
   * As `endpoint`, for callers that cannot go on without.
   *
   * @throws EndpointNotFoundError
   */
  requireEndpoint(service: ServiceName): Endpoint {
    const endpoint = this.endpoint(service);
    if (endpoint) return endpoint;
    throw new EndpointNotFoundError(
      `${this.instanceName} has no registered endpoint of the ${predefinedService(service).title} (${service})`,
      { hint: `see what it registers: vsso endpoints --node ${this.instanceName}` },
    );
  }

  /** A copy with some parts replaced. */
  with(change: {
    readonly endpoints?: readonly Endpoint[];
    readonly warnings?: readonly NodeWarning[];
    readonly product?: ProductInfo | undefined;
  }): LookupNode {
    return new LookupNode(
      this,
      change.endpoints ?? this.endpoints,
      change.warnings ?? this.warnings,
      change.product ?? this.product,
    );
  }

  /** The node of `vsso discover -o json`. */
  toJSON(): NodeFields & {
    readonly product?: ProductInfo;
    readonly endpoints: readonly Endpoint[];
    readonly warnings: readonly NodeWarning[];
  } {
    const { nodeId, instanceName, host, siteId, serviceId, version, product, endpoints, warnings } = this;
    return {
      nodeId,
      instanceName,
      host,
      siteId,
      serviceId,
      version,
      ...(product && { product }),
      endpoints,
      warnings,
    };
  }
}

/** Order of nodes everywhere: by instance name, then node ID. */
export function compareNodes(a: NodeFields, b: NodeFields): number {
  return compareText(a.instanceName, b.instanceName) || compareText(a.nodeId ?? "", b.nodeId ?? "");
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
