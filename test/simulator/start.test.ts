import { createPrivateKey, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { connect as connectTcp, createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, isAbsolute, join } from "node:path";
import { connect } from "node:tls";
import { describe, expect, it, vi } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { noteListenerWarnings } from "../helpers/listener-warnings.ts";
import { at, callVim, list, RETRIEVE_VIM_CONTENT, returnvals, send } from "./wire.ts";

describe("startSimulator", () => {
  it("gives a working group in three lines", async () => {
    const simulator = await startSimulator();
    const rows = await list(simulator, "");
    await simulator.close();

    expect(simulator.servers).toHaveLength(3);
    expect(rows.filter((row) => at(row, "serviceType", "type") === "vcenterserver")).toHaveLength(3);
  });

  it("describes servers as the start line of the command does", async () => {
    const simulator = await startSimulator({ nodes: 2, ssoDomain: "lab.test" });
    try {
      expect(simulator.servers.map((server) => Object.keys(server))).toEqual([
        ["instanceName", "nodeId", "host", "port", "url"],
        ["instanceName", "nodeId", "host", "port", "url"],
      ]);
      expect(simulator.servers.map((server) => server.instanceName)).toEqual([
        "vc01.sim.example",
        "vc02.sim.example",
      ]);
      for (const server of simulator.servers) {
        expect(server.url).toBe(`https://127.0.0.1:${server.port}`);
      }
      expect(simulator.ssoDomain).toBe("lab.test");
      expect(simulator.users[0]?.username).toBe("Administrator@lab.test");
      expect(simulator.users[0]?.password).toMatch(/^.{16,}$/);
      expect(simulator.users[1]?.username).toBe("operator@lab.test");
    } finally {
      await simulator.close();
    }
  });

  it("keeps authorities and keys of solution users in private files and removes them", async () => {
    const simulator = await startSimulator({ nodes: 1 });
    const directory = dirname(simulator.caFile);
    try {
      expect(isAbsolute(simulator.caFile)).toBe(true);
      expect(await readFile(simulator.caFile, "utf8")).toBe(simulator.ca);
      expect((await stat(directory)).mode & 0o777).toBe(0o700);
      expect(await readFile(simulator.stsSigningCaFile, "utf8")).toBe(simulator.stsSigningCa);
      expect(simulator.stsSigningCa).not.toBe(simulator.ca);
      for (const { name, certFile, keyFile } of simulator.solutionUsers) {
        const certificate = new X509Certificate(await readFile(certFile));
        expect(certificate.subject).toContain(`CN=${name}`);
        expect(certificate.checkPrivateKey(createPrivateKey(await readFile(keyFile)))).toBe(true);
        expect(certificate.verify(new X509Certificate(simulator.ca).publicKey)).toBe(true);
        expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
        expect([certFile, keyFile].every((file) => dirname(file) === directory)).toBe(true);
      }
    } finally {
      await simulator.close();
    }
    await expect(access(directory)).rejects.toThrow(/ENOENT/);
  });

  it("ends with open connections and an answer under way, and may be closed twice", async () => {
    const simulator = await startSimulator({ nodes: 1, faults: { delayMs: 3_600_000 } });
    const { port } = simulator.servers[0]!;
    const idle = connect({ port, host: "127.0.0.1", ca: simulator.ca });
    await once(idle, "secureConnect");
    const silent = connectTcp(port, "127.0.0.1");
    await once(silent, "connect");
    const closed = [idle, silent].map((socket) => {
      socket.on("error", () => undefined).resume();
      return new Promise<void>((resolve) => socket.on("close", () => resolve()));
    });
    const waiting = send(simulator, "/").catch((error: NodeJS.ErrnoException) => error.code);
    while (simulator.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));

    await Promise.all([simulator.close(), simulator.close()]);

    await Promise.all(closed);
    expect(await waiting).toBe("ECONNRESET");
    await expect(send(simulator, "/")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("delays many answers at once without a warning of Node.js", async () => {
    const warnings = noteListenerWarnings();
    const simulator = await startSimulator({ nodes: 1, faults: { delayMs: 3_600_000 } });
    const waiting = Array.from({ length: 20 }, () => send(simulator, "/").catch(() => "ended"));
    while (simulator.requests.length < waiting.length) await new Promise((resolve) => setImmediate(resolve));
    await simulator.close();
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(["ended"]));
    expect(await warnings()).toEqual([]);
  });

  it("is closed by an await using block", async () => {
    let ended: Simulator;
    {
      await using simulator = await startSimulator({ nodes: 1 });
      ended = simulator;
      expect((await send(simulator, "/")).status).toBe(200);
    }
    await expect(send(ended, "/")).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  it("stops while it starts when told to, and leaves nothing behind", async () => {
    // A temporary directory of this test's own: other programs start simulators too.
    const folder = mkdtempSync(join(tmpdir(), "vsso-start-"));
    vi.stubEnv("TMPDIR", folder);
    try {
      const abort = new AbortController();
      const starting = startSimulator({ nodes: 50, signal: abort.signal });
      abort.abort(new Error("enough"));
      await expect(starting).rejects.toMatchObject({ code: "ABORTED" });
      await expect(startSimulator({ signal: abort.signal })).rejects.toMatchObject({ code: "ABORTED" });
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
      rmSync(folder, { recursive: true });
    }
  });

  it("listens on consecutive ports, and says which one is taken", async () => {
    const probe = await startSimulator({ nodes: 1 });
    const port = probe.servers[0]!.port;
    await expect(startSimulator({ nodes: 1, port })).rejects.toThrow(
      `the simulator cannot listen on port ${port} (EADDRINUSE)`,
    );
    await probe.close();

    const first = await freePair();
    const simulator = await startSimulator({ nodes: 2, port: first });
    await simulator.close();
    expect(simulator.servers.map((server) => server.port)).toEqual([first, first + 1]);
  });

  it("releases the first port when a later one is taken", async () => {
    const first = await freePair();
    const blocker = createServer().listen(first + 1, "127.0.0.1");
    await once(blocker, "listening");
    await expect(startSimulator({ nodes: 2, port: first })).rejects.toBeInstanceOf(InvalidArgumentError);

    const again = createServer().listen(first, "127.0.0.1");
    await once(again, "listening");
    again.close();
    blocker.close();
  });

  it.each([
    ["7.0.3", "7.0.3", "7.0.3.0"],
    ["8.0.1", "8.0.1", "8.0.1.0"],
    ["8.0.2", "8.0.2", "8.0.2.0"],
    [undefined, "8.0.3", "8.0.3.0"],
    ["9.0.0", "9.0.0", "9.0.0.0"],
    ["9.0", "9.0.0", "9.0.0.0"],
  ])("release %s registers and reports version %s", async (release, version, apiVersion) => {
    const simulator = await startSimulator(release === undefined ? { nodes: 1 } : { nodes: 1, release });
    try {
      const [vcenter] = await list(
        simulator,
        "<serviceType><product>com.vmware.cis</product><type>vcenterserver</type></serviceType>",
      );
      const [content] = returnvals(
        await callVim(simulator, RETRIEVE_VIM_CONTENT),
        "RetrieveServiceContent",
        "urn:vim25",
      );
      expect(at(vcenter, "serviceVersion")).toBe(version);
      expect(at(content, "about", "version")).toBe(version);
      expect(at(content, "about", "apiVersion")).toBe(apiVersion);
    } finally {
      await simulator.close();
    }
  });

  it.each([
    [{ nodes: 0 }],
    [{ nodes: 100 }],
    [{ nodes: 1.5 }],
    [{ nodes: Number.NaN }],
    [{ release: "8.0" }],
    [{ release: "6.7.0" }],
    [{ release: "" }],
    [{ port: -1 }],
    [{ port: 65_534, nodes: 3 }],
    [{ port: 1.5 }],
    [{ ssoDomain: "" }],
    [{ ssoDomain: "vsphere local" }],
    [{ ssoDomain: "a/../b" }],
    [{ faults: { staleSslTrust: [4] } }],
    [{ faults: { unresolvableUrls: [0] } }],
    [{ faults: { delayMs: -1 } }],
    [{ faults: { resetConnections: 0.5 } }],
    [{ faults: { replicationLag: [{ node: 1, missing: 9 }] } }],
    [{ faults: { missingServices: [{ node: 1, service: "nsx" as "sso" }] } }],
    [{ faults: { dealyMs: 1 } as object }],
    [{ faults: { clockSkewSeconds: 0.5 } }],
    [{ faults: { clockSkewSeconds: 1e12 } }],
  ])("refuses the options %j with a hint", async (options) => {
    const error = await startSimulator(options).then(
      (simulator) => simulator.close(),
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as InvalidArgumentError).hint).toMatch(/\.$/);
  });
});

/** A port whose follower is free too, as far as one can know. */
async function freePair(): Promise<number> {
  for (;;) {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const next = createServer();
    const free = await new Promise<boolean>((resolve) => {
      next.once("error", () => resolve(false));
      next.listen(port + 1, "127.0.0.1", () => resolve(true));
    });
    await new Promise((resolve) => server.close(resolve));
    if (!free) continue;
    await new Promise((resolve) => next.close(resolve));
    return port;
  }
}

it.each(["ghost@vsphere.local", "Administrator"])(
  "refuses faults about an account it does not have: %s",
  async (name) => {
    await expect(startSimulator({ nodes: 1, faults: { lockedAccounts: [name] } })).rejects.toThrow(
      /no account/,
    );
    await using simulator = await startSimulator({ nodes: 1 });
    expect(() => {
      simulator.faults = { disabledAccounts: [name] };
    }).toThrow(/no account/);
  },
);
