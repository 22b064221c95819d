import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { describe, expect, onTestFinished, test } from "vitest";
import { SESSION_CHANNEL, type SessionEvent } from "../../src/session/session-event.ts";
import { keepAliveTarget } from "../../src/session/vcenter-parts.ts";
import { bridgeTo, MemoryServer, PASSWORD, refusal, thrownBy } from "./doors.ts";

/** What is published until the end of the test. */
function listen(): SessionEvent[] {
  const events: SessionEvent[] = [];
  const onEvent = (event: unknown): void => void events.push(event as SessionEvent);
  subscribe(SESSION_CHANNEL, onEvent);
  onTestFinished(() => void unsubscribe(SESSION_CHANNEL, onEvent));
  return events;
}

const told = (events: readonly SessionEvent[]): string[] =>
  events.map(({ side, operation, shared, code }) =>
    [side, operation, shared, code].filter((each) => each !== undefined).join(" "),
  );

describe("the channel vsphere-sso:session", () => {
  test("tells of logins, sharing, renewals, calls that keep alive and logouts", async () => {
    const events = listen();
    const server = new MemoryServer({ shared: true });
    const { bridge, sides } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    await bridge.ready("vim", undefined);
    await keepAliveTarget(bridge, sides).touch();
    server.sessions.clear();
    await bridge.ready("vim", bridge.held("vim")?.id);
    await bridge.end(1000);
    expect(told(events)).toEqual([
      "vapi login",
      "vim share true",
      "vapi keep-alive",
      "vim keep-alive",
      "vim relogin",
      "vim logout",
    ]);
    expect(events[0]).toEqual({
      host: "vc01.corp.example:443",
      operation: "login",
      side: "vapi",
      door: "vapi-rest",
      user: PASSWORD.username,
      shared: undefined,
      durationMs: expect.any(Number),
      code: undefined,
    });
  });

  test("tells that sessions are not shared, also where it was not tried", async () => {
    const events = listen();
    for (const apiVersion of ["8.0.3", "7.0.3"]) {
      const { bridge } = bridgeTo(new MemoryServer({ shared: false, apiVersion }));
      await bridge.ready("vapi", undefined);
      await bridge.ready("vim", undefined);
    }
    const once = ["vapi login", "vim share false", "vim login"];
    expect(told(events)).toEqual([...once, ...once]);
  });

  test("tells why something failed, by the code", async () => {
    const events = listen();
    const server = new MemoryServer({ shared: false, apiVersion: "7.0.3" });
    const { bridge } = bridgeTo(server);
    server.failures.set("vapi login", refusal("vapi"));
    await thrownBy(bridge.ready("vapi", undefined));
    server.failures.clear();
    await bridge.relogin();
    server.failures.set("vapi logout", new Error("odd"));
    await thrownBy(bridge.end(1000));
    expect(told(events)).toEqual(["vapi login AUTHENTICATION_FAILED", "vapi login", "vapi logout UNKNOWN"]);
  });

  test("tells no secret", async () => {
    const events = listen();
    const server = new MemoryServer({ shared: true });
    const { bridge } = bridgeTo(server);
    await bridge.ready("vapi", undefined);
    await bridge.ready("vim", undefined);
    const id = bridge.held("vapi")?.id ?? "none";
    await bridge.end(1000);
    expect(events.length).toBeGreaterThan(2);
    expect(JSON.stringify(events)).not.toContain(id);
    expect(JSON.stringify(events)).not.toContain(PASSWORD.password);
  });
});
