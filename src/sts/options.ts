import type { TransportOptions } from "../net/transport.ts";
import type { TokenKind } from "../saml/info.ts";
import type { SamlToken } from "../saml/token.ts";
import type { SoapTransport } from "../soap/transport.ts";
import type { HolderKey, SignatureAlgorithm } from "../xml/signer.ts";
import type { Credential } from "./credential.ts";

export interface StsOptions extends TransportOptions {
  /** SSO domain that is asked, in the place of the URL's. Default `vsphere.local`. */
  readonly ssoDomain?: string | undefined;
  /** A transport to use, and not to close, instead of one made from the options. */
  readonly transport?: SoapTransport | undefined;
  /** Seconds that a message is valid for the server. Default 300; VMware's clients use 60 to 600. */
  readonly messageLifetimeSeconds?: number | undefined;
  /** Algorithm of a message's signature, its digests of the same size. Default `rsa-sha256`. */
  readonly messageSignatureAlgorithm?: SignatureAlgorithm | undefined;
  /**
   * Milliseconds to put to this machine's clock in what is sent. Default 0. `"server"` follows the server's clock as
   * the `Date` of its answers tells it; a request that was refused for its times is then repeated once.
   */
  readonly clockOffsetMs?: number | "server" | undefined;
}

interface MessageOptions {
  /** In the place of the service's, for this request. */
  readonly messageLifetimeSeconds?: number | undefined;
  readonly messageSignatureAlgorithm?: SignatureAlgorithm | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface IssueOptions extends MessageOptions {
  /** Who asks. */
  readonly credential: Credential;
  /**
   * Key that the token is bound to, for credentials without one: then the token is holder-of-key. The certificate may
   * be any, a self-signed one too; that of a solution user is one only for itself.
   */
  readonly holderOfKey?: HolderKey | undefined;
  /** Default `holder-of-key` where there is a key, else `bearer`. */
  readonly kind?: TokenKind | undefined;
  /** Seconds the token shall be valid. Default 600. The server grants less where its maximum for the kind is less. */
  readonly lifetimeSeconds?: number | undefined;
  /** Whether `renew` shall take it. Default false. */
  readonly renewable?: boolean | undefined;
  /** Whether others may be given a token to act as its subject. Default false. */
  readonly delegatable?: boolean | undefined;
  /** A delegatable token of the one whom the new token shall speak for; who asks is a member of ActAsUsers. */
  readonly actAs?: SamlToken | string | undefined;
  /** Name of a solution user that shall get a token to act as who asks, bound to that user's certificate. */
  readonly delegateTo?: string | undefined;
  /** URIs of those that the token is meant for; anyone unless given. */
  readonly audience?: string | readonly string[] | undefined;
  /** URIs of the attributes wanted, in the place of the default ones, groups included. */
  readonly claims?: readonly string[] | undefined;
  /** Algorithm of the token's own signature. Default: the server's, rsa-sha256. */
  readonly tokenSignatureAlgorithm?: SignatureAlgorithm | undefined;
}

export interface RenewOptions extends MessageOptions {
  /** Key that the token is bound to, where the token was made without it. */
  readonly holderOfKey?: HolderKey | undefined;
  /** Seconds the new token shall be valid, from now. Default 600. */
  readonly lifetimeSeconds?: number | undefined;
  /** Asks the server even where the token says that it has no renewals left. Default false. */
  readonly force?: boolean | undefined;
}

export type ValidateOptions = Omit<MessageOptions, "messageSignatureAlgorithm">;

/** The server's word about a token. */
export interface TokenStatus {
  readonly valid: boolean;
  /** URI, as the server gave it. */
  readonly code: string;
  readonly reason: string | null;
}
