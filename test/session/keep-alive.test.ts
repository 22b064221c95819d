import { describe, expect, test } from "vitest";
import { HttpStatusError } from "../../src/errors.ts";
import { KeepAlive, type KeepAliveOptions, type KeepAliveTarget } from "../../src/session/keep-alive.ts";
import { keepAliveTarget } from "../../src/session/vcenter-parts.ts";
import { bridgeTo, MemoryServer } from "./doors.ts";

/** Timers that the test runs out, one at a time. */
function timers() {
  const set: { readonly run: () => void; readonly ms: number }[] = [];
  return {
    pending: set,
    set: (run: () => void, ms: number) => {
      const timer = { run, ms };
      set.push(timer);
      return timer;
    },
    clear: (timer: unknown) => {
      const index = set.indexOf(timer as (typeof set)[number]);
      if (index >= 0) set.splice(index, 1);
    },
    /** Runs the timer, and what it starts to its end. */
    next: async () => {
      set.shift()?.run();
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

function keepAlive(options: KeepAliveOptions = {}, idleMs = () => 0) {
  const clock = timers();
  let touched = 0;
  const target: KeepAliveTarget = {
    get idleMs() {
      return idleMs();
    },
    touch: async () => {
      touched++;
    },
  };
  return { clock, keepAlive: new KeepAlive(target, options, clock), touched: () => touched };
}

describe("keep-alive", () => {
  test("makes a call at every interval, of which a tenth is left to chance", async () => {
    const { clock, keepAlive: each, touched } = keepAlive();
    each.start();
    for (const count of [0, 1, 2]) {
      expect(touched()).toBe(count);
      expect(clock.pending).toHaveLength(1);
      expect(clock.pending[0]?.ms).toBeGreaterThanOrEqual(540_000);
      expect(clock.pending[0]?.ms).toBeLessThanOrEqual(600_000);
      await clock.next();
    }
  });

  test("does not add up however often it is started", () => {
    const { clock, keepAlive: each } = keepAlive({ intervalSeconds: 60 });
    each.start();
    each.start();
    expect(clock.pending).toHaveLength(1);
  });

  test("stops when nobody has used the sessions for long, and begins again when somebody does", async () => {
    let idle = 0;
    const { clock, keepAlive: each, touched } = keepAlive({ idleSeconds: 1200 }, () => idle);
    each.start();
    idle = 1_199_999;
    await clock.next();
    idle = 1_200_000;
    await clock.next();
    expect(touched()).toBe(1);
    expect(clock.pending).toHaveLength(0);
    expect(each.running).toBe(false);
    idle = 0;
    each.start();
    await clock.next();
    expect(touched()).toBe(2);
  });

  test("goes on for ever where it is told so", async () => {
    const {
      clock,
      keepAlive: each,
      touched,
    } = keepAlive({ idleSeconds: Number.POSITIVE_INFINITY }, () => Number.MAX_SAFE_INTEGER);
    each.start();
    await clock.next();
    expect(touched()).toBe(1);
  });

  test("stops when it is told to, also while a call is under way", async () => {
    const clock = timers();
    let release = (): void => undefined;
    const each = new KeepAlive(
      {
        idleMs: 0,
        touch: () =>
          new Promise((resolve) => {
            release = resolve;
          }),
      },
      {},
      clock,
    );
    each.start();
    clock.pending.shift()?.run();
    each.stop();
    release();
    await new Promise((resolve) => setImmediate(resolve));
    expect(clock.pending).toHaveLength(0);
  });

  test("sets one timer where it was stopped and begun again while a call is under way", async () => {
    const clock = timers();
    const calls: (() => void)[] = [];
    const touch = (): Promise<void> => new Promise((resolve) => calls.push(resolve));
    const each = new KeepAlive({ idleMs: 0, touch }, {}, clock);
    each.start();
    await clock.next();
    each.stop();
    each.start();
    // The first call ends before, and the second one while, the next beat is under way.
    await clock.next();
    expect(calls).toHaveLength(2);
    each.stop();
    each.start();
    for (const end of calls) {
      end();
      await new Promise((resolve) => setImmediate(resolve));
      expect(clock.pending).toHaveLength(1);
    }
    each.stop();
    expect(clock.pending).toHaveLength(0);
  });

  test("holds up no process", () => {
    const each = new KeepAlive({ idleMs: 0, touch: async () => undefined }, { intervalSeconds: 1000 });
    const before = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    each.start();
    const after = process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
    each.stop();
    expect(after).toBe(before);
  });

  test.each([
    { intervalSeconds: 0 },
    { intervalSeconds: -1 },
    { intervalSeconds: Number.NaN },
    { intervalSeconds: Number.POSITIVE_INFINITY },
    { intervalSeconds: 3_000_000 },
    { idleSeconds: 0 },
    { idleSeconds: Number.NaN },
  ])("is not to be had with %j", (options) => {
    expect(() => keepAlive(options)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });
});

describe("a call that keeps sessions alive", () => {
  const SEPARATE = { shared: false, apiVersion: "7.0.3" };

  test("is made at each side that has a session", async () => {
    const server = new MemoryServer(SEPARATE);
    const { bridge, sides } = bridgeTo(server);
    const target = keepAliveTarget(bridge, sides);
    await target.touch();
    expect(server.calls).toEqual([]);
    await bridge.ready("vapi", undefined);
    await target.touch();
    await bridge.ready("vim", undefined);
    await target.touch();
    expect(server.count("vapi current")).toBe(2);
    expect(server.count("vim current")).toBe(1);
  });

  test("is no use of the sessions by the program", async () => {
    const { bridge, sides, clock } = bridgeTo(new MemoryServer(SEPARATE));
    await bridge.ready("vapi", undefined);
    bridge.use("vapi");
    clock.now += 5_000;
    await keepAliveTarget(bridge, sides).touch();
    expect(bridge.idleMs).toBe(5_000);
  });

  test("renews a session that has ended", async () => {
    const server = new MemoryServer(SEPARATE);
    const { bridge, sides } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    server.sessions.clear();
    await keepAliveTarget(bridge, sides).touch();
    expect(bridge.held("vapi")?.id).toBe("vapi-session-2");
  });

  test("presents no credential that was refused", async () => {
    const server = new MemoryServer(SEPARATE);
    const { bridge, sides } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    server.sessions.clear();
    server.password = "another";
    const target = keepAliveTarget(bridge, sides);
    for (let times = 0; times < 3; times++) await target.touch();
    expect(server.count("vapi login")).toBe(2);
  });

  test("may fail without anybody being hurt", async () => {
    const server = new MemoryServer(SEPARATE);
    const { bridge, sides } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    server.failures.set("vapi current", new HttpStatusError("down", { status: 503, url: "https://vc01" }));
    await keepAliveTarget(bridge, sides).touch();
    expect(bridge.held("vapi")?.id).toBe("vapi-session-1");
  });

  test("is not made any more once all is closed", async () => {
    const server = new MemoryServer(SEPARATE);
    const { bridge, sides } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    await bridge.end(1000);
    const calls = server.calls.length;
    await keepAliveTarget(bridge, sides).touch();
    expect(server.calls).toHaveLength(calls);
  });
});
