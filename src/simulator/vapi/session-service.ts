import type { HttpRequest } from "../router.ts";
import { LoginRefused } from "../sessions/login.ts";
import { SessionCapReached, type SimulatedSession } from "../sessions/table.ts";
import { unauthenticated, type VapiCaller } from "./authenticate.ts";
import type { VapiDoor } from "./door.ts";
import { VapiFault } from "./fault.ts";

/** A refusal of which the log, and nobody else, gets to know the reason. */
export class RefusedFault extends VapiFault {
  readonly reason: string;

  constructor(door: VapiDoor, reason: string) {
    const { kind, messages, challenge } = unauthenticated(door);
    super(kind, messages[0]?.id ?? "", messages[0]?.default_message ?? "", [], challenge);
    this.reason = reason;
  }
}

/**
 * Makes a session for whom `authenticate` finds.
 *
 * @throws VapiFault unauthenticated, or service_unavailable where there are as many sessions as there may be.
 */
export function createSession(
  request: HttpRequest,
  door: VapiDoor,
  authenticate: () => VapiCaller | undefined,
): SimulatedSession {
  try {
    const caller = authenticate();
    if (!caller) throw new RefusedFault(door, "no credential");
    return door.sessions.create({
      side: "vapi",
      user: caller.user,
      now: door.view.now,
      credentialEndsAt: caller.endsAt,
      ipAddress: request.remoteAddress,
      userAgent: request.headers["user-agent"],
    });
  } catch (error) {
    if (error instanceof LoginRefused) throw new RefusedFault(door, error.message);
    if (error instanceof SessionCapReached) throw capReached(error);
    throw error;
  }
}

/** `com.vmware.cis.session.info` of a live session. */
export function sessionInfo(id: string | undefined, door: VapiDoor): object {
  const session = door.sessions.use(id, "vapi", door.view.now);
  if (!session) throw unauthenticated(door);
  return {
    user: session.user.upn,
    created_time: new Date(session.createdAt).toISOString(),
    last_accessed_time: new Date(session.lastActiveAt).toISOString(),
  };
}

export function deleteSession(id: string | undefined, door: VapiDoor): void {
  const session = door.sessions.use(id, "vapi", door.view.now);
  if (!session) throw unauthenticated(door);
  door.sessions.end(session.id, "vapi");
}

function capReached({ scope, limit, current }: SessionCapReached): VapiFault {
  const who = scope === "user" ? "User" : "Server";
  const id = scope === "user" ? "MaxUserSessionCountReached" : "MaxSessionCountReached";
  return new VapiFault(
    "service_unavailable",
    `com.vmware.vapi.endpoint.failedToLogin${id}`,
    `${who} session count is limited to ${limit}. Existing session count is ${current}.`,
    [String(limit), String(current)],
  );
}
