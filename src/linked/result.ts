import { type ErrorCode, VsphereSsoError } from "../errors.ts";
import type { GroupNode } from "./group-node.ts";

/** What came of the work at one node. */
export type NodeResult<T> = NodeIdentity & { readonly node: GroupNode } & (
    | { readonly ok: true; readonly value: T }
    | {
        readonly ok: false;
        readonly error: VsphereSsoError | Error;
        /** `error.code`; `UNKNOWN` for an error that is none of this package's, as one that the work threw. */
        readonly code: ErrorCode | "UNKNOWN";
      }
  );

interface NodeIdentity {
  readonly nodeId: string | null;
  readonly instanceName: string;
}

/** One entry of `"nodes"` in the output of commands that work on several nodes. */
export type NodeResultJson = NodeIdentity &
  (
    | { readonly value: unknown }
    | { readonly error: { readonly code: string; readonly message: string; readonly hint: string | null } }
  );

/** A result as JSON; a value that is undefined is null, and the code of an error of another kind is `UNKNOWN`. */
export function nodeResultJson(result: NodeResult<unknown>): NodeResultJson {
  const { nodeId, instanceName } = result;
  if (result.ok) return { nodeId, instanceName, value: result.value ?? null };
  const { error, code } = result;
  const hint = error instanceof VsphereSsoError ? error.hint : undefined;
  return { nodeId, instanceName, error: { code, message: error.message, hint: hint ?? null } };
}

/** Results as one JSON document, ordered by instance name, then node ID. */
export function nodeResultsJson(results: readonly NodeResult<unknown>[]): {
  readonly nodes: readonly NodeResultJson[];
} {
  const sorted = [...results].sort((a, b) => a.node.compare(b.node));
  return { nodes: sorted.map(nodeResultJson) };
}
