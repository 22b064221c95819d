import { type Authority, formatAuthority } from "../net/authority.ts";
import { Endpoint } from "./endpoint.ts";
import { compareNodes, LookupNode, type NodeWarning } from "./node.ts";
import { registeredAuthority, registeredUrl } from "./registered-url.ts";
import type { ServiceRegistration } from "./registration.ts";
import { PREDEFINED_SERVICES, serviceOf } from "./services.ts";
import { type SslTrust, sslTrustReader } from "./ssl-trust.ts";

/** Attribute of a `vcenterserver` registration that holds the vCenter's FQDN or IP address. */
const INSTANCE_NAME_ATTRIBUTE = "com.vmware.vim.vcenter.instanceName";

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

/**
 * Sorts registrations into the nodes of a linked group. What is broken becomes a warning, never an error. Of two
 * `vcenterserver` registrations of one node that of a `given` server counts.
 */
export function buildTopology(
  lookupUrl: string,
  registrations: readonly ServiceRegistration[],
  given: readonly Authority[] = [],
): LinkedTopology {
  const read = sslTrustReader();
  const drafts = new Map<string, NodeDraft>();
  for (const registration of registrations) {
    if (registration.serviceType.type !== "vcenterserver") continue;
    const key = draftKey(registration) ?? "";
    const draft = drafts.get(key);
    if (draft) draft.duplicate(registration, given);
    else drafts.set(key, new NodeDraft(registration));
  }

  const sso: Endpoint[] = [];
  const other: Endpoint[] = [];
  for (const registration of registrations) {
    const draft = drafts.get(draftKey(registration) ?? "");
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

/** The node a registration belongs to. Without a node ID only the one that makes a node can be told to. */
function draftKey(registration: ServiceRegistration): string | undefined {
  if (registration.nodeId) return `node ${registration.nodeId.toLowerCase()}`;
  return registration.serviceType.type === "vcenterserver" ? `service ${registration.serviceId}` : undefined;
}

function endpointsOf(registration: ServiceRegistration, read: (value: string) => SslTrust): Endpoint[] {
  const common = {
    nodeId: registration.nodeId || null,
    product: registration.serviceType.product,
    serviceType: registration.serviceType.type,
    serviceId: registration.serviceId || null,
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
          url: endpoint.url || null,
        },
        { sslTrust: endpoint.sslTrust, read },
      ),
  );
}

/** Host of the vCenter's own endpoint, or of any other of the registration. */
function vcenterUrl(registration: ServiceRegistration): ReturnType<typeof registeredUrl> {
  const urls = [
    ...registration.serviceEndpoints.filter((endpoint) => serviceOf(registration, endpoint) === "vcenter"),
    ...registration.serviceEndpoints,
  ].map((endpoint) => registeredUrl(endpoint.url));
  return urls.find((url) => url !== undefined);
}

function instanceNameOf(registration: ServiceRegistration): string {
  return registration.serviceAttributes.find((a) => a.key === INSTANCE_NAME_ATTRIBUTE)?.value ?? "";
}

/** A node while its registrations are gathered. */
class NodeDraft {
  readonly endpoints: Endpoint[] = [];
  /** The `vcenterserver` registrations of the node, the one that counts first. */
  readonly #vcenters: ServiceRegistration[];
  /** Warnings, and endpoints whose certificates are still to be looked at, in their order. */
  readonly #notes: (NodeWarning | Endpoint)[] = [];

  constructor(vcenter: ServiceRegistration) {
    this.#vcenters = [vcenter];
  }

  #warn(code: NodeWarning["code"], message: string): void {
    this.#notes.push({ code, message });
  }

  duplicate(registration: ServiceRegistration, given: readonly Authority[]): void {
    const isGiven = given.some(
      (server) =>
        instanceNameOf(registration).toLowerCase() === server.host ||
        registration.serviceEndpoints.some((e) => registeredAuthority(e.url) === formatAuthority(server)),
    );
    if (isGiven) this.#vcenters.unshift(registration);
    else this.#vcenters.push(registration);
  }

  /** Notes what is wrong with a registration of this node. */
  report(registration: ServiceRegistration): void {
    for (const issue of registration.issues) {
      this.#warn("FIELD_MISSING", `registration ${registration.serviceId || "without serviceId"}: ${issue}`);
    }
    for (const { url } of registration.serviceEndpoints) {
      if (!registeredUrl(url)) {
        this.#warn("URL_INVALID", `registration ${registration.serviceId} has the unusable URL "${url}"`);
      }
    }
  }

  /** Has the certificates registered for an endpoint of this node looked at, when its warnings are asked for. */
  check(endpoint: Endpoint): void {
    this.#notes.push(endpoint);
  }

  finish(): LookupNode {
    const [vcenter] = this.#vcenters as [ServiceRegistration];
    const host = vcenterUrl(vcenter)?.authority.host ?? "";
    const instanceName = instanceNameOf(vcenter) || host || vcenter.serviceId;
    this.#reportVcenters(vcenter);
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
      {
        endpoints: this.#ownFirst(vcenter),
        warnings: () => warningsOf(this.#notes),
        names: this.#vcenters.map(instanceNameOf).filter(Boolean),
        authorities: this.#vcenters.flatMap((registration) => vcenterUrl(registration)?.authority ?? []),
      },
    );
  }

  /** A stale `vcenterserver` registration must not come before the one that counts. */
  #ownFirst(vcenter: ServiceRegistration): Endpoint[] {
    if (this.#vcenters.length === 1) return this.endpoints;
    const isOwn = (endpoint: Endpoint) => endpoint.serviceId === vcenter.serviceId;
    return [...this.endpoints.filter(isOwn), ...this.endpoints.filter((endpoint) => !isOwn(endpoint))];
  }

  #reportVcenters(vcenter: ServiceRegistration): void {
    for (const stale of this.#vcenters.slice(1)) {
      this.#warn(
        "NODE_ID_DUPLICATE",
        `the registrations ${vcenter.serviceId} and ${stale.serviceId} are both a vcenterserver of this node ID; ` +
          "one of them is probably stale",
      );
    }
    if (!vcenter.nodeId) {
      this.#warn(
        "NODE_ID_MISSING",
        `registration ${vcenter.serviceId} names no node: its other services cannot be found`,
      );
    }
    if (!instanceNameOf(vcenter)) {
      this.#warn(
        "INSTANCE_NAME_MISSING",
        `registration ${vcenter.serviceId} has no ${INSTANCE_NAME_ATTRIBUTE}`,
      );
    }
  }
}

/** The warnings, each once, with those of the registered certificates, which take a while to decode. */
function warningsOf(notes: readonly (NodeWarning | Endpoint)[]): readonly NodeWarning[] {
  const warnings = notes.flatMap((note) => (note instanceof Endpoint ? trustWarnings(note) : [note]));
  return [...new Map(warnings.map((each) => [`${each.code} ${each.message}`, each])).values()];
}

/** What is wrong with the certificates that are registered for an endpoint. */
function trustWarnings({ sslTrust, url, serviceId }: Endpoint): NodeWarning[] {
  return sslTrust.flatMap((trust): NodeWarning[] => {
    if ("error" in trust) {
      return [{ code: "SSL_TRUST_UNREADABLE", message: `sslTrust of ${url ?? serviceId}: ${trust.error}` }];
    }
    const { sha256, notAfter } = trust;
    if (Date.parse(notAfter) >= Date.now()) return [];
    return [
      {
        code: "SSL_TRUST_EXPIRED",
        message: `the registered certificate ${sha256} expired at ${notAfter}`,
      },
    ];
  });
}
