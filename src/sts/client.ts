import { TokenError } from "../errors.ts";
import { LEFT_OUT, repeatsSecret } from "../net/secret-words.ts";
import { Transport } from "../net/transport.ts";
import { SamlToken } from "../saml/token.ts";
import { stsUrl } from "./address.ts";
import { refuseExpired, requireKey, usableSigner } from "./credential.ts";
import { StsExchange } from "./exchange.ts";
import { grantedToken, unexpectedAnswer } from "./granted.ts";
import { newId } from "./header.ts";
import { issueInLegs } from "./legs.ts";
import { STATUS_INVALID, STATUS_VALID } from "./names.ts";
import type { IssueOptions, RenewOptions, StsOptions, TokenStatus, ValidateOptions } from "./options.ts";
import { DEFAULT_LIFETIME_SECONDS, planIssue } from "./plan.ts";
import { renewBody, validateBody } from "./request.ts";
import { checkSeconds } from "./time.ts";

/** An answer holds one token; a user of thousands of groups has one of some hundred Ki. */
const MAX_RESPONSE_BYTES = 4 * 1024 * 1024;

/**
 * Client of a vCenter's Security Token Service (WS-Trust 1.3). What it is granted it does not verify: it came from
 * the server that was asked, over TLS; who gets a token from elsewhere uses `verifyAssertion`.
 *
 * @example
 * const sts = new SecurityTokenService("vc01.corp.example", { trust: { ca: pem } });
 * try {
 *   const token = await sts.issue({ credential: { username: "alice@corp.example", password }, lifetimeSeconds: 300 });
 *   console.log(`${token}`);
 * } finally {
 *   await sts.close();
 * }
 */
export class SecurityTokenService implements AsyncDisposable {
  /** URL that is called. */
  readonly url: string;
  readonly #ownTransport: Transport | undefined;
  readonly #exchange: StsExchange;

  /**
   * @param endpoint server name (`host`, `host:port`, `[ipv6]:port`, `https://host`), or the STS's own URL, as the
   *   Lookup Service gives it.
   * @throws InvalidArgumentError for an endpoint or an option that cannot be used.
   */
  constructor(endpoint: string | { readonly url: string | null }, options: StsOptions = {}) {
    this.url = stsUrl(endpoint, options.ssoDomain);
    const transport =
      options.transport ?? new Transport({ maxResponseBytes: MAX_RESPONSE_BYTES, ...options });
    this.#ownTransport = options.transport ? undefined : (transport as Transport);
    this.#exchange = new StsExchange(this.url, transport, options);
  }

  /**
   * Asks for a token. Wrong credentials are never tried again.
   *
   * @throws StsFaultError when the server says no; TokenError for a token given that cannot be used, and for one
   *   granted that is not what was asked; InvalidArgumentError for what no server would accept, before anything is
   *   sent; every error of the transport.
   */
  async issue(options: IssueOptions): Promise<SamlToken> {
    const { messageLifetimeSeconds, signal } = options;
    const plan = planIssue(options, this.#exchange.clock.now());
    const secrets = [...plan.secrets];
    const answer = await issueInLegs(this.#exchange, { ...plan, secrets, messageLifetimeSeconds, signal });
    return grantedToken(answer, {
      operation: "issue",
      url: this.url,
      kind: plan.request.keyType === "bearer" ? "bearer" : "holder-of-key",
      holder: plan.holder,
      requestedLifetimeSeconds: options.lifetimeSeconds,
      secrets,
    });
  }

  /**
   * Asks for a token in the place of one that is still valid, for the same subject and key. What else it was issued
   * with is carried over.
   *
   * @throws TokenError, before anything is sent, for a bearer token, one without renewals left, an expired one and
   *   one without its key; else as `issue`.
   */
  async renew(token: SamlToken | string, options: RenewOptions = {}): Promise<SamlToken> {
    const now = this.#exchange.clock.now();
    const old = renewable(token, options, now);
    const signer = usableSigner(requireKey(old), now, "holder of the key");
    const seconds = checkSeconds("lifetimeSeconds", options.lifetimeSeconds ?? DEFAULT_LIFETIME_SECONDS);
    const id = newId();
    const { assertion } = old;
    const algorithm = options.messageSignatureAlgorithm;
    const answer = await this.#exchange.send({
      operation: "Renew",
      body: () => renewBody({ lifetime: this.#exchange.lifetime(seconds), assertion, useKey: id }),
      header: { signature: { signer, keyReference: "certificate", id, algorithm } },
      credential: "token",
      idempotent: true,
      messageLifetimeSeconds: options.messageLifetimeSeconds,
      secrets: [assertion],
      signal: options.signal,
    });
    return grantedToken(answer, {
      operation: "renew",
      url: this.url,
      kind: "holder-of-key",
      holder: signer,
      requestedLifetimeSeconds: options.lifetimeSeconds,
      subject: old.subject,
      secrets: [assertion],
    });
  }

  /**
   * The server's word about a token: whether it holds it valid now, group memberships included. No login is made.
   *
   * @throws TokenError `TOKEN_MALFORMED` for what is no assertion; StsFaultError and errors of the transport.
   */
  async validate(token: SamlToken | string, options: ValidateOptions = {}): Promise<TokenStatus> {
    const { assertion } = typeof token === "string" ? SamlToken.from(token) : token;
    const { status } = await this.#exchange.send({
      operation: "Validate",
      body: () => validateBody(assertion),
      header: {},
      credential: "none",
      idempotent: true,
      messageLifetimeSeconds: options.messageLifetimeSeconds,
      secrets: [assertion],
      signal: options.signal,
    });
    if (status === undefined) throw unexpectedAnswer(this.url, "answered Validate without a status");
    const { code, reason } = status;
    if (code !== STATUS_VALID && code !== STATUS_INVALID) {
      const status = repeatsSecret(code, [assertion]) ? LEFT_OUT : JSON.stringify(code.slice(0, 120));
      throw unexpectedAnswer(this.url, `answered Validate with the status ${status}`);
    }
    return { valid: code === STATUS_VALID, code, reason };
  }

  /** Ends connections, unless the transport was given. */
  async close(): Promise<void> {
    await this.#ownTransport?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A token that a server could renew. */
function renewable(given: SamlToken | string, options: RenewOptions, now: number): SamlToken {
  const { holderOfKey, force = false } = options;
  const token = typeof given === "string" ? SamlToken.from(given) : given;
  if (token.kind === "bearer") {
    throw new TokenError("TOKEN_UNUSABLE", "A bearer token cannot be renewed", {
      hint: "issue a new one; only holder-of-key tokens are renewed",
    });
  }
  if (!token.renewable && !force) {
    throw new TokenError("TOKEN_NOT_RENEWABLE", "The token is not renewable, or has no renewals left", {
      hint: "issue a new one; only one that was asked for as renewable (--renewable) can be renewed",
    });
  }
  refuseExpired(token, now);
  return holderOfKey === undefined ? token : SamlToken.from(token.assertion, { holderOfKey });
}
