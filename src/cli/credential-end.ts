import type { SessionInfo } from "../index.ts";

/** Milliseconds after which a session that nobody uses has ended, where the server was not told otherwise. */
const IDLE_MS = 1_800_000;

/** Milliseconds that sessions of vAPI last at the most before 8.0 U3. */
const LIFETIME_MS = 86_400_000;

/** Who uses it a little before it ends must not find that it has. */
const MARGIN_MS = 60_000;

export interface CredentialLife {
  /** API version of the server. */
  readonly version: string;
  /** What the server just said of the session at vAPI; null where it has none there. */
  readonly session: Pick<SessionInfo, "createdAt" | "lastAccessedAt"> | null;
  /** When the token ends that is given for a login; undefined where none is. */
  readonly tokenEnd?: Date | undefined;
}

/**
 * When a session that was used just now is to be asked for again: after the idle limit, which starts anew with every
 * use; before 8.0 U3 not after vAPI's absolute limit, and not after a token that it was made of. What the server was
 * set to is not told.
 */
export function credentialEnd(
  { version, session, tokenEnd }: CredentialLife,
  now: number = Date.now(),
): Date {
  const ends = [now + IDLE_MS];
  if (session?.createdAt && isBefore803(version)) {
    // By the server's clock, as far as it tells.
    const age = (session.lastAccessedAt?.getTime() ?? now) - session.createdAt.getTime();
    ends.push(now + LIFETIME_MS - Math.max(age, 0));
  }
  // A session that is alive has outlived a token that is not.
  if (tokenEnd !== undefined && tokenEnd.getTime() > now) ends.push(tokenEnd.getTime());
  return new Date(Math.max(Math.min(...ends) - MARGIN_MS, now));
}

function isBefore803(version: string): boolean {
  const [major = 0, minor = 0, update = 0] = version.split(".").map((part) => Number.parseInt(part, 10) || 0);
  return major < 8 || (major === 8 && minor === 0 && update < 3);
}
