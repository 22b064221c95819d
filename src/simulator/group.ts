import { randomUUID } from "node:crypto";
import type { SimulatorFaults } from "./faults.ts";
import type { NodeCertificates } from "./pki.ts";
import type { Release } from "./release.ts";
import { type EndpointTemplate, type Owner, SERVICES, type ServiceTemplate } from "./services.ts";

/** One simulated vCenter. */
export interface SimulatedNode {
  /** From 1. */
  readonly number: number;
  readonly instanceName: string;
  /** GUID of the node in the directory; not the machine ID. */
  readonly nodeId: string;
  /** Machine ID: `com.vmware.cis.cm.HostId` and part of owner names. */
  readonly machineId: string;
  /** `about.instanceUuid`, and the service ID of the `vcenterserver` registration. */
  readonly instanceUuid: string;
  readonly siteId: string;
  readonly port: number;
  readonly certificates: Pick<NodeCertificates, "trust" | "oldTrust">;
  /** Service IDs, in the order of `SERVICES`. */
  readonly serviceIds: readonly string[];
}

/** Linked vCenters: what every node knows about all of them. */
export interface SimulatedGroup {
  readonly release: Release;
  readonly ssoDomain: string;
  readonly nodes: readonly SimulatedNode[];
}

export interface Attribute {
  readonly key: string;
  readonly value: string;
}

export interface Endpoint {
  readonly url: string;
  readonly protocol: string;
  readonly type: string;
  readonly sslTrust: readonly string[];
  readonly attributes: readonly Attribute[];
}

/** A row of the Lookup Service. */
export interface Registration {
  readonly serviceVersion: string;
  readonly vendorName: string | undefined;
  readonly vendorNameResourceKey: string | undefined;
  readonly productInfo?: string | undefined;
  readonly productInfoResourceKey?: string | undefined;
  readonly endpoints: readonly Endpoint[];
  readonly attributes: readonly Attribute[];
  readonly nameResourceKey: string | undefined;
  readonly name: string | undefined;
  readonly descriptionResourceKey: string | undefined;
  readonly description: string | undefined;
  readonly ownerId: string;
  readonly product: string;
  readonly type: string;
  readonly nodeId: string | undefined;
  readonly serviceId: string;
  readonly siteId: string;
}

const FIRST_SITE = "default-first-site";

/** First label is unique; the domain can never resolve (RFC 2606). */
export function instanceNameOf(number: number): string {
  return `vc${String(number).padStart(2, "0")}.sim.example`;
}

/** A node with new identifiers. Two nodes share a site. */
export function createNode(number: number, port: number, certificates: NodeCertificates): SimulatedNode {
  const site = Math.ceil(number / 2);
  const siteId = site === 1 ? FIRST_SITE : `site-${String(site).padStart(2, "0")}`;
  const machineId = randomUUID();
  const instanceUuid = randomUUID();
  return {
    number,
    instanceName: instanceNameOf(number),
    nodeId: randomUUID(),
    machineId,
    instanceUuid,
    siteId,
    port,
    certificates,
    serviceIds: SERVICES.map((service) => {
      if (service.service === "vcenter") return instanceUuid;
      if (service.id === "site") return `${siteId}:${randomUUID()}`;
      return service.id ? `${machineId}_${service.id.suffix}` : randomUUID();
    }),
  };
}

/** What `asked` knows of the registrations that the group was born with, while `faults` are in force. */
export function registrationsKnownTo(
  asked: SimulatedNode,
  group: SimulatedGroup,
  faults: SimulatorFaults,
): Registration[] {
  const lagging = new Set(
    faults.replicationLag?.filter((lag) => lag.node === asked.number).map((lag) => lag.missing),
  );
  return group.nodes
    .filter((node) => !lagging.has(node.number))
    .flatMap((node) => registrationsOf(node, group, faults));
}

function registrationsOf(
  node: SimulatedNode,
  group: SimulatedGroup,
  faults: SimulatorFaults,
): Registration[] {
  const missing = new Set(
    faults.missingServices?.filter((m) => m.node === node.number).map((m) => m.service),
  );
  return SERVICES.flatMap((service, index) => {
    if (service.service && missing.has(service.service)) return [];
    const templates = service.endpoints.filter((e) => !(e.service && missing.has(e.service)));
    if (templates.length === 0 && service.endpoints.length > 0) return [];
    const serviceId = node.serviceIds[index];
    return serviceId === undefined ? [] : [registration(service, serviceId, templates, node, group, faults)];
  });
}

function registration(
  service: ServiceTemplate,
  serviceId: string,
  templates: readonly EndpointTemplate[],
  node: SimulatedNode,
  group: SimulatedGroup,
  faults: SimulatorFaults,
): Registration {
  const { certificates } = node;
  const trust = faults.staleSslTrust?.includes(node.number) ? certificates.oldTrust : certificates.trust;
  const authority = faults.unresolvableUrls?.includes(node.number)
    ? `${node.instanceName}:443`
    : `127.0.0.1:${node.port}`;
  const owned = service.owner !== "administrator";
  return {
    serviceVersion: service.version === "release" ? group.release.version : service.version,
    vendorNameResourceKey: owned ? "cis.vendor.name" : undefined,
    vendorName: owned ? "VMware, Inc." : undefined,
    endpoints: templates.map((template) =>
      endpoint(template, authority, service.repeatedTrust ? [trust, trust] : [trust], group.ssoDomain),
    ),
    attributes: serviceAttributes(service, node),
    nameResourceKey: service.resourceKey,
    name: service.name,
    descriptionResourceKey: service.resourceKey,
    description: service.description,
    ownerId: ownerId(service.owner, node, group.ssoDomain),
    product: service.product ?? "com.vmware.cis",
    type: service.type,
    nodeId: service.withoutNode ? undefined : node.nodeId,
    serviceId,
    siteId: node.siteId,
  };
}

function endpoint(
  template: EndpointTemplate,
  authority: string,
  trust: readonly string[],
  ssoDomain: string,
): Endpoint {
  const { path } = template;
  const local = template.local?.replace("{domain}", ssoDomain);
  const attributes = Object.entries(template.attributes ?? {}).map(([key, value]) => ({ key, value }));
  if (path === undefined) {
    return { url: local ?? "", protocol: template.protocol, type: template.type, sslTrust: [], attributes };
  }
  if (local !== undefined) attributes.unshift({ key: "cis.common.ep.localurl", value: local });
  return {
    url: `https://${authority}${path.replace("{domain}", ssoDomain)}`,
    protocol: template.protocol,
    type: template.type,
    sslTrust: trust,
    attributes,
  };
}

function serviceAttributes(service: ServiceTemplate, node: SimulatedNode): Attribute[] {
  const attributes: Attribute[] = [];
  if (service.group) attributes.push({ key: "com.vmware.cis.cm.GroupInternalId", value: service.group });
  if (service.service === "vcenter") {
    attributes.push({ key: "com.vmware.vim.vcenter.instanceName", value: node.instanceName });
  }
  if (!service.withoutNode) {
    attributes.push({ key: "com.vmware.cis.cm.ControlScript", value: "service-control-default-vmon" });
    attributes.push({ key: "com.vmware.cis.cm.HostId", value: node.machineId });
  }
  return attributes;
}

function ownerId(owner: Owner, node: SimulatedNode, ssoDomain: string): string {
  return owner === "administrator" ? `Administrator@${ssoDomain}` : `${owner}-${node.machineId}@${ssoDomain}`;
}
