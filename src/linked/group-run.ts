import { AbortedError, TimeoutError } from "../errors.ts";
import { abortable, onAbort } from "../net/deadline.ts";
import type { GroupNode } from "./group-node.ts";
import type { NodeResult } from "./result.ts";

export interface RunPlan<T> {
  /** The nodes, in their order. */
  readonly nodes: () => Promise<readonly GroupNode[]>;
  readonly work: (node: GroupNode, signal: AbortSignal) => Promise<T>;
  readonly concurrency: number;
  readonly nodeTimeoutMs: number | undefined;
  /** The caller's, and that of whoever closes the group. */
  readonly signals: readonly (AbortSignal | undefined)[];
}

/**
 * Work at several nodes that is under way. Awaited, it gives the results of all nodes in their order; iterated over,
 * each as soon as it is there. A node that fails has its error in its result. Leaving the loop early stops the rest.
 */
export class GroupRun<T> implements PromiseLike<readonly NodeResult<T>[]>, AsyncIterable<NodeResult<T>> {
  readonly #plan: RunPlan<T>;
  readonly #stop = new AbortController();
  readonly #done: Promise<readonly NodeResult<T>[]>;
  /** As they came. */
  readonly #finished: NodeResult<T>[] = [];
  readonly #results = new Map<GroupNode, NodeResult<T>>();
  #nodes: readonly GroupNode[] = [];
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
    return this.#done.then(onfulfilled, onrejected);
  }

  [Symbol.asyncIterator](): AsyncIterator<NodeResult<T>> {
    return this.#iterate((given) => this.#finished[given]);
  }

  /** The results in the order of the nodes, each as soon as it and those before are there. */
  inOrder(): AsyncIterable<NodeResult<T>> {
    const nextOf = (given: number): NodeResult<T> | undefined => {
      const node = this.#nodes[given];
      return node && this.#results.get(node);
    };
    return { [Symbol.asyncIterator]: () => this.#iterate(nextOf) };
  }

  async *#iterate(next: (given: number) => NodeResult<T> | undefined): AsyncGenerator<NodeResult<T>> {
    let given = 0;
    try {
      for (;;) {
        const { promise } = this.#news;
        const result = next(given);
        if (result !== undefined) {
          given++;
          yield result;
        } else if (given > 0 && given === this.#nodes.length) {
          return;
        } else if (await this.#isOver(promise)) {
          if (next(given) === undefined) return;
        }
      }
    } finally {
      if (!this.#over)
        this.#stop.abort(new AbortedError("The results of the other nodes are not waited for any more"));
    }
  }

  /** Waits for news; true where there will be none any more. */
  async #isOver(news: Promise<void>): Promise<boolean> {
    const over = this.#done.then(() => true);
    return Promise.race([over, news.then(() => false)]);
  }

  async #run(): Promise<readonly NodeResult<T>[]> {
    const { signals, concurrency } = this.#plan;
    const stop = (signal: AbortSignal | undefined): void => this.#stop.abort(stopped(signal));
    const releases = signals.map((signal) => onAbort(signal, () => stop(signal)));
    try {
      const nodes = await this.#plan.nodes();
      this.#nodes = nodes;
      const queue = nodes.values();
      const worker = async (): Promise<void> => {
        for (const node of queue) this.#finish(await this.#at(node));
      };
      await Promise.all(Array.from({ length: Math.min(concurrency, nodes.length) }, worker));
      return nodes.flatMap((node) => this.#results.get(node) ?? []);
    } finally {
      for (const release of releases) release();
    }
  }

  #finish(result: NodeResult<T>): void {
    this.#finished.push(result);
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
      return { node, nodeId, instanceName, ok: false, error };
    }
  }

  /** The node's own time is over for that node alone, also where `work` does not look at its signal. */
  async #limited(node: GroupNode): Promise<T> {
    const { work, nodeTimeoutMs } = this.#plan;
    const own = new AbortController();
    const { signal } = own;
    const release = onAbort(this.#stop.signal, () => own.abort(this.#stop.signal.reason));
    const timer =
      nodeTimeoutMs === undefined
        ? undefined
        : setTimeout(() => own.abort(overdue(node, nodeTimeoutMs)), nodeTimeoutMs);
    try {
      signal.throwIfAborted();
      return await abortable(work(node, signal), signal);
    } finally {
      clearTimeout(timer);
      release();
    }
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
