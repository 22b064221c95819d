import { ProtocolError, type SessionLimitError, type VapiError } from "../errors.ts";
import { excerpt } from "../net/excerpt.ts";
import { repeatsSecret } from "../net/secret-words.ts";
import { isObject, type JsonObject, own, ownText } from "./json-text.ts";
import { rawErrorOf, vapiErrorOf } from "./vapi-error.ts";
import { messageText } from "./vapi-message.ts";

export type TaskStatus = "PENDING" | "RUNNING" | "BLOCKED" | "SUCCEEDED" | "FAILED";

const STATUSES: ReadonlySet<string> = new Set(["PENDING", "RUNNING", "BLOCKED", "SUCCEEDED", "FAILED"]);

/** How far a task is; the units are its own. */
export interface TaskProgress {
  readonly total: number;
  readonly completed: number;
  /** What it is doing, its arguments filled in; empty where it does not say. */
  readonly message: string;
}

/** What a server says of a task (`com.vmware.cis.task.info`). */
export interface TaskInfo {
  readonly id: string;
  readonly status: TaskStatus;
  /** Null where the task does not tell. */
  readonly progress: TaskProgress | null;
  readonly description: string;
  /** As `com.vmware.appliance.infraprofile.configs`. */
  readonly service: string | null;
  readonly operation: string | null;
  readonly cancelable: boolean | null;
  readonly startTime: Date | null;
  readonly endTime: Date | null;
  /** Of a task that SUCCEEDED; null where it has none. */
  readonly result: unknown;
  /** Of a task that FAILED; null where it does not say why. */
  readonly error: VapiError | SessionLimitError | null;
}

/** A task in a sentence. Its ID is the server's word. */
export function taskName(id: string, secrets: readonly string[]): string {
  if (repeatsSecret(id, secrets)) return "task";
  return `task ${/^[\w.:$-]{1,120}$/.test(id) ? id : excerpt(id)}`;
}

/**
 * @param secrets what no error may quote.
 * @throws ProtocolError for what is no task.
 */
export function readTaskInfo(id: string, value: unknown, secrets: readonly string[]): TaskInfo {
  const status = isObject(value) ? ownText(value, "status") : undefined;
  if (!isObject(value) || status === undefined || !isStatus(status)) {
    throw new ProtocolError(
      "RESPONSE_UNEXPECTED",
      `The server answered the question for the ${taskName(id, secrets)} with something else than a task`,
      { hint: "check that the ID is that of a task" },
    );
  }
  return {
    id,
    status,
    progress: progressOf(own(value, "progress")),
    description: messageText(own(value, "description")),
    service: ownText(value, "service") ?? null,
    operation: ownText(value, "operation") ?? null,
    cancelable: booleanOf(own(value, "cancelable")),
    startTime: timeOf(ownText(value, "start_time")),
    endTime: timeOf(ownText(value, "end_time")),
    result: own(value, "result") ?? null,
    error: status === "FAILED" ? errorOf(id, value, secrets) : null,
  };
}

function isStatus(text: string): text is TaskStatus {
  return STATUSES.has(text);
}

function progressOf(value: unknown): TaskProgress | null {
  if (!isObject(value)) return null;
  const total = own(value, "total");
  const completed = own(value, "completed");
  if (typeof total !== "number" || typeof completed !== "number") return null;
  return { total, completed, message: messageText(own(value, "message")) };
}

function errorOf(id: string, value: JsonObject, secrets: readonly string[]): TaskInfo["error"] {
  const raw = rawErrorOf(own(value, "error"), 0);
  return raw ? vapiErrorOf(raw, { door: "vapi-rest", what: `The ${taskName(id, secrets)}`, secrets }) : null;
}

function booleanOf(value: unknown): boolean | null {
  return typeof value === "boolean" ? value : null;
}

function timeOf(text: string | undefined): Date | null {
  const time = new Date(text ?? Number.NaN);
  return Number.isNaN(time.getTime()) ? null : time;
}
