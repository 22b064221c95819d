import { channel } from "node:diagnostics_channel";
import type { SamlToken } from "../saml/token.ts";

/** Message of the diagnostics channel `vsphere-sso:token`, published for each token that was granted. */
export interface TokenEvent {
  /** `host:port` of the server, the port left out where it is 443. */
  readonly host: string;
  readonly operation: "issue" | "renew";
  readonly kind: SamlToken["kind"];
  readonly requestedKind: SamlToken["requestedKind"];
  /** What the caller asked for; undefined where it was left to the default. */
  readonly requestedLifetimeSeconds: number | undefined;
  /** Less than was asked where the server's maximum, or the end of a certificate, is nearer. */
  readonly grantedLifetimeSeconds: number;
  readonly renewable: boolean;
  readonly delegatable: boolean;
}

export const TOKEN_CHANNEL = "vsphere-sso:token";

// Held here: Node forgets a channel, and its subscribers, that nothing holds.
const tokenChannel = channel(TOKEN_CHANNEL);

export function publishToken(token: SamlToken, operation: TokenEvent["operation"], url: string): void {
  if (!tokenChannel.hasSubscribers) return;
  const { kind, requestedKind, requestedLifetimeSeconds, grantedLifetimeSeconds, renewable, delegatable } =
    token;
  const event: TokenEvent = {
    host: new URL(url).host,
    operation,
    kind,
    requestedKind,
    requestedLifetimeSeconds,
    grantedLifetimeSeconds,
    renewable,
    delegatable,
  };
  tokenChannel.publish(event);
}
