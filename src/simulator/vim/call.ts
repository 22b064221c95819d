import type { HttpRequest } from "../router.ts";
import type { SimulatedSession } from "../sessions/table.ts";
import type { NodeView } from "../view.ts";
import type { MoRef } from "../vmomi.ts";
import { noPermission, notAuthenticated } from "./fault.ts";
import type { Arguments, Parameter } from "./parameters.ts";
import type { VimValue } from "./value.ts";

/** One call, at whichever door. */
export interface Call {
  readonly view: NodeView;
  readonly request: HttpRequest;
  /** The SOAP message, which may have a token in its header; undefined at VI/JSON. */
  readonly message: string | undefined;
  readonly receiver: MoRef;
  readonly session: SimulatedSession | undefined;
  /** Session that the call has opened: the door hands its ID out. */
  opened?: SimulatedSession;
  /** How long the caller would wait for something to tell. */
  holdMs?: number;
}

export interface Operation {
  /** Types of object that have it; none for all. */
  readonly receivers: readonly string[];
  /** What the caller needs; null for a call that anybody may make. */
  readonly privilege: string | null;
  readonly parameters: readonly Parameter[];
  readonly run: (args: Arguments, call: Call) => VimValue | undefined;
}

export type Operations = Readonly<Record<string, Operation>>;

/** Everybody who has logged in may view and read. */
const COMMON: ReadonlySet<string> = new Set(["System.Anonymous", "System.View", "System.Read"]);

export function mayDo(privilege: string | null, session: SimulatedSession | undefined): boolean {
  if (privilege === null) return true;
  if (!session) return false;
  return COMMON.has(privilege) || session.user.administrator || session.user.solution;
}

/** @throws VimFault NotAuthenticated or NoPermission. */
export function checkPrivilege(
  privilege: string | null,
  target: MoRef,
  { session, view }: Pick<Call, "session" | "view">,
): void {
  if (mayDo(privilege, session) || privilege === null) return;
  throw session ? noPermission(target, privilege, view.group.release) : notAuthenticated(target, privilege);
}

/** The session of a call that nobody gets to make without one. */
export function sessionOf({ session, receiver }: Call): SimulatedSession {
  if (!session) throw notAuthenticated(receiver, "System.View");
  return session;
}

/** Ends an object that the session of the call has made; of another's nothing is said. */
export function destroyOwn(receivers: readonly string[]): Operation {
  return {
    receivers,
    privilege: "System.View",
    parameters: [],
    run: (_args, call) => {
      const own = call.view.vim.find(call.receiver.value, sessionOf(call));
      if (own) call.view.vim.remove(own);
      return undefined;
    },
  };
}
