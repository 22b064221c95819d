import { requirePrincipalName } from "../session/broker/identity.ts";
import { VCenter } from "../session/vcenter.ts";
import type { GroupCredential } from "./group-credential.ts";
import type { GroupNodeParts, HeldSession } from "./group-node.ts";
import type { LinkedGroupOptions } from "./options.ts";

export interface OpenerContext {
  readonly credential: GroupCredential;
  /** Where the account lives; undefined where no node ID tells. */
  readonly scope: string | undefined;
}

/** What logs in at the nodes of a group: the group itself, or by the broker. */
export function sessionOpener(
  options: LinkedGroupOptions,
  { credential, scope }: OpenerContext,
): GroupNodeParts["open"] {
  const { broker, sides: open } = options;
  const common = { ...options, open, tokenRequest: undefined };
  if (broker === undefined) {
    return async (server, transport, signal): Promise<HeldSession> => {
      try {
        const given = await credential.obtain();
        const vc = await VCenter.connect(server, { ...common, transport, signal, credential: given });
        return { vc, end: () => vc.close() };
      } catch (error) {
        credential.failed(error);
        throw error;
      }
    };
  }
  const { keepAlive: _, ...rest } = common;
  // One function for all nodes, and the credential itself where it is given as it is: by it a store that is not shared
  // tells who asks.
  const given = credential.traded ? () => credential.obtain() : options.credential;
  return async (server, transport, signal): Promise<HeldSession> => {
    const principal = await requirePrincipalName(options.credential, options.principal);
    const lease = await broker.acquire(server, {
      ...rest,
      transport,
      signal,
      principal,
      accountScope: scope,
      credential: given,
    });
    return { vc: lease.vc, end: () => lease.release() };
  };
}
