import { HttpStatusError, ProtocolError, type VsphereSsoError } from "../errors.ts";
import { type Authority, formatAuthority } from "../net/authority.ts";
import type { AboutInfo } from "./about.ts";
import { Endpoint } from "./endpoint.ts";
import { LookupNode } from "./node.ts";
import { PREDEFINED_SERVICES } from "./services.ts";
import type { LinkedTopology } from "./topology.ts";

/**
 * A single vCenter without a usable Lookup Service: the well-known paths on the given host, marked as assumed.
 */
export function assumedTopology(
  lookupUrl: string,
  given: Authority,
  about: AboutInfo,
  why: string,
): LinkedTopology {
  const base = `https://${formatAuthority(given)}`;
  const endpoints = PREDEFINED_SERVICES.map(
    (service) =>
      new Endpoint({
        service: service.name,
        nodeId: null,
        product: service.products[0] ?? "",
        serviceType: service.types[0] ?? "",
        protocol: service.protocol,
        endpointType: service.endpointType,
        url: `${base}${service.wellKnownPath}`,
        serviceId: null,
        assumed: true,
      }),
  );
  const node = new LookupNode(
    {
      nodeId: null,
      instanceName: given.host,
      host: given.host,
      siteId: null,
      serviceId: about.instanceUuid ?? null,
      version: about.version,
    },
    {
      endpoints: endpoints.filter((endpoint) => endpoint.service !== "sso"),
      warnings: [
        {
          code: "LOOKUP_UNAVAILABLE",
          message: `the Lookup Service cannot be used (${why}); the well-known paths of this server are assumed`,
        },
      ],
      names: [],
      authorities: [given],
    },
  );
  return {
    lookupUrl,
    siteIds: [],
    nodes: [node],
    sso: endpoints.filter((endpoint) => endpoint.service === "sso"),
    other: [],
  };
}

/**
 * True for answers of a host that is there and trusted but has no Lookup Service: another page, another service, or
 * a proxy that finds none behind it. A damaged answer or a fault of the Lookup Service itself is not one.
 */
export function lacksLookup(error: unknown): error is VsphereSsoError {
  if (error instanceof HttpStatusError) return ![401, 403, 407, 429].includes(error.status);
  return (
    error instanceof ProtocolError &&
    ["RESPONSE_HTML", "RESPONSE_NOT_SOAP", "RESPONSE_UNEXPECTED"].includes(error.code)
  );
}
