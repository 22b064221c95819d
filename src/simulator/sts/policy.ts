import { InvalidArgumentError } from "../../errors.ts";

/** Limits of the token service, as an administrator sets them. */
export interface TokenPolicy {
  /** How far the clocks of client and server may differ. Default 600. */
  readonly clockToleranceSeconds?: number;
  /** Default 3600; a vCenter as shipped is reported to have 300. */
  readonly maxBearerLifetimeSeconds?: number;
  /** Default 2,592,000, which is 30 days. */
  readonly maxHolderOfKeyLifetimeSeconds?: number;
  /** How often a token may be renewed. Default 10. */
  readonly renewCount?: number;
  /** How often a token may be delegated. Default 10. */
  readonly delegationCount?: number;
  /** Wrong passwords in a row after which an account is locked; 0 for never. Default 5. */
  readonly lockAccountAfter?: number;
  /** Signs every token, whatever a request asks for. Default: what it asks for, else rsa-sha256. */
  readonly signatureAlgorithm?: "rsa-sha1" | "rsa-sha256" | "rsa-sha384" | "rsa-sha512";
}

export interface Limits {
  readonly clockToleranceMs: number;
  readonly maxBearerMs: number;
  readonly maxHolderOfKeyMs: number;
  readonly renewCount: number;
  readonly delegationCount: number;
  readonly lockAccountAfter: number;
  readonly signatureAlgorithm: TokenPolicy["signatureAlgorithm"];
}

const ALGORITHMS: readonly string[] = ["rsa-sha1", "rsa-sha256", "rsa-sha384", "rsa-sha512"];
/** A century in seconds: what is longer is a mistake in the unit. */
const MAX_SECONDS = 3_155_760_000;

/** @throws InvalidArgumentError for a name or number that is none. */
export function limitsOf(policy: TokenPolicy): Limits {
  const known = new Map<string, number>([
    ["clockToleranceSeconds", 600],
    ["maxBearerLifetimeSeconds", 3600],
    ["maxHolderOfKeyLifetimeSeconds", 2_592_000],
    ["renewCount", 10],
    ["delegationCount", 10],
    ["lockAccountAfter", 5],
  ]);
  const { signatureAlgorithm, ...numbers } = policy;
  if (signatureAlgorithm !== undefined && !ALGORITHMS.includes(signatureAlgorithm)) {
    throw new InvalidArgumentError(
      `the simulator does not sign tokens with ${JSON.stringify(signatureAlgorithm)}`,
      { hint: `Use ${ALGORITHMS.join(", ")}.` },
    );
  }
  for (const [name, value] of Object.entries(numbers)) {
    if (!known.has(name)) {
      throw new InvalidArgumentError(`the token policy has no ${JSON.stringify(name)}`, {
        hint: `Use ${[...known.keys(), "signatureAlgorithm"].join(", ")}.`,
      });
    }
    if (value === undefined) continue;
    if (!Number.isInteger(value) || value < 0 || value > MAX_SECONDS) {
      throw new InvalidArgumentError(`${name} of the token policy is ${value}`, {
        hint: `Use a whole number from 0 to ${MAX_SECONDS}.`,
      });
    }
    known.set(name, value);
  }
  const number = (name: string): number => known.get(name) ?? 0;
  return {
    clockToleranceMs: number("clockToleranceSeconds") * 1000,
    maxBearerMs: number("maxBearerLifetimeSeconds") * 1000,
    maxHolderOfKeyMs: number("maxHolderOfKeyLifetimeSeconds") * 1000,
    renewCount: number("renewCount"),
    delegationCount: number("delegationCount"),
    lockAccountAfter: number("lockAccountAfter"),
    signatureAlgorithm,
  };
}
