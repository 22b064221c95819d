import type { CarriedHeaders } from "../soap/wsdl-client.ts";
import { escapeText } from "../xml/escape.ts";
import { cookieHeader, SESSION_COOKIE } from "./cookie.ts";
import { checkSessionId, SESSION_HEADER } from "./header-value.ts";

/** A service of a vCenter that takes a session. */
export type SessionService =
  | "vim"
  | "vim-json"
  | "vapi-rest"
  | "vapi-jsonrpc"
  | "pbm"
  | "sms"
  | "vslm"
  | "eam"
  | "vsan";

/** How a service is given the session. */
export interface SessionCarrier {
  /** Whose session it is: that of VIM, or that of vAPI. From 8.0 U3 on both are one. */
  readonly session: "vim" | "vapi";
  /** Path of the service. */
  readonly path: string;
  /** XML namespace of the service; null for JSON. */
  readonly namespace: string | null;
  /** An HTTP cookie (the ID in quotes), an HTTP header (as it is), or a block of the SOAP header (as it is). */
  readonly by: "cookie" | "http-header" | "soap-header";
  /** Name of the cookie, header or block. */
  readonly name: string;
}

/** SOAP header by which siblings of vpxd are given its session. Unqualified, as govmomi and pyVmomi write it. */
const SOAP_SESSION = "vcSessionCookie";

/**
 * How each service is given the session. VIM, VI/JSON and REST also take what another of them is given where sessions
 * are shared; PBM, SMS and VSLM want the ID of the VIM session and set cookies of their own, which are not it.
 */
export const SESSION_CARRIERS: Readonly<Record<SessionService, SessionCarrier>> = {
  vim: { session: "vim", path: "/sdk", namespace: "urn:vim25", by: "cookie", name: SESSION_COOKIE },
  "vim-json": {
    session: "vim",
    path: "/sdk/vim25",
    namespace: null,
    by: "http-header",
    name: SESSION_HEADER,
  },
  "vapi-rest": { session: "vapi", path: "/api", namespace: null, by: "http-header", name: SESSION_HEADER },
  // The header overrides the securityCtx of the envelope; `securityContext` is for a server that wants both.
  "vapi-jsonrpc": { session: "vapi", path: "/api", namespace: null, by: "http-header", name: SESSION_HEADER },
  pbm: { session: "vim", path: "/pbm", namespace: "urn:pbm", by: "soap-header", name: SOAP_SESSION },
  sms: { session: "vim", path: "/sms/sdk", namespace: "urn:sms", by: "soap-header", name: SOAP_SESSION },
  vslm: { session: "vim", path: "/vslm/sdk", namespace: "urn:vslm", by: "soap-header", name: SOAP_SESSION },
  eam: { session: "vim", path: "/eam/sdk", namespace: "urn:eam", by: "cookie", name: SESSION_COOKIE },
  vsan: { session: "vim", path: "/vsanHealth", namespace: "urn:vsan", by: "cookie", name: SESSION_COOKIE },
};

/** What goes along with a message so that a service knows the session. Secrets. */
export interface SessionHeaders extends CarriedHeaders {
  /** HTTP headers, names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Blocks of the SOAP header, each complete with its namespaces. */
  readonly soapHeaders: readonly string[];
}

/**
 * What carries a session to a service: HTTP headers and SOAP header blocks, as a client of any kind can send them and
 * as `createWsdlClient` takes them.
 *
 * @throws InvalidArgumentError for an ID that cannot be sent.
 * @example
 * const { headers } = sessionHeaders("vsan", sessionId);
 * // { cookie: 'vmware_soap_session="…"' }
 */
export function sessionHeaders(service: SessionService, sessionId: string): SessionHeaders {
  const { by, name } = SESSION_CARRIERS[service];
  const id = checkSessionId(sessionId);
  switch (by) {
    case "cookie":
      return { headers: { cookie: cookieHeader(id) }, soapHeaders: [] };
    case "http-header":
      return { headers: { [name]: id }, soapHeaders: [] };
    case "soap-header":
      return { headers: {}, soapHeaders: [`<${name}>${escapeText(id)}</${name}>`] };
  }
}

/** The `securityCtx` of a JSON-RPC envelope for a session. A secret. */
export function securityContext(sessionId: string): {
  readonly schemeId: string;
  readonly sessionId: string;
} {
  return { schemeId: "com.vmware.vapi.std.security.session_id", sessionId: checkSessionId(sessionId) };
}
