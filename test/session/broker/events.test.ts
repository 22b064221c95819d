import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { expect, onTestFinished, test } from "vitest";
import { SESSION_CHANNEL, type SessionEvent } from "../../../src/session/index.ts";
import { until } from "../stores/store-contract.ts";
import { callBoth, lab, SharedMemory } from "./lab.ts";

/** What is published until the end of the test. */
function listen(): SessionEvent[] {
  const events: SessionEvent[] = [];
  const onEvent = (event: unknown): void => void events.push(event as SessionEvent);
  subscribe(SESSION_CHANNEL, onEvent);
  onTestFinished(() => void unsubscribe(SESSION_CHANNEL, onEvent));
  return events;
}

test.each([
  { release: "8.0.3", first: ["vapi login", "vapi store", "vim share"], end: ["vim logout"] },
  {
    release: "8.0.2",
    first: ["vapi login", "vapi store", "vim share", "vim login", "vim store"],
    end: ["vapi logout", "vim logout"],
  },
])("events tell of logins, writes, reuse and logouts, without secrets ($release)", async (row) => {
  const { url, connect, broker, credential } = await lab({ release: row.release });
  const events = listen();
  const names = () => events.splice(0).map(({ side, operation }) => `${side} ${operation}`);
  const store = new SharedMemory();
  const [one, two] = [broker({ store }), broker({ store })];
  const lease = await one.acquire(url, connect);
  const id = lease.vc.session.id as string;
  const shown = JSON.stringify(events);
  for (const secret of [id, credential.password]) expect(shown).not.toContain(secret);
  expect(names()).toEqual(row.first);
  await two.acquire(url, connect);
  expect(names()).toContain("vapi reuse");
  await one.close();
  expect(names()).toEqual([]);
  await two.close();
  expect(names().sort()).toEqual(row.end);
});

test("one of those who hold a session keeps it alive, until the last has left", async () => {
  const { url, connect, broker, simulator } = await lab();
  const events = listen();
  const beats = () => events.filter(({ operation }) => operation === "keep-alive").length;
  const one = broker({ keepAlive: { intervalSeconds: 0.1 } });
  const leases = [await one.acquire(url, connect), await one.acquire(url, connect)];
  for (const lease of leases) await callBoth(lease);
  await until(() => beats() >= 4);
  const sides = events.flatMap((each) => (each.operation === "keep-alive" ? each.side : []));
  const vapi = sides.filter((side) => side === "vapi").length;
  expect(Math.abs(vapi - (sides.length - vapi))).toBeLessThanOrEqual(1);
  // One that has ended is made anew, for it is held.
  simulator.endSessions();
  await until(() => simulator.sessions.length === 1);
  await leases[0]?.release();
  const before = beats();
  await until(() => beats() > before);
  await leases[1]?.release();
  expect(simulator.sessions).toEqual([]);
});
