/** A process of its own that shares sessions by a broker on a RedisStore. */
import { RedisStore, SessionBroker, type SessionLease } from "../../src/session/index.ts";

export interface BrokerWorkerArgument {
  readonly redis: string;
  readonly lockTtlMs: number;
  /** URL of the vCenter. */
  readonly server: string;
  readonly ca: string;
  readonly credential: { readonly username: string; readonly password: string };
}

/** What it can be told: to take the session and use it, to use it again, to leave. */
export type BrokerOrder = { readonly do: "acquire" | "call" | "leave" };

const argument = JSON.parse(process.argv[2] ?? "") as BrokerWorkerArgument;
const { redis: url, lockTtlMs, server, ca, credential } = argument;
const store = new RedisStore({ url, lockTtlMs, connectTimeoutMs: 60_000 });
const broker = new SessionBroker({ store });
let lease: SessionLease | undefined;

async function obey(order: BrokerOrder["do"]): Promise<string> {
  if (order === "leave") {
    await broker.close();
    await store.close();
    return "left";
  }
  lease ??= await broker.acquire(server, { credential, trust: { ca }, connectTimeoutMs: 120_000 });
  await lease.vc.vapi.get("/api/vcenter/vm");
  await lease.vc.soap.currentSession();
  return "used";
}

process.on("message", ({ do: order }: BrokerOrder) => {
  obey(order).then(
    (answer) => process.send?.(answer, () => answer === "left" && process.disconnect()),
    (error) => process.send?.(`${error.code ?? error}: ${error.message}`),
  );
});
process.send?.("ready");
