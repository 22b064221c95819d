import { LOOKUP_NAMESPACE } from "../xml/names.ts";
import { child, type XmlElement } from "../xml/reader.ts";
import type { Endpoint, Registration } from "./group.ts";

/** Criteria of `List`; an empty string asks for nothing, as an absent field does. */
export interface RegistrationFilter {
  readonly siteId: string;
  readonly nodeId: string;
  readonly product: string;
  readonly type: string;
  /** Undefined where the element is absent: rows keep all endpoints, and rows without any stay. */
  readonly endpoint: { readonly protocol: string; readonly type: string } | undefined;
  readonly trustAnchor: string;
}

/** Reads a `filterCriteria` that was checked against the WSDL. */
export function readFilter(element: XmlElement): RegistrationFilter {
  const serviceType = child(element, LOOKUP_NAMESPACE, "serviceType");
  const endpointType = child(element, LOOKUP_NAMESPACE, "endpointType");
  return {
    siteId: text(element, "siteId"),
    nodeId: text(element, "nodeId"),
    product: text(serviceType, "product"),
    type: text(serviceType, "type"),
    endpoint: endpointType && {
      protocol: text(endpointType, "protocol"),
      type: text(endpointType, "type"),
    },
    trustAnchor: text(element, "endpointTrustAnchor"),
  };
}

function text(element: XmlElement | undefined, name: string): string {
  return (element && child(element, LOOKUP_NAMESPACE, name)?.text) ?? "";
}

/**
 * The rows that match, exactly and case-sensitively, in every field asked for. Criteria for endpoints leave only
 * the matching endpoints in a row, and no row without one.
 */
export function applyFilter(rows: readonly Registration[], filter: RegistrationFilter): Registration[] {
  const found = rows.filter(
    (row) =>
      matches(filter.siteId, row.siteId) &&
      matches(filter.nodeId, row.nodeId) &&
      matches(filter.product, row.product) &&
      matches(filter.type, row.type),
  );
  if (!filter.endpoint && filter.trustAnchor === "") return found;
  return found
    .map((row) => ({ ...row, endpoints: row.endpoints.filter((e) => endpointMatches(filter, e)) }))
    .filter((row) => row.endpoints.length > 0);
}

function endpointMatches(filter: RegistrationFilter, endpoint: Endpoint): boolean {
  return (
    matches(filter.endpoint?.protocol ?? "", endpoint.protocol) &&
    matches(filter.endpoint?.type ?? "", endpoint.type) &&
    (filter.trustAnchor === "" || endpoint.sslTrust.includes(filter.trustAnchor))
  );
}

function matches(wanted: string, value: string | undefined): boolean {
  return wanted === "" || wanted === value;
}
