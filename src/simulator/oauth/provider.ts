import { createPublicKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { InvalidArgumentError } from "../../errors.ts";
import type { NodeView } from "../view.ts";
import type { VerificationKey } from "./jwt.ts";

/** An identity provider whose access and ID tokens the group exchanges for tokens of its own. */
export interface IdentityProvider {
  /** `iss` of its tokens. */
  readonly issuer: string;
  /** Its JSON Web Key Set. */
  readonly jwks?: { readonly keys: readonly object[] };
  /** Its one key (PEM of a public key or certificate), where there is no set. */
  readonly publicKey?: string | KeyObject;
}

/** A client that the group's own broker gives access tokens to. */
export interface OAuthClient {
  readonly id: string;
  readonly secret: string;
  /** Groups (`domain\Group`) that its tokens say it is in. Default none. */
  readonly groups?: readonly string[];
}

/** Who is trusted to vouch for users from outside the SSO domain. */
export interface Federation {
  readonly issuer: string | undefined;
  readonly keys: readonly VerificationKey[];
  readonly clients: readonly OAuthClient[];
}

/** The one tenant of the broker. */
export const BROKER_TENANT = "CUSTOMER";

/** @throws InvalidArgumentError for keys that cannot be read. */
export function federationOf(
  provider: IdentityProvider | undefined,
  clients: readonly OAuthClient[],
): Federation {
  return { issuer: provider?.issuer, keys: provider ? keysOf(provider) : [], clients };
}

function keysOf({ jwks, publicKey }: IdentityProvider): VerificationKey[] {
  try {
    const set = (jwks?.keys ?? []).map((jwk) => ({
      id: (jwk as { kid?: string }).kid,
      key: createPublicKey({ key: jwk as JsonWebKey, format: "jwk" }),
    }));
    if (publicKey === undefined) return set;
    const key = typeof publicKey === "string" ? createPublicKey(publicKey) : publicKey;
    return [...set, { id: undefined, key }];
  } catch (error) {
    throw new InvalidArgumentError("the keys of the identity provider cannot be read", {
      cause: error,
      hint: "Give jwks as a JSON Web Key Set, or publicKey as PEM.",
    });
  }
}

/** `iss` of the broker's tokens, which every node of the group issues in its own name. */
export function brokerIssuer(port: number): string {
  return `https://127.0.0.1:${port}/acs/t/${BROKER_TENANT}`;
}

/** Keys that tokens of this issuer are signed with; undefined for one that nobody trusts. */
export function trustedKeys(issuer: unknown, view: NodeView): readonly VerificationKey[] | undefined {
  if (typeof issuer !== "string") return undefined;
  if (issuer === view.federation.issuer) return view.federation.keys;
  const own = view.group.nodes.some(({ port }) => issuer === brokerIssuer(port));
  return own ? [{ id: undefined, key: view.sso.signing.publicKey }] : undefined;
}
