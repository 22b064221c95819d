import type { X509Certificate } from "node:crypto";
import { InvalidArgumentError, TokenError } from "../errors.ts";
import { SamlToken } from "../saml/token.ts";
import { type HolderKey, type Signer, toSigner } from "../xml/signer.ts";
import { CLOCK_TOLERANCE_MS, describeDuration } from "./time.ts";

/** A person, by name and password. */
export interface PasswordCredential {
  /** `name@domain`, `DOMAIN\name`, or a bare name of the default domain. */
  readonly username: string;
  readonly password: string;
}

/** A person, by name and RSA SecurID passcode. */
export interface PasscodeCredential {
  readonly username: string;
  readonly passcode: string;
  /** Gives the next code when the server wants another one; a number counts from 1. */
  readonly onChallenge?: ((leg: number) => Promise<string>) | undefined;
}

/** One side of a SPNEGO exchange (Kerberos, NTLM), as a GSSAPI or SSPI binding offers it. */
export interface SpnegoMechanism {
  /** The next leg for what the server answered; the first is asked for with undefined. */
  step(challenge: Uint8Array | undefined): Promise<Uint8Array>;
  /** Given the server's last leg, which comes along with the token: here the server proves who it is. */
  finish?(challenge: Uint8Array): Promise<void>;
  /**
   * Whether a token is taken that came without a last leg, so that `finish` never ran: for mechanisms by which the
   * server proves itself in an earlier leg, or not at all. Default false: where there is a `finish`, such a token is
   * refused, for who leaves the leg out would need no proof.
   */
  readonly lastLegOptional?: boolean | undefined;
}

/** The session of the operating system or a Kerberos ticket. */
export interface SpnegoCredential {
  readonly spnego: SpnegoMechanism;
}

/** A person, by the certificate of a smart card; not of any standard. */
export interface SmartCardCredential {
  readonly smartCard: HolderKey;
}

/** Who asks. A key pair or a `Signer` is that of a solution user; a token must be holder-of-key, with its key. */
export type Credential =
  | PasswordCredential
  | PasscodeCredential
  | SpnegoCredential
  | SmartCardCredential
  | HolderKey
  | SamlToken;

/** A credential that was looked at. */
export type Identity =
  | { readonly kind: "password"; readonly username: string; readonly password: string }
  | {
      readonly kind: "passcode";
      readonly username: string;
      readonly passcode: string;
      readonly onChallenge: PasscodeCredential["onChallenge"];
    }
  | { readonly kind: "spnego"; readonly mechanism: SpnegoMechanism }
  | { readonly kind: "smart-card"; readonly signer: Signer }
  | { readonly kind: "certificate"; readonly signer: Signer }
  | { readonly kind: "token"; readonly token: SamlToken; readonly signer: Signer };

/**
 * Finds out what kind of credential was given, and refuses what no server would accept.
 *
 * @throws InvalidArgumentError for an empty name or password, a key or certificate that cannot be used; TokenError
 *   for a bearer token, an expired one, and one without its key.
 */
export function readCredential(credential: Credential, now: number): Identity {
  if (typeof credential !== "object" || credential === null) throw unknownCredential();
  if (credential instanceof SamlToken) {
    return { kind: "token", token: credential, signer: requireHolder(credential, now) };
  }
  if ("username" in credential) return readUser(credential);
  if ("spnego" in credential) {
    if (typeof credential.spnego?.step !== "function") throw unknownCredential();
    return { kind: "spnego", mechanism: credential.spnego };
  }
  if ("smartCard" in credential) {
    return { kind: "smart-card", signer: usableSigner(credential.smartCard, now, "smart card") };
  }
  if (!("certificate" in credential)) throw unknownCredential();
  return { kind: "certificate", signer: usableSigner(credential, now, "solution user") };
}

/**
 * What signs with a key whose certificate is valid now.
 *
 * @throws InvalidArgumentError
 */
export function usableSigner(key: HolderKey, now: number, whose: string): Signer {
  const signer = toSigner(key);
  checkValidity(signer.certificate, now, whose);
  return signer;
}

/**
 * The key that a token is bound to, for a token that says who sends a message.
 *
 * @throws TokenError
 */
export function requireHolder(token: SamlToken, now: number): Signer {
  if (token.kind === "bearer") {
    throw new TokenError("TOKEN_UNUSABLE", "A bearer token cannot ask for another token", {
      hint: "the STS authenticates by holder-of-key tokens only: ask for one of these, or give the user's own credential",
    });
  }
  refuseExpired(token, now);
  return requireKey(token);
}

/**
 * The key that a holder-of-key token is bound to.
 *
 * @throws TokenError where the token was made without it.
 */
export function requireKey(token: SamlToken): Signer {
  if (token.signer !== undefined) return token.signer;
  throw new TokenError("TOKEN_UNUSABLE", "The key of the holder-of-key token is missing", {
    hint: "give the certificate and private key that it was asked for with; a program reads the token with them (holderOfKey)",
  });
}

/**
 * Refuses a token that no server takes any more, whatever the clocks.
 *
 * @throws TokenError `TOKEN_EXPIRED`
 */
export function refuseExpired(token: SamlToken, now: number): void {
  if (token.notOnOrAfter.getTime() + CLOCK_TOLERANCE_MS > now) return;
  throw new TokenError("TOKEN_EXPIRED", `The token expired at ${token.notOnOrAfter.toISOString()}`, {
    hint: "issue a new one; an expired token cannot be renewed",
  });
}

function readUser(credential: PasswordCredential | PasscodeCredential): Identity {
  const { username } = credential;
  if (typeof username !== "string" || username.trim() === "") {
    throw new InvalidArgumentError("The user name is empty", { hint: "give it as name@domain" });
  }
  if ("passcode" in credential) {
    const { passcode, onChallenge } = credential;
    if (passcode === "") throw new InvalidArgumentError("The passcode is empty");
    return { kind: "passcode", username, passcode, onChallenge };
  }
  if (typeof credential.password !== "string" || credential.password === "") {
    throw new InvalidArgumentError("The password is empty", {
      hint: "some directories take an empty password for an anonymous login, so none is sent",
    });
  }
  return { kind: "password", username, password: credential.password };
}

function checkValidity(certificate: X509Certificate, now: number, whose: string): void {
  const from = new Date(certificate.validFrom);
  const to = new Date(certificate.validTo);
  if (now > to.getTime()) {
    throw new InvalidArgumentError(`The certificate of the ${whose} expired at ${to.toISOString()}`, {
      hint: `no token is issued for an expired certificate: replace it, or ${clockAdvice(now, from, to)}`,
    });
  }
  if (now < from.getTime()) {
    throw new InvalidArgumentError(
      `The certificate of the ${whose} is not valid before ${from.toISOString()}`,
      { hint: clockAdvice(now, from, to) },
    );
  }
}

/** Which clock to look at: this machine's, or what was put to it where that alone puts the certificate out of time. */
function clockAdvice(now: number, from: Date, to: Date): string {
  const own = Date.now();
  if (own < from.getTime() || own > to.getTime()) {
    return `check this machine's clock, which says ${new Date(own).toISOString()}`;
  }
  const offset = now - own;
  return `check the server's clock, or the offset that was given (clockOffsetMs): by this machine's the certificate is valid, and messages are dated ${describeDuration(offset)} ${offset > 0 ? "ahead of" : "behind"} it`;
}

function unknownCredential(): InvalidArgumentError {
  return new InvalidArgumentError("The credential is of no known kind", {
    hint: "give { username, password }, { certificate, key }, a Signer, a holder-of-key SamlToken, { username, passcode }, { spnego } or { smartCard }",
  });
}
