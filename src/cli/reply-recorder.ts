import type { TransportResponse } from "../index.ts";
import { formatAuthority, parseServer } from "../index.ts";
import type { CommandTransport } from "./reach.ts";

/**
 * Keeps the last reply of each server to one call, for a command that prints replies as they came: also those with an error, which
 * the library reads and does not hand on as a whole.
 */
export class ReplyRecorder {
  #isMeant: (url: URL) => boolean = () => false;
  readonly #last = new Map<string, TransportResponse>();

  /** The last reply of a server to what is meant; undefined where there is none. */
  last(server: string): TransportResponse | undefined {
    return this.#last.get(formatAuthority(parseServer(server)));
  }

  /** Says from now on which call is meant. Those before it, as logins, are not. */
  expect(isMeant: (url: URL) => boolean): void {
    this.#isMeant = isMeant;
    this.#last.clear();
  }

  /** The same transport, its replies looked at. */
  of(transport: CommandTransport): CommandTransport {
    return {
      serverTime: (authority) => transport.serverTime(authority),
      servedCertificate: (authority) => transport.servedCertificate(authority),
      request: async (url, request) => {
        const reply = await transport.request(url, request);
        const target = new URL(url);
        if (this.#isMeant(target)) this.#last.set(formatAuthority(parseServer(target.origin)), reply);
        return reply;
      },
    };
  }
}
