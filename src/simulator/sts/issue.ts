import type { X509Certificate } from "node:crypto";
import type { NodeView } from "../view.ts";
import { type OwnAssertion, readOwnAssertion } from "./assertion-reader.ts";
import type { Delegate } from "./assertion-writer.ts";
import type { Caller } from "./authenticate.ts";
import { ACT_AS_USERS, currentGroups, isDisabled, isMember, type SolutionUser } from "./directory.ts";
import { invalidCredentials, wsse, wst } from "./fault.ts";
import { attributesOf, type Granted, grant, grantLifetime } from "./grant.ts";
import type { MessageSigner } from "./message-signature.ts";
import { AUTHN_PREVIOUS, KEY_TYPE_BEARER, KEY_TYPE_PUBLIC, SAML2_TOKEN_TYPE } from "./names.ts";
import { firstAssertion, type TokenRequest } from "./request.ts";
import { formatTime } from "./time.ts";
import { activeSubject } from "./validate.ts";

/**
 * What can be said against a request before anyone is authenticated.
 *
 * @throws StsFault
 */
export function checkIssueRequest(request: TokenRequest, signer: MessageSigner | undefined): void {
  if (request.tokenType !== SAML2_TOKEN_TYPE) {
    throw wst("InvalidRequest", `The token type ${request.tokenType ?? ""} is not supported`);
  }
  if (request.actAs !== undefined) {
    if (request.delegateTo !== undefined)
      throw wst("RequestFailed", "DelegateTo and ActAs exclude each other");
    if (!firstAssertion(request.actAs)) throw wst("RequestFailed");
    if (!signer) throw wsse("InvalidSecurity", "A request with ActAs has to be signed");
  }
  if (request.delegateTo !== undefined && request.useKey !== undefined) {
    throw wst("InvalidRequest", "DelegateTo and UseKey exclude each other");
  }
  checkUseKey(request, signer);
}

/** @throws StsFault */
export function checkUseKey({ useKey }: TokenRequest, signer: MessageSigner | undefined): void {
  if (useKey === undefined || useKey.toLowerCase() === signer?.signatureId?.toLowerCase()) return;
  throw wsse("InvalidSecurity", "SignatureId from UseKey doesn't match signature from the SecurityHeader");
}

/**
 * Issues a token to a caller who is known.
 *
 * @throws StsFault
 */
export function issue(
  request: TokenRequest,
  caller: Caller,
  signer: MessageSigner | undefined,
  view: NodeView,
): Granted {
  if (request.actAs !== undefined) return issueActAs(request, caller, signer, view);
  const delegate = request.delegateTo === undefined ? undefined : findDelegate(request.delegateTo, view);
  const holder = confirm(request, signer, delegate);
  // Whoever holds a token that was handed on to him can get another one, of the same chain.
  const previous = caller.token && caller.token.delegates.length > 0 ? caller.token : undefined;
  const lifetime = grantLifetime(request, holder, previous?.notOnOrAfter, view);
  const remaining = previous ? countDown(previous) : view.sso.limits.delegationCount;
  return grant(
    {
      subject: caller.principal.upn,
      holder,
      recipient: !holder && request.participants.length === 1 ? request.participants[0] : undefined,
      ...lifetime,
      proxyCount: request.delegatable ? remaining : 0,
      delegates: [...(previous?.delegates ?? []), ...(delegate ? [handedTo(delegate.upn, view)] : [])],
      renewCount: request.renewable ? view.sso.limits.renewCount : 0,
      audience: request.participants,
      advice: request.advice,
      authentication: { instant: formatTime(view.now), context: caller.method },
      attributes: attributesOf(caller.principal, request.claims, view),
    },
    request.signatureAlgorithm,
    view,
  );
}

function issueActAs(
  request: TokenRequest,
  caller: Caller,
  signer: MessageSigner | undefined,
  view: NodeView,
): Granted {
  const { sso, faults } = view;
  const holder = confirm(request, signer, undefined);
  if (!isMember(currentGroups(caller.principal, faults), sso.domain, ACT_AS_USERS)) {
    throw wst("InvalidRequest", "Access not authorized!");
  }
  if (caller.token && caller.token.delegates.length > 0) {
    throw wst("InvalidRequest", "A delegate cannot act as another user");
  }
  const element = firstAssertion(request.actAs);
  const template = element && readOwnAssertion(element, view);
  const subject = template && activeSubject(template, view);
  if (!subject) throw invalidCredentials();
  const own = subject.upn === caller.principal.upn && template.delegates.length === 0;
  const remaining = own ? sso.limits.delegationCount : countDown(template);
  const lifetime = grantLifetime(request, holder, own ? undefined : template.notOnOrAfter, view);
  return grant(
    {
      subject: subject.upn,
      holder,
      recipient: undefined,
      ...lifetime,
      proxyCount: request.delegatable ? remaining : 0,
      delegates: [...template.delegates, ...(own ? [] : [handedTo(caller.principal.upn, view)])],
      renewCount: request.renewable ? sso.limits.renewCount : 0,
      audience: request.participants.length > 0 ? request.participants : template.audience,
      advice: request.advice.length > 0 ? request.advice : template.advice,
      authentication: { instant: template.authentication.instant, context: AUTHN_PREVIOUS },
      attributes: attributesOf(subject, request.claims, view),
    },
    request.signatureAlgorithm,
    view,
  );
}

/** The certificate a token is bound to, by the kind of key asked for. */
function confirm(
  { keyType, actAs, delegateTo }: TokenRequest,
  signer: MessageSigner | undefined,
  delegate: SolutionUser | undefined,
): X509Certificate | undefined {
  const certificate = delegate?.certificate ?? signer?.certificate;
  switch (keyType) {
    case undefined:
      return certificate;
    case KEY_TYPE_BEARER:
      if (actAs === undefined && delegateTo === undefined) return undefined;
      throw wsse("InvalidSecurity", "Cannot issue delegated bearer token");
    case KEY_TYPE_PUBLIC:
      if (certificate) return certificate;
      throw wsse("InvalidSecurity", "Cannot find certificate to use.");
    default:
      throw wsse("InvalidSecurity", "Unknown KeyType");
  }
}

function findDelegate(name: string, { sso, faults }: NodeView): SolutionUser {
  const delegate = sso.directory.solutionUser(name);
  if (!delegate || isDisabled(delegate, faults)) throw wst("InvalidRequest", "Invalid delegate");
  return delegate;
}

/** How often a token may be delegated after this time. */
function countDown({ proxyCount }: OwnAssertion): number {
  if (proxyCount < 1) throw wst("InvalidRequest", "Cannot continue delegation chain");
  return proxyCount - 1;
}

function handedTo(upn: string, { now }: NodeView): Delegate {
  return { upn, instant: formatTime(now) };
}
