import { inspect } from "node:util";

/** What a grant or an exchange gave, as on the wire. */
export interface OAuthTokensFields {
  readonly accessToken: string;
  readonly idToken?: string | undefined;
  readonly refreshToken?: string | undefined;
  readonly tokenType: string;
  readonly expiresIn?: number | undefined;
  readonly scope?: string | undefined;
  readonly issuedTokenType?: string | undefined;
}

const REDACTED = "[redacted]";

/** Tokens of an authorization server. They are handed out by name only: printing one shows no secret. */
export class OAuthTokens {
  /** As `bearer`, in lower case. */
  readonly tokenType: string;
  /** Seconds that the access token is good for, from when it was issued; null where the server does not say. */
  readonly expiresIn: number | null;
  /** Scopes granted, separated by spaces; null where the server does not say. */
  readonly scope: string | null;
  /** What an exchange gave (RFC 8693, 3); null for other grants. */
  readonly issuedTokenType: string | null;
  readonly #secrets: Pick<OAuthTokensFields, "accessToken" | "idToken" | "refreshToken">;

  constructor(fields: OAuthTokensFields) {
    this.tokenType = fields.tokenType.toLowerCase();
    this.expiresIn = fields.expiresIn ?? null;
    this.scope = fields.scope ?? null;
    this.issuedTokenType = fields.issuedTokenType ?? null;
    const { accessToken, idToken, refreshToken } = fields;
    this.#secrets = { accessToken, idToken, refreshToken };
    // Printing may be told to call getters. Not a method: declarations cannot name it.
    Object.defineProperty(this, inspect.custom, { value: () => this.toJSON() });
  }

  get accessToken(): string {
    return this.#secrets.accessToken;
  }

  /** Who signed in, where the server told. */
  get idToken(): string | undefined {
    return this.#secrets.idToken;
  }

  get refreshToken(): string | undefined {
    return this.#secrets.refreshToken;
  }

  /** The public part, and which tokens there are. */
  toJSON(): Readonly<Record<string, string | number | null>> {
    const { tokenType, expiresIn, scope, issuedTokenType } = this;
    const { idToken, refreshToken } = this.#secrets;
    return {
      accessToken: REDACTED,
      ...(idToken !== undefined && { idToken: REDACTED }),
      ...(refreshToken !== undefined && { refreshToken: REDACTED }),
      tokenType,
      expiresIn,
      scope,
      issuedTokenType,
    };
  }

  toString(): string {
    return "OAuthTokens [redacted]";
  }
}
