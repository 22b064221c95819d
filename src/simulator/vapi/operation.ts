import type { SessionUser } from "../sessions/user.ts";
import type { VapiDoor } from "./door.ts";
import type { Json } from "./json.ts";
import type { RpcType } from "./rpc-value.ts";

export type Input = ReadonlyMap<string, Json>;

export interface Invocation {
  readonly door: VapiDoor;
  /** Undefined only where the operation is for anybody. */
  readonly user: SessionUser;
  /** Fields from the path, the query and the body, or from the structure of JSON-RPC. */
  readonly input: Input;
}

export type FieldType =
  | "string"
  | "boolean"
  | "integer"
  | "structure"
  | "list of strings"
  | "list of structures";

export interface Operation {
  /** `com.vmware.vcenter.VM` */
  readonly service: string;
  /** `list` */
  readonly operation: string;
  /**
   * `METHOD /path` of its REST forms; `{x}` is a field, and a query of the template (`?action=start`) has to be there.
   */
  readonly rest: readonly string[];
  /** Whether JSON-RPC has it, and what the result is there. */
  readonly rpc?: RpcType;
  /** Ports that serve it. Default the vCenter's. */
  readonly doors?: readonly VapiDoor["name"][];
  /** Who may call it. Default: for GET everybody with a session, for all else administrators. */
  readonly access?: "anybody" | "users" | "administrators";
  /** What it takes; a `?` at the end of a name means that it may be missing. Others are refused. Default nothing. */
  readonly fields?: Readonly<Record<string, FieldType>> | "any";
  /**
   * The parameter whose fields these are, where they are not parameters themselves: JSON-RPC has them in it, and in
   * queries of `/rest` it is their prefix (`filter.names`).
   */
  readonly parameter?: "filter" | "filter_spec" | "item" | "piece";
  /** Whether `vmw-task=true` makes a task of it, or it is nothing but a task. Default never. */
  readonly task?: "optional" | "only";
  /** Status under `/api` when it is not 200 with a value, 204 without. */
  readonly status?: 201 | 202;
  readonly run: (call: Invocation) => unknown;
}

/** A text of the input that is known to be there. */
export function textField(input: Input, name: string): string {
  const value = input.get(name);
  return typeof value === "string" ? value : "";
}

/** Texts of a list in the input, or of a single one; undefined where it is not given. */
export function textsField(input: Input, name: string): readonly string[] | undefined {
  const value = input.get(name);
  if (value === undefined || value === null) return undefined;
  const items = Array.isArray(value) ? (value as readonly Json[]) : [value];
  return items.filter((item) => typeof item === "string");
}
