import { VsphereSsoError } from "../errors.ts";
import type { LookupNode, NodeWarning } from "./node.ts";
import { registrationKey, type ServiceRegistration, uniteRegistrations } from "./registration.ts";
import type { LinkedTopology } from "./topology.ts";

export interface ReplicationContext {
  /** What the given servers listed. */
  readonly views: readonly (readonly ServiceRegistration[])[];
  readonly build: (registrations: readonly ServiceRegistration[]) => Promise<LinkedTopology>;
  /** What the node's own Lookup Service lists. */
  readonly ask: (node: LookupNode) => Promise<readonly ServiceRegistration[]>;
}

/** The group with what was found noted on its nodes, and the nodes that could not be asked, in their order. */
export interface ReplicationReport {
  readonly group: LinkedTopology;
  readonly failures: readonly { readonly node: LookupNode; readonly error: VsphereSsoError }[];
}

/**
 * Asks every node's own Lookup Service, nodes that only another node knows included, and notes on each node what
 * the group has and it does not list.
 *
 * @throws AbortedError, and what is no error of this package.
 */
export async function verifyReplication(context: ReplicationContext): Promise<ReplicationReport> {
  const answers = new Map<string, readonly ServiceRegistration[] | VsphereSsoError>();
  let all = uniteRegistrations(context.views);
  let group = await context.build(all);
  const unaskedNodes = () => group.nodes.filter((node) => !answers.has(keyOf(node)));
  for (let unasked = unaskedNodes(); unasked.length > 0; unasked = unaskedNodes()) {
    await Promise.all(
      unasked.map(async (node) => answers.set(keyOf(node), await context.ask(node).catch(known))),
    );
    const lists = [...answers.values()].flatMap((answer) =>
      answer instanceof VsphereSsoError ? [] : [answer],
    );
    // The given servers' views stay first: they decide where two views differ.
    const united = uniteRegistrations([...context.views, ...lists]);
    if (united.length === all.length) break;
    all = united;
    group = await context.build(all);
  }
  const failures: { node: LookupNode; error: VsphereSsoError }[] = [];
  const nodes = group.nodes.map((node) => {
    const answer = answers.get(keyOf(node));
    if (answer instanceof VsphereSsoError) failures.push({ node, error: answer });
    const warning = answer instanceof VsphereSsoError ? failed(answer) : answer && lag(all, answer, group);
    return warning ? node.warned(warning.code, warning.message) : node;
  });
  return { group: { ...group, nodes }, failures };
}

function known(error: unknown): VsphereSsoError {
  if (error instanceof VsphereSsoError && error.code !== "ABORTED") return error;
  throw error;
}

function keyOf(node: LookupNode): string {
  return (node.nodeId ?? node.serviceId ?? node.instanceName).toLowerCase();
}

function failed(error: VsphereSsoError): NodeWarning {
  return { code: "REPLICATION_FAILED", message: `its Lookup Service could not be asked: ${error.message}` };
}

function lag(
  all: readonly ServiceRegistration[],
  listed: readonly ServiceRegistration[],
  group: LinkedTopology,
): NodeWarning | undefined {
  const own = new Set(listed.map(registrationKey));
  const missing = all.filter((registration) => !own.has(registrationKey(registration)));
  if (missing.length === 0) return undefined;
  const nameOf = ({ nodeId = "" }: ServiceRegistration) =>
    group.nodes.find((node) => node.nodeId?.toLowerCase() === nodeId.toLowerCase())?.instanceName ??
    "no node";
  const names = [...new Set(missing.map(nameOf))].sort().join(", ");
  return {
    code: "REPLICATION_LAG",
    message: `its Lookup Service does not list ${missing.length} registrations of ${names}`,
  };
}
