import type { ServedCertificate } from "../errors.ts";
import type { Authority } from "../net/authority.ts";
import type { ServerTime } from "../net/server-clock.ts";

/** What SOAP needs of a transport; `Transport` of `src/net` is one. */
export interface SoapTransport {
  request(url: string, request: SoapTransportRequest): Promise<SoapTransportResponse>;
  /** The certificate that a server presented on the last connection; undefined before the first. */
  servedCertificate?(authority: Authority): ServedCertificate | undefined;
  /** The clock of a server as of its last reply that told it; undefined before the first. */
  serverTime?(authority: Authority): ServerTime | undefined;
}

export interface SoapTransportRequest {
  readonly method: "POST";
  readonly headers: Readonly<Record<string, string>>;
  /** The message, or a function that makes it anew for every attempt, as a signature with a date needs. */
  readonly body: string | (() => string | Promise<string>);
  /** True for a read that may be repeated when the server is briefly unavailable. */
  readonly idempotent: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface SoapTransportResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  readonly url: string;
}
