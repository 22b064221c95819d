import type { NodeView } from "../view.ts";
import { groupsOf, type OwnAssertion, readOwnAssertion } from "./assertion-reader.ts";
import { currentGroups, isDisabled, type Principal } from "./directory.ts";
import { wst } from "./fault.ts";
import { STATUS_TOKEN_TYPE } from "./names.ts";
import type { TokenRequest } from "./request.ts";

/**
 * Whether a token is of this group, in force, about an account that exists, and says what is true of it now.
 *
 * @throws StsFault RequestFailed where there is no token to look at.
 */
export function isValid(request: TokenRequest, view: NodeView): boolean {
  if (request.tokenType !== undefined && request.tokenType !== STATUS_TOKEN_TYPE) {
    throw wst("InvalidRequest", `The token type ${request.tokenType} is not supported`);
  }
  if (!request.validateTarget) throw wst("RequestFailed", "The request has no assertion in ValidateTarget");
  const token = readOwnAssertion(request.validateTarget, view);
  if (!token || view.now < token.notBefore - view.sso.limits.clockToleranceMs) return false;
  const subject = activeSubject(token, view);
  if (!subject) return false;
  const listed = groupsOf(token);
  return !listed || sameGroups(listed, subject, view);
}

/** Whom a token is about; undefined where the account, or one that the token was handed on to, is not active. */
export function activeSubject(token: OwnAssertion, view: NodeView): Principal | undefined {
  const [subject, ...delegates] = [token.subject, ...token.delegates.map(({ upn }) => upn)].map((upn) => {
    const found = view.sso.directory.principal(upn);
    return found && !isDisabled(found, view.faults) ? found : undefined;
  });
  return delegates.includes(undefined) ? undefined : subject;
}

function sameGroups(listed: readonly string[], subject: Principal, { faults }: NodeView): boolean {
  const current = new Set(currentGroups(subject, faults));
  return current.size === new Set(listed).size && listed.every((group) => current.has(group));
}
