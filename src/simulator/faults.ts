import { InvalidArgumentError } from "../errors.ts";

/** One of the services a client looks for by the documented filters. */
export type ServiceName = "sso" | "vapi" | "vcenter" | "sms" | "pbm" | "eam";

/** What goes wrong in a simulated group. Node numbers start at 1. */
export interface SimulatorFaults {
  /** Registrations of these nodes carry the certificate the node had before it was replaced. */
  readonly staleSslTrust?: readonly number[];
  /** Registered URLs of these nodes have the instance name (which no DNS resolves) for `127.0.0.1:port`. */
  readonly unresolvableUrls?: readonly number[];
  /** Services that are not registered: `sms` and `pbm` lose their endpoint, the others their registrations. */
  readonly missingServices?: readonly { readonly node: number; readonly service: ServiceName }[];
  /** `node` does not (yet) know the registrations of `missing`. */
  readonly replicationLag?: readonly { readonly node: number; readonly missing: number }[];
  /** Wait before each answer, in milliseconds. */
  readonly delayMs?: number;
  /** The next N requests of each node are cut off by a TCP reset before a reply. */
  readonly resetConnections?: number;
  /** The next N requests of each node (after those reset) get 503 and a proxy's HTML page. */
  readonly serviceUnavailable?: number;
  /** Value of `Retry-After` on those 503 answers, in whole seconds; without it the header is absent. */
  readonly retryAfterSeconds?: number;
  /** How far the clocks of the nodes are ahead (or, negative, behind), in whole seconds. */
  readonly clockSkewSeconds?: number;
  /** The certificate of the key that signs tokens has expired. */
  readonly expiredSigningCertificate?: boolean;
  /** `user@domain` of those whose account is locked. */
  readonly lockedAccounts?: readonly string[];
  /** `user@domain` of those whose password has expired. */
  readonly expiredPasswords?: readonly string[];
  /** `user@domain` of persons and solution users who may not log in. */
  readonly disabledAccounts?: readonly string[];
  /** Groups that accounts (`user@domain`) have joined since the start. */
  readonly addedMemberships?: readonly { readonly account: string; readonly group: string }[];
}

const SERVICES: readonly string[] = ["sso", "vapi", "vcenter", "sms", "pbm", "eam"];
const NAMES: readonly string[] = [
  "staleSslTrust",
  "unresolvableUrls",
  "missingServices",
  "replicationLag",
  "delayMs",
  "resetConnections",
  "serviceUnavailable",
  "retryAfterSeconds",
  "clockSkewSeconds",
  "expiredSigningCertificate",
  "lockedAccounts",
  "expiredPasswords",
  "disabledAccounts",
  "addedMemberships",
];
/** A century: dates stay of four digits. */
const MAX_SKEW_SECONDS = 3_155_760_000;
const MAX_DELAY_MS = 2 ** 31 - 1;

/** What one node does to one request, before it answers. */
export type Mishap = "reset" | "unavailable" | undefined;

/** The faults in force, and how many of the counted ones each node still owes. */
export class FaultPlan {
  readonly faults: SimulatorFaults;
  readonly #resets: number[];
  readonly #unavailable: number[];

  /** @throws InvalidArgumentError for a node that does not exist or a number out of range. */
  constructor(faults: SimulatorFaults, nodes: number) {
    check(faults, nodes);
    this.faults = faults;
    this.#resets = Array(nodes).fill(faults.resetConnections ?? 0);
    this.#unavailable = Array(nodes).fill(faults.serviceUnavailable ?? 0);
  }

  /** Takes one of the counted faults for a request to `node`. */
  next(node: number): Mishap {
    if (take(this.#resets, node - 1)) return "reset";
    if (take(this.#unavailable, node - 1)) return "unavailable";
    return undefined;
  }
}

function take(counts: number[], index: number): boolean {
  const left = counts[index] ?? 0;
  if (left <= 0) return false;
  counts[index] = left - 1;
  return true;
}

function check(faults: SimulatorFaults, nodes: number): void {
  for (const name of Object.keys(faults)) {
    if (!NAMES.includes(name)) {
      throw new InvalidArgumentError(`the simulator has no fault ${JSON.stringify(name)}`, {
        hint: `Use ${NAMES.join(", ")}.`,
      });
    }
  }
  for (const name of ["staleSslTrust", "unresolvableUrls"] as const) {
    for (const node of faults[name] ?? []) checkNode(node, nodes, name);
  }
  for (const { node, service } of faults.missingServices ?? []) {
    checkNode(node, nodes, "missingServices");
    if (!SERVICES.includes(service)) {
      throw new InvalidArgumentError(`missingServices names ${JSON.stringify(service)}`, {
        hint: `Use ${SERVICES.join(", ")}.`,
      });
    }
  }
  for (const { node, missing } of faults.replicationLag ?? []) {
    checkNode(node, nodes, "replicationLag");
    checkNode(missing, nodes, "replicationLag");
  }
  for (const name of ["resetConnections", "serviceUnavailable", "retryAfterSeconds"] as const) {
    checkCount(faults[name], Number.MAX_SAFE_INTEGER, name);
  }
  checkCount(faults.delayMs, MAX_DELAY_MS, "delayMs");
  const { clockSkewSeconds: skew = 0 } = faults;
  if (!Number.isInteger(skew) || Math.abs(skew) > MAX_SKEW_SECONDS) {
    throw new InvalidArgumentError(`clockSkewSeconds is ${skew}`, {
      hint: `Use a whole number from ${-MAX_SKEW_SECONDS} to ${MAX_SKEW_SECONDS}.`,
    });
  }
}

function checkNode(node: number, nodes: number, name: string): void {
  if (Number.isInteger(node) && node >= 1 && node <= nodes) return;
  throw new InvalidArgumentError(`${name} names node ${node}`, {
    hint: `Nodes are numbered from 1 to ${nodes}.`,
  });
}

function checkCount(value: number | undefined, max: number, name: string): void {
  if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= max)) return;
  throw new InvalidArgumentError(`${name} is ${value}`, { hint: `Use a whole number from 0 to ${max}.` });
}
