import { LOOKUP_NAMESPACE } from "../xml/names.ts";
import { child, children, type XmlElement } from "../xml/reader.ts";
import type { Attribute, Endpoint, Registration } from "./group.ts";
import { applyFilter, readFilter } from "./lookup-filter.ts";
import { authorizeWrite } from "./sts/token-login.ts";
import type { NodeView } from "./view.ts";
import { field, VmomiFault } from "./vmomi.ts";

const URI = /^[a-z][a-z0-9+.-]*:\S+$/i;
const BASE64 = /^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * Carries out an operation that changes registrations, once its header has shown that the caller may.
 *
 * @returns what the response holds.
 * @throws VmomiFault
 */
export function performWrite(call: XmlElement, text: string, view: NodeView): string {
  authorizeWrite(text, view);
  const serviceId = textOf(call, "serviceId");
  switch (call.local) {
    case "Create":
      return create(serviceId, spec(call, "createSpec"), view);
    case "Set":
      return set(serviceId, spec(call, "serviceSpec"), view);
    case "Delete":
      find(serviceId, view);
      view.registrations.delete(serviceId, view.node);
      return "";
    default:
      return setTrustAnchor(call, view);
  }
}

function create(serviceId: string, element: XmlElement, view: NodeView): string {
  if (serviceId === "") throw invalidArgument("serviceId");
  if (rows(view).some((row) => row.serviceId === serviceId)) {
    const message = `Entry with name ${serviceId} already exists`;
    throw new VmomiFault("LookupFaultEntryExistsFault", message, {
      fields: field("errorMessage", message) + field("name", serviceId),
    });
  }
  const type = child(element, LOOKUP_NAMESPACE, "serviceType");
  const row: Registration = {
    ...mutablePart(element),
    ownerId: required(element, "ownerId"),
    product: type ? required(type, "product", "serviceType.product") : "",
    type: type ? required(type, "type", "serviceType.type") : "",
    nodeId: optional(element, "nodeId"),
    serviceId,
    siteId: view.node.siteId,
  };
  view.registrations.put(row, view.node);
  return "";
}

function set(serviceId: string, element: XmlElement, view: NodeView): string {
  const { ownerId, product, type, nodeId, siteId } = find(serviceId, view);
  const row = { ...mutablePart(element), ownerId, product, type, nodeId, serviceId, siteId };
  view.registrations.put(row, view.node);
  return "";
}

/** Gives every endpoint that the filter means new certificates, and says how many there were. */
function setTrustAnchor(call: XmlElement, view: NodeView): string {
  const filter = readFilter(spec(call, "filter"));
  const sslTrust = texts(call, "trustAnchors");
  if (sslTrust.length === 0 || !sslTrust.every((trust) => BASE64.test(trust))) {
    throw invalidArgument("trustAnchors");
  }
  let updated = 0;
  for (const row of rows(view)) {
    const meant = new Set(applyFilter([row], filter).flatMap(({ endpoints }) => endpoints));
    if (meant.size === 0) continue;
    updated += meant.size;
    const endpoints = row.endpoints.map((e) => (meant.has(e) ? { ...e, sslTrust } : e));
    view.registrations.put({ ...row, endpoints }, view.node);
  }
  return field("returnval", String(updated));
}

function rows(view: NodeView): Registration[] {
  return view.registrations.knownTo(view.node, view.faults);
}

/** @throws VmomiFault EntryNotFound. */
export function find(serviceId: string, view: NodeView): Registration {
  const row = rows(view).find((candidate) => candidate.serviceId === serviceId);
  if (row) return row;
  const message = `Entry with name ${serviceId} was not found`;
  throw new VmomiFault("LookupFaultEntryNotFoundFault", message, {
    fields: field("errorMessage", message) + field("name", serviceId),
  });
}

function mutablePart(
  element: XmlElement,
): Omit<Registration, "ownerId" | "product" | "type" | "nodeId" | "serviceId" | "siteId"> {
  return {
    serviceVersion: required(element, "serviceVersion"),
    vendorNameResourceKey: optional(element, "vendorNameResourceKey"),
    vendorName: optional(element, "vendorNameDefault"),
    productInfoResourceKey: optional(element, "vendorProductInfoResourceKey"),
    productInfo: optional(element, "vendorProductInfoDefault"),
    endpoints: children(element, LOOKUP_NAMESPACE, "serviceEndpoints").map(endpoint),
    attributes: attributes(element, "serviceAttributes"),
    nameResourceKey: optional(element, "serviceNameResourceKey"),
    name: optional(element, "serviceNameDefault"),
    descriptionResourceKey: optional(element, "serviceDescriptionResourceKey"),
    description: optional(element, "serviceDescriptionDefault"),
  };
}

function endpoint(element: XmlElement): Endpoint {
  const url = textOf(element, "url");
  if (!URI.test(url)) throw invalidArgument("serviceEndpoints.url");
  const sslTrust = texts(element, "sslTrust");
  if (!sslTrust.every((trust) => BASE64.test(trust))) throw invalidArgument("serviceEndpoints.sslTrust");
  const type = child(element, LOOKUP_NAMESPACE, "endpointType");
  return {
    url,
    protocol: type ? textOf(type, "protocol") : "",
    type: type ? textOf(type, "type") : "",
    sslTrust,
    attributes: attributes(element, "endpointAttributes"),
  };
}

function attributes(element: XmlElement, name: string): Attribute[] {
  return children(element, LOOKUP_NAMESPACE, name).map((attribute) => {
    const key = textOf(attribute, "key");
    if (key === "") throw invalidArgument(`${name}.key`);
    return { key, value: textOf(attribute, "value") };
  });
}

function spec(call: XmlElement, name: string): XmlElement {
  const element = child(call, LOOKUP_NAMESPACE, name);
  if (element) return element;
  throw invalidArgument(name);
}

function required(element: XmlElement, name: string, property = name): string {
  const text = textOf(element, name);
  if (text === "") throw invalidArgument(property);
  return text;
}

function optional(element: XmlElement, name: string): string | undefined {
  return child(element, LOOKUP_NAMESPACE, name)?.text;
}

function textOf(element: XmlElement, name: string): string {
  return child(element, LOOKUP_NAMESPACE, name)?.text ?? "";
}

function texts(element: XmlElement, name: string): string[] {
  return children(element, LOOKUP_NAMESPACE, name).map(({ text }) => text);
}

function invalidArgument(property: string): VmomiFault {
  return new VmomiFault("InvalidArgument", `A specified parameter was not correct: ${property}`, {
    fields: field("invalidProperty", property),
  });
}
