import type { Authority } from "../net/authority.ts";
import type { ServerTime } from "../net/server-clock.ts";
import type { TransportRequest, TransportResponse } from "../net/transport.ts";

/** What a door needs of a transport; `Transport` is one. */
export interface DoorTransport {
  request(url: string, request: TransportRequest): Promise<TransportResponse>;
  /** The clock of a server as of its last reply that told it; undefined before the first. */
  serverTime?(authority: Authority): ServerTime | undefined;
}
