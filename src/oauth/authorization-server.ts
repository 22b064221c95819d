import { InvalidArgumentError } from "../errors.ts";
import { formatAuthority, parseServer } from "../net/authority.ts";
import { isLoopback } from "../net/target.ts";

/**
 * How a client proves itself: `basic` as RFC 6749 has it (ID and secret form-encoded, then base64), `basic-plain`
 * without the encoding, `post` in the form.
 */
export type ClientAuthentication = "basic" | "basic-plain" | "post";

/**
 * Who gives tokens. With a token endpoint it is taken as described; without, the issuer's own description is
 * fetched (OpenID Connect discovery).
 */
export interface AuthorizationServer {
  /**
   * The issuer; without a token endpoint also the URL of its description (`…/.well-known/openid-configuration`).
   * Where nothing names the issuer, nobody checks who an ID token is from until vCenter does.
   */
  readonly issuer?: string | undefined;
  readonly tokenEndpoint?: string | undefined;
  readonly authorizationEndpoint?: string | undefined;
  readonly deviceAuthorizationEndpoint?: string | undefined;
  /** What the server wants in the query of its authorization endpoint, in order; names may repeat. */
  readonly authorizationParameters?: readonly (readonly [name: string, value: string])[] | undefined;
  /** Default `basic`, or `post` where the server's description says that it takes nothing else. */
  readonly clientAuthentication?: ClientAuthentication | undefined;
}

/** Tenant of the Identity Broker unless another one was made. */
export const BROKER_TENANT = "CUSTOMER";

/**
 * The Identity Broker of a vCenter (8.0 U1 and later, for Okta, Entra ID and others), whose tokens
 * `exchangeForSaml` takes.
 *
 * @param server `host`, `host:port`, `[ipv6]:port` or an `https://` URL of which only the authority counts.
 * @throws InvalidArgumentError
 */
export function identityBroker(
  server: string,
  options: { readonly tenant?: string | undefined } = {},
): AuthorizationServer {
  const { tenant = BROKER_TENANT } = options;
  if (!/^[\w.~-]+$/.test(tenant) || /^\.+$/.test(tenant)) {
    throw new InvalidArgumentError("The tenant of the Identity Broker is a single word", {
      hint: `The tenant is ${BROKER_TENANT} unless another one was made.`,
    });
  }
  return {
    tokenEndpoint: `https://${formatAuthority(parseServer(server))}/acs/t/${tenant}/token`,
    clientAuthentication: "basic-plain",
  };
}

/**
 * A URL that secrets may be sent to: https, or this machine.
 *
 * @throws InvalidArgumentError
 */
export function secureUrl(what: string, text: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    // Said below, without the text: what cannot be parsed may hold a password.
  }
  if (url === undefined || url.username !== "" || url.password !== "" || url.hash !== "") {
    throw new InvalidArgumentError(`The ${what} is no URL, or holds a user name, password or fragment`, {
      hint: "An absolute https:// URL is needed.",
    });
  }
  if (
    url.protocol === "https:" ||
    (url.protocol === "http:" && isLoopback(url.hostname.replace(/^\[|\]$/g, "")))
  ) {
    return url;
  }
  throw new InvalidArgumentError(`The ${what} must be an https URL; http is for this machine only`, {
    hint: "Use an https:// URL.",
  });
}
