import type { SamlToken } from "../saml/token.ts";
import type { MessageSecurity } from "../soap/security.ts";
import type { SignatureAlgorithm } from "../xml/signer.ts";
import { refuseExpired, requireKey } from "./credential.ts";
import { HeaderSecurity } from "./header.ts";
import { checkSeconds, DEFAULT_MESSAGE_LIFETIME_SECONDS } from "./time.ts";

export interface SamlSecurityOptions {
  /** Algorithm of the message's signature. Default `rsa-sha256`. */
  readonly messageSignatureAlgorithm?: SignatureAlgorithm | undefined;
  /** Seconds that a message is valid. Default 300. */
  readonly messageLifetimeSeconds?: number | undefined;
  /** Milliseconds to put to this machine's clock in what is sent. Default 0. */
  readonly clockOffsetMs?: number | undefined;
  /** Leaves it to the server whether a token has expired, as vcsim's one token has. Default false. */
  readonly allowExpired?: boolean | undefined;
}

/**
 * The header by which services other than the STS know a token's subject: `LoginByToken`, writes of the Lookup
 * Service, the login of ssoadmin. A bearer token goes along as it is; with a holder-of-key token the message is
 * signed, timestamp and body, by the token's key.
 *
 * @throws TokenError when the key of a holder-of-key token is missing, and for each message when the token ended more
 *   than 10 min ago; InvalidArgumentError for an option that cannot be used.
 * @example
 * await lookup.delete(serviceId, { security: samlSecurity(token) });
 */
export function samlSecurity(token: SamlToken, options: SamlSecurityOptions = {}): MessageSecurity {
  const { messageLifetimeSeconds = DEFAULT_MESSAGE_LIFETIME_SECONDS, clockOffsetMs = 0 } = options;
  const lifetimeMs = checkSeconds("messageLifetimeSeconds", messageLifetimeSeconds) * 1000;
  const signer = token.kind === "holder-of-key" ? requireKey(token) : undefined;
  const now = (): number => Date.now() + clockOffsetMs;
  const header = new HeaderSecurity(
    {
      assertion: token.assertion,
      signature: signer && {
        signer,
        keyReference: { assertionId: token.id },
        algorithm: options.messageSignatureAlgorithm,
      },
    },
    { now, lifetimeMs },
  );
  return {
    secure(envelope) {
      if (!options.allowExpired) refuseExpired(token, now());
      return header.secure(envelope);
    },
  };
}
