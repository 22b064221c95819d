import { principalOfJwt } from "../oauth/exchange.ts";
import { ExchangeError } from "../oauth/exchange-error.ts";
import { groupsOf, type OwnAssertion, parseAssertion } from "../sts/assertion-reader.ts";
import { ADMINISTRATORS, currentGroups, isMember, type Principal } from "../sts/directory.ts";
import { StsFault } from "../sts/fault.ts";
import { activeSubject } from "../sts/validate.ts";
import type { NodeView } from "../view.ts";
import type { SessionUser } from "./user.ts";

/** A credential that makes no session. The reason is for the log: clients are told nothing. */
export class LoginRefused extends Error {}

/** A token that is good, and who it is about. */
export interface TokenUser {
  readonly user: SessionUser;
  readonly token: OwnAssertion;
}

/** The account as a session shows it; its groups are those a token lists, else those of now. */
export function userOf(principal: Principal, view: NodeView, groups?: readonly string[]): SessionUser {
  const { name, domain, givenName, surname, kind } = principal;
  return {
    upn: `${name}@${domain}`,
    userName: `${domain.toUpperCase()}\\${name}`,
    fullName: `${givenName} ${surname}`,
    administrator: isMember(groups ?? currentGroups(principal, view.faults), view.sso.domain, ADMINISTRATORS),
    solution: kind === "solution",
  };
}

/**
 * Wrong passwords count towards the lock-out that the Security Token Service counts too.
 *
 * @throws LoginRefused
 */
export function byPassword(username: string, password: string, view: NodeView): SessionUser {
  try {
    return userOf(view.sso.directory.authenticate(username, password, view.faults), view);
  } catch (error) {
    if (error instanceof StsFault) throw new LoginRefused(error.message);
    throw error;
  }
}

/**
 * Takes a token for what it says. Whether its holder has shown the key is for the caller to check, by `token.holder`.
 *
 * @param assertion text of the assertion, alone.
 * @throws LoginRefused where the token is not one of this group's, is not in force, is for somebody else, or is about
 *   an account that may not log in.
 */
export function byToken(assertion: string, view: NodeView): TokenUser {
  const token = parseAssertion(assertion, view);
  if (!token) throw new LoginRefused("the token is not one of this group, or it has expired");
  return { token, user: userOfToken(token, view) };
}

/**
 * Who a token is about, of a token whose signature and end have been checked.
 *
 * @throws LoginRefused
 */
export function userOfToken(token: OwnAssertion, view: NodeView): SessionUser {
  if (view.now < token.notBefore - view.sso.limits.clockToleranceMs) {
    throw new LoginRefused("the token is not valid yet");
  }
  if (token.audience.length > 0 && !token.audience.some((uri) => namesServer(uri, view))) {
    throw new LoginRefused("the token is for another audience");
  }
  const principal = activeSubject(token, view);
  if (!principal) throw new LoginRefused("the subject of the token may not log in");
  return userOf(principal, view, groupsOf(token));
}

/** @throws LoginRefused where the server takes no JWT, or not this one. */
export function byJwt(jwt: string, view: NodeView): SessionUser {
  if (!view.behaviours.sessionTakesJwt) throw new LoginRefused("no session is made from a JWT");
  try {
    return userOf(principalOfJwt(jwt, view), view);
  } catch (error) {
    if (error instanceof ExchangeError) throw new LoginRefused(error.message);
    throw error;
  }
}

/** An audience of this server has its name, or its address, for host. */
function namesServer(uri: string, { node }: NodeView): boolean {
  const host = uri
    .toLowerCase()
    .replace(/^[a-z][a-z0-9+.-]*:\/\//, "")
    .replace(/[/?#].*$/s, "");
  return [node.instanceName, `127.0.0.1:${node.port}`, `localhost:${node.port}`].includes(host);
}
