import type { AdoptedSessions, AdoptOptions, VCenter as Server } from "../index.ts";
import { VCenter, VsphereSsoError } from "../index.ts";
import type { SessionIdentity } from "./session-identity.ts";

type Adopted = Extract<SessionIdentity, { readonly kind: "session" }>;

export interface AdoptRequest extends AdoptOptions {
  /** Whether the session of one side will do where that of the other has ended. */
  readonly partly?: boolean | undefined;
}

/**
 * Works in a session that was made elsewhere.
 *
 * @throws VsphereSsoError `NOT_AUTHENTICATED` for one that has ended, with what to do.
 */
export async function adoptSession(
  server: string,
  { ids, variable }: Adopted,
  { partly = false, ...options }: AdoptRequest,
): Promise<Server> {
  try {
    return await VCenter.adopt(server, idsFor(ids, options.open), options);
  } catch (error) {
    const alive = partly && isEnded(error) ? await adoptHalf(server, ids, options) : undefined;
    if (alive) return alive;
    throw withHint(error, variable);
  }
}

/** Where each side has a session of its own, that of the side which is needed: the other may have ended. */
function idsFor(ids: AdoptedSessions, open: AdoptOptions["open"]): AdoptedSessions {
  if ("sessionId" in ids) return ids;
  if (open === "vapi" && ids.vapi !== undefined) return { vapi: ids.vapi };
  if (open === "vim" && ids.vim !== undefined) return { vim: ids.vim };
  return ids;
}

/** Of two sessions the one that is alive. */
async function adoptHalf(
  server: string,
  ids: AdoptedSessions,
  options: AdoptOptions,
): Promise<Server | undefined> {
  if ("sessionId" in ids || ids.vapi === undefined || ids.vim === undefined) return undefined;
  for (const half of [{ vapi: ids.vapi }, { vim: ids.vim }]) {
    try {
      return await VCenter.adopt(server, half, options);
    } catch (error) {
      if (!isEnded(error)) throw error;
    }
  }
  return undefined;
}

/** What to do about a session of the environment that has ended; every other error stays as it is. */
export function withHint(error: unknown, variable: string | undefined): unknown {
  if (variable === undefined || !isEnded(error)) return error;
  const hint = `the session of ${variable} has ended: unset it, or eval "$(vsso session login -o env)", or name who logs in (--user)`;
  return new VsphereSsoError("NOT_AUTHENTICATED", error.message, { hint, cause: error });
}

function isEnded(error: unknown): error is VsphereSsoError {
  return error instanceof VsphereSsoError && error.code === "NOT_AUTHENTICATED";
}
