import { Endpoint } from "./endpoint.ts";
import { compareNodes, LookupNode, type NodeWarning } from "./node.ts";
import { registeredUrl } from "./registered-url.ts";
import { PREDEFINED_SERVICES, serviceOf } from "./services.ts";
import { type SslTrust, sslTrustReader } from "./ssl-trust.ts";
import type { LookupServiceRegistrationInfo } from "./wsdl-tables.ts";

/** Attribute of a `vcenterserver` registration that holds the vCenter's FQDN or IP address. */
export const INSTANCE_NAME_ATTRIBUTE = "com.vmware.vim.vcenter.instanceName";

/** A registration with what was wrong with it on the wire. */
export interface ServiceRegistration extends LookupServiceRegistrationInfo {
  /** Fields that were missing or could not be read; empty for a sound registration. */
  readonly issues: readonly string[];
}

/** The registrations of one SSO domain, sorted into nodes. Every endpoint stands in exactly one place. */
export interface LinkedTopology {
  /** URL of the Lookup Service that told. */
  readonly lookupUrl: string;
  readonly siteIds: readonly string[];
  /** Ordered by instance name, then node ID. */
  readonly nodes: readonly LookupNode[];
  /** Endpoints of the Security Token Service, of all nodes. */
  readonly sso: readonly Endpoint[];
  /** Endpoints that belong to no known node. */
  readonly other: readonly Endpoint[];
}

/** Sorts registrations into the nodes of a linked group. What is broken becomes a warning, never an error. */
export function buildTopology(
  lookupUrl: string,
  registrations: readonly ServiceRegistration[],
): LinkedTopology {
  const read = sslTrustReader();
  const drafts = new Map<string, NodeDraft>();
  for (const registration of registrations) {
    if (registration.serviceType.type !== "vcenterserver") continue;
    const key = nodeKey(registration) ?? `service ${registration.serviceId}`;
    const draft = drafts.get(key);
    if (draft) draft.duplicate(registration);
    else drafts.set(key, new NodeDraft(registration));
  }

  const sso: Endpoint[] = [];
  const other: Endpoint[] = [];
  for (const registration of registrations) {
    const key =
      nodeKey(registration) ??
      // Without a node ID only the registration that makes the node can be told to belong to it.
      (registration.serviceType.type === "vcenterserver" ? `service ${registration.serviceId}` : undefined);
    const draft = key === undefined ? undefined : drafts.get(key);
    draft?.report(registration);
    for (const endpoint of endpointsOf(registration, read)) {
      draft?.check(endpoint);
      if (endpoint.service === "sso") sso.push(endpoint);
      else (draft?.endpoints ?? other).push(endpoint);
    }
  }
  return {
    lookupUrl,
    siteIds: [...new Set(registrations.map((r) => r.siteId).filter(Boolean))].sort(),
    nodes: [...drafts.values()].map((draft) => draft.finish()).sort(compareNodes),
    sso,
    other,
  };
}

function nodeKey(registration: ServiceRegistration): string | undefined {
  return registration.nodeId ? registration.nodeId.toLowerCase() : undefined;
}

function endpointsOf(registration: ServiceRegistration, read: (value: string) => SslTrust): Endpoint[] {
  const common = {
    nodeId: registration.nodeId || null,
    product: registration.serviceType.product,
    serviceType: registration.serviceType.type,
    serviceId: registration.serviceId,
    assumed: false,
  };
  if (registration.serviceEndpoints.length === 0) {
    return [new Endpoint({ ...common, service: null, protocol: null, endpointType: null, url: null })];
  }
  return registration.serviceEndpoints.map(
    (endpoint) =>
      new Endpoint(
        {
          ...common,
          service: serviceOf(registration, endpoint),
          protocol: endpoint.endpointType.protocol ?? null,
          endpointType: endpoint.endpointType.type ?? null,
          url: endpoint.url,
        },
        endpoint.sslTrust,
        read,
      ),
  );
}

/** A node while its registrations are gathered. */
class NodeDraft {
  readonly endpoints: Endpoint[] = [];
  readonly #vcenter: ServiceRegistration;
  readonly #warnings = new Map<string, NodeWarning>();

  constructor(vcenter: ServiceRegistration) {
    this.#vcenter = vcenter;
  }

  #warn(code: NodeWarning["code"], message: string): void {
    this.#warnings.set(`${code} ${message}`, { code, message });
  }

  duplicate(registration: ServiceRegistration): void {
    this.#warn(
      "NODE_ID_DUPLICATE",
      `the registrations ${this.#vcenter.serviceId} and ${registration.serviceId} are both a vcenterserver of this ` +
        "node ID; one of them is probably stale",
    );
  }

  /** Notes what is wrong with a registration of this node. */
  report(registration: ServiceRegistration): void {
    for (const issue of registration.issues) {
      this.#warn("FIELD_MISSING", `registration ${registration.serviceId || "without serviceId"}: ${issue}`);
    }
  }

  /** Notes what is wrong with an endpoint of this node, its STS endpoints included. */
  check(endpoint: Endpoint): void {
    if (endpoint.url !== null && !registeredUrl(endpoint.url)) {
      this.#warn("URL_INVALID", `registration ${endpoint.serviceId} has the unusable URL "${endpoint.url}"`);
    }
    for (const trust of endpoint.sslTrust) {
      if ("error" in trust) {
        this.#warn(
          "SSL_TRUST_UNREADABLE",
          `sslTrust of ${endpoint.url ?? endpoint.serviceId}: ${trust.error}`,
        );
      }
    }
  }

  finish(): LookupNode {
    const vcenter = this.#vcenter;
    const own = this.endpoints.find((endpoint) => endpoint.service === "vcenter") ?? this.endpoints[0];
    const host = registeredUrl(own?.url)?.authority.host ?? "";
    const registeredName = vcenter.serviceAttributes.find((a) => a.key === INSTANCE_NAME_ATTRIBUTE)?.value;
    const instanceName = registeredName || host || vcenter.serviceId;

    if (!vcenter.nodeId) {
      this.#warn(
        "NODE_ID_MISSING",
        `registration ${vcenter.serviceId} names no node: its other services cannot be found`,
      );
    }
    if (!registeredName) {
      this.#warn(
        "INSTANCE_NAME_MISSING",
        `registration ${vcenter.serviceId} has no ${INSTANCE_NAME_ATTRIBUTE}`,
      );
    }
    for (const { name, title } of PREDEFINED_SERVICES) {
      // The STS is the group's: a node without one of its own is sound.
      if (name !== "sso" && !this.endpoints.some((endpoint) => endpoint.service === name)) {
        this.#warn("SERVICE_MISSING", `no endpoint of the ${title} (${name}) is registered for this node`);
      }
    }
    return new LookupNode(
      {
        nodeId: vcenter.nodeId || null,
        instanceName,
        host: host || instanceName,
        siteId: vcenter.siteId || null,
        serviceId: vcenter.serviceId || null,
        version: vcenter.serviceVersion,
      },
      this.endpoints,
      [...this.#warnings.values()],
    );
  }
}
