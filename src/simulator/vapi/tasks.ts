import { randomUUID } from "node:crypto";
import type { SessionUser } from "../sessions/user.ts";
import { notAllowed, notFound, VapiFault } from "./fault.ts";

export interface NewTask {
  readonly service: string;
  readonly operation: string;
  readonly description: string;
  readonly user: SessionUser;
  readonly now: number;
  readonly cancelable?: boolean;
  /** What it comes to when it ends: a value, or the fault it fails with. */
  readonly outcome?: unknown;
}

interface Task extends NewTask {
  readonly id: string;
  /** How often it was looked at: each look moves it on. */
  looks: number;
  canceled: boolean;
  endedAt: number | undefined;
}

export interface TaskFilter {
  readonly ids?: readonly string[] | undefined;
  readonly services?: readonly string[] | undefined;
}

const LOOKS_UNTIL_DONE = 3;

/** Long-running operations of a node. They move on when somebody looks, so that tests need not wait. */
export class TaskTable {
  readonly #tasks = new Map<string, Task>();

  /** Starts one; its ID holds a colon and dots, as those of the appliance do. */
  start(task: NewTask): string {
    const id = `${randomUUID()}:${task.service}`;
    this.#tasks.set(id, { ...task, id, looks: 0, canceled: false, endedAt: undefined });
    return id;
  }

  /** State of a task: pending, running, and after that done. */
  get(id: string, now: number): object {
    const task = this.#find(id);
    if (task.endedAt === undefined) {
      task.looks += 1;
      if (task.looks > LOOKS_UNTIL_DONE) task.endedAt = now;
    }
    return describe(task);
  }

  /** Those that pass the filter, by ID: the others are not looked at. No names of a kind let every one pass. */
  list({ ids = [], services = [] }: TaskFilter, now: number): object {
    const wanted = [...this.#tasks.values()].filter(
      ({ id, service }) =>
        (ids.length === 0 || ids.includes(id)) && (services.length === 0 || services.includes(service)),
    );
    return Object.fromEntries(wanted.map(({ id }) => [id, this.get(id, now)]));
  }

  /** @throws VapiFault where it cannot be canceled, or has ended. */
  cancel(id: string, now: number): void {
    const task = this.#find(id);
    if (!(task.cancelable ?? true)) {
      throw new VapiFault(
        "unsupported",
        "com.vmware.vapi.std.errors.unsupported",
        "The task cannot be canceled.",
      );
    }
    if (task.endedAt !== undefined) throw notAllowed("The task has ended.");
    task.canceled = true;
    task.endedAt = now;
  }

  #find(id: string): Task {
    const task = this.#tasks.get(id);
    if (!task) throw notFound("task", id);
    return task;
  }
}

function describe(task: Task): object {
  const { service, operation, description, user, now, looks, canceled, endedAt, outcome } = task;
  const failure = canceled
    ? new VapiFault("canceled", "com.vmware.vapi.std.errors.canceled", "The task was canceled.")
    : outcome instanceof VapiFault
      ? outcome
      : undefined;
  const ended = endedAt !== undefined;
  // One that is canceled may not have been looked at.
  const steps = Math.max(looks - 1, 0);
  const completed = ended && !failure ? 100 : Math.round((100 * steps) / LOOKS_UNTIL_DONE);
  return {
    description: message("description", description),
    service,
    operation,
    status: ended ? (failure ? "FAILED" : "SUCCEEDED") : looks === 1 ? "PENDING" : "RUNNING",
    cancelable: !ended && (task.cancelable ?? true),
    user: user.upn,
    ...(looks > 1 || ended
      ? {
          start_time: new Date(now).toISOString(),
          progress: { total: 100, completed, message: message("progress", `${completed} % done`) },
        }
      : {}),
    ...(endedAt !== undefined && { end_time: new Date(endedAt).toISOString() }),
    ...(ended && !failure && outcome !== undefined && { result: outcome }),
    ...(ended && failure && { error: failure.toApi() }),
  };
}

function message(id: string, text: string): object {
  return { id: `com.vmware.cis.task.${id}`, default_message: text, args: [] };
}
