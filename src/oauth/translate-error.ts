import { AbortedError, ProtocolError, VsphereSsoError } from "../errors.ts";
import { bare } from "../net/failures.ts";
import { notJson, oauthError, refusalOf } from "./refusal.ts";
import type { HttpReply } from "./transport.ts";

type OpenIdClient = typeof import("openid-client");

/** What was going on when it failed. */
interface Context {
  readonly openid: OpenIdClient;
  readonly what: string;
  readonly secrets: readonly string[];
  readonly last: HttpReply | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The error that the transport threw, which openid-client wraps. */
export function houseError(error: unknown, openid: OpenIdClient): VsphereSsoError | undefined {
  const wrapped = error instanceof openid.ClientError && error.cause instanceof VsphereSsoError;
  return wrapped ? (error.cause as VsphereSsoError) : undefined;
}

/** The one place where errors of openid-client, which hold whole answers, become ours, which do not. */
export function translateError(error: unknown, context: Context): unknown {
  const { openid, what, secrets, last, signal } = context;
  if (error instanceof VsphereSsoError) return error;
  const below = houseError(error, openid);
  if (below) return below;
  if (signal?.aborted) return new AbortedError(`${what} was aborted`, { cause: signal.reason });
  if (error instanceof openid.AuthorizationResponseError) {
    return oauthError(error.error, what, { words: error.error_description, secrets });
  }
  const misread = error instanceof TypeError && "code" in error && error.code === "ERR_INVALID_URL";
  if (!(error instanceof openid.ClientError || error instanceof openid.ResponseBodyError || misread)) {
    return error;
  }
  if (last && last.status !== 200) return refusalOf(last, what, secrets);
  const code = error instanceof openid.ClientError ? error.code : undefined;
  if (last && (code === "OAUTH_PARSE_ERROR" || code === "OAUTH_RESPONSE_IS_NOT_JSON")) {
    return notJson(last, what);
  }
  const reason = error.cause instanceof Error ? error.cause : error;
  return new ProtocolError(
    "RESPONSE_UNEXPECTED",
    `${what} got an answer that is not accepted: ${reason.message}`,
    {
      url: last?.url,
      hint: "check that the URLs are the authorization server's, and the client's registration there",
      cause: bare(reason),
    },
  );
}
