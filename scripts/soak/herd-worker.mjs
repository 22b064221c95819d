// One process of the herd: takes a lease when told to go, makes a call, and leaves when told to.
import { createInterface } from "node:readline";
import { FileStore, SessionBroker } from "../../dist/session/index.js";

const { url, ca, user, folder } = JSON.parse(process.argv[2]);
const store = new FileStore({ folder });
const broker = new SessionBroker({ store });
const lines = createInterface(process.stdin)[Symbol.asyncIterator]();
console.log("ready");
await lines.next();
const lease = await broker.acquire(url, { credential: user, trust: { ca }, open: "vapi" });
await lease.vc.vapi.get("/api/vcenter/vm");
console.log("called");
await lines.next();
await lease.release();
await broker.close();
await store.close();
process.stdin.destroy();
