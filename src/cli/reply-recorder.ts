import type { TransportResponse } from "../index.ts";
import type { CommandTransport } from "./reach.ts";

/**
 * Keeps the last reply to one call, for a command that prints replies as they came: also those with an error, which
 * the library reads and does not hand on as a whole.
 */
export class ReplyRecorder {
  #isMeant: (url: URL) => boolean = () => false;
  #last: TransportResponse | undefined;

  /** The last reply to what is meant; undefined where there is none. */
  get last(): TransportResponse | undefined {
    return this.#last;
  }

  /** Says from now on which call is meant. Those before it, as logins, are not. */
  expect(isMeant: (url: URL) => boolean): void {
    this.#isMeant = isMeant;
    this.#last = undefined;
  }

  /** The same transport, its replies looked at. */
  of(transport: CommandTransport): CommandTransport {
    return {
      serverTime: (authority) => transport.serverTime(authority),
      servedCertificate: (authority) => transport.servedCertificate(authority),
      request: async (url, request) => {
        const reply = await transport.request(url, request);
        if (this.#isMeant(new URL(url))) this.#last = reply;
        return reply;
      },
    };
  }
}
