import { inspect } from "node:util";
import { InvalidArgumentError, TokenError } from "../errors.ts";
import { type HolderKey, type Signer, toSigner } from "../xml/signer.ts";
import { holderCertificate, inspectAssertion } from "./assertion.ts";
import type { AssertionInfo, TokenKind } from "./info.ts";
import { normalizeAssertion } from "./normalize.ts";

export interface SamlTokenOptions {
  /** Key that a holder-of-key token is bound to; without it such a token can be shown, but not used. */
  readonly holderOfKey?: HolderKey | undefined;
  /** What was asked of the Security Token Service, in seconds; it may have granted less. */
  readonly requestedLifetimeSeconds?: number | undefined;
  /** What kind was asked of the Security Token Service. */
  readonly requestedKind?: TokenKind | undefined;
}

/** What a token shows of itself: everything but the token. */
export interface TokenSummary {
  readonly kind: TokenKind;
  readonly subject: string;
  readonly issuer: string;
  readonly issuedAt: Date;
  readonly notBefore: Date;
  readonly notOnOrAfter: Date;
  readonly renewable: boolean;
  readonly delegatable: boolean;
  readonly renewCount: number | null;
  readonly delegationCount: number | null;
}

/**
 * A SAML token as it was issued, with the key it is bound to where there is one. Whoever has the text of a bearer
 * token has all its power: the text stays out of everything that prints, and is there only as `assertion`.
 * Nothing of it is verified: that is `verifyAssertion`.
 */
export class SamlToken implements TokenSummary {
  readonly #assertion: string;
  readonly #info: AssertionInfo;
  readonly #signer: Signer | undefined;
  /** What was asked of the Security Token Service, in seconds; undefined where nothing was. */
  readonly requestedLifetimeSeconds: number | undefined;
  /**
   * What kind was asked of the Security Token Service; undefined where nothing was. A server that knows bearer
   * tokens only (vcsim) grants one where a holder-of-key token was asked for.
   */
  readonly requestedKind: TokenKind | undefined;

  /**
   * Takes a token that was issued before, from a file or another program. A byte order mark, an XML declaration
   * and white space around it are dropped; the assertion itself is kept to the byte.
   *
   * @throws TokenError `TOKEN_MALFORMED` for what is no SAML 2.0 assertion, `TOKEN_UNUSABLE` when the key given is
   *   not the one it is bound to; InvalidArgumentError for a key that cannot be read.
   */
  static from(assertion: string | Uint8Array, options: SamlTokenOptions = {}): SamlToken {
    return new SamlToken(normalizeAssertion(assertion), options);
  }

  private constructor(assertion: string, options: SamlTokenOptions) {
    const { holderOfKey, requestedLifetimeSeconds, requestedKind } = options;
    if (requestedLifetimeSeconds !== undefined && !(requestedLifetimeSeconds > 0)) {
      throw new InvalidArgumentError("requestedLifetimeSeconds must be above 0");
    }
    this.#assertion = assertion;
    this.#info = inspectAssertion(assertion);
    this.#signer = holderOfKey === undefined ? undefined : bindKey(this.#info, toSigner(holderOfKey));
    this.requestedLifetimeSeconds = requestedLifetimeSeconds;
    this.requestedKind = requestedKind;
    Object.defineProperty(this, inspect.custom, { value: () => `SamlToken ${inspect(this.toJSON())}` });
  }

  /** The exact text, as whoever relies on it has to get it. A secret. */
  get assertion(): string {
    return this.#assertion;
  }

  /** All that the assertion says, unverified. */
  get info(): AssertionInfo {
    return this.#info;
  }

  /** Signs with the key of a holder-of-key token; undefined for a bearer token, and where the key was not given. */
  get signer(): Signer | undefined {
    return this.#signer;
  }

  get id(): string {
    return this.#info.id;
  }

  get kind(): TokenKind {
    return this.#info.kind;
  }

  get subject(): string {
    return this.#info.subject;
  }

  get issuer(): string {
    return this.#info.issuer;
  }

  get issuedAt(): Date {
    return this.#info.issuedAt;
  }

  get notBefore(): Date {
    return this.#info.notBefore;
  }

  get notOnOrAfter(): Date {
    return this.#info.notOnOrAfter;
  }

  get renewable(): boolean {
    return this.#info.renewable;
  }

  get delegatable(): boolean {
    return this.#info.delegatable;
  }

  /** Renewals left; null where the token does not say. */
  get renewCount(): number | null {
    return this.#info.renewCount;
  }

  /** Delegations left; null where the token does not say. */
  get delegationCount(): number | null {
    return this.#info.delegationCount;
  }

  /** From `notBefore` to `notOnOrAfter`, in seconds. */
  get grantedLifetimeSeconds(): number {
    return (this.notOnOrAfter.getTime() - this.notBefore.getTime()) / 1000;
  }

  /** Seconds until the token ends, by the clock of this machine unless a time is given; 0 when it has ended. */
  remainingSeconds(at: Date = new Date()): number {
    return Math.max(0, (this.notOnOrAfter.getTime() - at.getTime()) / 1000);
  }

  toJSON(): TokenSummary {
    const { kind, subject, issuer, issuedAt, notBefore, notOnOrAfter } = this;
    const { renewable, delegatable, renewCount, delegationCount } = this;
    return {
      kind,
      subject,
      issuer,
      issuedAt,
      notBefore,
      notOnOrAfter,
      renewable,
      delegatable,
      renewCount,
      delegationCount,
    };
  }

  toString(): string {
    return `${this.kind} token of ${this.subject}, valid until ${this.notOnOrAfter.toISOString()}`;
  }
}

function bindKey(info: AssertionInfo, signer: Signer): Signer {
  if (info.kind === "bearer") {
    throw new TokenError("TOKEN_UNUSABLE", "the token is a bearer token: no key belongs to it", {
      hint: "Use it without a key, or ask for a holder-of-key token.",
    });
  }
  const certificate = holderCertificate(info);
  if (certificate === undefined) {
    throw new TokenError(
      "TOKEN_UNUSABLE",
      "the token does not say by a certificate to which key it is bound",
    );
  }
  if (!certificate.equals(signer.certificate.raw)) {
    throw new TokenError("TOKEN_UNUSABLE", "the token is bound to the key of another certificate", {
      hint: "Give the certificate and key that the token was asked for with; inspect shows the certificate.",
    });
  }
  return signer;
}
