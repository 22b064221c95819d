/** A simulated vCenter and brokers to it. */
import { onTestFinished } from "vitest";
import {
  type BrokerConnectOptions,
  MemoryStore,
  SessionBroker,
  type SessionBrokerOptions,
  type SessionLease,
  type SessionStore,
} from "../../../src/session/index.ts";
import { type SimulatorOptions, startSimulator } from "../../../src/simulator/index.ts";

/** Requests that make a session. */
const LOGIN = /^POST (\/api\/session|\/rest\/com\/vmware\/cis\/session|.* Login(ByToken)?)$/;

/** A store that others share, in one process: two brokers on it stand for two processes. */
export class SharedMemory extends MemoryStore implements SessionStore {
  // @ts-expect-error The library's own is not shared.
  override readonly shared = true;
}

export async function lab(options: SimulatorOptions = {}) {
  const simulator = await startSimulator({ nodes: 1, ...options });
  onTestFinished(() => simulator.close());
  const [server] = simulator.servers;
  const [user, second] = simulator.users;
  if (!server || !user || !second) throw new Error("the simulator is empty");
  const credential = { username: user.username, password: user.password };
  const connect: BrokerConnectOptions = { credential, trust: { ca: simulator.ca } };
  const asked = (): string[] =>
    simulator.requests.map(({ method, path, operation }) =>
      [method, path, operation].filter(Boolean).join(" "),
    );
  return {
    simulator,
    url: server.url,
    host: `127.0.0.1:${server.port}`,
    credential,
    second: { username: second.username, password: second.password },
    connect,
    asked,
    /** How many logins there were, refused ones too. */
    logins: () => asked().filter((request) => LOGIN.test(request)).length,
    broker: (more: SessionBrokerOptions = {}) => {
      const broker = new SessionBroker({ keepAlive: false, ...more });
      onTestFinished(() => broker.close().catch(() => undefined));
      return broker;
    },
  };
}

export type Lab = Awaited<ReturnType<typeof lab>>;

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** A call at each side. */
export async function callBoth({ vc }: SessionLease): Promise<void> {
  await vc.vapi.get("/api/vcenter/vm");
  await vc.soap.currentSession();
}
