import { VsphereSsoError } from "../errors.ts";
import { mergeTopologies } from "./merge.ts";
import type { LookupNode, NodeWarning } from "./node.ts";
import type { LinkedTopology } from "./topology.ts";

export interface ReplicationContext {
  /** What the node's own Lookup Service tells. */
  readonly view: (node: LookupNode) => Promise<LinkedTopology>;
  /** Told of a node that could not be asked. */
  readonly fail: (node: LookupNode, error: VsphereSsoError) => void;
}

/**
 * Asks every node's own Lookup Service, nodes that only another node knows included, and notes on each node what
 * the group has and it does not list.
 */
export async function verifyReplication(
  group: LinkedTopology,
  context: ReplicationContext,
): Promise<LinkedTopology> {
  const views = new Map<string, LinkedTopology>();
  const failures = new Map<string, VsphereSsoError>();
  let merged = group;
  for (let asked = -1; asked !== views.size + failures.size; ) {
    asked = views.size + failures.size;
    await Promise.all(
      merged.nodes
        .filter((node) => !views.has(keyOf(node)) && !failures.has(keyOf(node)))
        .map(async (node) => {
          try {
            views.set(keyOf(node), await context.view(node));
          } catch (error) {
            if (!(error instanceof VsphereSsoError) || error.code === "ABORTED") throw error;
            failures.set(keyOf(node), error);
            context.fail(node, error);
          }
        }),
    );
    // The given server's view stays first: it decides where two views differ.
    [merged = group] = mergeTopologies([group, ...views.values()]);
  }
  const all = registrationsOf(merged);
  return {
    ...merged,
    nodes: merged.nodes.map((node) => {
      const failure = failures.get(keyOf(node));
      const view = views.get(keyOf(node));
      const warning = failure ? failed(failure) : view && lag(all, registrationsOf(view), merged);
      return warning ? node.with({ warnings: [...node.warnings, warning] }) : node;
    }),
  };
}

function keyOf(node: LookupNode): string {
  return (node.nodeId ?? node.serviceId ?? node.instanceName).toLowerCase();
}

/** Registrations by service ID, with the node each names. */
function registrationsOf(topology: LinkedTopology): Map<string, string | null> {
  const rows = [...topology.sso, ...topology.other, ...topology.nodes.flatMap((node) => node.endpoints)];
  return new Map(
    rows.flatMap((row) => (row.serviceId === null ? [] : [[row.serviceId, row.nodeId] as const])),
  );
}

function failed(error: VsphereSsoError): NodeWarning {
  return { code: "REPLICATION_FAILED", message: `its Lookup Service could not be asked: ${error.message}` };
}

function lag(
  all: ReadonlyMap<string, string | null>,
  listed: ReadonlyMap<string, string | null>,
  group: LinkedTopology,
): NodeWarning | undefined {
  const missing = [...all].filter(([serviceId]) => !listed.has(serviceId));
  if (missing.length === 0) return undefined;
  const names = new Set(
    missing.map(
      ([, nodeId]) => group.nodes.find((node) => node.nodeId === nodeId)?.instanceName ?? "no node",
    ),
  );
  return {
    code: "REPLICATION_LAG",
    message: `its Lookup Service does not list ${missing.length} registrations of ${[...names].sort().join(", ")}`,
  };
}
