import type { TokenEndpointResponse } from "openid-client";
import { ConnectionError, TimeoutError } from "../errors.ts";
import { MAX_DELAY_MS, monotonicMs, sleep } from "../net/deadline.ts";
import { type GrantOptions, type GrantSession, requireEndpoint, withGrant } from "./grant.ts";
import { OPENID_SCOPE, withScope } from "./grants.ts";
import { oauthError } from "./refusal.ts";
import type { OAuthTokens } from "./tokens.ts";
import { houseError } from "./translate-error.ts";

/** What a person has to do, on any device that has a browser. */
export interface DevicePrompt {
  /** Where to go. */
  readonly verificationUri: string;
  /** What to enter there. */
  readonly userCode: string;
  /** Where to go with the code entered already; null where the server does not say. */
  readonly verificationUriComplete: string | null;
  /** Seconds that the code is good for. */
  readonly expiresIn: number;
}

export interface DeviceGrantOptions extends GrantOptions {
  /** Shows the person what to do. What it throws ends the grant. */
  readonly onPrompt: (prompt: DevicePrompt) => void | Promise<void>;
}

const DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code";
const WHAT = "the device grant";
/** Seconds between two questions unless the server says otherwise, and what `slow_down` adds (RFC 8628, 3.5). */
const INTERVAL = 5;

/**
 * Tokens for a person who signs in on another device (RFC 8628). Waits until they have, or said no, or the code
 * has expired.
 *
 * @throws OAuthError when the server or the person refuses, or the code expires; UnsupportedError when the server
 *   has no device authorization; HttpStatusError and ProtocolError for what is no answer to it;
 *   InvalidArgumentError; every error of the transport.
 */
export async function deviceGrant(options: DeviceGrantOptions): Promise<OAuthTokens> {
  const { onPrompt, signal = new AbortController().signal } = options;
  return withGrant(options, WHAT, async (session) => {
    const { openid, config } = session;
    requireEndpoint(session, "device_authorization_endpoint", "device authorization");
    requireEndpoint(session, "token_endpoint", "token endpoint");
    const device = await openid.initiateDeviceAuthorization(config, withScope(options, OPENID_SCOPE));
    const endsAtMs = monotonicMs() + device.expires_in * 1000;
    await onPrompt({
      verificationUri: device.verification_uri,
      userCode: device.user_code,
      verificationUriComplete: device.verification_uri_complete ?? null,
      expiresIn: device.expires_in,
    });
    let interval = device.interval ?? INTERVAL;
    for (;;) {
      const leftMs = endsAtMs - monotonicMs();
      if (leftMs <= 0) throw oauthError("expired_token", WHAT, { secrets: [] });
      await sleep(Math.min(interval * 1000, leftMs, MAX_DELAY_MS), signal);
      const answer = await ask(session, device.device_code);
      if (typeof answer === "object") return session.tokens(answer);
      if (answer === "slow-down") interval += INTERVAL;
      if (answer === "nothing heard") interval *= 2;
    }
  });
}

async function ask(
  { openid, config, lastStatus }: GrantSession,
  deviceCode: string,
): Promise<TokenEndpointResponse | "pending" | "slow-down" | "nothing heard"> {
  try {
    return await openid.genericGrantRequest(config, DEVICE_CODE, { device_code: deviceCode });
  } catch (error) {
    if (error instanceof openid.ResponseBodyError) {
      if (error.error === "authorization_pending") return "pending";
      if (error.error === "slow_down") return "slow-down";
    }
    // The person may be half-way through: a server that is briefly away is asked again, more slowly.
    if (lastStatus() === 503 || isPassing(houseError(error, openid))) return "nothing heard";
    throw error;
  }
}

function isPassing(error: unknown): boolean {
  return (
    error instanceof TimeoutError || (error instanceof ConnectionError && error.code === "CONNECTION_FAILED")
  );
}
