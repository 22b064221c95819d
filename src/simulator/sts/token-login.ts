import { SAML2_NAMESPACE } from "../../xml/names.ts";
import { elementsOf, is } from "../dom.ts";
import type { NodeView } from "../view.ts";
import { VmomiFault } from "../vmomi.ts";
import { groupsOf, type OwnAssertion, readOwnAssertion } from "./assertion-reader.ts";
import { ADMINISTRATORS, isMember, SOLUTION_USERS } from "./directory.ts";
import { readMessage, securedMessage } from "./envelope.ts";
import { invalidCredentials, StsFault, wsse } from "./fault.ts";
import { checkMessageSignature } from "./message-signature.ts";
import { checkTimestamp, readSecurityHeader } from "./security-header.ts";
import { activeSubject } from "./validate.ts";

/**
 * The token in the security header of a message: a bearer token as it stands, a holder-of-key token with a signature
 * of its key over Timestamp and Body.
 *
 * @throws StsFault
 */
function tokenOfMessage(text: string, view: NodeView): OwnAssertion {
  const message = securedMessage(readMessage(text));
  const header = readSecurityHeader(message.security);
  checkTimestamp(header, view.now, view.sso.limits.clockToleranceMs);
  const signer = checkMessageSignature(message, header);
  if (!header.assertion) throw wsse("SecurityTokenUnavailable", "Assertion is missing");
  const token = readOwnAssertion(header.assertion, view);
  if (!token || !activeSubject(token, view)) throw invalidCredentials();
  if (token.holder && !signer)
    throw wsse("InvalidSecurity", "The message with a holder-of-key token is not signed");
  if (token.holder && !(signer && token.holder.raw.equals(signer.certificate.raw)))
    throw invalidCredentials();
  return token;
}

/**
 * The same for a login at VIM, where a bearer token may stand in the header alone: pyVmomi sends no Timestamp with it.
 *
 * @throws StsFault
 */
export function loginTokenOfMessage(text: string, view: NodeView): OwnAssertion {
  const [only, further] = elementsOf(securedMessage(readMessage(text)).security);
  if (further || !is(only, SAML2_NAMESPACE, "Assertion")) return tokenOfMessage(text, view);
  const token = readOwnAssertion(only, view);
  if (!token || !activeSubject(token, view)) throw invalidCredentials();
  if (token.holder) throw wsse("InvalidSecurity", "The message with a holder-of-key token is not signed");
  return token;
}

/**
 * Registrations may be changed by administrators and by solution users.
 *
 * @throws VmomiFault SecurityError.
 */
export function authorizeWrite(text: string, view: NodeView): void {
  const groups = groupsOf(provenToken(text, view)) ?? [];
  const { domain } = view.sso;
  if (isMember(groups, domain, ADMINISTRATORS) || isMember(groups, domain, SOLUTION_USERS)) return;
  throw new VmomiFault("SecurityError", "The caller is neither an administrator nor a solution user");
}

function provenToken(text: string, view: NodeView): OwnAssertion {
  try {
    return tokenOfMessage(text, view);
  } catch (error) {
    if (!(error instanceof StsFault)) throw error;
    throw new VmomiFault(
      "SecurityError",
      `The security header does not prove who is calling: ${error.message}`,
    );
  }
}
