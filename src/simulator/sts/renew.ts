import type { NodeView } from "../view.ts";
import { readOwnAssertion } from "./assertion-reader.ts";
import { invalidCredentials, wsse, wst } from "./fault.ts";
import { attributesOf, type Granted, grant, grantLifetime } from "./grant.ts";
import { checkUseKey } from "./issue.ts";
import type { MessageSigner } from "./message-signature.ts";
import { SAML2_TOKEN_TYPE } from "./names.ts";
import { firstAssertion, type TokenRequest } from "./request.ts";
import type { SecurityHeader } from "./security-header.ts";
import { activeSubject } from "./validate.ts";

/**
 * Renews a holder-of-key token for the holder of its key.
 *
 * @throws StsFault
 */
export function renew(
  request: TokenRequest,
  header: SecurityHeader,
  signer: MessageSigner | undefined,
  view: NodeView,
): Granted {
  const { sso } = view;
  if (request.tokenType !== undefined && request.tokenType !== SAML2_TOKEN_TYPE) {
    throw wst("InvalidRequest", `The token type ${request.tokenType} is not supported`);
  }
  if (request.renewTarget === undefined) throw wst("RequestFailed", "The request has no RenewTarget");
  const target = firstAssertion(request.renewTarget);
  if (!target) throw wst("RequestFailed");
  if (header.assertion) throw wst("InvalidRequest", "Request should contain only one assertion!");
  if (!signer) throw wst("RequestFailed", "Cannot find certificate to use.");
  checkUseKey(request, signer);
  const token = readOwnAssertion(target, view);
  if (!token) throw invalidCredentials();
  if (!token.holder) {
    throw wsse("UnsupportedSecurityToken", "Only HoK tokens are supported for authentication!");
  }
  const subject = activeSubject(token, view);
  if (!subject || !token.holder.raw.equals(signer.certificate.raw)) {
    throw invalidCredentials();
  }
  const delegated = token.delegates.length > 0;
  if (token.renewCount < 1) throw wst("UnableToRenew", "Unable to renew non-renewable token");
  const lifetime = grantLifetime(request, token.holder, undefined, view);
  return grant(
    {
      subject: token.subject,
      holder: token.holder,
      recipient: token.recipient,
      ...lifetime,
      proxyCount: token.proxyCount,
      delegates: token.delegates,
      // The count of the subject's own token begins anew; a delegate's is used up.
      renewCount: delegated ? token.renewCount - 1 : sso.limits.renewCount,
      audience: token.audience,
      advice: token.advice,
      authentication: token.authentication,
      attributes: attributesOf(subject, request.claims ?? token.attributes.map(({ name }) => name), view),
    },
    request.signatureAlgorithm,
    view,
  );
}
