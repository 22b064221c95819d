import { type Authority, formatAuthority } from "../net/authority.ts";
import type { LookupNode } from "./node.ts";
import { addressesOf } from "./reachability.ts";
import { registeredAuthority, registeredUrl } from "./registered-url.ts";

/** The node that bears the name of the given server, or is registered at its authority. */
export function nodeNamed(nodes: readonly LookupNode[], given: Authority): LookupNode | undefined {
  return nodes.find(
    (node) =>
      node.instanceName.toLowerCase() === given.host ||
      registeredAuthority(node.endpoint("vcenter")?.url) === formatAuthority(given),
  );
}

/** The node whose host name resolves to an address of the given host, when it is the only one. */
export async function nodeAddressed(
  nodes: readonly LookupNode[],
  given: Authority,
): Promise<LookupNode | undefined> {
  const addresses = new Set(await addressesOf(given.host));
  const matches = await Promise.all(
    nodes.map(async (node) => {
      const authority = registeredUrl(node.endpoint("vcenter")?.url)?.authority;
      if (authority?.port !== given.port) return false;
      return (await addressesOf(authority.host)).some((address) => addresses.has(address));
    }),
  );
  const found = nodes.filter((_, index) => matches[index]);
  return found.length === 1 ? found[0] : undefined;
}

/** The node whose vCenter has this instance UUID: it is registered under it. */
export function nodeOfInstance(
  nodes: readonly LookupNode[],
  instanceUuid: string | undefined,
): LookupNode | undefined {
  if (instanceUuid === undefined) return undefined;
  return nodes.find((node) => node.serviceId?.toLowerCase() === instanceUuid.toLowerCase());
}
