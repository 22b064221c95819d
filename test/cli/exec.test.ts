import { createHash } from "node:crypto";
import { readdir, stat, writeFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type ChildOptions, ChildProcess } from "../../src/cli/child.ts";
import { writingTo } from "../../src/cli/program-folder.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { authority, type CliOptions, jsonError, servedFingerprints, temporaryFolder } from "./host.ts";
import { administrator, asAdministrator, handedOver } from "./session-hosts.ts";

describe("vsso exec", () => {
  let simulator: Simulator;
  let folder: string;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2 });
  });
  afterAll(() => simulator.close());
  afterEach(async () => {
    const left = simulator.sessions.length;
    simulator.endSessions();
    expect(left).toBe(0);
    expect(await readdir(folder)).toEqual([]);
  });

  /** Runs a command in a folder of its own for temporary files, which has to be empty in the end. */
  const exec = async (argv: readonly string[], options: CliOptions = {}) => {
    folder = await temporaryFolder();
    const env = { PATH: process.env.PATH ?? "", TMPDIR: folder, ...options.env };
    return asAdministrator(simulator, ["exec", ...argv], { ...options, env });
  };
  /** What a program sees. */
  const environmentOf = async (argv: readonly string[] = [], options: CliOptions = {}) => {
    const script = "process.stdout.write(JSON.stringify(process.env))";
    const { code, out, err } = await exec([...argv, "--", process.execPath, "-e", script], options);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    return JSON.parse(out) as Record<string, string>;
  };

  it("gives the session, and logs out after", async () => {
    const env = await environmentOf();
    expect(env).toMatchObject({
      VSSO_SERVER: authority(simulator),
      VSSO_CA: simulator.caFile,
      GOVC_URL: `https://${authority(simulator)}/sdk`,
      GOVC_TLS_CA_CERTS: simulator.caFile,
      GOVC_INSECURE: "false",
      GOVC_PERSIST_SESSION: "true",
    });
    expect(env.VSSO_SESSION_ID).toMatch(/^[0-9a-f]{40}$/);
    expect(env.VMWARE_API_SESSION_ID).toBe(env.VSSO_SESSION_ID);
    expect(env.VSSO_VIM_SESSION_ID).toBe(env.VSSO_SESSION_ID);
  });

  it("hands no credential on, of whatever family", async () => {
    const secrets = {
      GOVC_USERNAME: "S3cret-1",
      GOVC_PASSWORD: "S3cret-2",
      GOVC_CERTIFICATE: "S3cret-3",
      GOVC_PRIVATE_KEY: "S3cret-4",
      VSPHERE_USER: "S3cret-5",
      VSPHERE_PASSWORD: "S3cret-6",
      VSSO_PASSWORD_FILE: "S3cret-7",
      VSSO_KEY: "S3cret-8",
      OTHER: "stays",
    };
    const env = await environmentOf([], { env: secrets });
    expect(env.OTHER).toBe("stays");
    expect(JSON.stringify(env)).not.toContain("S3cret");
    expect(JSON.stringify(env)).not.toContain(simulator.users[0]!.password);
    expect(env.VSSO_USER).toBeUndefined();
  });

  it("gives the session to programs of govmomi as files that only the owner can read", async () => {
    const script = `
      const { readFileSync, readdirSync, statSync } = require("node:fs");
      const home = process.env.GOVMOMI_HOME;
      const files = {};
      for (const side of ["sessions", "rest_sessions"]) {
        for (const name of readdirSync(home + "/" + side)) {
          const path = home + "/" + side + "/" + name;
          files[side] = { name, mode: statSync(path).mode & 0o777, content: JSON.parse(readFileSync(path, "utf8")) };
        }
      }
      process.stdout.write(JSON.stringify({ files, mode: statSync(home).mode & 0o777, id: process.env.VSSO_SESSION_ID }));
    `;
    const { code, out } = await exec(["--", process.execPath, "-e", script]);
    expect(code).toBe(0);
    const { files, mode, id } = JSON.parse(out);
    const host = authority(simulator);
    const nameOf = (path: string) =>
      createHash("sha256").update(`https://@${host}${path}#insecure=false`).digest("hex");
    expect(mode).toBe(0o700);
    expect(files).toMatchObject({
      sessions: {
        name: nameOf("/sdk"),
        mode: 0o600,
        content: {
          SoapClient: {
            cookies: [{ Name: "vmware_soap_session", Value: id }],
            url: { Scheme: "https", Host: host, Path: "/sdk" },
            insecure: false,
          },
          ServiceContent: {
            rootFolder: { type: "Folder", value: "group-d1" },
            sessionManager: { type: "SessionManager", value: "SessionManager" },
            about: { apiType: "VirtualCenter", apiVersion: "8.0.3.0", name: "VMware vCenter Server" },
          },
        },
      },
      rest_sessions: {
        name: nameOf("/rest"),
        mode: 0o600,
        content: { SoapClient: { url: { Path: "/rest" } }, SessionID: id },
      },
    });
  });

  it("has two sessions to give where the server shares none", async () => {
    await using old = await startSimulator({ nodes: 1, release: "7.0.3" });
    const env = await environmentOf([], { env: administrator(old) });
    expect(env.VSSO_SESSION_ID).toBeTruthy();
    expect(env.VSSO_VIM_SESSION_ID).toBeTruthy();
    expect(env.VSSO_VIM_SESSION_ID).not.toBe(env.VSSO_SESSION_ID);
    expect(old.sessions).toEqual([]);
  });

  describe("hands the trust decision on:", () => {
    const node = () => simulator.servers[0]!;

    it("a pin, and for govc the thumbprint of the certificate that it accepted", async () => {
      const [leaf = ""] = await servedFingerprints(node().port);
      const script =
        'const { readFileSync } = require("node:fs"); process.stdout.write(process.env.VSSO_PIN + "\\n" + (process.env.VSSO_CA ?? "none") + "\\n" + readFileSync(process.env.GOVC_TLS_KNOWN_HOSTS, "utf8"))';
      const { code, out } = await exec(["--pin", `sha256:${leaf}`, "--", process.execPath, "-e", script]);
      expect(code).toBe(0);
      expect(out).toBe(`sha256:${leaf}\nnone\n${authority(simulator)} ${leaf}\n`);
    });

    it("--insecure, also in the name of govc's file", async () => {
      const script =
        'process.stdout.write(require("node:fs").readdirSync(process.env.GOVMOMI_HOME + "/sessions")[0] + process.env.GOVC_INSECURE + process.env.VSSO_INSECURE + (process.env.VSSO_CA ?? ""))';
      const { code, out } = await exec(["--insecure", "--", process.execPath, "-e", script]);
      expect(code).toBe(0);
      const name = createHash("sha256")
        .update(`https://@${authority(simulator)}/sdk#insecure=true`)
        .digest("hex");
      expect(out).toBe(`${name}truetrue`);
    });
  });

  describe("the program's words", () => {
    const print = "process.stdout.write(JSON.stringify(process.argv.slice(1)))";

    it.each([
      [
        ["--", process.execPath, "-e", print, "--", "-o", "json", "--ca", "x"],
        ["-o", "json", "--ca", "x"],
      ],
      [
        [process.execPath, "-e", print, "a", "-k", "--server", "b"],
        ["a", "-k", "--server", "b"],
      ],
      [["-v", process.execPath, "-e", print, "-", "--help"], ["-"]],
    ])("are its own from the first on: %j", async (argv, words) => {
      const { code, out } = await exec(argv.map((word) => (word === "--help" ? "x" : word)));
      expect(code).toBe(0);
      expect(JSON.parse(out)).toEqual(argv.includes("--help") ? [...words, "x"] : words);
    });

    it("are no options of ours, wherever ours stand", async () => {
      const { code, out } = await exec(["-o", "json", "printf", "%s", "-o"]);
      expect({ code, out }).toEqual({ code: 0, out: "-o" });
    });
  });

  describe("ends as the program does:", () => {
    it.each([0, 1, 5, 42, 130])("with its code %s", async (wanted) => {
      expect((await exec(["sh", "-c", `exit ${wanted}`])).code).toBe(wanted);
    });

    it.each([
      ["TERM", 143],
      ["INT", 130],
      ["KILL", 137],
    ])("with 128+n on SIG%s of its own", async (signal, code) => {
      expect((await exec(["sh", "-c", `kill -${signal} $$`])).code).toBe(code);
    });

    it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
      "with what it makes of a %s that is given to it",
      async (signal) => {
        let child: ChildProcess | undefined;
        const script = `process.on("${signal}", () => { console.log("told"); process.exit(7); });
        setInterval(() => undefined, 1000);
        console.log("up");`;
        const result = await exec(["--", process.execPath, "-e", script], {
          onChild: (started) => {
            child = started;
          },
          onOut: (text) => {
            if (text.includes("up")) child?.take(signal);
          },
        });
        expect(result).toMatchObject({ code: 7, out: "up\ntold\n" });
      },
    );
  });

  describe("where the program cannot be started", () => {
    it.each(["vsso-no-such-program", "/nonexistent/program", "/etc/passwd", "/tmp", ""])(
      "is an error of usage and no login: %j",
      async (program) => {
        const before = simulator.requests.length;
        const result = await exec(["-o", "json", "--", program, "x"]);
        expect(result).toMatchObject({ code: 2, out: "" });
        expect(jsonError(result).message).toContain("cannot be started");
        expect(simulator.requests.length).toBe(before);
      },
    );

    it("as one that the system refuses, logs out and leaves no file", async () => {
      const script = join(await temporaryFolder(), "script");
      await writeFile(script, "#!/nonexistent/interpreter\n", { mode: 0o755 });
      expect((await stat(script)).isFile()).toBe(true);
      const { code, err } = await exec(["--", script]);
      expect(code).toBe(2);
      expect(err).toMatch(/^error\[USAGE\]: .*cannot be started/);
    });

    it("as the table says: 3 for a wrong password", async () => {
      const { code, out } = await exec(["echo", "ran"], { env: { VSSO_PASSWORD: "wrong" } });
      expect({ code, out }).toEqual({ code: 3, out: "" });
    });

    it("as nobody named one", async () => {
      const { code, err } = await exec([]);
      expect(code).toBe(2);
      expect(err).toContain("vsso exec needs CMD…");
    });
  });

  describe("with a TMPDIR", () => {
    it("that is relative gives the program an absolute path", async () => {
      const elsewhere = await temporaryFolder();
      const script = `process.stdout.write(process.env.GOVMOMI_HOME + " " + require("node:fs").existsSync(process.env.GOVMOMI_HOME))`;
      const { code, out } = await exec([process.execPath, "-e", script], {
        env: { TMPDIR: relative(process.cwd(), elsewhere) },
      });
      expect({ code, out: out.startsWith(join(elsewhere, "vsso-exec-")) }).toEqual({ code: 0, out: true });
      expect(out.endsWith(" true")).toBe(true);
      expect(await readdir(elsewhere)).toEqual([]);
    });

    it("that does not exist is an error of usage that names it, and no login", async () => {
      const before = simulator.requests.length;
      const result = await exec(["-o", "json", "true"], { env: { TMPDIR: "/nonexistent/folder" } });
      expect(result).toMatchObject({ code: 2, out: "" });
      expect(jsonError(result)).toMatchObject({
        code: "USAGE",
        message: "no folder can be made in /nonexistent/folder of TMPDIR",
        hint: expect.stringContaining("TMPDIR"),
      });
      expect(simulator.requests.length).toBe(before);
    });

    it("holds nothing after a login that was refused", async () => {
      expect((await exec(["true"], { env: { VSSO_PASSWORD: "wrong" } })).code).toBe(3);
    });
  });

  it("says that --resolve does not reach the program", async () => {
    const [node] = simulator.servers;
    const { code, err } = await exec(["--resolve", `elsewhere:443:127.0.0.1:${node!.port}`, "true"]);
    expect(code).toBe(0);
    expect(err).toMatch(/^warning: --resolve .*looks the name up by itself\n$/);
  });

  it("within exec uses the session that is there, and does not end it", async () => {
    const handed = await handedOver(simulator);
    const env = await environmentOf([], { env: { VSSO_SESSION_ID: handed.vapi!.id } });
    expect(env.VSSO_SESSION_ID).toBe(handed.vapi!.id);
    expect(simulator.sessions).toHaveLength(1);
    simulator.endSessions();
  });

  it("that is interrupted before the program runs ends with 130", async () => {
    const controller = new AbortController();
    controller.abort();
    expect((await exec(["echo", "ran"], { signal: controller.signal })).code).toBe(130);
  });

  it("takes no server as a word", async () => {
    const { code, err } = await exec([authority(simulator), "--", "true"]);
    expect(code).toBe(2);
    expect(err).toContain(`${authority(simulator)} cannot be started`);
  });
});

describe("a folder for a program", () => {
  it("that takes no files is a typed error", async () => {
    await expect(writingTo("/nonexistent", () => writeFile("/nonexistent/a", ""))).rejects.toMatchObject({
      code: "USAGE",
      message: "the files of the program cannot be written to /nonexistent",
    });
    await expect(writingTo("/", async () => Promise.reject(new Error("other")))).rejects.toThrow("other");
  });
});

describe("a program", () => {
  const start = (script: string, options: Partial<ChildOptions> = {}) =>
    new ChildProcess(
      { command: process.execPath, args: ["-e", script], env: {} },
      {
        stdio: "pipe",
        isInForeground: () => false,
        signal: new AbortController().signal,
        ...options,
      },
    );
  const ends = (signal: string, code: number) => `process.on("${signal}", () => process.exit(${code}));`;
  const runs = `setInterval(() => undefined, 1000); console.log("up");`;

  it.each(["SIGINT", "SIGQUIT", "SIGWINCH"] as const)(
    "in the foreground of a terminal is not given %s, which it has from there",
    async (signal) => {
      const child = start(`${ends(signal, 1)} ${ends("SIGTERM", 0)} ${runs}`, {
        isInForeground: () => true,
        onOutput: () => {
          child.take(signal);
          child.take("SIGTERM");
        },
      });
      expect(await child.ended).toEqual({ code: 0, signal: null });
    },
  );

  it.each(["SIGHUP", "SIGTERM", "SIGUSR2", "SIGCONT"] as const)(
    "in the foreground of a terminal is given %s",
    async (signal) => {
      const child = start(`${ends(signal, 7)} ${runs}`, {
        isInForeground: () => true,
        onOutput: () => child.take(signal),
      });
      expect(await child.ended).toEqual({ code: 7, signal: null });
    },
  );

  it("is not started once the command is interrupted", () => {
    const signal = AbortSignal.abort(new Error("stopped by SIGINT"));
    expect(() => start("", { signal })).toThrow("stopped by SIGINT");
  });
});
