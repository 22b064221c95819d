import { createHash } from "node:crypto";
import type { HttpRequest } from "../router.ts";
import { byJwt, byPassword, byToken, LoginRefused, type TokenUser } from "../sessions/login.ts";
import type { SessionUser } from "../sessions/user.ts";
import type { VapiDoor } from "./door.ts";
import { VapiFault } from "./fault.ts";
import { assertionOf, checkSignature, isSigned, parseSign } from "./sign-header.ts";

export const SESSION_HEADER = "vmware-api-session-id";

/** Who calls, for this one call or to make a session of it. */
export interface VapiCaller {
  readonly user: SessionUser;
  /** When the credential ends; undefined for one that does not. */
  readonly endsAt: number | undefined;
}

/** What every refusal says; why is told to nobody but the log. */
export function unauthenticated(door: VapiDoor): VapiFault {
  return new VapiFault(
    "unauthenticated",
    "com.vmware.vapi.endpoint.method.authentication.required",
    "Authentication required.",
    [],
    challengeOf(door),
  );
}

/** How to authenticate, which tells the address of the Security Token Service too. */
function challengeOf({ name, view }: VapiDoor): string {
  const basic = `Basic realm="VAPI endpoint"`;
  if (name === "appliance") return basic;
  const { node, faults, sso } = view;
  const host = faults.unresolvableUrls?.includes(node.number) ? node.instanceName : `127.0.0.1:${node.port}`;
  const realm = createHash("sha1").update(node.machineId).digest("hex");
  const sts = `https://${host}/sts/STSService/${sso.domain}`;
  return `${basic},SIGN realm=${realm},service="VAPI endpoint",sts="${sts}"`;
}

/**
 * Who a request to REST is from: by its session, else by the credential it carries. Undefined for nobody.
 *
 * @throws LoginRefused for a credential that is not good.
 */
export function callerOf(request: HttpRequest, door: VapiDoor): VapiCaller | undefined {
  const id = sessionIdOf(request);
  if (id !== undefined) return callerBySession(id, door);
  return request.authorizations.length === 0 ? undefined : byAuthorization(request, door);
}

export function callerBySession(id: string, { sessions, view }: VapiDoor): VapiCaller | undefined {
  const session = sessions.use(id, "vapi", view.now);
  return session && { user: session.user, endsAt: undefined };
}

/** The header; without it the cookie. */
export function sessionIdOf({ headers }: HttpRequest): string | undefined {
  const header = headers[SESSION_HEADER];
  if (header !== undefined) return String(header);
  const cookie = headers.cookie?.split(";").find((part) => part.trim().startsWith(`${SESSION_HEADER}=`));
  return cookie?.slice(cookie.indexOf("=") + 1).trim();
}

/**
 * Who the `Authorization` of a request is of.
 *
 * @throws LoginRefused
 */
export function byAuthorization(request: HttpRequest, door: VapiDoor): VapiCaller {
  const [first = "", ...others] = request.authorizations;
  const [scheme, rest = ""] = first.trim().split(/\s+(.*)/s);
  switch (scheme?.toLowerCase()) {
    case "basic":
      if (others.length > 0) throw new LoginRefused("there are two Authorization headers");
      return byBasic(rest, door);
    case "sign":
      return bySign(request, door);
    case "bearer":
      if (door.name === "appliance") throw new LoginRefused("the appliance takes no JWT");
      return { user: byJwt(rest, door.view), endsAt: undefined };
    default:
      throw new LoginRefused("the scheme of Authorization is not known");
  }
}

/** UTF-8, parted at the first colon. */
function byBasic(encoded: string, door: VapiDoor): VapiCaller {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) throw new LoginRefused("Basic is not base64");
  const text = Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  if (colon < 0) throw new LoginRefused("Basic has no colon");
  return userByPassword(text.slice(0, colon), text.slice(colon + 1), door);
}

/** @throws LoginRefused */
export function userByPassword(username: string, password: string, door: VapiDoor): VapiCaller {
  const user =
    door.name === "appliance"
      ? door.view.vapi.appliance.logIn(username, password)
      : byPassword(username, password, door.view);
  return { user, endsAt: undefined };
}

function bySign(request: HttpRequest, door: VapiDoor): VapiCaller {
  if (door.name === "appliance") throw new LoginRefused("the appliance takes no SAML token");
  const { view } = door;
  if (!request.authorizations.every((value) => /^\s*SIGN\s/i.test(value))) {
    throw new LoginRefused("there are two schemes of Authorization");
  }
  const parameters = parseSign(request.authorizations);
  const found = byToken(assertionOf(parameters), view);
  const { holder } = found.token;
  if (!holder) {
    if (isSigned(parameters)) throw new LoginRefused("a bearer token comes with a signature");
    return callerByBearer(found, door);
  }
  const { behaviours, vapi, now } = view;
  if (request.path === "/api/session" && !(behaviours.apiSessionTakesHolderOfKey ?? true)) {
    throw new LoginRefused("/api/session takes no holder-of-key token");
  }
  checkSignature(parameters, holder, request, { behaviours, nonces: vapi.nonces, now });
  return callerByToken(found, door);
}

/** @throws LoginRefused where bearer tokens are not taken. */
export function callerByBearer(found: TokenUser, door: VapiDoor): VapiCaller {
  if (found.token.kind !== "bearer") throw new LoginRefused("the token is not a bearer token");
  if (!(door.view.behaviours.vapiTakesBearer ?? true)) throw new LoginRefused("bearer tokens are not taken");
  return callerByToken(found, door);
}

/** @throws LoginRefused for a token that cannot be delegated: the endpoint acts in the user's name. */
export function callerByToken({ user, token }: TokenUser, { view }: VapiDoor): VapiCaller {
  if (token.proxyCount < 1 && (view.behaviours.vapiWantsDelegatable ?? true)) {
    throw new LoginRefused("the token cannot be delegated");
  }
  return { user, endsAt: token.notOnOrAfter };
}
