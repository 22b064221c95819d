import { InvalidArgumentError } from "../../errors.ts";

/** Limits of the sessions of every node. */
export interface SessionPolicy {
  /** Seconds without a call after which a session ends. Default 1,800 (`config.vmacore.soap.sessionTimeout`). */
  readonly idleSeconds?: number;
  /** Seconds after which a session ends however much it is used. Default 86,400 for vAPI, before 8.0.3; none else. */
  readonly absoluteSeconds?: number;
  /** Sessions of one server. Default 3,000 (`config.vmacore.soap.maxSessionCount`). */
  readonly maxSessions?: number;
  /** Sessions of one user on one side of one server. Default 550 before 8.0.3, none from then on. */
  readonly maxSessionsPerUser?: number;
  /** Whether a session ends with the token it was made from. Default false. */
  readonly endWithToken?: boolean;
  /** Whether a session is known to both sides, whatever the release says. Default: from 8.0.3 on. */
  readonly shared?: boolean;
}

export interface SessionRules {
  readonly shared: boolean;
  readonly idleMs: number;
  readonly absoluteMs: number;
  readonly maxSessions: number;
  readonly maxSessionsPerUser: number;
  readonly endWithCredential: boolean;
}

/** @throws InvalidArgumentError for a number out of range. */
export function sessionRules(policy: SessionPolicy, sharedByRelease: boolean): SessionRules {
  const shared = policy.shared ?? sharedByRelease;
  return {
    shared,
    idleMs: positive("idleSeconds", policy.idleSeconds ?? 1800) * 1000,
    absoluteMs:
      policy.absoluteSeconds === undefined
        ? shared
          ? Number.POSITIVE_INFINITY
          : 86_400_000
        : positive("absoluteSeconds", policy.absoluteSeconds) * 1000,
    maxSessions: positive("maxSessions", policy.maxSessions ?? 3000),
    maxSessionsPerUser:
      policy.maxSessionsPerUser === undefined
        ? shared
          ? Number.POSITIVE_INFINITY
          : 550
        : positive("maxSessionsPerUser", policy.maxSessionsPerUser),
    endWithCredential: policy.endWithToken ?? false,
  };
}

function positive(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError(`${name} is ${value}`, { hint: "Use a number above 0." });
}
