import { EndpointNotFoundError } from "../errors.ts";
import { chooseSts } from "../lookup/choose-sts.ts";
import { LookupService } from "../lookup/client.ts";
import type { LookupNode } from "../lookup/node.ts";
import { nodeNamed } from "../lookup/own-node.ts";
import type { LinkedTopology } from "../lookup/topology.ts";
import { adaptedTopology } from "../lookup/views.ts";
import type { Authority } from "../net/authority.ts";
import { Transport } from "../net/transport.ts";
import { requirePrincipalName } from "../session/broker/identity.ts";
import { CLOSE_TIMEOUT_MS } from "../session/connect-options.ts";
import type { SecurityTokenService } from "../sts/client.ts";
import { checkCredential, GroupCredential } from "./group-credential.ts";
import { GroupNode } from "./group-node.ts";
import { NodeSet } from "./node-set.ts";
import { NodeTransport } from "./node-transport.ts";
import { checkLimits, checkShared, type GroupTransport, type LinkedGroupOptions } from "./options.ts";
import { sessionOpener } from "./session-opener.ts";
import { GROUP_FILTERS, trimRegistrations } from "./trim.ts";

export interface LinkedGroupParts {
  readonly topology: LinkedTopology;
  /** The server that the group was found through. */
  readonly server: Authority;
  readonly options: LinkedGroupOptions;
  readonly transport: GroupTransport;
  /** Ends the connections. */
  readonly release: () => Promise<void>;
}

/**
 * The vCenters of a linked group (Enhanced Linked Mode) as one object: found through one of them, under one trust
 * decision, and logged in to with one token. A vCenter that is not linked is a group of one.
 *
 * Trust: an authority that is given (`ca`) decides for all nodes. Else the certificates that the trusted Lookup
 * Service has registered for a node count for that node, where the trust options know nothing of it. A node whose
 * certificate is another one has a TrustError; the others work.
 *
 * @example
 * const group = await LinkedGroup.connect("vc01.corp.example", { credential: { username, password }, trust: { ca } });
 * try {
 *   for await (const result of group.each((vc) => vc.vapi.get("/api/vcenter/vm"))) {
 *     console.log(result.instanceName, result.ok ? result.value : result.error.message);
 *   }
 * } finally {
 *   await group.close();
 * }
 */
export class LinkedGroup extends NodeSet {
  /** URL of the Lookup Service that told of the nodes. */
  readonly lookupUrl: string;

  /** Takes a group that was found; `LinkedGroup.connect` finds one. */
  constructor(parts: LinkedGroupParts) {
    const { topology, options, transport } = parts;
    const transports = new Map(
      topology.nodes.map((node) => [node, nodeTransport(node, transport, options)] as const),
    );
    const credential = new GroupCredential(options, () => reachSts(parts, transports));
    const open = sessionOpener(options, { credential, scope: scopeOf(topology) });
    const nodes = [...transports].map(
      ([registered, own]) => new GroupNode({ registered, transport: own, open }),
    );
    super({
      nodes,
      ...checkLimits(options, "group"),
      release: () => releaseAll([...transports.values()], parts),
    });
    this.lookupUrl = topology.lookupUrl;
  }

  /**
   * Asks the server's Lookup Service for the nodes. A node is logged in to when it is first used, or, with `connect:
   * "all"`, all of them here: nodes that fail have their `error`, and only where every one does, that of the first is
   * thrown.
   *
   * @param server `host`, `host:port`, `[ipv6]:port` or `https://host` of any vCenter of the group.
   * @throws InvalidArgumentError before anything is sent; UnsupportedError for an ESXi host; EndpointNotFoundError
   *   where no vCenter is registered; AbortedError; every error of the transport.
   */
  static async connect(server: string, options: LinkedGroupOptions): Promise<LinkedGroup> {
    checkShared(options);
    const { createTransport = (all) => new Transport(all), signal } = options;
    checkCredential(options.credential);
    if (options.broker) await requirePrincipalName(options.credential, options.principal);
    checkLimits(options, "group");
    const transport = createTransport(options);
    const release = (): Promise<void> => Promise.resolve(transport[Symbol.asyncDispose]());
    let group: LinkedGroup | undefined;
    try {
      const lookup = new LookupService(server, { ...options, transport });
      const view = await lookup.view({ signal, filters: GROUP_FILTERS });
      const topology =
        "nodes" in view ? view : await adaptedTopology([lookup], trimRegistrations(view), { signal });
      requireNodes(topology);
      group = new LinkedGroup({ topology, server: lookup.server, options, transport, release });
      if (options.connect === "all") await connectSome(group, signal);
      return group;
    } catch (error) {
      await (group ? group.close().catch(() => undefined) : release());
      throw error;
    }
  }

  toJSON(): Readonly<Record<string, unknown>> {
    return { lookupUrl: this.lookupUrl, nodes: this.nodes };
  }
}

/** @throws EndpointNotFoundError */
export function requireNodes({ nodes, lookupUrl }: LinkedTopology): void {
  if (nodes.length > 0) return;
  throw new EndpointNotFoundError(`${lookupUrl} has no registration of a vCenter`, {
    hint: "see what it lists: vsso lookup list",
  });
}

/** Logs in at all nodes; throws where that was aborted, or not one could be logged in to. */
async function connectSome(group: LinkedGroup, signal: AbortSignal | undefined): Promise<void> {
  const results = await group.connectAll({ signal });
  const [failed] = results.filter((result) => !result.ok);
  if (failed && (signal?.aborted || results.every((result) => !result.ok))) throw failed.error;
}

function nodeTransport(
  node: LookupNode,
  transport: GroupTransport,
  options: LinkedGroupOptions,
): NodeTransport {
  const { createTransport = (all) => new Transport(all) } = options;
  return new NodeTransport(node, {
    transport,
    trust: options.trust,
    createTransport: (trust) => createTransport({ ...options, trust }),
  });
}

/** The group's Security Token Service: the one given, else that of the server the group was found through. */
async function reachSts(
  { topology, server, options, transport }: LinkedGroupParts,
  transports: ReadonlyMap<LookupNode, NodeTransport>,
): Promise<SecurityTokenService> {
  const { sts, ssoDomain, clockOffsetMs } = options;
  if (typeof sts === "object") return sts;
  // It takes more code than a caller with a token should have to load.
  const { SecurityTokenService } = await import("../sts/client.ts");
  if (sts !== undefined) return new SecurityTokenService(sts, { transport, ssoDomain, clockOffsetMs });
  const { nodes } = topology;
  const own = nodeNamed(nodes, server) ?? (nodes.length === 1 ? nodes[0] : undefined);
  const endpoint = chooseSts(topology, own, server);
  const holder = nodes.find((node) => sameId(node.nodeId, endpoint.nodeId));
  return new SecurityTokenService(endpoint, {
    transport: (holder && transports.get(holder)) ?? transport,
    ssoDomain,
    clockOffsetMs,
  });
}

function sameId(a: string | null, b: string | null): boolean {
  return a !== null && a.toLowerCase() === b?.toLowerCase();
}

/** Names the directory that the accounts live in, for every process that works with the group. */
function scopeOf({ nodes }: LinkedTopology): string | undefined {
  const [first] = nodes.flatMap(({ nodeId }) => nodeId?.toLowerCase() ?? []).sort();
  return first && `node ${first}`;
}

/** Ends the connections; those that a login which was given up still needs for its logout, after that. */
async function releaseAll(
  transports: readonly NodeTransport[],
  { options, release }: LinkedGroupParts,
): Promise<void> {
  const { closeTimeoutMs = CLOSE_TIMEOUT_MS } = options;
  const busy = transports.filter(({ isBusy }) => isBusy);
  const end = async (): Promise<void> => {
    await Promise.all(transports.map((transport) => transport.close()));
    await release();
  };
  if (busy.length === 0) return end();
  void Promise.allSettled(busy.map((transport) => transport.idle(closeTimeoutMs)))
    .then(end)
    .catch(() => undefined);
}
