import type { TransportResponse } from "../index.ts";
import { formatAuthority, parseServer } from "../index.ts";
import type { CommandTransport } from "./reach.ts";

/** A request, as far as it tells for what it is made. */
export interface SeenRequest {
  readonly method: string;
  readonly url: URL;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Keeps the last reply of each server to one call, for a command that prints replies as they came: also those with an
 * error, which the library reads and does not hand on as a whole.
 */
export class ReplyRecorder {
  #isMeant: (request: SeenRequest) => boolean = () => false;
  readonly #last = new Map<string, TransportResponse>();

  /** The last reply of a server to what is meant; undefined where there is none. */
  last(server: string): TransportResponse | undefined {
    return this.#last.get(formatAuthority(parseServer(server)));
  }

  /** Says from now on which requests are meant: not those that the library makes on its own, as logins. */
  expect(isMeant: (request: SeenRequest) => boolean): void {
    this.#isMeant = isMeant;
    this.#last.clear();
  }

  /** The same transport, its replies looked at. */
  of(transport: CommandTransport): CommandTransport {
    return {
      serverTime: (authority) => transport.serverTime(authority),
      servedCertificate: (authority) => transport.servedCertificate(authority),
      request: async (target, request) => {
        const reply = await transport.request(target, request);
        const { method, headers = {} } = request;
        const url = new URL(target);
        if (this.#isMeant({ method, url, headers })) {
          this.#last.set(formatAuthority(parseServer(url.origin)), reply);
        }
        return reply;
      },
    };
  }
}
