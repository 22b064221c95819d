import { connect } from "node:net";
import type { Authority } from "../net/authority.ts";
import { abortable } from "../net/deadline.ts";

export interface ProbeOptions {
  /** Limit for resolving and connecting together, in ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Why a server cannot be reached from here, as the end of a sentence; undefined when it accepts a connection.
 * Nothing is sent.
 */
export async function unreachableBecause(
  { host, port }: Authority,
  options: ProbeOptions,
): Promise<string | undefined> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = options.signal ? AbortSignal.any([timeout, options.signal]) : timeout;
  // Resolving cannot be called off, but need not be waited for.
  const [address] = await abortable(addressesOf(host), signal).catch(() => []);
  if (address === undefined) return "does not resolve";
  return (await connects(address, port, signal)) ? undefined : "does not accept connections";
}

/** Addresses of a host name or an address; none when it does not resolve. */
export async function addressesOf(host: string): Promise<string[]> {
  const { lookup } = await import("node:dns/promises");
  return (await lookup(host, { all: true }).catch(() => [])).map((answer) => answer.address);
}

function connects(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const settle = (result: boolean) => {
      signal.removeEventListener("abort", giveUp);
      socket.destroy();
      resolve(result);
    };
    const giveUp = () => settle(false);
    if (signal.aborted) return giveUp();
    signal.addEventListener("abort", giveUp);
    socket.once("connect", () => settle(true));
    socket.once("error", giveUp);
  });
}
