import { randomUUID } from "node:crypto";
import type { HttpAnswer, HttpRequest } from "../router.ts";
import { parseAssertion } from "../sts/assertion-reader.ts";
import { currentGroups, type Principal } from "../sts/directory.ts";
import { StsFault } from "../sts/fault.ts";
import { attributesOf, grant, grantLifetime } from "../sts/grant.ts";
import { AUTHN_PREVIOUS } from "../sts/names.ts";
import { formatTime } from "../sts/time.ts";
import { activeSubject } from "../sts/validate.ts";
import type { NodeView } from "../view.ts";
import { ExchangeError } from "./exchange-error.ts";
import { type Claims, isSigned, readClaims, signJwt } from "./jwt.ts";
import { trustedKeys } from "./provider.ts";

const TYPE_PREFIX = "urn:ietf:params:oauth:token-type:";
const EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange";
const MAX_ID_TOKEN_SECONDS = 3600;

/** Fields of a token exchange (RFC 8693), however they came. */
export type ExchangeFields = ReadonlyMap<string, string>;

/** What is answered, before it is put into JSON. */
export interface ExchangeResult {
  readonly access_token: string;
  readonly issued_token_type: string;
  readonly token_type: string;
  /** Seconds. */
  readonly expires_in: number;
}

/**
 * Exchanges one token for another: access token (and ID token) of an identity provider for a SAML token, or a SAML
 * token for an ID token.
 *
 * @throws ExchangeError
 */
export function exchange(
  fields: ExchangeFields,
  authorization: string | undefined,
  view: NodeView,
): ExchangeResult {
  if (fields.get("grant_type") !== EXCHANGE) {
    throw new ExchangeError("invalid_request", `The grant type has to be ${EXCHANGE}.`);
  }
  const subject = required(fields, "subject_token");
  const kind = `${required(fields, "subject_token_type").replace(TYPE_PREFIX, "")} to ${(
    fields.get("requested_token_type") ?? ""
  ).replace(TYPE_PREFIX, "")}`;
  switch (kind) {
    case "access_token to ":
    case "access_token to saml2":
      return toSaml(subject, fields, authorization, view);
    case "saml2 to ":
    case "saml2 to id_token":
      return toIdToken(subject, fields, view);
    default:
      throw new ExchangeError("invalid_request", `The exchange of ${kind} is not supported.`);
  }
}

function toSaml(
  subject: string,
  fields: ExchangeFields,
  authorization: string | undefined,
  view: NodeView,
): ExchangeResult {
  const access = plainJwt(subject);
  // The call is made with the very token that is exchanged.
  if (/^Bearer (\S+)$/i.exec(authorization ?? "")?.[1] !== access) throw new ExchangeError("unauthenticated");
  const claims = verifiedClaims(access, view);
  const actor = fields.get("actor_token");
  if (actor !== undefined && fields.get("actor_token_type") !== `${TYPE_PREFIX}id_token`) {
    throw new ExchangeError("invalid_request", "actor_token_type has to be that of an ID token.");
  }
  const identity = actor === undefined ? undefined : verifiedClaims(plainJwt(actor), view);
  if (identity && (identity.sub !== claims.sub || identity.iss !== claims.iss)) {
    throw new ExchangeError("invalid_grant", "The two tokens are of different subjects.");
  }
  const principal = principalOf({ ...claims, ...identity }, view);
  view.sso.directory.remember(principal);
  const expires = Number(claims.exp) * 1000;
  const granted = refusing(() =>
    grant(
      {
        subject: principal.upn,
        holder: undefined,
        recipient: undefined,
        ...grantLifetime({ created: undefined, expires: undefined }, undefined, expires, view),
        // Its purpose is a session at vAPI, which wants tokens that can be handed on.
        proxyCount: view.sso.limits.delegationCount,
        delegates: [],
        renewCount: 0,
        audience: [fields.get("audience")].filter((uri) => uri !== undefined),
        advice: [],
        authentication: { instant: formatTime(view.now), context: AUTHN_PREVIOUS },
        attributes: attributesOf(principal, undefined, view),
      },
      undefined,
      view,
    ),
  );
  return {
    access_token: Buffer.from(granted.assertion).toString("base64"),
    issued_token_type: `${TYPE_PREFIX}saml2`,
    token_type: "N_A",
    expires_in: Math.floor((granted.content.notOnOrAfter - view.now) / 1000),
  };
}

function toIdToken(subject: string, fields: ExchangeFields, view: NodeView): ExchangeResult {
  const audience = required(fields, "audience");
  const token = parseAssertion(Buffer.from(subject, "base64").toString(), view);
  const principal = token && activeSubject(token, view);
  if (!token || !principal) throw new ExchangeError("invalid_grant", "The SAML token is not valid.");
  if (token.holder) {
    throw new ExchangeError("invalid_grant", "A holder-of-key token cannot be exchanged without its key.");
  }
  const now = Math.floor(view.now / 1000);
  const expires = Math.min(now + MAX_ID_TOKEN_SECONDS, Math.floor(token.notOnOrAfter / 1000));
  const { key, publicKey } = view.sso.signing;
  const claims = {
    iss: `https://127.0.0.1:${view.node.port}/openidconnect/${view.sso.domain}`,
    sub: principal.upn,
    upn: principal.upn,
    aud: audience,
    groups: currentGroups(principal, view.faults),
    given_name: principal.givenName,
    family_name: principal.surname,
    iat: now,
    nbf: now,
    exp: expires,
    jti: randomUUID(),
    token_class: "id_token",
    token_type: "Bearer",
    tenant: view.sso.domain,
  };
  return {
    access_token: signJwt(claims, key, publicKey),
    issued_token_type: `${TYPE_PREFIX}id_token`,
    token_type: "N_A",
    expires_in: expires - now,
  };
}

/** The token as issued, or (as the documentation has it) in base64 once more. */
function plainJwt(text: string): string {
  const once = Buffer.from(text, "base64").toString();
  return readClaims(text) === undefined && readClaims(once) !== undefined ? once : text;
}

/**
 * Whom an access token is about.
 *
 * @throws ExchangeError
 */
export function principalOfJwt(token: string, view: NodeView): Principal {
  const principal = principalOf(verifiedClaims(token, view), view);
  view.sso.directory.remember(principal);
  return principal;
}

function verifiedClaims(token: string, view: NodeView): Claims {
  const claims = readClaims(token);
  const keys = trustedKeys(claims?.iss, view);
  if (!claims || !keys || !isSigned(token, keys)) {
    throw new ExchangeError("invalid_grant", "The token is not one of a trusted identity provider.");
  }
  const { clockToleranceMs } = view.sso.limits;
  const { exp, nbf } = claims;
  if (typeof exp !== "number" || exp * 1000 + clockToleranceMs <= view.now) {
    throw new ExchangeError("invalid_grant", "The token has expired.");
  }
  if (typeof nbf === "number" && nbf * 1000 - clockToleranceMs > view.now) {
    throw new ExchangeError("invalid_grant", "The token is not valid yet.");
  }
  return claims;
}

/** An identity provider from outside vouches for its own users, and for none of the SSO domain. */
function principalOf(claims: Claims, { sso, federation }: NodeView): Principal {
  const text = (name: string): string | undefined => {
    const value = claims[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  const subject = text("upn") ?? text("sub");
  if (subject === undefined) throw new ExchangeError("invalid_grant", "The token names no subject.");
  const external = claims.iss === federation.issuer;
  const known = external ? undefined : sso.directory.principal(subject);
  if (known) return known;
  const at = subject.lastIndexOf("@");
  const name = at > 0 ? subject.slice(0, at) : subject;
  const domain = at > 0 ? subject.slice(at + 1) : external ? "external" : sso.domain;
  if (external && domain.toLowerCase() === sso.domain.toLowerCase()) {
    throw new ExchangeError("invalid_grant", "The identity provider names a user of the SSO domain.");
  }
  const groups = Array.isArray(claims.groups) ? claims.groups.filter((g) => typeof g === "string") : [];
  return {
    kind: "person",
    name,
    domain,
    upn: `${name}@${domain}`,
    givenName: text("given_name") ?? name,
    surname: text("family_name") ?? domain,
    email: text("email") ?? `${name}@${domain}`,
    groups: groups.map((group) => (group.includes("\\") ? group : `${domain}\\${group}`)),
  };
}

function required(fields: ExchangeFields, name: string): string {
  const value = fields.get(name);
  if (value) return value;
  throw new ExchangeError("invalid_request", `${name} is missing.`);
}

/** What the token authority refuses is a grant refused here. */
function refusing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof StsFault) throw new ExchangeError("invalid_grant", error.message);
    throw error;
  }
}

/** Answers one request to `/api/vcenter/authentication/token`: a form in, JSON out. */
export function answerExchange(request: HttpRequest, view: NodeView): HttpAnswer {
  const { headers, body } = request;
  try {
    if (!/^application\/x-www-form-urlencoded\s*(;|$)/i.test(headers["content-type"] ?? "")) {
      throw new ExchangeError("invalid_request", "The body is not a form.");
    }
    const fields = new Map(new URLSearchParams(body.toString()));
    return json(200, exchange(fields, headers.authorization, view));
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    return json(error.status, error.toApi());
  }
}

/** Answers one request to its deprecated twin, `/rest/vcenter/tokenservice/token-exchange`. */
export function answerOldExchange(request: HttpRequest, view: NodeView): HttpAnswer {
  const { headers, body } = request;
  try {
    return json(200, { value: exchange(specOf(body), headers.authorization, view) });
  } catch (error) {
    if (!(error instanceof ExchangeError)) throw error;
    return json(error.status, error.toRest());
  }
}

function specOf(body: Buffer): ExchangeFields {
  try {
    const { spec } = JSON.parse(body.toString()) as { readonly spec: object };
    const fields = Object.entries(spec).filter(([, value]) => typeof value === "string");
    return new Map(fields as [string, string][]);
  } catch {
    throw new ExchangeError("invalid_request", "The body is not JSON with a spec.");
  }
}

function json(status: number, value: object): HttpAnswer {
  return { status, headers: { "content-type": "application/json" }, body: JSON.stringify(value) };
}
