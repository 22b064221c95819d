import { InvalidArgumentError } from "../errors.ts";
import type { ClientCertificate } from "../net/client-certificate.ts";
import { Transport } from "../net/transport.ts";
import type { CallOptions, DoorOptions } from "./door.ts";

export interface ExtensionLoginOptions extends CallOptions {
  /** What the extension is registered with. */
  readonly certificate: ClientCertificate;
  /**
   * Port of the vCenter by which the virtual host for extensions is reached (`sdkTunnel:8089`), or `"direct"` to show
   * the certificate at the door itself, which a vCenter's reverse proxy does not pass on. Default 80.
   */
  readonly tunnelPort?: number | "direct" | undefined;
}

/**
 * A transport that shows the certificate of an extension, under the trust options of a door. To be closed.
 *
 * @throws InvalidArgumentError at a door that was given a transport and no trust options.
 */
export function extensionTransport(door: DoorOptions, login: ExtensionLoginOptions): Transport {
  const { transport: given, ...own } = door;
  const { certificate, tunnelPort = 80 } = login;
  if (given !== undefined && own.trust === undefined) {
    throw new InvalidArgumentError("Whom to trust is not told for a connection with a certificate", {
      hint: "the transport that was given keeps its trust to itself: give the door the same trust options beside it",
    });
  }
  return new Transport({
    ...own,
    clientCertificate: certificate,
    ...(tunnelPort !== "direct" && { sdkTunnelPort: tunnelPort }),
  });
}
