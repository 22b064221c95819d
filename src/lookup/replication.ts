import { VsphereSsoError } from "../errors.ts";
import { mergeTopologies } from "./merge.ts";
import type { LookupNode, NodeWarning } from "./node.ts";
import type { LinkedTopology } from "./topology.ts";

/** The group with what was found noted on its nodes, and the nodes that could not be asked, in their order. */
export interface ReplicationReport {
  readonly group: LinkedTopology;
  readonly failures: readonly { readonly node: LookupNode; readonly error: VsphereSsoError }[];
}

/**
 * Asks every node's own Lookup Service by `view`, nodes that only another node knows included, and notes on each
 * node what the group has and it does not list.
 *
 * @throws what `view` throws beyond the errors of this package, and AbortedError.
 */
export async function verifyReplication(
  group: LinkedTopology,
  view: (node: LookupNode) => Promise<LinkedTopology>,
): Promise<ReplicationReport> {
  const answers = new Map<string, LinkedTopology | VsphereSsoError>();
  let merged = group;
  for (let asked = -1; asked !== answers.size; ) {
    asked = answers.size;
    await Promise.all(
      merged.nodes
        .filter((node) => !answers.has(keyOf(node)))
        .map(async (node) => answers.set(keyOf(node), await view(node).catch(known))),
    );
    const views = [...answers.values()].flatMap((answer) =>
      answer instanceof VsphereSsoError ? [] : [answer],
    );
    // The given server's view stays first: it decides where two views differ.
    [merged = group] = mergeTopologies([group, ...views]);
  }
  const all = registrationsOf(merged);
  const failures: { node: LookupNode; error: VsphereSsoError }[] = [];
  const nodes = merged.nodes.map((node) => {
    const answer = answers.get(keyOf(node));
    if (answer instanceof VsphereSsoError) failures.push({ node, error: answer });
    const warning =
      answer instanceof VsphereSsoError
        ? failed(answer)
        : answer && lag(all, registrationsOf(answer), merged);
    return warning ? node.with({ warnings: [...node.warnings, warning] }) : node;
  });
  return { group: { ...merged, nodes }, failures };
}

function known(error: unknown): VsphereSsoError {
  if (error instanceof VsphereSsoError && error.code !== "ABORTED") return error;
  throw error;
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
