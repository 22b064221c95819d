import {
  AbortedError,
  ConnectionError,
  HttpStatusError,
  InvalidArgumentError,
  ProtocolError,
  TaskError,
  TimeoutError,
  VapiError,
} from "../errors.ts";
import { checkDelay, monotonicMs, onAbort } from "../net/deadline.ts";
import { excerpt } from "../net/excerpt.ts";
import { isTransient } from "../net/failures.ts";
import { LEFT_OUT, repeatsSecret } from "../net/secret-words.ts";
import type { CallOptions } from "./door.ts";
import { NotedResponse } from "./request-secrets.ts";
import { readTaskInfo, type TaskInfo, taskName } from "./task-info.ts";
import type { VapiCalls, VapiRequest } from "./vapi-calls.ts";
import { pathSegment, requestTarget, withoutQuery } from "./vapi-request.ts";

export type { TaskInfo, TaskProgress, TaskStatus } from "./task-info.ts";

export interface TaskOptions {
  /** Where tasks of the server are. Default `/api/cis/tasks`, for a task begun under /rest `/rest/cis/tasks`. */
  readonly tasksPath?: string | undefined;
  /** What was sent in confidence when the task was begun: no error quotes it. `startTask` finds most of it itself. */
  readonly secrets?: readonly string[] | undefined;
}

export interface TaskWaitOptions extends CallOptions {
  /** Milliseconds before the second look; they grow by half with every further one. Default 500. */
  readonly intervalMs?: number | undefined;
  /** What they grow to. Default 5,000. */
  readonly maxIntervalMs?: number | undefined;
  /**
   * Milliseconds that the server may be away in between: services restart while it is restored or updated. Default
   * 900,000.
   */
  readonly outageMs?: number | undefined;
  /** Whether the task is cancelled when the signal fires. Default false: it goes on, unwatched. */
  readonly cancelOnAbort?: boolean | undefined;
  /** Told of each state of the task that differs from the one before. */
  readonly onProgress?: ((info: TaskInfo) => void) | undefined;
}

const DEFAULT_INTERVAL_MS = 500;
const DEFAULT_MAX_INTERVAL_MS = 5_000;
const DEFAULT_OUTAGE_MS = 900_000;
/** How long a cancellation after an abort may take: whoever aborts wants to go on. */
const CANCEL_TIMEOUT_MS = 10_000;
const GROWTH = 1.5;

/** Work that a server does in the background (`com.vmware.cis.tasks`). */
export class VapiTask {
  readonly id: string;
  readonly #calls: VapiCalls;
  readonly #path: string;
  readonly #secrets: readonly string[];
  /** With those of the last look, as its session. */
  #known: readonly string[];

  /** @throws InvalidArgumentError for an ID that cannot be one. */
  constructor(calls: VapiCalls, id: string, options: TaskOptions = {}) {
    if (typeof id !== "string" || id === "") throw new InvalidArgumentError("The ID of the task is empty");
    this.id = id;
    this.#calls = calls;
    this.#secrets = options.secrets ?? [];
    this.#known = this.#secrets;
    this.#path = requestTarget(`${options.tasksPath ?? "/api/cis/tasks"}/${pathSegment(id)}`);
  }

  /** The state now. */
  async get({ signal }: CallOptions = {}): Promise<TaskInfo> {
    const request: VapiRequest = { method: "GET", path: this.#path, secrets: this.#secrets, signal };
    const response = await this.#calls.request(request);
    this.#known = [...new Set([...this.#secrets, ...NotedResponse.secretsBehind(response)])];
    return readTaskInfo(this.id, response.value, this.#known);
  }

  /** Asks the server to stop; `wait` tells when it has. Not every task can be cancelled. */
  async cancel({ signal }: CallOptions = {}): Promise<void> {
    const options = { query: { action: "cancel" }, repeatable: true, secrets: this.#secrets, signal };
    await this.#calls.post(this.#path, undefined, options);
  }

  /**
   * Waits for the end, by looking again and again.
   *
   * @returns the task's result; null where it has none.
   * @throws TaskError `TASK_FAILED`, its cause the server's error, or `TASK_CANCELED`; AbortedError when the signal
   *   fires; what a look threw that is no passing outage, or the last one when the outage outlasts `outageMs`.
   */
  async wait<Result = unknown>(options: TaskWaitOptions = {}): Promise<Result> {
    for await (const info of this.events(options)) {
      options.onProgress?.(info);
      if (info.status === "SUCCEEDED") return info.result as Result;
      if (info.status === "FAILED") throw this.#failure(info);
    }
    throw new ProtocolError("RESPONSE_UNEXPECTED", `The ${this.#name} has no end`);
  }

  /** The state of the task each time that it has changed; the last one is its end. Throws as `wait`, but for the end. */
  async *events(options: Omit<TaskWaitOptions, "onProgress"> = {}): AsyncGenerator<TaskInfo, void, void> {
    const { intervalMs = DEFAULT_INTERVAL_MS, maxIntervalMs = DEFAULT_MAX_INTERVAL_MS } = options;
    const { outageMs = DEFAULT_OUTAGE_MS } = options;
    const { signal } = options;
    let delayMs = checkDelay("intervalMs", intervalMs);
    checkDelay("maxIntervalMs", maxIntervalMs);
    checkDelay("outageMs", outageMs);
    let before: string | undefined;
    let seenAt = monotonicMs();
    try {
      for (;;) {
        if (signal?.aborted) throw signal.reason;
        const info = await this.get({ signal }).catch((error: unknown) => {
          const passing = !signal?.aborted && isPassing(error);
          if (passing && monotonicMs() - seenAt <= outageMs) return undefined;
          throw error;
        });
        if (info) {
          seenAt = monotonicMs();
          // Not of all that there is: a result may be nested deeper than can be written.
          const state = JSON.stringify([info.status, info.progress, info.description]);
          if (state !== before) yield info;
          if (info.status === "SUCCEEDED" || info.status === "FAILED") return;
          before = state;
        }
        await pause(delayMs, signal);
        delayMs = Math.max(delayMs, Math.min(maxIntervalMs, delayMs * GROWTH));
      }
    } catch (error) {
      if (!signal?.aborted) throw error;
      throw await this.#aborted(signal, options.cancelOnAbort ?? false);
    }
  }

  async #aborted(signal: AbortSignal, cancel: boolean): Promise<AbortedError> {
    let what = "it goes on at the server";
    if (cancel) {
      what = await this.cancel({ signal: AbortSignal.timeout(CANCEL_TIMEOUT_MS) }).then(
        () => "the server was asked to cancel it",
        () => "it could not be cancelled and may go on at the server",
      );
    }
    const cause: unknown = signal.reason;
    return new AbortedError(`The wait for the ${this.#name} was aborted; ${what}`, { cause });
  }

  get #name(): string {
    return taskName(this.id, this.#known);
  }

  #failure({ error, operation }: TaskInfo): TaskError {
    const secrets = this.#known;
    const named = operation !== null && !repeatsSecret(operation, secrets);
    const what = `The ${this.#name}${named ? ` (${excerpt(operation)})` : ""}`;
    const task = repeatsSecret(this.id, secrets) ? LEFT_OUT : this.id;
    const cause = error ?? undefined;
    if (cause instanceof VapiError && cause.errorType === "CANCELED") {
      return new TaskError("TASK_CANCELED", `${what} was cancelled`, { task, cause });
    }
    return new TaskError("TASK_FAILED", cause?.message ?? `${what} failed; the server does not say why`, {
      task,
      cause,
      hint: cause?.hint,
    });
  }
}

/**
 * Begins an operation as a task, where the server has such a form of it (`vmw-task=true`).
 *
 * @throws ProtocolError when the answer is no ID of a task; else as the call itself.
 * @example
 * const task = await startTask(rest, { method: "POST", path: "/api/appliance/infraprofile/configs?action=validate", body });
 * await task.wait({ onProgress: ({ progress }) => console.error(progress?.completed) });
 */
export async function startTask(
  calls: VapiCalls,
  request: VapiRequest,
  options: TaskOptions = {},
): Promise<VapiTask> {
  const asked = /[?&]vmw-task=/.test(request.path) || request.query?.["vmw-task"] !== undefined;
  const query = asked ? request.query : { ...request.query, "vmw-task": true };
  const response = await calls.request({ ...request, query });
  const { value } = response;
  const secrets = [...(options.secrets ?? []), ...NotedResponse.secretsBehind(response)];
  const path = withoutQuery(request.path);
  if (typeof value !== "string" || value === "" || quotesCredential(value, secrets)) {
    throw new ProtocolError("RESPONSE_UNEXPECTED", `${request.method} ${path} was answered without a task`, {
      hint: "the operation may have no form as a task: call it without, and look at its answer",
    });
  }
  return new VapiTask(calls, value, {
    secrets,
    tasksPath: options.tasksPath ?? (path.startsWith("/rest/") ? "/rest/cis/tasks" : undefined),
  });
}

/** The shortest text that a task's ID does not hold by chance. */
const SHORTEST_CREDENTIAL = 16;

/** Whether an ID gives back what was sent: it would go into paths, which errors show. */
function quotesCredential(id: string, secrets: readonly string[]): boolean {
  return repeatsSecret(
    id,
    secrets.filter((secret) => secret.length >= SHORTEST_CREDENTIAL),
  );
}

/** Waits, or throws the signal's reason as soon as it fires. Many may wait with one signal. */
function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      release();
      resolve();
    }, ms);
    const release = onAbort(signal, () => {
      clearTimeout(timer);
      reject(signal?.reason);
    });
  });
}

/** Failures that a server shows while its services restart. */
function isPassing(error: unknown): boolean {
  if (error instanceof VapiError) return error.code === "SERVICE_UNAVAILABLE";
  if (error instanceof HttpStatusError) return error.status === 502 || error.status === 504;
  if (error instanceof ProtocolError) return error.code === "RESPONSE_TRUNCATED";
  if (error instanceof ConnectionError) return isTransient(error);
  return error instanceof TimeoutError;
}
