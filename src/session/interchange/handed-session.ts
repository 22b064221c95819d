import { InvalidArgumentError, UnsupportedError } from "../../errors.ts";
import { type Authority, parseServer } from "../../net/authority.ts";
import { checkSessionId } from "../header-value.ts";

/** A session to be handed to another program as text, and whom that program is to trust. */
export interface HandedOverSession {
  /** `host`, `host:port`, `[ipv6]:port` or `https://host`. */
  readonly server: string;
  /** ID at the vAPI side; null where that has none. */
  readonly vapi: string | null;
  /** ID at the VIM side; null where that has none. */
  readonly vim: string | null;
  /** Path of a file of certificate authorities. Default: those that the program knows. */
  readonly ca?: string | undefined;
  /** The program is not to verify certificates. Default false. */
  readonly insecure?: boolean | undefined;
}

/** Host as it stands in a URL, and port. @throws InvalidArgumentError */
export function hostOf({ server }: HandedOverSession): Authority {
  const { host, port } = parseServer(server);
  return { host: host.includes(":") ? `[${host}]` : host, port };
}

/** The IDs there are, by side. @throws InvalidArgumentError where there is none, or one that cannot be sent. */
export function checkedIds({ vapi, vim }: HandedOverSession): void {
  if (vapi === null && vim === null) throw new InvalidArgumentError("There is no session to hand over");
  for (const id of [vapi, vim]) if (id !== null) checkSessionId(id);
}

/** The ID of the VIM side, which a program works at. @throws UnsupportedError */
export function requireVimId(session: HandedOverSession, program: string): string {
  checkedIds(session);
  if (session.vim !== null) return session.vim;
  throw new UnsupportedError(`${program} works at the VIM side, which has no session`, {
    worksAt: "vapi-rest",
    hint: "open the VIM side too, or hand the session to a program of the vAPI side",
  });
}

/** What a text of a file may not hold: it would end the line. @throws InvalidArgumentError */
export function oneLine(text: string, what: string): string {
  if (!/[\r\n\0]/.test(text)) return text;
  throw new InvalidArgumentError(`${what} holds a line break`, { hint: "name a file without one" });
}
