import { InvalidArgumentError, SessionLimitError, VsphereSsoError } from "../errors.ts";
import type { SamlToken } from "../saml/token.ts";
import type { SecurityTokenService } from "../sts/client.ts";
import type { Credential } from "../sts/credential.ts";
import { isCredentialRefusal } from "../sts/credential-refusal.ts";
import type { IssueOptions } from "../sts/options.ts";
import { TokenSource } from "../sts/token-source.ts";
import type { DoorCredential, JwtCredential } from "./door.ts";
import { isSameCredential } from "./same-credential.ts";

/**
 * Whose sessions are made. Name and password, SAML tokens and JWTs are given to the server as they are; for what only
 * the Security Token Service takes (the key of a solution user, a passcode, SPNEGO, a smart card) it is asked for a
 * token first.
 */
export type SessionCredential = Credential | JwtCredential | TokenSource;

/** What is asked of the Security Token Service, where it is asked. */
export type TokenRequest = Omit<IssueOptions, "credential" | "signal">;

/** By one of these a credential is known that the Security Token Service takes. */
const TRADED = ["passcode", "spnego", "smartCard", "certificate"];

/** By these a login is refused too, for whoever has no rights, or by what stands before the server. */
const LOGIN_REFUSALS: ReadonlySet<string> = new Set(["NOT_AUTHENTICATED", "NO_PERMISSION"]);

/**
 * Whether what a login threw is a refusal, in whichever words: every 401 and 403 is one, a proxy's page as well, for it
 * is not known who has looked at the password.
 */
export function isLoginRefusal(error: unknown): boolean {
  if (!(error instanceof VsphereSsoError) || error instanceof SessionLimitError) return false;
  if (isCredentialRefusal(error) || LOGIN_REFUSALS.has(error.code)) return true;
  return "status" in error && (error.status === 401 || error.status === 403);
}

/** Whether a login was refused to somebody who was recognized: the credential is right. */
export function lacksRights(error: unknown): boolean {
  return error instanceof VsphereSsoError && error.code === "NO_PERMISSION";
}

/** Whether both stand for one credential: what one was refused for, the other is refused for too. */
export function sameCredential(one: Principal, other: Principal): boolean {
  if (one === other) return true;
  const [a, b] = [one.credential, other.credential];
  return a !== undefined && b !== undefined && isSameCredential(a, b);
}

/** A credential that was looked at, and how a door gets it. */
export interface Principal {
  /** Whose it is, where the credential tells. */
  readonly user: string | undefined;
  /** What was given. A secret. */
  readonly credential?: SessionCredential;
  /** What the server is shown, where that is known. */
  readonly shows?: "password" | "token" | undefined;
  /** True for a token that VIM takes and vAPI, which wants a delegatable one, does not. */
  readonly vimOnly?: boolean;
  /** What a door is given for one login. */
  obtain(signal: AbortSignal): Promise<DoorCredential>;
  /** To be told that a door refused what it was given. */
  refused(given: DoorCredential): void;
  /** Forgets what was refused. */
  reset(): void;
}

export interface PrincipalContext {
  /** Client of the Security Token Service, made when it is needed. */
  readonly sts: () => Promise<SecurityTokenService>;
  readonly tokenRequest?: TokenRequest | undefined;
  /** Clock of messages, in milliseconds. */
  readonly now: () => number;
}

/** @throws InvalidArgumentError for what is no credential, and for an empty name, password or JWT. */
export function principalOf(credential: SessionCredential, context: PrincipalContext): Principal {
  if (typeof credential !== "object" || credential === null) throw unknownCredential();
  if (credential instanceof TokenSource) return fromSource(credential, async () => credential, undefined);
  if ("jwt" in credential) {
    requireText(credential.jwt, "The JWT is empty");
    return unchanged(credential, undefined);
  }
  if ("assertion" in credential) return fromToken(credential, context);
  if ("password" in credential) {
    requireText(credential.username, "The user name is empty");
    if (typeof credential.password !== "string" || credential.password === "")
      throw new InvalidArgumentError("The password is empty");
    return unchanged(credential, credential.username);
  }
  // What else the Security Token Service takes, it looks at itself.
  if (!TRADED.some((name) => name in credential)) throw unknownCredential();
  const user = "username" in credential ? credential.username : undefined;
  return fromSource(credential, sourceOnce(credential, context), user);
}

function unchanged(credential: DoorCredential, user: string | undefined): Principal {
  const nothing = (): void => undefined;
  const shows = "password" in credential ? "password" : "token";
  return { user, credential, shows, obtain: async () => credential, refused: nothing, reset: nothing };
}

function fromToken(token: SamlToken, { now }: PrincipalContext): Principal {
  return {
    ...unchanged(token, token.subject),
    vimOnly: !token.delegatable,
    obtain: async () => {
      const { refuseExpired } = await import("../sts/credential.ts");
      refuseExpired(token, now());
      return token;
    },
  };
}

/** One source for all logins: the second side is given the same token, and a passcode is asked for once. */
function sourceOnce(
  credential: Credential,
  { sts, tokenRequest }: PrincipalContext,
): () => Promise<TokenSource> {
  let source: Promise<TokenSource> | undefined;
  return () => {
    // vAPI makes sessions of delegatable tokens only.
    source ??= sts().then((service) =>
      TokenSource.of(service, { delegatable: true, ...tokenRequest, credential }),
    );
    source.catch(() => {
      source = undefined;
    });
    return source;
  };
}

function fromSource(
  credential: SessionCredential,
  source: () => Promise<TokenSource>,
  user: string | undefined,
): Principal {
  let known: TokenSource | undefined;
  return {
    user,
    credential,
    shows: "token",
    obtain: async (signal) => {
      known = await source();
      return known.token({ signal });
    },
    refused: (given) => {
      if ("assertion" in given) known?.invalidate(given);
    },
    reset: () => known?.invalidate(),
  };
}

function requireText(value: unknown, message: string): void {
  if (typeof value !== "string" || value.trim() === "") throw new InvalidArgumentError(message);
}

function unknownCredential(): InvalidArgumentError {
  return new InvalidArgumentError("The credential is of no known kind", {
    hint: "give { username, password }, a SamlToken, a TokenSource, { jwt }, { certificate, key } of a solution user, a Signer, { username, passcode }, { spnego } or { smartCard }",
  });
}
