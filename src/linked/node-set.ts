import { InvalidArgumentError } from "../errors.ts";
import { matchNode } from "../lookup/match.ts";
import type { LookupNode } from "../lookup/node.ts";
import type { VCenter } from "../session/vcenter.ts";
import { closedError, type GroupNode } from "./group-node.ts";
import { GroupRun, type WorkLimits } from "./group-run.ts";
import { inTurns } from "./in-turns.ts";
import { checkLimits, type RunOptions } from "./options.ts";
import type { NodeResult } from "./result.ts";

/** What is done at a node, which is logged in to. */
export type NodeWork<T> = (vc: VCenter, context: NodeContext) => T | Promise<T>;

export interface NodeContext {
  readonly node: GroupNode;
  /** Fires when the run is stopped, and when the node's own time is over. */
  readonly signal: AbortSignal;
}

export interface NodeSetParts {
  /** In order. */
  readonly nodes: readonly GroupNode[];
  readonly concurrency: number;
  readonly nodeTimeoutMs: number | undefined;
  /** Ends the connections, after the sessions. */
  readonly release: () => Promise<void>;
}

/** The nodes of a group, or of several, and work at many of them. */
export abstract class NodeSet implements AsyncDisposable {
  /** By instance name, then node ID. */
  readonly nodes: readonly GroupNode[];
  readonly #parts: NodeSetParts;
  readonly #closing = new AbortController();
  #closed: Promise<void> | undefined;

  constructor(parts: NodeSetParts) {
    this.nodes = parts.nodes;
    this.#parts = parts;
  }

  /**
   * The one node that `match` names: node ID, instance name, FQDN, short host name, IP address, host:port or URL, in
   * any case.
   *
   * @throws NodeMatchError when no node or several answer to it, with the candidates.
   */
  async node(match: string): Promise<GroupNode> {
    if (!isText(match)) throw new InvalidArgumentError("The node must be named by a text");
    const nodes = this.#byRegistered();
    return nodeOf(nodes, await matchNode([...nodes.keys()], match));
  }

  /**
   * Does `work` at every node, or at those named, each logged in to on its first use. Awaited, it gives all results in
   * the order of the nodes; iterated over (`for await`), each as soon as it is there. Whatever fails at a node, a
   * mistake of `work` included, is in the result of that node and disturbs no other. When `signal` fires, what is not
   * done has an AbortedError in its result.
   *
   * @throws InvalidArgumentError at once; when awaited, NodeMatchError for a node that there is not.
   */
  each<T>(work: NodeWork<T>, options: RunOptions = {}): GroupRun<T> {
    if (typeof work !== "function")
      throw new InvalidArgumentError("The work at the nodes must be a function");
    return this.#run(options, async (node, limits) => {
      const vc = await node.connect(limits);
      return work(vc, { node, signal: limits.signal });
    });
  }

  /** As `each`, the results in the order of the nodes: each as soon as it and those before it are there. */
  map<T>(work: NodeWork<T>, options: RunOptions = {}): AsyncIterable<NodeResult<T>> {
    return this.each(work, options).inOrder();
  }

  /** Logs in at every node, or at those named, where that has not been done. */
  connectAll(options: RunOptions = {}): GroupRun<VCenter> {
    return this.#run(options, (node, limits) => node.connect(limits));
  }

  /**
   * Ends every session that was made here, all at once, and the connections. What is still under way fails with
   * AbortedError. May be called again.
   *
   * @throws what a logout threw, after all were tried; AggregateError with the errors of several.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #run<T>(options: RunOptions, work: (node: GroupNode, limits: WorkLimits) => Promise<T>): GroupRun<T> {
    if (typeof options !== "object" || options === null)
      throw new InvalidArgumentError("The options must be an object");
    const { concurrency, nodeTimeoutMs } = this.#parts;
    const { nodes, signal } = options;
    if (nodes !== undefined && !(Array.isArray(nodes) && nodes.every(isText))) {
      throw new InvalidArgumentError("nodes must be an array of texts", {
        hint: 'name each as node() takes it: nodes: ["vc01"]',
      });
    }
    const limits = {
      concurrency: options.concurrency ?? concurrency,
      nodeTimeoutMs: options.nodeTimeoutMs ?? nodeTimeoutMs,
    };
    return new GroupRun({
      ...checkLimits(limits, "group"),
      nodes: async () => (nodes === undefined ? this.nodes : this.#named(nodes)),
      work,
      signals: [signal, this.#closing.signal],
    });
  }

  /** In their order, each once. */
  async #named(matches: readonly string[]): Promise<readonly GroupNode[]> {
    const nodes = this.#byRegistered();
    const registered = [...nodes.keys()];
    const found = new Set(await Promise.all(matches.map((match) => matchNode(registered, match))));
    return registered.filter((node) => found.has(node)).map((node) => nodeOf(nodes, node));
  }

  #byRegistered(): Map<LookupNode, GroupNode> {
    return new Map(this.nodes.map((node) => [node.registered, node]));
  }

  async #close(): Promise<void> {
    this.#closing.abort(closedError());
    const failures: { readonly node: GroupNode; readonly error: unknown }[] = [];
    await inTurns(this.nodes, Math.max(this.#parts.concurrency, CLOSED_AT_A_TIME), (node) =>
      node.close().catch((error: unknown) => failures.push({ node, error })),
    );
    await this.#parts.release();
    const [first, ...others] = failures;
    if (first === undefined) return;
    if (others.length === 0) throw first.error;
    const names = failures.map(({ node }) => node.instanceName).join(", ");
    throw new AggregateError(
      failures.map(({ error }) => error),
      `The sessions of ${failures.length} nodes may not have ended: ${names}`,
    );
  }
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}

/** However few are worked on at a time, the end is not made to wait. */
const CLOSED_AT_A_TIME = 64;

function nodeOf(nodes: ReadonlyMap<LookupNode, GroupNode>, registered: LookupNode): GroupNode {
  const node = nodes.get(registered);
  if (node === undefined) throw new TypeError("The node is not of this group");
  return node;
}
