import { InvalidArgumentError, TokenError } from "../errors.ts";
import { SamlToken } from "../saml/token.ts";
import type { Signer } from "../xml/signer.ts";
import { type Identity, readCredential, refuseExpired, usableSigner } from "./credential.ts";
import { type HeaderContent, newId } from "./header.ts";
import { TOKEN_SIGNATURE_URI } from "./names.ts";
import type { IssueOptions } from "./options.ts";
import type { IssueRequest } from "./request.ts";
import { checkSeconds } from "./time.ts";

/** Asked for where the caller does not say; within what servers grant even to bearer tokens, or soon clamped. */
export const DEFAULT_LIFETIME_SECONDS = 600;

/** Everything about an issue that can be said before the first message. */
export interface IssuePlan {
  readonly identity: Identity;
  readonly header: Omit<HeaderContent, "canonicalBody">;
  readonly request: Omit<IssueRequest, "lifetime" | "context" | "binaryExchange">;
  readonly lifetimeSeconds: number;
  /** Key that the token must be bound to; undefined for a bearer token and for a delegate's. */
  readonly holder: Signer | undefined;
  readonly secrets: readonly string[];
}

/**
 * Decides how a token is asked for, and refuses what every server would refuse.
 *
 * @throws InvalidArgumentError, TokenError
 */
export function planIssue(options: IssueOptions, now: number): IssuePlan {
  const { delegateTo, tokenSignatureAlgorithm, messageSignatureAlgorithm } = options;
  const identity = readCredential(options.credential, now);
  const signer = signerOf(identity, options, now);
  const keyType = keyTypeOf(options, signer);
  const actAs = options.actAs === undefined ? undefined : actAsToken(options.actAs, now);
  checkDelegation(options, signer, keyType);
  if (tokenSignatureAlgorithm !== undefined && !Object.hasOwn(TOKEN_SIGNATURE_URI, tokenSignatureAlgorithm)) {
    throw new InvalidArgumentError("tokenSignatureAlgorithm is no known algorithm", {
      hint: `choose one of ${Object.keys(TOKEN_SIGNATURE_URI).join(", ")}`,
    });
  }
  const byAssertion = identity.kind === "token";
  // With a certificate the token is bound to the key that the request names; a delegate's is bound to the delegate's.
  const useKey =
    signer && !byAssertion && keyType === "public" && delegateTo === undefined ? newId() : undefined;
  return {
    identity,
    header: {
      ...usernameOf(identity),
      smartCard: identity.kind === "smart-card" ? identity.signer : undefined,
      assertion: byAssertion ? identity.token.assertion : undefined,
      signature: signer && {
        signer,
        keyReference: byAssertion ? { assertionId: identity.token.info.id } : "certificate",
        id: useKey,
        algorithm: messageSignatureAlgorithm,
      },
    },
    request: {
      renewable: options.renewable ?? false,
      delegatable: options.delegatable ?? false,
      actAs: actAs?.assertion,
      delegateTo,
      keyType,
      signatureAlgorithm: tokenSignatureAlgorithm,
      useKey,
      audience: uris("audience", options.audience),
      claims: uris("claims", options.claims),
    },
    lifetimeSeconds: checkSeconds("lifetimeSeconds", options.lifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS),
    holder: keyType === "public" && delegateTo === undefined ? signer : undefined,
    secrets: [
      ...(identity.kind === "password" ? [identity.password] : []),
      ...(identity.kind === "passcode" ? [identity.passcode] : []),
      ...(byAssertion ? [identity.token.assertion] : []),
      ...(actAs ? [actAs.assertion] : []),
    ],
  };
}

function usernameOf(identity: Identity): Pick<HeaderContent, "username"> {
  if (identity.kind === "password") {
    return { username: { name: identity.username, password: identity.password } };
  }
  if (identity.kind === "passcode") {
    return { username: { name: identity.username, passcode: identity.passcode } };
  }
  return {};
}

/** What signs the messages: the credential's own key, or the one that the token shall be bound to. */
function signerOf(identity: Identity, { holderOfKey }: IssueOptions, now: number): Signer | undefined {
  const own = identity.kind === "certificate" || identity.kind === "token" ? identity.signer : undefined;
  if (holderOfKey === undefined) return own;
  const holder = usableSigner(holderOfKey, now, "holder of the key");
  if (own && !own.certificate.raw.equals(holder.certificate.raw)) {
    throw new InvalidArgumentError(
      "The token would be bound to the credential's own key, not to holderOfKey",
      {
        hint: "leave holderOfKey out: a certificate or a token as credential brings its key along",
      },
    );
  }
  return own ?? holder;
}

function keyTypeOf({ kind, holderOfKey, delegateTo, actAs }: IssueOptions, signer: Signer | undefined) {
  if (kind !== undefined && kind !== "bearer" && kind !== "holder-of-key") {
    throw new InvalidArgumentError('kind must be "bearer" or "holder-of-key"');
  }
  if (kind === "bearer" && (actAs !== undefined || delegateTo !== undefined)) {
    throw new InvalidArgumentError("A delegated token cannot be a bearer token", {
      hint: "leave kind out: the token is bound to the key of who acts",
    });
  }
  if (kind === "bearer" && holderOfKey !== undefined) {
    throw new InvalidArgumentError("A bearer token is bound to no key, so holderOfKey contradicts the kind");
  }
  if (kind === "holder-of-key" && signer === undefined && delegateTo === undefined) {
    throw new InvalidArgumentError("A holder-of-key token needs a key", {
      hint: "give holderOfKey: { certificate, key }",
    });
  }
  if (kind === "bearer") return "bearer";
  return signer !== undefined || delegateTo !== undefined ? "public" : "bearer";
}

function checkDelegation(
  { actAs, delegateTo }: IssueOptions,
  signer: Signer | undefined,
  keyType: "bearer" | "public",
): void {
  if (actAs !== undefined && delegateTo !== undefined) {
    throw new InvalidArgumentError("actAs and delegateTo exclude each other", {
      hint: "with actAs who asks gets the token, with delegateTo another one does",
    });
  }
  if (actAs !== undefined && (signer === undefined || keyType === "bearer")) {
    throw new InvalidArgumentError("actAs needs a key that signs the request", {
      hint: "a service asks by its certificate, { certificate, key }, or by its holder-of-key token",
    });
  }
  if (delegateTo !== undefined && delegateTo.trim() === "") {
    throw new InvalidArgumentError("delegateTo is empty", { hint: "give the name of the solution user" });
  }
}

function actAsToken(token: SamlToken | string, now: number): SamlToken {
  const read = typeof token === "string" ? SamlToken.from(token) : token;
  refuseExpired(read, now);
  if (read.delegationCount === 0) {
    throw new TokenError(
      "TOKEN_UNUSABLE",
      "The token to act as is not delegatable, or has no delegations left",
      {
        hint: "ask for a delegatable token of that user (--delegatable; in a program, delegatable)",
      },
    );
  }
  return read;
}

function uris(name: string, given: string | readonly string[] | undefined): readonly string[] {
  const list = given === undefined ? [] : typeof given === "string" ? [given] : given;
  if (list.some((uri) => typeof uri !== "string" || !/^\S+$/.test(uri))) {
    throw new InvalidArgumentError(`${name} holds something that is no URI`, {
      hint: "a URI is not empty and has no white space",
    });
  }
  return list;
}
