import { AbortedError, TimeoutError, VsphereSsoError } from "../errors.ts";
import { onAbort } from "../net/deadline.ts";
import type { GroupNode } from "./group-node.ts";
import { inTurns } from "./in-turns.ts";
import { limited } from "./limited.ts";
import type { NodeResult } from "./result.ts";

export interface WorkLimits {
  /** Fires when the run is stopped, and when the node's own time is over. */
  readonly signal: AbortSignal;
  readonly nodeTimeoutMs: number | undefined;
}

export interface RunPlan<T> {
  /** The nodes, in their order. */
  readonly nodes: () => Promise<readonly GroupNode[]>;
  readonly work: (node: GroupNode, limits: WorkLimits) => Promise<T>;
  readonly concurrency: number;
  readonly nodeTimeoutMs: number | undefined;
  /** The caller's, and that of whoever closes the group. */
  readonly signals: readonly (AbortSignal | undefined)[];
}

/**
 * Work at several nodes that is under way. Awaited, it gives the results of all nodes in their order; iterated over,
 * each as soon as it is there. A node that fails has its error in its result. Leaving the loop early stops the rest.
 *
 * What a loop has given is not kept, so that a loop over many large results needs no memory for all of them: awaited
 * after a loop, a run gives what is left. Awaited before (`then` was called), it keeps and gives everything to all.
 */
export class GroupRun<T> implements PromiseLike<readonly NodeResult<T>[]>, AsyncIterable<NodeResult<T>> {
  readonly #plan: RunPlan<T>;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;
  /** As they came. */
  readonly #order: GroupNode[] = [];
  readonly #finished = new Set<GroupNode>();
  /** Those that are kept. */
  readonly #results = new Map<GroupNode, NodeResult<T>>();
  #nodes: readonly GroupNode[] = [];
  /** Whether what was given is kept. */
  #awaited = false;
  #over = false;
  /** Settled, and replaced, whenever there is news. */
  #news = deferred();

  constructor(plan: RunPlan<T>) {
    this.#plan = plan;
    this.#done = this.#run().finally(() => {
      this.#over = true;
      this.#news.resolve();
    });
    // Who neither awaits nor iterates is not told.
    this.#done.catch(() => undefined);
  }

  /** @throws NodeMatchError, InvalidArgumentError where the nodes to work on cannot be told. */
  // biome-ignore lint/suspicious/noThenProperty: it is awaited.
  then<A = readonly NodeResult<T>[], B = never>(
    onfulfilled?: ((results: readonly NodeResult<T>[]) => A | PromiseLike<A>) | null,
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#awaited = true;
    return this.#done
      .then(() => this.#nodes.flatMap((node) => this.#results.get(node) ?? []))
      .then(onfulfilled, onrejected);
  }

  /** As that of a promise of all results. */
  catch<B = never>(
    onrejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<readonly NodeResult<T>[] | B> {
    return this.then(undefined, onrejected);
  }

  /** As that of a promise of all results. */
  finally(onfinally?: (() => void) | null): Promise<readonly NodeResult<T>[]> {
    return this.then().finally(onfinally);
  }

  [Symbol.asyncIterator](): AsyncIterator<NodeResult<T>> {
    return this.#iterate((place) => this.#order[place]);
  }

  /** The results in the order of the nodes, each as soon as it and those before are there. */
  inOrder(): AsyncIterable<NodeResult<T>> {
    const nodeAt = (place: number): GroupNode | undefined => {
      const node = this.#nodes[place];
      return node && this.#finished.has(node) ? node : undefined;
    };
    return { [Symbol.asyncIterator]: () => this.#iterate(nodeAt) };
  }

  /** @param nodeAt the node whose result has a place, where it is there. */
  async *#iterate(nodeAt: (place: number) => GroupNode | undefined): AsyncGenerator<NodeResult<T>> {
    let place = 0;
    try {
      for (;;) {
        const { promise } = this.#news;
        const node = nodeAt(place);
        if (node !== undefined) {
          place++;
          yield* this.#take(node);
        } else if (place > 0 && place === this.#nodes.length) {
          return;
        } else if (await this.#isOver(promise)) {
          if (nodeAt(place) === undefined) return;
        }
      }
    } finally {
      if (!this.#over)
        this.#stop.abort(new AbortedError("The results of the other nodes are not waited for any more"));
    }
  }

  /** The result of a node, unless another loop had it. */
  #take(node: GroupNode): readonly NodeResult<T>[] {
    const result = this.#results.get(node);
    if (!this.#awaited) this.#results.delete(node);
    return result === undefined ? [] : [result];
  }

  /** Waits for news; true where there will be none any more. */
  async #isOver(news: Promise<void>): Promise<boolean> {
    const over = this.#done.then(() => true);
    return Promise.race([over, news.then(() => false)]);
  }

  async #run(): Promise<void> {
    const { signals, concurrency } = this.#plan;
    const stop = (signal: AbortSignal | undefined): void => this.#stop.abort(stopped(signal));
    const releases = signals.map((signal) => onAbort(signal, () => stop(signal)));
    try {
      const nodes = await this.#plan.nodes();
      this.#nodes = nodes;
      await inTurns(nodes, concurrency, async (node) => this.#finish(await this.#at(node)));
    } finally {
      for (const release of releases) release();
    }
  }

  #finish(result: NodeResult<T>): void {
    this.#order.push(result.node);
    this.#finished.add(result.node);
    this.#results.set(result.node, result);
    const { resolve } = this.#news;
    this.#news = deferred();
    resolve();
  }

  async #at(node: GroupNode): Promise<NodeResult<T>> {
    const { nodeId, instanceName } = node;
    try {
      return { node, nodeId, instanceName, ok: true, value: await this.#limited(node) };
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown), { cause: thrown });
      const code = error instanceof VsphereSsoError ? error.code : "UNKNOWN";
      return { node, nodeId, instanceName, ok: false, error, code };
    }
  }

  /** The node's own time is over for that node alone, also where `work` does not look at its signal. */
  #limited(node: GroupNode): Promise<T> {
    const { work, nodeTimeoutMs } = this.#plan;
    const { signal } = this.#stop;
    const stop = { signal, reason: () => signal.reason };
    return limited({ ms: nodeTimeoutMs, late: (ms) => overdue(node, ms), stop }, (own) =>
      work(node, { signal: own, nodeTimeoutMs }),
    );
  }
}

function stopped(signal: AbortSignal | undefined): AbortedError {
  const reason: unknown = signal?.reason;
  if (reason instanceof AbortedError) return reason;
  return new AbortedError("The work at the nodes was aborted", { cause: reason });
}

function overdue(node: GroupNode, ms: number): TimeoutError {
  return new TimeoutError(`${node.instanceName} was not done within ${ms} ms`, {
    host: node.server ?? node.host,
    phase: "total",
    hint: "allow more time by nodeTimeoutMs, or look whether the node answers at all",
  });
}

interface Deferred {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function deferred(): Deferred {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
