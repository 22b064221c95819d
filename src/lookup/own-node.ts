import { type Authority, formatAuthority } from "../net/authority.ts";
import type { LookupNode } from "./node.ts";
import { addressesOf } from "./reachability.ts";

export interface OwnNodeContext {
  /** The server as the caller named it. */
  readonly given: Authority;
  /** True when names are resolved elsewhere (a proxy), so that nothing can be learnt by resolving them here. */
  readonly remoteNames: boolean;
  /** Asks the given server for its instance UUID; undefined when it has none to tell. */
  readonly instanceUuid: () => Promise<string | undefined>;
}

/** The node that is registered at the given authority, else the one that bears the given name. */
export function nodeNamed(nodes: readonly LookupNode[], given: Authority): LookupNode | undefined {
  const registered = nodes.filter((node) =>
    node.authorities.some((authority) => formatAuthority(authority) === formatAuthority(given)),
  );
  return (
    only(registered) ??
    (registered.length === 0 ? only(nodes.filter((n) => n.names.includes(given.host))) : undefined)
  );
}

/**
 * The node that the given server is: by authority and name, by address, and last by asking it for its instance
 * UUID, under which its vCenter is registered. Undefined when it is none of them, or it cannot be told.
 */
export async function findOwnNode(
  nodes: readonly LookupNode[],
  context: OwnNodeContext,
): Promise<LookupNode | undefined> {
  const { given } = context;
  const likely =
    nodeNamed(nodes, given) ?? (context.remoteNames ? undefined : await nodeAddressed(nodes, given));
  if (likely) return likely;
  const uuid = (await context.instanceUuid())?.toLowerCase();
  return uuid === undefined
    ? undefined
    : only(nodes.filter((node) => node.serviceId?.toLowerCase() === uuid));
}

/** The one node whose host resolves to an address of the given one, when all other nodes' hosts resolve elsewhere. */
async function nodeAddressed(
  nodes: readonly LookupNode[],
  given: Authority,
): Promise<LookupNode | undefined> {
  const own = new Set(await addressesOf(given.host));
  const addresses = await Promise.all(
    nodes.map(async (node) =>
      (await Promise.all(node.authorities.map(({ host }) => addressesOf(host)))).flat(),
    ),
  );
  if (addresses.some((found) => found.length === 0)) return undefined;
  const found = only(nodes.filter((_, index) => addresses[index]?.some((address) => own.has(address))));
  return found?.authorities.some(({ port }) => port === given.port) ? found : undefined;
}

function only<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}
