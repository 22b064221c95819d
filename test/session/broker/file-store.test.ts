import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { FileStore } from "../../../src/session/index.ts";
import { callBoth, lab, times } from "./lab.ts";

test("brokers with a file store of their own each share one session through the folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "vsso-broker-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { simulator, url, connect, broker, logins } = await lab();
  const brokers = times(10, () => broker({ store: new FileStore({ folder }), encryptionKey: "a text" }));
  const leases = await Promise.all(brokers.map((one) => one.acquire(url, connect)));
  expect(logins()).toBe(1);
  await Promise.all(leases.map(callBoth));
  simulator.endSessions();
  await Promise.all(leases.map(callBoth));
  expect(logins()).toBe(2);
  await Promise.all(brokers.map((one) => one.close()));
  expect(simulator.sessions).toEqual([]);
});
