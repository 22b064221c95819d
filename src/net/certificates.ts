import type { Socket } from "node:net";
import { createSecureContext } from "node:tls";
import { TrustError, type TrustFailure } from "../errors.ts";
import { type Authority, formatAuthority } from "./authority.ts";
import { Call, checkDelay } from "./deadline.ts";
import { Dialer, type RouteOptions } from "./dialer.ts";
import { connectionFailure } from "./failures.ts";
import { Trust, type TrustOptions } from "./trust.ts";
import { refusal } from "./trust-failure.ts";
import { handshake, Verifier } from "./verifier.ts";
import { type CertificateDescription, describeCertificate } from "./x509.ts";

export { type CertificateDescription, describeCertificate, parseCertificates } from "./x509.ts";

export interface ServedChainOptions extends RouteOptions {
  /** Judged beside the default; `ca` also verifies a proxy that is spoken to by TLS. */
  readonly trust?: TrustOptions;
  /** Milliseconds for everything. Default 10,000. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
  /** As of the transport. */
  readonly onWarning?: (message: string) => void;
}

/** Whether a certificate would be accepted, and if not, why. */
export interface TrustVerdict {
  readonly trusted: boolean;
  readonly reason?: TrustFailure;
  readonly message?: string;
}

/** What a server presents to anyone who connects. */
export interface ServedChain {
  /** `host:port`. */
  readonly host: string;
  /** Every certificate served, in the order sent, the server's own first. */
  readonly certificates: readonly CertificateDescription[];
  /** By the authorities of the system and of Node. */
  readonly byDefault: TrustVerdict;
  /** By the trust options given, where any were. */
  readonly byOptions?: TrustVerdict;
}

/**
 * Asks a server for its certificates without trusting it and without sending a request.
 *
 * @throws ConnectionError, TimeoutError or AbortedError; TrustError when the server presents no certificate;
 * InvalidArgumentError for options that cannot be used.
 */
export async function fetchServedChain(
  authority: Authority,
  options: ServedChainOptions = {},
): Promise<ServedChain> {
  const host = formatAuthority(authority);
  const { trust, onWarning } = options;
  const dialer = new Dialer(options, trust?.ca);
  const given = trust === undefined ? undefined : new Trust(trust, onWarning);
  const call = new Call(host, checkDelay("timeoutMs", options.timeoutMs ?? 10_000), options.signal);
  const { signal } = call;
  const dial = (): Promise<Socket> => dialer.dial(authority, signal);
  const judge = async (by: Trust): Promise<TrustVerdict> => {
    try {
      const socket = await new Verifier(by).connect(dial, { authority, signal });
      socket.destroy();
      return { trusted: true };
    } catch (error) {
      // The proxy's certificate is another matter: that is a failure on the way.
      if (!(error instanceof TrustError) || error.host !== host) throw error;
      return { trusted: false, reason: error.reason, message: error.message };
    }
  };
  try {
    const { socket, chain } = await handshake(await dial(), createSecureContext({ ca: [] }), {
      authority,
      signal,
    });
    socket.destroy();
    if (chain.length === 0) throw refusal(host, "no-certificate", undefined);
    return {
      host,
      certificates: chain.map((certificate) => describeCertificate(certificate)),
      byDefault: await judge(new Trust()),
      ...(given === undefined ? {} : { byOptions: await judge(given) }),
    };
  } catch (error) {
    throw connectionFailure(host, error);
  } finally {
    call.end();
  }
}
