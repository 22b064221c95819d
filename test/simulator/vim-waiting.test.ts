import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { VIM_NAMESPACE } from "../../src/xml/names.ts";
import { call } from "./vapi-wire.ts";
import {
  COLLECTOR,
  fetchProperty,
  inner,
  login,
  returned,
  SESSION_MANAGER,
  viJson,
  vim,
} from "./vim-wire.ts";
import { at, faultType, type Reply, type SendOptions } from "./wire.ts";

let simulator: Simulator;
let id: string;
beforeAll(async () => {
  simulator = await startSimulator({ nodes: 1 });
  ({ id } = await login(simulator));
}, 60_000);
afterAll(() => simulator.close());

const POWER_STATE =
  "<spec><propSet><type>VirtualMachine</type><pathSet>runtime.powerState</pathSet></propSet>" +
  `<objectSet><obj type="VirtualMachine">vm-12</obj></objectSet></spec><partialUpdates>false</partialUpdates>`;

interface Watch {
  readonly receiver: string;
  /** The version up to which everything has been told. */
  readonly version: string;
}

/** A collector of its own that has told the state of vm-12. */
async function watch(session = id, on = simulator): Promise<Watch> {
  const made = await vim(on, COLLECTOR, "CreatePropertyCollector", "", { id: session });
  const receiver = `PropertyCollector:${returned(made, "CreatePropertyCollector")!.text}`;
  await vim(on, receiver, "CreateFilter", POWER_STATE, { id: session });
  const first = await vim(on, receiver, "WaitForUpdates", "<version/>", { id: session });
  return { receiver, version: at(returned(first, "WaitForUpdates"), "version")! };
}

interface WaitOptions extends Pick<SendOptions, "signal"> {
  readonly operation?: string;
  /** Text of `maxWaitSeconds`; none is sent without. */
  readonly seconds?: string;
  readonly session?: string;
}

function wait({ receiver, version }: Watch, options: WaitOptions = {}, on = simulator): Promise<Reply> {
  const { operation = "WaitForUpdatesEx", seconds, session = id, signal } = options;
  const limit = seconds && `<options><maxWaitSeconds>${seconds}</maxWaitSeconds></options>`;
  const content = `<version>${version}</version>${limit ?? ""}`;
  return vim(on, receiver, operation, content, { id: session, ...(signal && { signal }) });
}

/** Once the server has got so many more calls to the operation. */
async function arrived(operation: string, from: number, on = simulator): Promise<void> {
  while (count(operation, on) <= from) await new Promise((resolve) => setTimeout(resolve, 5));
}
const count = (operation: string, on = simulator): number =>
  on.requests.filter((request) => request.operation === operation).length;

const power = (action: "start" | "stop"): Promise<Reply> =>
  call(simulator, "POST", `/api/vcenter/vm/vm-12/power?action=${action}`, { session: id });

const stateIn = (reply: Reply, operation: string): string | undefined =>
  at(inner(returned(reply, operation), "filterSet", "objectSet", "changeSet"), "val");

/** Seconds since it was started, by a clock that nobody sets. */
function stopwatch(): () => number {
  const from = process.uptime();
  return () => process.uptime() - from;
}
/** What a second may be short of, as timers may end a little early. */
const GRAIN = 0.9;

describe("waiting for updates", () => {
  it.each<[string, string | undefined]>([
    ["WaitForUpdatesEx", undefined],
    ["WaitForUpdatesEx", "600"],
    ["WaitForUpdates", undefined],
  ])("by %s (maxWaitSeconds %s) ends with the first change", async (operation, seconds) => {
    const watched = await watch();
    const before = count(operation);
    const waiting = wait(watched, { operation, ...(seconds !== undefined && { seconds }) });
    await arrived(operation, before);
    expect((await power("start")).status).toBe(204);
    expect(stateIn(await waiting, operation)).toBe("poweredOn");
    expect((await power("stop")).status).toBe(204);
    const { version } = watched;
    const next = { ...watched, version: String(Number(version) + 1) };
    expect(stateIn(await wait(next, { operation }), operation)).toBe("poweredOff");
  });

  // Times are whole seconds, so these wait at the same time.
  it.concurrent("ends without one after the time given, which may be none", async () => {
    const watched = await watch();
    expect(returned(await wait(watched, { seconds: "0" }), "WaitForUpdatesEx")).toBeUndefined();
    const took = stopwatch();
    expect(returned(await wait(watched, { seconds: "1" }), "WaitForUpdatesEx")).toBeUndefined();
    expect(took()).toBeGreaterThan(GRAIN);
    expect(faultType(await wait(watched, { seconds: "-1" }), VIM_NAMESPACE)).toBe("InvalidArgument");
  });

  it.concurrent("is held at VI/JSON too, and ends with 204", async () => {
    const { receiver, version } = await watch();
    const target = `${receiver.replace(":", "/")}/WaitForUpdatesEx`;
    const json = { version, options: { _typeName: "WaitOptions", maxWaitSeconds: 1 } };
    const took = stopwatch();
    expect((await viJson(simulator, target, { id, json })).status).toBe(204);
    expect(took()).toBeGreaterThan(GRAIN);
  });

  it.concurrent("is one call of its session", async () => {
    const { id: session } = await login(simulator);
    const calls = async (): Promise<number> => {
      const reply = await fetchProperty(simulator, SESSION_MANAGER, "currentSession", session);
      return Number(at(returned(reply, "Fetch"), "callCount"));
    };
    const watched = await watch(session);
    const before = await calls();
    await wait(watched, { seconds: "1", session });
    expect(await calls()).toBe(before + 2);
  });

  it("ends when it is canceled, or its session ends", async () => {
    const { id: session } = await login(simulator);
    const watched = await watch(session);
    let before = count("WaitForUpdatesEx");
    const canceled = wait(watched, { session });
    await arrived("WaitForUpdatesEx", before);
    await vim(simulator, watched.receiver, "CancelWaitForUpdates", "", { id: session });
    expect(faultType(await canceled, VIM_NAMESPACE)).toBe("RequestCanceled");
    // What was canceled was that wait, and no later one.
    await vim(simulator, watched.receiver, "CancelWaitForUpdates", "", { id: session });
    before = count("WaitForUpdatesEx");
    const left = wait(watched, { session });
    await arrived("WaitForUpdatesEx", before);
    await vim(simulator, SESSION_MANAGER, "Logout", "", { id: session });
    expect(faultType(await left, VIM_NAMESPACE)).toBe("NotAuthenticated");
  });

  it("keeps no simulator from closing, nor a caller from going", async () => {
    const own = await startSimulator({ nodes: 1 });
    const { id: session } = await login(own);
    const watched = await watch(session, own);
    const controller = new AbortController();
    const gone = wait(watched, { session, signal: controller.signal }, own);
    const stays = wait(watched, { session }, own);
    const ends = Promise.allSettled([gone, stays]);
    await arrived("WaitForUpdatesEx", 1, own);
    controller.abort();
    await expect(gone).rejects.toMatchObject({ code: "ABORT_ERR" });
    await own.close();
    expect((await ends).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  });
});
