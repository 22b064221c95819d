import { requirePrincipalName } from "../session/broker/identity.ts";
import type { SessionCredential } from "../session/principal.ts";
import { VCenter } from "../session/vcenter.ts";
import type { GroupCredential } from "./group-credential.ts";
import type { GroupNodeParts, HeldSession, OpenLimits } from "./group-node.ts";
import type { NodeTransport } from "./node-transport.ts";
import type { LinkedGroupOptions } from "./options.ts";
import type { GateLogin, PasswordGate, Turn } from "./password-gate.ts";

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
  const loginAt = (server: string, transport: NodeTransport, limits: OpenLimits): GateLogin => ({
    node: transport,
    reach: () => reach(server, transport, limits.signal),
    signal: limits.signal,
    nodeTimeoutMs: limits.nodeTimeoutMs ?? options.nodeTimeoutMs,
  });
  const common = { ...options, open, tokenRequest: undefined };
  const { gate } = credential;
  if (broker === undefined) {
    return async (server, transport, limits): Promise<HeldSession> => {
      const { signal } = limits;
      const turn = await gate?.enter(loginAt(server, transport, limits));
      try {
        const given = await credential.obtain();
        const vc = await VCenter.connect(server, { ...common, transport, signal, credential: given });
        turn?.settle(undefined);
        return { vc, end: () => vc.close() };
      } catch (error) {
        turn?.settle(error);
        throw error;
      }
    };
  }
  const { keepAlive: _, ...rest } = common;
  // One function for all nodes, and the credential itself where it is given as it is: by it a store that is not shared
  // tells who asks.
  const given = credential.traded ? () => credential.obtain() : options.credential;
  const passwords = new WeakMap<NodeTransport, NodePassword>();
  const passwordOf = (transport: NodeTransport): NodePassword | undefined => {
    if (gate && !passwords.has(transport))
      passwords.set(transport, new NodePassword(gate, transport, options.credential));
    return passwords.get(transport);
  };
  return async (server, transport, limits): Promise<HeldSession> => {
    const { signal } = limits;
    const principal = await requirePrincipalName(options.credential, options.principal);
    const acquire = async (wanted: typeof given): Promise<HeldSession> => {
      const lease = await broker.acquire(server, {
        ...rest,
        transport,
        signal,
        principal,
        accountScope: scope,
        credential: wanted,
      });
      return { vc: lease.vc, end: () => lease.release() };
    };
    const password = passwordOf(transport);
    if (password === undefined) return acquire(given);
    return password.during(loginAt(server, transport, limits), () => acquire(password.ask));
  };
}

/** Whether the node answers at all, in whichever words. */
async function reach(server: string, transport: NodeTransport, signal: AbortSignal): Promise<void> {
  await transport.request(`https://${server}/sdk/vimServiceVersions.xml`, { method: "GET", signal });
}

/** The password as the broker asks for it where a node has to be logged in to: when it is that node's turn. */
class NodePassword {
  /** What a store that is not shared tells the node's sessions by. */
  readonly ask: () => Promise<SessionCredential>;
  #login: (GateLogin & { readonly turns: Turn[] }) | undefined;

  constructor(gate: PasswordGate, node: object, credential: SessionCredential) {
    this.ask = async () => {
      gate.requireUnrefused(node);
      const login = this.#login;
      // Later, when a session has ended, the broker's own guard sees to it.
      if (login) login.turns.push(await gate.enter(login));
      return credential;
    };
  }

  /** Tells the gate what becomes of the logins that `acquire` leads to. */
  async during<T>(login: GateLogin, acquire: () => Promise<T>): Promise<T> {
    const turns: Turn[] = [];
    const own = { ...login, turns };
    const settle = (error: unknown): void => {
      if (this.#login === own) this.#login = undefined;
      for (const turn of turns) turn.settle(error);
    };
    this.#login = own;
    try {
      const result = await acquire();
      settle(undefined);
      return result;
    } catch (error) {
      settle(error);
      throw error;
    }
  }
}
