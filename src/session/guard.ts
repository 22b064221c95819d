import { VapiError, VimFaultError } from "../errors.ts";
import { isNotAuthenticated } from "./not-authenticated.ts";
import type { SessionSide } from "./session-event.ts";

/** Why there is no other session for a call that was refused. */
export interface Advice {
  readonly hint: string;
  /** What went wrong meanwhile. */
  readonly cause?: unknown;
}

/** What a guarded call needs of the sessions; `SessionBridge` has it. */
export interface GuardedSessions {
  use(side: SessionSide): string | undefined;
  ready(side: SessionSide, stale: string | undefined, signal?: AbortSignal): Promise<void>;
  /** Gives another session in the place of one that has ended; else why not, as advice. */
  recover(side: SessionSide, stale: string, signal?: AbortSignal): Promise<Advice | undefined>;
}

export interface GuardedCall<Result> {
  readonly side: SessionSide;
  /** Whether it may reach the server twice. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
  readonly send: () => Promise<Result>;
}

/** Refusals of the vAPI endpoint itself, which comes before the service: the operation has not begun. */
const REFUSED_BY_ENDPOINT = /^com\.vmware\.vapi\.endpoint\..*authenticat/i;

/** What to do about a call that may have been carried out. */
const NOT_REPEATED =
  "the session has been renewed, but the call was not repeated, for it may have been carried out: make it again if that does no harm";

/**
 * Sends a call with a session, which is made where there is none. Where the server does not know it any more, which it
 * is asked when a call was refused, it is renewed, once for all who wait, and the call is repeated once if that is
 * safe: because it may be, or because the server refused it before it began.
 *
 * @throws what the call threw; what the login threw; the call's own `NOT_AUTHENTICATED` with advice when the session is
 *   alive, cannot be renewed or could not be asked about (with the reason as its cause), and when it was renewed, but
 *   the call might have been carried out.
 */
export async function guarded<Result>(sessions: GuardedSessions, call: GuardedCall<Result>): Promise<Result> {
  const { side, signal, send } = call;
  let id = sessions.use(side);
  while (id === undefined) {
    await sessions.ready(side, undefined, signal);
    id = sessions.use(side);
  }
  try {
    return await send();
  } catch (error) {
    if (!isNotAuthenticated(error)) throw error;
    const advice = await sessions.recover(side, id, signal);
    if (advice !== undefined) throw withHint(error, advice);
    if (!call.repeatable && !isRefusedBeforeItBegan(error)) {
      throw withHint(error, { hint: NOT_REPEATED });
    }
    return await send();
  }
}

function isRefusedBeforeItBegan(error: VapiError | VimFaultError): boolean {
  // VIM looks at the session before it looks for the method.
  if (error instanceof VimFaultError) return error.fault === "NotAuthenticated";
  return error instanceof VapiError && error.messages.some(({ id }) => REFUSED_BY_ENDPOINT.test(id));
}

/** The same error with another hint, and itself as its cause unless there is another. */
function withHint(error: VapiError | VimFaultError, { hint, cause = error }: Advice): Error {
  const more = { hint, cause };
  if (error instanceof VapiError) {
    const { door, url, status, body, errorType, messages, challenges } = error;
    const facts = { door, url, status, body, errorType, messages, challenges };
    return new VapiError(error.code, error.message, { ...facts, ...more });
  }
  const { door, url, status, body, fault, faultString, fields } = error;
  const facts = { door, url, status, body, fault, faultString, fields };
  return new VimFaultError(error.code, error.message, { ...facts, ...more });
}
