import type { Operation } from "./operation.ts";
import { APPLIANCE_OPERATIONS } from "./resources/appliance.ts";
import { CONTENT_LIBRARY_OPERATIONS } from "./resources/content-library-operations.ts";
import { IDENTITY_PROVIDER_OPERATIONS } from "./resources/identity-providers.ts";
import { INVENTORY_OPERATIONS } from "./resources/inventory.ts";
import { MONITORING_OPERATIONS } from "./resources/monitoring.ts";
import { RECOVERY_OPERATIONS } from "./resources/recovery.ts";
import { SUPPORT_OPERATIONS } from "./resources/support.ts";
import { VCENTER_OPERATIONS } from "./resources/vcenter.ts";

/** One REST form of an operation. */
export interface Route {
  readonly operation: Operation;
  readonly method: string;
  readonly segments: readonly string[];
  /** Query that it takes to mean this operation, as `["action", "start"]`. */
  readonly action: readonly [name: string, value: string] | undefined;
}

const ALL: readonly Operation[] = [
  ...INVENTORY_OPERATIONS,
  ...VCENTER_OPERATIONS,
  ...CONTENT_LIBRARY_OPERATIONS,
  ...IDENTITY_PROVIDER_OPERATIONS,
  ...APPLIANCE_OPERATIONS,
  ...MONITORING_OPERATIONS,
  ...RECOVERY_OPERATIONS,
  ...SUPPORT_OPERATIONS,
];

/** Routes of plain paths come before those with fields in them. */
export const ROUTES: readonly Route[] = ALL.flatMap((operation) =>
  operation.rest.map((form): Route => {
    const [method = "", target = ""] = form.split(" ");
    const [path = "", query] = target.split("?");
    const [name = "", value = ""] = query?.split("=") ?? [];
    return {
      operation,
      method,
      segments: path.split("/").slice(1),
      action: query === undefined ? undefined : [name, value],
    };
  }),
).sort((a, b) => fieldsIn(a) - fieldsIn(b));

/** Operations of JSON-RPC, by `service/operation`. */
export const RPC_OPERATIONS: ReadonlyMap<string, Operation> = new Map(
  ALL.filter(({ rpc }) => rpc !== undefined).map((each) => [`${each.service}/${each.operation}`, each]),
);

function fieldsIn({ segments }: Route): number {
  return segments.filter((segment) => segment.startsWith("{")).length;
}

/**
 * Fields in a path, where it is one of the route; undefined for another. `id:x` is how the older paths write `x`.
 */
export function matchPath(route: Route, path: string): ReadonlyMap<string, string> | undefined {
  const given = path.split("/").slice(1);
  if (given.length !== route.segments.length) return undefined;
  const fields = new Map<string, string>();
  for (const [index, segment] of route.segments.entries()) {
    const text = given[index] ?? "";
    if (!segment.startsWith("{")) {
      if (text !== segment) return undefined;
      continue;
    }
    const value = decodeSegment(text);
    if (!value) return undefined;
    const old = route.segments[0] === "rest" && value.startsWith("id:");
    fields.set(segment.slice(1, -1), old ? value.slice(3) : value);
  }
  return fields;
}

function decodeSegment(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
