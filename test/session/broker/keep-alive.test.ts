import { describe, expect, test } from "vitest";
import { checkBrokerOptions } from "../../../src/session/broker/options.ts";
import { until } from "../stores/store-contract.ts";
import { lab } from "./lab.ts";

describe("a session that is held", () => {
  test("is kept alive though its holder has made no call yet", async () => {
    const { url, connect, broker, asked } = await lab();
    const one = broker({ keepAlive: { intervalSeconds: 0.05 } });
    const lease = await one.acquire(url, connect);
    const before = asked().length;
    await until(() => asked().length > before + 4);
    await lease.release();
  });

  test.each([
    ["by default", undefined, Number.POSITIVE_INFINITY],
    ["where that is wanted", true, Number.POSITIVE_INFINITY],
    ["at other intervals", { intervalSeconds: 60 }, Number.POSITIVE_INFINITY],
    ["where nothing is said of it", { idleSeconds: undefined }, Number.POSITIVE_INFINITY],
    ["for as long as is said", { idleSeconds: 900 }, 900],
  ])("is kept alive however long no call is made, %s", (_what, keepAlive, idleSeconds) => {
    expect(checkBrokerOptions({ keepAlive }).keepAlive?.idleSeconds).toBe(idleSeconds);
  });

  test("is left to idle out where that is wanted", () => {
    expect(checkBrokerOptions({ keepAlive: false }).keepAlive).toBeUndefined();
  });
});
