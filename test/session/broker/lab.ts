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

/** Keys of entries that hold sessions; what is known of an account's logins has shorter ones, and stays for a day. */
export async function sessionKeys(store: SessionStore): Promise<readonly string[]> {
  return (await store.keys()).filter((key) => key.length === 64);
}

export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** A call at each side. */
export async function callBoth({ vc }: SessionLease): Promise<void> {
  await vc.vapi.get("/api/vcenter/vm");
  await vc.soap.currentSession();
}

/** Changes the record of the one session that a store has. */
export async function change(store: SessionStore, edit: (text: string) => string): Promise<void> {
  for (const key of await store.keys()) {
    const lock = await store.lock(key);
    const text = (await store.read(key)) ?? "";
    if (text.includes('"type":"session"')) await lock.write(edit(text));
    await lock.release();
  }
}

/** Makes the session that is stored older. */
export async function age(store: SessionStore, ms: number): Promise<void> {
  await change(store, (text) =>
    text.replaceAll(/"createdAt":"([^"]+)"/g, (_, time: string) => {
      return `"createdAt":"${new Date(Date.parse(time) - ms).toISOString()}"`;
    }),
  );
}
