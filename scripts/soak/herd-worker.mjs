// One process of the herd: takes a lease when told to go, makes a call, and leaves when told to.
import { createInterface } from "node:readline";
import { FileStore, SessionBroker } from "../../dist/session/index.js";

// All begin at once, and share few cores.
const PATIENCE = { connectTimeoutMs: 120_000, headersTimeoutMs: 120_000, totalTimeoutMs: 300_000 };
const { url, ca, user, folder } = JSON.parse(process.argv[2]);
const store = new FileStore({ folder });
const broker = new SessionBroker({ store });
const lines = createInterface(process.stdin)[Symbol.asyncIterator]();
console.log("ready");
await lines.next();
const lease = await broker.acquire(url, { credential: user, trust: { ca }, open: "vapi", ...PATIENCE });
await lease.vc.vapi.get("/api/vcenter/vm");
console.log("called");
await lines.next();
await lease.release();
await broker.close();
await store.close();
process.stdin.destroy();
