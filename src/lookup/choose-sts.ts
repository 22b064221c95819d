import { EndpointNotFoundError } from "../errors.ts";
import { type Authority, formatAuthority } from "../net/authority.ts";
import type { Endpoint } from "./endpoint.ts";
import type { LookupNode } from "./node.ts";
import { registeredAuthority, registeredUrl } from "./registered-url.ts";
import { predefinedService } from "./services.ts";
import type { LinkedTopology } from "./topology.ts";

/**
 * The node's own STS before another node's, the documented service type before its aliases.
 *
 * @throws EndpointNotFoundError
 */
export function chooseSts(
  topology: LinkedTopology,
  node: LookupNode | undefined,
  server: Authority,
): Endpoint {
  const documented = predefinedService("sso").types[0];
  const rank = (endpoint: Endpoint): number => {
    const sameNode = node?.nodeId != null && endpoint.nodeId?.toLowerCase() === node.nodeId.toLowerCase();
    const sameHost = registeredAuthority(endpoint.url) === formatAuthority(server);
    return (sameNode ? 4 : 0) + (sameHost ? 2 : 0) + (endpoint.serviceType === documented ? 1 : 0);
  };
  const [best] = topology.sso
    .filter((endpoint) => registeredUrl(endpoint.url))
    .sort((a, b) => rank(b) - rank(a));
  if (best) return best;
  throw new EndpointNotFoundError(`${topology.lookupUrl} has no registration of the Security Token Service`, {
    hint: "the SSO registrations are damaged: repair them on the vCenter (lsdoctor); a program can give the URL of the STS",
  });
}
