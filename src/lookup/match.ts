import { isIP } from "node:net";
import { InvalidArgumentError, NodeMatchError } from "../errors.ts";
import { formatAuthority, parseServer } from "../net/authority.ts";
import type { LookupNode } from "./node.ts";
import { addressesOf } from "./reachability.ts";
import { registeredUrl } from "./registered-url.ts";

/**
 * The one node that `text` names: by node ID, instance name, FQDN, short host name, IP address, `host:port` or
 * URL, in any case. An IP address is compared with what the nodes' host names resolve to when no node has it
 * literally.
 *
 * @throws NodeMatchError when no node or several answer to it, with the candidates.
 */
export async function matchNode(nodes: readonly LookupNode[], text: string): Promise<LookupNode> {
  const wanted = text.trim().toLowerCase();
  if (wanted === "") throw new InvalidArgumentError("the name of the node to match is empty");
  let found = nodes.filter((node) => namesOf(node).has(wanted) || sharesAuthority(node, wanted));
  if (found.length === 0 && isIP(wanted.replace(/^\[|\]$/g, ""))) {
    found = await resolvingTo(nodes, wanted.replace(/^\[|\]$/g, ""));
  }
  const [first, ...others] = found;
  if (first && others.length === 0) return first;
  const candidates = (first ? found : nodes).map(({ nodeId, instanceName, host }) => ({
    nodeId,
    instanceName,
    host,
  }));
  const list = candidates.map((c) => `${c.instanceName} (${c.nodeId ?? "no node ID"})`).join(", ") || "none";
  throw new NodeMatchError(
    first ? "NODE_AMBIGUOUS" : "NODE_NOT_FOUND",
    first
      ? `"${text}" names several nodes: ${list}`
      : `"${text}" names no node of the group; it has: ${list}`,
    { candidates, hint: "give the node ID or the full instance name of one of them" },
  );
}

function hostsOf(node: LookupNode): string[] {
  const hosts = [...node.names, node.host.toLowerCase(), ...node.authorities.map(({ host }) => host)];
  return [...new Set(hosts)];
}

function namesOf(node: LookupNode): Set<string> {
  const names = new Set<string>();
  if (node.nodeId) names.add(node.nodeId.toLowerCase());
  for (const host of hostsOf(node)) {
    names.add(host);
    if (isIP(host) === 6) names.add(`[${host}]`);
    if (isIP(host) === 0) names.add(host.replace(/\..*$/, ""));
  }
  return names;
}

/** True when `wanted` is a URL or names a port, and the node's own endpoint is served there. */
function sharesAuthority(node: LookupNode, wanted: string): boolean {
  if (!wanted.includes(":")) return false;
  let authority: string;
  try {
    authority = formatAuthority(parseServer(wanted));
  } catch {
    return false;
  }
  if (node.authorities.some((known) => formatAuthority(known) === authority)) return true;
  // The instance name stands for the host that is registered, not for the one a rewrite put in its place.
  const port = registeredUrl(node.endpoint("vcenter")?.registeredUrl)?.authority.port ?? 443;
  return node.names.some((host) => formatAuthority({ host, port }) === authority);
}

async function resolvingTo(nodes: readonly LookupNode[], address: string): Promise<LookupNode[]> {
  const resolved = await Promise.all(
    nodes.map(async (node) => (await Promise.all(hostsOf(node).map(addressesOf))).flat().includes(address)),
  );
  return nodes.filter((_, index) => resolved[index]);
}
