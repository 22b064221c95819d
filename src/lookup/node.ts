import { EndpointNotFoundError } from "../errors.ts";
import type { Authority } from "../net/authority.ts";
import type { Endpoint } from "./endpoint.ts";
import { registeredUrl } from "./registered-url.ts";
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
  | "SSL_TRUST_UNREADABLE"
  | "SSL_TRUST_EXPIRED"
  | "SSL_TRUST_STALE"
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

/** What a node has beside its plain data. */
interface NodeParts {
  readonly endpoints: readonly Endpoint[];
  /** A function is asked when they are. */
  readonly warnings: readonly NodeWarning[] | (() => readonly NodeWarning[]);
  /** Every instance name registered for the node, stale ones included. */
  readonly names: readonly string[];
  /** Every authority registered for the vCenter itself, stale ones included. */
  readonly authorities: readonly Authority[];
  readonly product?: ProductInfo | undefined;
}

/** One vCenter of a linked group. */
export class LookupNode implements NodeFields {
  readonly nodeId: string | null;
  readonly instanceName: string;
  readonly host: string;
  readonly siteId: string | null;
  readonly serviceId: string | null;
  readonly version: string;
  readonly #parts: NodeParts;
  #warnings: readonly NodeWarning[] | undefined;

  constructor(fields: NodeFields, parts: NodeParts) {
    this.nodeId = fields.nodeId;
    this.instanceName = fields.instanceName;
    this.host = fields.host;
    this.siteId = fields.siteId;
    this.serviceId = fields.serviceId;
    this.version = fields.version;
    this.#parts = parts;
  }

  /** The node's endpoints but those of the STS, which the group keeps. */
  get endpoints(): readonly Endpoint[] {
    return this.#parts.endpoints;
  }

  get warnings(): readonly NodeWarning[] {
    const { warnings } = this.#parts;
    this.#warnings ??= typeof warnings === "function" ? warnings() : warnings;
    return this.#warnings;
  }

  /** Answer of an anonymous RetrieveServiceContent, where it was asked for. */
  get product(): ProductInfo | undefined {
    return this.#parts.product;
  }

  /** Instance names that are registered for the node, in lower case. */
  get names(): readonly string[] {
    return [...new Set([this.instanceName, ...this.#parts.names].map((name) => name.toLowerCase()))];
  }

  /** Authorities at which the vCenter is registered, and at which it is called. */
  get authorities(): readonly Authority[] {
    const called = registeredUrl(this.endpoint("vcenter")?.url)?.authority;
    return called ? [...this.#parts.authorities, called] : this.#parts.authorities;
  }

  /** The node's endpoint of a predefined service, or undefined. The STS belongs to the group, not to a node. */
  endpoint(service: ServiceName): Endpoint | undefined {
    return this.endpoints.find((endpoint) => endpoint.service === service && registeredUrl(endpoint.url));
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
  with(change: Partial<Pick<NodeParts, "endpoints" | "warnings" | "product">>): LookupNode {
    return new LookupNode(this, { ...this.#parts, ...change });
  }

  /** A copy with one more warning. */
  warned(code: WarningCode, message: string): LookupNode {
    return this.with({ warnings: () => [...this.warnings, { code, message }] });
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
