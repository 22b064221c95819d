import type { Endpoint } from "./endpoint.ts";
import { compareNodes, type LookupNode } from "./node.ts";
import type { LinkedTopology } from "./topology.ts";

/**
 * Joins topologies that share a node ID: they are views of one group. Every endpoint still stands in exactly one
 * place. Of two views of a node the one with URLs adapted to its server counts, else the first.
 */
export function mergeTopologies(topologies: readonly LinkedTopology[]): LinkedTopology[] {
  const groups: LinkedTopology[][] = [];
  for (const topology of topologies) {
    const ids = nodeIds(topology);
    const related = groups.filter((group) =>
      group.some((other) => [...nodeIds(other)].some((id) => ids.has(id))),
    );
    const [first, ...others] = related;
    if (!first) {
      groups.push([topology]);
      continue;
    }
    first.push(...others.flat(), topology);
    for (const other of others) groups.splice(groups.indexOf(other), 1);
  }
  return groups.map(joinViews);
}

function nodeIds(topology: LinkedTopology): Set<string> {
  return new Set(topology.nodes.flatMap((node) => node.nodeId?.toLowerCase() ?? []));
}

function joinViews(views: readonly LinkedTopology[]): LinkedTopology {
  const [first, ...others] = views;
  if (!first || others.length === 0) return first as LinkedTopology;
  const nodes = new Map<string, LookupNode[]>();
  for (const node of views.flatMap((view) => view.nodes)) {
    const key = node.nodeId?.toLowerCase() ?? `service ${node.serviceId}`;
    nodes.set(key, [...(nodes.get(key) ?? []), node]);
  }
  const joined = [...nodes.values()].map(joinNode).sort(compareNodes);
  // A view that lags behind cannot tell whose its rows are; what a node claims does not stand in `other` as well.
  const claimed = new Set(joined.flatMap((node) => node.endpoints.map((endpoint) => endpoint.serviceId)));
  return {
    lookupUrl: first.lookupUrl,
    siteIds: [...new Set(views.flatMap((view) => view.siteIds))].sort(),
    nodes: joined,
    sso: joinRows(views.map((view) => view.sso)),
    other: joinRows(views.map((view) => view.other)).filter((endpoint) => !claimed.has(endpoint.serviceId)),
  };
}

function joinNode(views: readonly LookupNode[]): LookupNode {
  const adapted = (node: LookupNode) => node.warnings.some((warning) => warning.code === "URL_REWRITTEN");
  const [main, ...others] = [...views].sort((a, b) => Number(adapted(b)) - Number(adapted(a)));
  if (!main || others.length === 0) return main as LookupNode;
  return main.with({ endpoints: joinRows([main.endpoints, ...others.map((node) => node.endpoints)]) });
}

/** The rows of every registration, from the first list that has it. */
function joinRows(lists: readonly (readonly Endpoint[])[]): Endpoint[] {
  const seen = new Set<string>();
  return lists.flatMap((list) => {
    const fresh = list.filter((endpoint) => !seen.has(rowKey(endpoint)));
    for (const endpoint of fresh) seen.add(rowKey(endpoint));
    return fresh;
  });
}

function rowKey(endpoint: Endpoint): string {
  return endpoint.serviceId ?? `assumed ${endpoint.url}`;
}
