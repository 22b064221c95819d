import { ProtocolError, TokenError } from "../errors.ts";
import type { TokenKind } from "../saml/info.ts";
import { SamlToken } from "../saml/token.ts";
import type { Signer } from "../xml/signer.ts";
import type { StsAnswer } from "./response.ts";
import { redactError } from "./secrets.ts";
import { publishToken } from "./token-event.ts";

/** What a token must be to be the one that was asked for. */
export interface Asked {
  readonly operation: "issue" | "renew";
  readonly url: string;
  readonly kind: TokenKind;
  /** Key that it must be bound to; undefined for a bearer token and for a delegate's. */
  readonly holder: Signer | undefined;
  readonly requestedLifetimeSeconds: number | undefined;
  /** Subject of a token that is renewed. */
  readonly subject?: string | undefined;
  /** Texts that must not be in an error, though the token may have them in it. */
  readonly secrets: readonly string[];
}

/**
 * The token of an answer.
 *
 * @throws TokenError when it cannot be read or is not what was asked for, ProtocolError when there is none.
 */
export function grantedToken(answer: StsAnswer, asked: Asked): SamlToken {
  try {
    return readGranted(answer, asked);
  } catch (error) {
    redactError(error, asked.secrets, asked);
    throw error;
  }
}

function readGranted({ assertion }: StsAnswer, asked: Asked): SamlToken {
  const { operation, url, kind, holder, requestedLifetimeSeconds, subject } = asked;
  if (assertion === undefined) throw unexpectedAnswer(url, `answered ${operation} without a token`);
  const options = { requestedLifetimeSeconds, requestedKind: kind };
  let token: SamlToken;
  try {
    token = SamlToken.from(assertion, options);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    throw new TokenError("TOKEN_MALFORMED", `${url} granted a token that cannot be read: ${error.message}`, {
      cause: error,
      hint: "check that the URL is that of vCenter's Security Token Service",
    });
  }
  // Nobody could use it. A bearer token in the place of one bound to a key is of use: its kind and requestedKind tell.
  if (kind === "bearer" && token.kind !== kind)
    throw notWhatWasAsked(url, `is ${token.kind} instead of ${kind}`);
  if (subject !== undefined && token.subject.toLowerCase() !== subject.toLowerCase()) {
    throw notWhatWasAsked(url, "is of another subject than the token that was to be renewed");
  }
  if (holder && token.kind === "holder-of-key") {
    try {
      token = SamlToken.from(assertion, { ...options, holderOfKey: holder });
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      throw notWhatWasAsked(url, "is bound to another key than the one that was given", error);
    }
  }
  publishToken(token, operation, url);
  return token;
}

/** An answer that is none to what was asked. */
export function unexpectedAnswer(url: string, what: string): ProtocolError {
  return new ProtocolError("RESPONSE_UNEXPECTED", `${url} ${what}`, {
    url,
    hint: "check that the URL is that of vCenter's Security Token Service",
  });
}

function notWhatWasAsked(url: string, what: string, cause?: unknown): TokenError {
  return new TokenError("TOKEN_UNUSABLE", `The token that ${url} granted ${what}`, {
    cause,
    hint: "the server does not follow the protocol, or something between answers in its place",
  });
}
