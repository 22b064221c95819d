import { describe, expect, it } from "vitest";
import { temporaryFolder } from "./host.ts";
import { type Running, start } from "./program.ts";
import { administrator, stage } from "./session-hosts.ts";

const API = ["api", "GET", "/api/vcenter/vm"];

describe("the program, at several nodes and with stored sessions", () => {
  const at = stage({ nodes: 3 });

  const vsso = (argv: readonly string[], env: Readonly<Record<string, string>> = {}): Running => {
    const running = start(argv, { env: { ...administrator(at.simulator), ...env } });
    running.child.stdin.end();
    return running;
  };
  const logins = (since: number): number =>
    at.simulator.requests
      .slice(since)
      .filter(({ method, path }) => method === "POST" && path === "/api/session").length;

  it.each([
    [...API, "--all-nodes", "-o", "json"],
    ["session", "login", "--all-nodes", "-o", "json"],
  ])("leaves no session open that SIGINT found there: %s %s", async (...argv) => {
    at.simulator.faults = { delayMs: 200 };
    const { child, finished } = vsso(argv);
    await expect
      .poll(() => at.simulator.sessions.length, { timeout: 30_000, interval: 5 })
      .toBeGreaterThan(0);
    child.kill("SIGINT");
    const { code, out, err } = await finished;
    expect({ code, out }).toEqual({ code: 130, out: "" });
    expect(JSON.parse(err.trimEnd().split("\n").at(-1) ?? "")).toMatchObject({ error: { code: "ABORTED" } });
    expect(at.simulator.sessions).toEqual([]);
  });

  it.each([
    ["session", "login", "--all-nodes", "-o", "json"],
    ["session", "login", "-o", "json"],
  ])("is done, whatever comes afterwards, when a session is printed: %s %s %s", async (...argv) => {
    const count = argv.includes("--all-nodes") ? 3 : 1;
    // Whenever it comes: also while the program takes itself apart.
    for (let delayMs = 0; delayMs < 24; delayMs += 2) {
      const { child, finished } = vsso(argv);
      child.stdout.once("data", () => setTimeout(() => child.kill("SIGINT"), delayMs));
      expect(await finished).toMatchObject({ code: 0, err: "", out: expect.stringMatching(/\}\n$/) });
      expect(at.simulator.sessions).toHaveLength(count);
      at.simulator.endSessions();
    }
  });

  it("logs in once for ten processes at the same time, and ends what it stored by session logout", async () => {
    const env = { VSSO_PERSIST: "1", XDG_STATE_HOME: await temporaryFolder() };
    const before = at.simulator.requests.length;
    const runs = Array.from({ length: 10 }, () => vsso(API, env).finished);
    for (const result of await Promise.all(runs)) expect(result).toMatchObject({ code: 0, err: "" });
    expect(logins(before)).toBe(1);
    expect(at.simulator.sessions).toHaveLength(1);
    expect(await vsso(["session", "logout"], env).finished).toMatchObject({ code: 0, err: "" });
    expect(at.simulator.sessions).toEqual([]);
  });

  it("goes on after a process was killed in the middle of a login", async () => {
    const env = { VSSO_PERSIST: "1", XDG_STATE_HOME: await temporaryFolder() };
    at.simulator.faults = { delayMs: 300 };
    const before = at.simulator.requests.length;
    const { child, finished } = vsso(API, env);
    await expect.poll(() => logins(before), { timeout: 30_000, interval: 5 }).toBe(1);
    child.kill("SIGKILL");
    expect((await finished).code).toBeNull();
    at.simulator.faults = {};
    expect(await vsso(API, env).finished).toMatchObject({
      code: 0,
      err: expect.stringMatching(/^(?:warning: The lock of a stored session was taken over .*\n)?$/),
    });
    expect(await vsso(["session", "list"], env).finished).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^SERVER .*\n127\.0\.0\.1:\d+ .*\n$/),
    });
  });
});
