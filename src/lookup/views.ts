import type { LookupService } from "./client.ts";
import type { LookupNode } from "./node.ts";
import type { ServiceRegistration } from "./registration.ts";
import { buildTopology, type LinkedTopology } from "./topology.ts";

/** What one server lists. */
export interface View {
  readonly lookup: LookupService;
  readonly registrations: readonly ServiceRegistration[];
}

/** The topology of registrations, its URLs adapted to every server that was asked. */
export async function adaptedTopology(
  lookups: readonly LookupService[],
  registrations: readonly ServiceRegistration[],
  options: { readonly signal?: AbortSignal | undefined },
): Promise<LinkedTopology> {
  const servers = lookups.map(({ server }) => server);
  let topology = buildTopology(lookups[0]?.url ?? "", registrations, servers);
  for (const lookup of lookups) topology = await lookup.adapt(topology, options);
  return topology;
}

/** A vCenter without a Lookup Service that a group lists all the same is not a group of its own. */
export function addAssumed(
  groups: readonly LinkedTopology[],
  assumed: readonly LinkedTopology[],
): LinkedTopology[] {
  const listed = (node: LookupNode | undefined) => (other: LookupNode) =>
    node?.serviceId != null && other.serviceId?.toLowerCase() === node.serviceId.toLowerCase();
  const lone = assumed.filter(({ nodes: [node] }) => !groups.some((group) => group.nodes.some(listed(node))));
  const known = assumed.filter((topology) => !lone.includes(topology)).flatMap(({ nodes }) => nodes);
  const joined = groups.map((group) => ({
    ...group,
    nodes: group.nodes.map((node) => {
      const warning = known.find((other) => listed(other)(node))?.warnings[0];
      return warning ? node.warned(warning.code, "its own Lookup Service cannot be used") : node;
    }),
  }));
  return [...joined, ...lone];
}
