import { type CanonicalValue, canonicalJson } from "./canonical-json.ts";
import type { DoorIdentity } from "./door-credential.ts";

export const SCHEME = "com.vmware.vapi.std.security.";

export type SecurityContext = { readonly [name: string]: CanonicalValue };

/** The request of a call, without its security context. */
export interface JsonRpcRequest {
  readonly id: string;
  readonly serviceId: string;
  readonly operationId: string;
  readonly opId: string;
  readonly input: CanonicalValue;
}

/** Says by which session a call is made. */
export function sessionContext(sessionId: string): SecurityContext {
  return { schemeId: `${SCHEME}session_id`, sessionId };
}

/**
 * Says who logs in, in the layout of the vendor's runtimes (Go, Java, Python). Its interface reference shows others, a
 * bearer token as `token` and the algorithm within `signature`, which no runtime of these years sends.
 */
export function loginContext(
  identity: Exclude<DoorIdentity, { readonly kind: "holder-of-key" }>,
): SecurityContext {
  switch (identity.kind) {
    case "password":
      return {
        schemeId: `${SCHEME}user_pass`,
        userName: identity.username,
        password: identity.password,
      };
    case "jwt":
      return { schemeId: `${SCHEME}oauth`, accessToken: identity.jwt };
    case "bearer":
      return { schemeId: `${SCHEME}saml_bearer_token`, samlToken: identity.token.assertion };
  }
}

/** The text of a request. It is canonical, signed or not, so that doubles and large integers keep their form. */
export function writeRequest(request: JsonRpcRequest, securityCtx: SecurityContext | undefined): string {
  const { id, serviceId, operationId, opId, input } = request;
  return canonicalJson({
    jsonrpc: "2.0",
    method: "invoke",
    id,
    params: {
      serviceId,
      operationId,
      ctx: { appCtx: { opId }, ...(securityCtx !== undefined && { securityCtx }) },
      input,
    },
  });
}
