import { once } from "node:events";
import { existsSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import type { DiscoveryJson } from "../helpers/discovery-json.ts";
import { startPlainServer, startRawServer } from "../net/servers.ts";
import { authority, temporaryFolder } from "./host.ts";
import { finish, PROGRAM, shell, start } from "./program.ts";

interface StartLine {
  readonly servers: readonly { readonly port: number; readonly instanceName: string }[];
  readonly caFile: string;
}

describe("the program", () => {
  let simulator: Simulator;
  let server: string;
  let ca: readonly string[];

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 3 });
    server = authority(simulator);
    ca = ["--ca", simulator.caFile];
  });
  afterAll(() => simulator.close());

  it("is executable and says its version", async () => {
    expect(readFileSync(PROGRAM, "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
    expect(statSync(PROGRAM).mode & 0o111).toBe(0o111);
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
      version: string;
    };
    expect(await finish(["--version"])).toEqual({ code: 0, out: `${version}\n`, err: "" });
  });

  describe("discover", () => {
    it("prints the group, without an escape sequence in a pipe, exit code 0", async () => {
      const { code, out, err } = await finish(["discover", server, ...ca]);
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect(out).toContain("3 linked nodes");
      expect(out).not.toContain("\u001b");
    });

    it("takes the environment", async () => {
      const env = { GOVC_URL: `https://root:S3cret@${server}/sdk`, GOVC_TLS_CA_CERTS: simulator.caFile };
      const { code, out, err } = await finish(["discover", "-o", "json"], { ...env, NO_COLOR: "1" });
      expect({ code, err }).toEqual({ code: 0, err: "" });
      expect((JSON.parse(out) as DiscoveryJson).groups[0]?.nodes).toHaveLength(3);
    });

    it("writes a document larger than a pipe holds to its end", async () => {
      const { code, out } = await finish(["lookup", "list", server, ...ca, "-o", "json"]);
      expect(code).toBe(0);
      expect(out.length).toBeGreaterThan(65_536);
      expect(() => JSON.parse(out)).not.toThrow();
    });

    it("ends with 2 for usage, 4 for trust, 5 for a dead server, 6 for some", async () => {
      const dead = `127.0.0.1:${(await startPlainServer()).port}`;
      const results = await Promise.all([
        finish(["discover", "--no-such-option"]),
        finish(["discover", server]),
        finish(["discover", dead, ...ca]),
        finish(["discover", server, dead, ...ca, "-o", "json"]),
      ]);
      expect(results.map(({ code }) => code)).toEqual([2, 4, 5, 6]);
      expect(results.map(({ out }) => out !== "")).toEqual([false, false, false, true]);
      const last = results[3]!.err.trimEnd().split("\n").at(-1) ?? "";
      expect(JSON.parse(last)).toMatchObject({ error: { code: "CONNECTION_FAILED" } });
    });

    it.each(["SIGINT", "SIGTERM"] as const)(
      "interrupted by %s ends with 130 and no result",
      async (signal) => {
        let reached: () => void = () => undefined;
        const connected = new Promise<void>((resolve) => {
          reached = resolve;
        });
        const silent = await startRawServer(() => reached());
        const { child, finished } = start(["discover", `127.0.0.1:${silent.port}`, "-o", "json"]);
        await connected;
        child.kill(signal);
        const { code, out, err } = await finished;
        expect({ code, out }).toEqual({ code: 130, out: "" });
        expect(JSON.parse(err)).toMatchObject({ error: { code: "ABORTED" } });
      },
    );
  });

  describe("whose reader leaves early", () => {
    it("ends silently", async () => {
      const list = `lookup list ${server} --ca '${simulator.caFile}' -o json`;
      const { out, err } = await shell(`{ vsso ${list}; echo "exit $?" >&2; } | head -1`);
      expect(out).toBe("{\n");
      expect(err).toBe("exit 0\n");
    });

    it("of both streams ends silently, too", async () => {
      const { err } = await shell('{ { vsso discover --nope; echo "exit $?" >&3; } 2>&1 | true; } 3>&2');
      expect(err).toBe("exit 2\n");
    });
  });

  it("does not need a stdin", async () => {
    const { code, out, err } = await shell(`vsso lookup site ${server} --ca '${simulator.caFile}' <&-`);
    expect({ code, out, err }).toEqual({ code: 0, out: "default-first-site\n", err: "" });
  });

  it("leaves stdin to others", async () => {
    const { out } = await shell(
      `printf 'a\\nb\\n' | while read line; do vsso --version >/dev/null; vsso lookup site ${server} ` +
        `--ca '${simulator.caFile}' >/dev/null; echo "$line"; done`,
    );
    expect(out).toBe("a\nb\n");
  });

  it("keeps known hosts in XDG_CONFIG_HOME", async () => {
    const env = { XDG_CONFIG_HOME: await temporaryFolder() };
    expect((await finish(["trust", server, "--write"], env)).code).toBe(0);
    expect((await finish(["lookup", "site", server], env)).code).toBe(0);
  });

  describe("simulate", () => {
    async function connectTo(line: StartLine): Promise<{ socket: TLSSocket; closed: Promise<unknown> }> {
      const port = line.servers[0]?.port ?? 0;
      const socket = connect({ host: "127.0.0.1", port, ca: readFileSync(line.caFile) });
      await once(socket, "secureConnect");
      socket.on("error", () => undefined);
      return { socket, closed: new Promise((resolve) => socket.once("close", resolve)) };
    }

    it.each(["SIGTERM", "SIGINT"] as const)(
      "-o json writes one line ever, and ends with 0 on %s, open connections and files included",
      async (signal) => {
        const { child, finished, firstLine } = start(["simulate", "-o", "json"]);
        const line = JSON.parse(await firstLine) as StartLine;
        expect(Object.keys(line)).toEqual([
          "servers",
          "caFile",
          "ssoDomain",
          "users",
          "solutionUsers",
          "stsSigningCaFile",
        ]);
        expect(line.servers).toHaveLength(3);
        expect(statSync(dirname(line.caFile)).mode & 0o077).toBe(0);
        // The end of stdin is nothing to it.
        child.stdin.end();
        const discovered = await finish([
          "discover",
          `127.0.0.1:${line.servers[1]?.port}`,
          "--ca",
          line.caFile,
          "--verify-replication",
        ]);
        expect(discovered).toMatchObject({ code: 0, err: "" });
        const { closed } = await connectTo(line);
        child.kill(signal);
        const { code, out, err } = await finished;
        expect({ code, err }).toEqual({ code: 0, err: "" });
        expect(out).toBe(`${JSON.stringify(line)}\n`);
        await closed;
        expect(existsSync(dirname(line.caFile))).toBe(false);
      },
    );

    it("--stdin-exit ends with stdin, open connections and files included", async () => {
      const argv = ["simulate", "--nodes", "1", "--stdin-exit", "-o", "json"];
      const { child, finished, firstLine } = start(argv);
      const line = JSON.parse(await firstLine) as StartLine;
      const { closed } = await connectTo(line);
      child.stdin.end();
      expect(await finished).toMatchObject({ code: 0, err: "" });
      await closed;
      expect(existsSync(dirname(line.caFile))).toBe(false);
    });

    it("ends when nobody reads what it says, and leaves nothing behind", async () => {
      const folder = await temporaryFolder();
      const { err } = await shell(
        `TMPDIR='${folder}'; export TMPDIR; { vsso simulate --nodes 1; echo "exit $?" >&2; } | true; ls -A '${folder}' >&2`,
      );
      expect(err).toBe("exit 0\n");
    });
  });
});
