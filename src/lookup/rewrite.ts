import { channel } from "node:diagnostics_channel";
import { AbortedError } from "../errors.ts";
import { type Authority, authorityOf, formatAuthority } from "../net/authority.ts";
import type { Endpoint } from "./endpoint.ts";
import type { LookupNode } from "./node.ts";
import { findOwnNode, nodeNamed, type OwnNodeContext } from "./own-node.ts";
import { unreachableBecause } from "./reachability.ts";
import { registeredUrl } from "./registered-url.ts";
import type { LinkedTopology } from "./topology.ts";

/**
 * What to do when a registered URL of the given server does not lead to the authority that was given: leave it, put
 * the given authority in its place when the registered host does not resolve or refuses, or do so always.
 */
export type RewritePolicy = "never" | "on-failure" | "always";

export interface RewriteContext extends OwnNodeContext {
  readonly policy: RewritePolicy;
  /** Authorities (`host:port`, lower case) that the caller mapped to an address. */
  readonly mapped: ReadonlySet<string>;
  /** Limit for finding out whether a host can be reached, in ms. */
  readonly probeTimeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** Hosts that only a program on the node itself can mean. */
const NODE_LOCAL = /^(localhost|127(\.\d+){3}|::1)$/;

/** Told of each authority replaced, as `{ from, to, reason }`. */
const rewrites = channel("vsphere-sso:rewrite");

/**
 * The topology with usable URLs: those of the given server's own node and, of rows without a node, those that can
 * only be its own. URLs of other nodes are never touched.
 *
 * @throws AbortedError
 */
export async function rewriteOwnUrls(
  topology: LinkedTopology,
  context: RewriteContext,
): Promise<LinkedTopology> {
  const rows = [...topology.sso, ...topology.other, ...topology.nodes.flatMap((node) => node.endpoints)];
  const known = nodeNamed(topology.nodes, context.given);
  if (context.policy === "never" || !rows.some(leadsElsewhere(context.given, known))) return topology;
  const own = known ?? (await findOwnNode(topology.nodes, context));
  if (!own) return topology;

  const owned = ownership(own, topology);
  const elsewhere = leadsElsewhere(context.given, own);
  const reasons = await reasonsToRewrite(
    rows.filter((row) => elsewhere(row) && owned(row)),
    context,
  );
  if (reasons.size === 0) return topology;

  const ownPort = portOf(own);
  const done = new Map<string, string>();
  const rewrite = (row: Endpoint): Endpoint => {
    const registered = registeredUrl(row.url);
    const from = registered && formatAuthority(registered.authority);
    const reason = from && elsewhere(row) && owned(row) ? reasons.get(from) : undefined;
    if (!registered || !from || !reason) return row;
    const url = substitute(registered.url, registered.authority, context.given, ownPort);
    const to = formatAuthority(authorityOf(new URL(url)));
    if (!done.has(from)) {
      done.set(from, `${from} ${reason}; ${to} is used in its place`);
      rewrites.publish({ from, to, reason });
    }
    return row.withUrl(url);
  };
  const sso = topology.sso.map(rewrite);
  const other = topology.other.map(rewrite);
  const endpoints = own.endpoints.map(rewrite);
  let adapted = own.with({ endpoints });
  for (const message of done.values()) adapted = adapted.warned("URL_REWRITTEN", message);
  return { ...topology, sso, other, nodes: topology.nodes.map((node) => (node === own ? adapted : node)) };
}

/** Port of the node's own endpoint as registered: the only one that the given port can stand for. */
function portOf(own: LookupNode | undefined): number {
  return registeredUrl(own?.endpoint("vcenter")?.registeredUrl)?.authority.port ?? 443;
}

/** Tells which rows lead to another authority than the given one; a service on a port of its own does not. */
function leadsElsewhere(given: Authority, own: LookupNode | undefined): (row: Endpoint) => boolean {
  const ownPort = portOf(own);
  return (row) => {
    const authority = registeredUrl(row.url)?.authority;
    if (!authority) return false;
    if (authority.host === given.host)
      return own !== undefined && authority.port === ownPort && ownPort !== given.port;
    return !NODE_LOCAL.test(authority.host);
  };
}

/**
 * Tells which rows are the own node's: by node ID, and without one only where no other node can be meant. A host
 * at which another node is registered is never the own one's.
 */
function ownership(own: LookupNode, topology: LinkedTopology): (row: Endpoint) => boolean {
  const hostOf = (row: Endpoint) => registeredUrl(row.url)?.authority.host ?? "";
  const hosts = new Set(own.endpoints.map(hostOf));
  const foreign = new Set(
    topology.nodes.filter((node) => node !== own).flatMap((node) => node.authorities.map(formatAuthority)),
  );
  return (row) => {
    const authority = registeredUrl(row.url)?.authority;
    if (authority && foreign.has(formatAuthority(authority))) return false;
    if (row.nodeId !== null) return row.nodeId.toLowerCase() === own.nodeId?.toLowerCase();
    return topology.nodes.length === 1 || hosts.has(hostOf(row)) || row.serviceId === own.serviceId;
  };
}

/** Why each authority among the rows is to be replaced; those that are not are left out. */
async function reasonsToRewrite(
  rows: readonly Endpoint[],
  context: RewriteContext,
): Promise<Map<string, string>> {
  const authorities = new Map<string, Authority>();
  for (const row of rows) {
    const authority = registeredUrl(row.url)?.authority;
    if (authority) authorities.set(formatAuthority(authority), authority);
  }
  const reasons = new Map<string, string>();
  await Promise.all(
    [...authorities].map(async ([name, authority]) => {
      const reason = await reasonToRewrite(name, authority, context);
      if (reason !== undefined) reasons.set(name, reason);
    }),
  );
  // A probe that was called off says nothing of the host.
  if (context.signal?.aborted) {
    throw new AbortedError("The discovery was aborted", { cause: context.signal.reason });
  }
  return reasons;
}

async function reasonToRewrite(
  name: string,
  authority: Authority,
  context: RewriteContext,
): Promise<string | undefined> {
  if (context.policy === "always") return "is replaced by policy";
  if (context.remoteNames || context.mapped.has(name)) return undefined;
  return unreachableBecause(authority, { timeoutMs: context.probeTimeoutMs, signal: context.signal });
}

/**
 * The given authority in place of the registered one. A port that is not that of the node's own endpoint (5480,
 * 8443) is a service of its own and stays. The port is written out, as registrations do.
 */
function substitute(url: URL, registered: Authority, given: Authority, ownPort: number): string {
  const port = registered.port === ownPort ? given.port : registered.port;
  const authority = formatAuthority({ host: given.host, port });
  return `${url.protocol}//${authority}${url.pathname}${url.search}`;
}
