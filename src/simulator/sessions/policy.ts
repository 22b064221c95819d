import { InvalidArgumentError } from "../../errors.ts";

/** Limits of the sessions of every node. */
export interface SessionPolicy {
  /** Seconds without a call after which a session ends. Default 1,800 (`config.vmacore.soap.sessionTimeout`). */
  readonly idleSeconds?: number;
  /**
   * Seconds after which a session ends however much it is used. Default 86,400 for sessions that vAPI alone knows
   * (before 8.0.3), none for all others.
   */
  readonly absoluteSeconds?: number;
  /** Sessions of one server. Default 3,000 (`config.vmacore.soap.maxSessionCount`). */
  readonly maxSessions?: number;
  /** Sessions of one user. Default 550 of those that vAPI alone knows (before 8.0.3), none for all others. */
  readonly maxSessionsPerUser?: number;
  /** Whether a session ends with the token it was made from. Default false. */
  readonly endWithToken?: boolean;
  /** Whether a session is known to both sides, whatever the release says. Default: from 8.0.3 on. */
  readonly shared?: boolean;
}

/** Limits of the sessions that start at one side. */
export interface SideRules {
  readonly absoluteMs: number;
  readonly maxSessionsPerUser: number;
}

export interface SessionRules {
  readonly shared: boolean;
  readonly idleMs: number;
  readonly maxSessions: number;
  readonly endWithCredential: boolean;
  readonly vapi: SideRules;
  readonly vim: SideRules;
}

const NONE: SideRules = {
  absoluteMs: Number.POSITIVE_INFINITY,
  maxSessionsPerUser: Number.POSITIVE_INFINITY,
};
const VAPI_ALONE: SideRules = { absoluteMs: 86_400_000, maxSessionsPerUser: 550 };

/** @throws InvalidArgumentError for a number out of range. */
export function sessionRules(policy: SessionPolicy, sharedByRelease: boolean): SessionRules {
  const shared = policy.shared ?? sharedByRelease;
  const { absoluteSeconds, maxSessionsPerUser } = policy;
  const given: Partial<SideRules> = {
    ...(absoluteSeconds !== undefined && { absoluteMs: positive("absoluteSeconds", absoluteSeconds) * 1000 }),
    ...(maxSessionsPerUser !== undefined && {
      maxSessionsPerUser: positive("maxSessionsPerUser", maxSessionsPerUser),
    }),
  };
  return {
    shared,
    idleMs: positive("idleSeconds", policy.idleSeconds ?? 1800) * 1000,
    maxSessions: positive("maxSessions", policy.maxSessions ?? 3000),
    endWithCredential: policy.endWithToken ?? false,
    vapi: { ...(shared ? NONE : VAPI_ALONE), ...given },
    vim: { ...NONE, ...given },
  };
}

function positive(name: string, value: number): number {
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError(`${name} is ${value}`, { hint: "Use a number above 0." });
}
