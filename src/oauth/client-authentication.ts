import type { ClientAuth } from "openid-client";
import type { GrantOptions } from "./grant.ts";

/** How the client of a grant proves itself, decided once the server has described itself. */
export function clientAuth({
  server,
  clientId,
  clientSecret,
  clientAuthentication,
}: GrantOptions): ClientAuth {
  return (as, _client, body, headers) => {
    if (clientSecret === undefined) {
      body.set("client_id", clientId);
      return;
    }
    const taken = as.token_endpoint_auth_methods_supported ?? [];
    const onlyPost = taken.includes("client_secret_post") && !taken.includes("client_secret_basic");
    const method = clientAuthentication ?? server.clientAuthentication ?? (onlyPost ? "post" : "basic");
    if (method === "post") {
      body.set("client_id", clientId);
      body.set("client_secret", clientSecret);
      return;
    }
    const encode = method === "basic" ? formEncode : (text: string) => text;
    const pair = `${encode(clientId)}:${encode(clientSecret)}`;
    headers.set("authorization", `Basic ${Buffer.from(pair).toString("base64")}`);
  };
}

/**
 * The form encoding of RFC 6749, 2.3.1, with as little encoded as it allows: servers that forget to decode still
 * understand the usual IDs.
 */
function formEncode(text: string): string {
  return encodeURIComponent(text).replaceAll("%20", "+");
}
