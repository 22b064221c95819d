import { StsFaultError } from "../errors.ts";
import { authorityOf } from "../net/authority.ts";
import { exchangeSoap } from "../soap/exchange.ts";
import type { SoapTransport } from "../soap/transport.ts";
import { WST_NAMESPACE } from "../xml/names.ts";
import type { SignatureAlgorithm } from "../xml/signer.ts";
import { MessageClock } from "./clock.ts";
import { explainFailure } from "./faults.ts";
import { type HeaderContent, HeaderSecurity } from "./header.ts";
import { type CredentialKind, SOAP_ACTIONS, type StsOperation } from "./names.ts";
import type { Lifetime, RequestBody } from "./request.ts";
import { readStsAnswer, type StsAnswer } from "./response.ts";
import { quoteAnswer, redactError } from "./secrets.ts";
import { checkSeconds, DEFAULT_MESSAGE_LIFETIME_SECONDS } from "./time.ts";

export interface StsRequest {
  readonly operation: StsOperation;
  /** Called anew when a request is repeated with a corrected clock. */
  readonly body: () => RequestBody;
  readonly header: HeaderContent;
  readonly credential: CredentialKind;
  /** Whether it also carries the token of whom another one is to act as. */
  readonly actAs?: boolean | undefined;
  readonly messageLifetimeSeconds: number | undefined;
  /** Whether the request may reach the server twice; one with a password must not, for the lock-out counts. */
  readonly idempotent: boolean;
  /** Texts that must not be in an error. */
  readonly secrets: readonly string[];
  readonly signal: AbortSignal | undefined;
}

export interface StsExchangeOptions {
  readonly messageLifetimeSeconds?: number | undefined;
  readonly messageSignatureAlgorithm?: SignatureAlgorithm | undefined;
  readonly clockOffsetMs?: number | "server" | undefined;
}

/** Messages to one STS: secured, dated by one clock, their failures explained. */
export class StsExchange {
  readonly url: string;
  readonly clock: MessageClock;
  readonly #transport: SoapTransport;
  readonly #lifetimeMs: number;
  readonly #algorithm: SignatureAlgorithm | undefined;

  /** @throws InvalidArgumentError for an option that cannot be used. */
  constructor(url: string, transport: SoapTransport, options: StsExchangeOptions) {
    const { messageLifetimeSeconds = DEFAULT_MESSAGE_LIFETIME_SECONDS, clockOffsetMs = 0 } = options;
    this.url = url;
    this.clock = new MessageClock(transport, authorityOf(new URL(url)), clockOffsetMs);
    this.#transport = transport;
    this.#lifetimeMs = checkSeconds("messageLifetimeSeconds", messageLifetimeSeconds) * 1000;
    this.#algorithm = options.messageSignatureAlgorithm;
  }

  /**
   * Sends a request. One that is refused for its times is repeated once where the server's clock is followed, and
   * differs from what was written.
   *
   * @throws StsFaultError when the server says no, and as `exchangeSoap`.
   */
  async send(request: StsRequest): Promise<StsAnswer> {
    const offsetMs = this.clock.offsetMs;
    try {
      return await this.#attempt(request);
    } catch (error) {
      if (!this.clock.followsServer || !isRefusedForTime(error) || this.clock.offsetMs === offsetMs)
        throw error;
      // Such an answer is none about credentials, so a second try counts towards no lock-out.
      return await this.#attempt(request);
    }
  }

  /** From now on, for so many seconds. */
  lifetime(seconds: number): Lifetime {
    const created = this.clock.now();
    return { created, expires: created + seconds * 1000 };
  }

  async #attempt(request: StsRequest): Promise<StsAnswer> {
    const { operation, header, messageLifetimeSeconds } = request;
    const started = Date.now();
    const clockOffsetMs = this.clock.offsetMs;
    const lifetimeMs =
      messageLifetimeSeconds === undefined
        ? this.#lifetimeMs
        : checkSeconds("messageLifetimeSeconds", messageLifetimeSeconds) * 1000;
    try {
      const { xml, canonical } = request.body();
      const { signature } = header;
      const content = {
        ...header,
        signature: signature && { ...signature, algorithm: signature.algorithm ?? this.#algorithm },
        canonicalBody: canonical,
      };
      const { value } = await exchangeSoap<StsAnswer>({
        transport: this.#transport,
        url: this.url,
        operation: {
          namespace: WST_NAMESPACE,
          local: operation === "Challenge" ? "RequestSecurityTokenResponse" : "RequestSecurityToken",
        },
        action: SOAP_ACTIONS[operation],
        bodyXml: xml,
        security: new HeaderSecurity(content, { now: () => this.clock.now(), lifetimeMs }),
        idempotent: request.idempotent,
        signal: request.signal,
        read: readStsAnswer,
        quote: (text) => quoteAnswer(text, request.secrets),
      });
      return value;
    } catch (error) {
      const explained = explainFailure(error, {
        operation,
        url: this.url,
        credential: request.credential,
        actAs: request.actAs ?? false,
        skewMs: this.clock.skewSince(started),
        clockOffsetMs,
        followsServer: this.clock.followsServer,
        messageLifetimeMs: lifetimeMs,
        secrets: request.secrets,
      });
      redactError(explained, request.secrets, { operation, url: this.url });
      throw explained;
    }
  }
}

function isRefusedForTime(error: unknown): boolean {
  return (
    error instanceof StsFaultError &&
    (error.code === "MESSAGE_EXPIRED" || error.code === "INVALID_TIME_RANGE")
  );
}
