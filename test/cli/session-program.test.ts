import { readFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { temporaryFolder } from "./host.ts";
import { PROGRAM, start } from "./program.ts";
import { administrator } from "./session-hosts.ts";

describe("the program, with sessions", () => {
  let simulator: Simulator;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1 });
  });
  afterAll(() => simulator.close());

  /** Starts the program as the administrator. */
  const vsso = (...argv: readonly string[]) => start(argv, { env: administrator(simulator) });
  /** Runs a line of shell in which `vsso` is the program. */
  const shell = (line: string) => {
    const script = `vsso() { "${process.execPath}" "${PROGRAM}" "$@"; }\n${line}`;
    const running = start(["-c", script], { command: "sh", env: administrator(simulator) });
    running.child.stdin.end();
    return running.finished;
  };

  it("exec gives its own streams to the program", async () => {
    const result = await shell("echo of-stdin | vsso exec -- sh -c 'cat; echo to-stderr >&2; exit 3'");
    expect(result).toEqual({ code: 3, out: "of-stdin\n", err: "to-stderr\n" });
    expect(simulator.sessions).toEqual([]);
  });

  it.each([
    ...(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const),
    ...(["SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCONT", "SIGWINCH"] as const),
  ])("exec gives %s on, and logs out", async (signal) => {
    const script = `process.on("${signal}", () => process.exit(9)); setInterval(() => {}, 1000); console.log("up")`;
    const running = vsso("exec", "--", process.execPath, "-e", script);
    await running.firstLine;
    expect(simulator.sessions).toHaveLength(1);
    running.child.kill(signal);
    expect((await running.finished).code).toBe(9);
    expect(simulator.sessions).toEqual([]);
  });

  it("exec ends with 128+n when the signal ends the program", async () => {
    const running = vsso(
      "exec",
      "--",
      process.execPath,
      "-e",
      'setInterval(() => {}, 1000); console.log("up")',
    );
    await running.firstLine;
    running.child.kill("SIGTERM");
    expect((await running.finished).code).toBe(143);
    expect(simulator.sessions).toEqual([]);
  });

  it("works in the session that exec, or session login -o env, gave", async () => {
    const nested = await shell(
      `vsso exec -- "${process.execPath}" "${PROGRAM}" api GET /api/vcenter/cluster`,
    );
    expect(nested).toMatchObject({ code: 0, err: "" });
    expect(JSON.parse(nested.out)).toMatchObject([{ name: "Cluster-01" }]);
    const before = simulator.requests.length;
    const result = await shell(
      'eval "$(vsso session login -o env)"; unset VSSO_USER VSSO_PASSWORD; vsso rpc com.vmware.cis.session get -o json; vsso session logout',
    );
    expect(result).toMatchObject({ code: 0, err: "" });
    expect(result.out).toContain('"user": "Administrator@vsphere.local"');
    const logins = simulator.requests
      .slice(before)
      .filter(({ method, path }) => method === "POST" && path === "/api/session");
    expect(logins).toHaveLength(1);
    expect(simulator.sessions).toEqual([]);
  });

  it("that is interrupted while it waits for a task logs out, exit code 130", async () => {
    const body = JSON.stringify({ config_spec: '{"productName":"x"}' });
    const path = "/api/appliance/infraprofile/configs?action=validate";
    const { child, finished } = vsso("api", "POST", path, "-d", body, "--wait");
    child.stderr.once("data", () => child.kill("SIGINT"));
    const { code, out, err } = await finished;
    expect({ code, out }).toEqual({ code: 130, out: "" });
    expect(err).toContain("the task goes on at the server");
    expect(simulator.sessions).toEqual([]);
  });

  it("ends a session that it could not hand over", async () => {
    const { code } = await shell("vsso session login -o id > /dev/full");
    expect(code).toBe(1);
    expect(simulator.sessions).toEqual([]);
  });

  it.each([
    ["a device", "> /dev/full", "ENOSPC"],
    // Of 1024 bytes, which the system writes before it refuses more.
    ["a file, after its beginning", '> "$file"', "EFBIG"],
  ])("says that a result could not be written to %s", async (_, to, code) => {
    const file = join(await temporaryFolder(), "result");
    const limit = `file='${file}'; ulimit -f 2`;
    for (const format of ["", " -o json"]) {
      const command = `vsso lookup list${format} ${to}`;
      const result = await shell(`${limit}; ${command}`);
      expect({ code: result.code, out: result.out }).toEqual({ code: 1, out: "" });
      expect(result.err).toContain(`the result could not be written: ${code}`);
      expect(result.err).not.toContain("interrupted");
      if (format !== "") expect(JSON.parse(result.err)).toMatchObject({ error: { code: "OUTPUT_FAILED" } });
    }
  });

  it("exec whose files cannot be written says so, and logs out", async () => {
    const folder = await temporaryFolder();
    const { code, err } = await shell(`export TMPDIR='${folder}'; ulimit -f 0; vsso exec -- echo ran`);
    expect(code).toBe(2);
    expect(err).toMatch(
      /^error\[USAGE\]: the files of the program cannot be written to .*\n.*EFBIG.*\n.*TMPDIR\n$/,
    );
    expect(simulator.sessions).toEqual([]);
    expect(await readdir(folder)).toEqual([]);
  });

  it("says who it is to the server", async () => {
    expect((await shell("vsso session login -o id")).code).toBe(0);
    const list = await shell("vsso session list --server-side -o json");
    const { sessions } = JSON.parse(list.out) as { sessions: { userAgent: string }[] };
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
    expect(sessions.map(({ userAgent }) => userAgent)).toEqual([`vsso/${version}`, `vsso/${version}`]);
    simulator.endSessions();
  });

  it("prints bytes as the server sent them", async () => {
    const { code, out } = await shell("vsso api GET /rest/vcenter/vm/vm-11/power");
    expect({ code, out }).toEqual({ code: 0, out: '{"value":{"state":"POWERED_ON"}}' });
  });
});
