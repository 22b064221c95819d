/** redis-server of the machine, started by a test on a port of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanEnv } from "./process.ts";

export interface RedisServer {
  readonly port: number;
  readonly url: string;
  /** Where it keeps its data, and may listen on sockets. */
  readonly directory: string;
  readonly pid: number;
  /** Sends raw commands over a connection without a client, and returns what came back for them. */
  raw(...commands: readonly (readonly string[])[]): Promise<string>;
  /** Ends it as a crash does, or so that it saves first where it is told to. */
  halt(how?: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Starts it again on the same port and data, and waits until it answers. */
  resume(): Promise<void>;
  /** Ends it for good, and removes its data. */
  stop(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts a server that saves nothing, unless `args` say otherwise. */
export async function startRedis(args: readonly string[] = []): Promise<RedisServer> {
  const directory = await mkdtemp(join(tmpdir(), "vsso-redis-"));
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const server = new Server(port, directory, args);
    try {
      await server.resume();
      return server;
    } catch (error) {
      // Somebody else was given the port meanwhile.
      if (attempt === 5 || !String(error).includes("in use")) {
        await rm(directory, { recursive: true, force: true });
        throw error;
      }
    }
  }
}

class Server implements RedisServer {
  readonly port: number;
  readonly directory: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(port: number, directory: string, args: readonly string[]) {
    this.port = port;
    this.directory = directory;
    this.#args = args;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error("redis-server does not run");
    return pid;
  }

  async resume(): Promise<void> {
    const where = ["--port", String(this.port), "--bind", "127.0.0.1", "--dir", this.directory];
    const child = spawn("redis-server", [...where, "--save", "", "--appendonly", "no", ...this.#args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: cleanEnv(),
    });
    this.#child = child;
    running.add(child);
    let log = "";
    const note = (text: string) => {
      log += text;
    };
    child.stdout.setEncoding("utf8").on("data", note);
    child.stderr.setEncoding("utf8").on("data", note);
    let over: string | undefined;
    this.#ended = new Promise((resolve) => {
      const end = (why: string) => {
        over ??= why;
        running.delete(child);
        resolve();
      };
      child.once("error", (error) => end(`the peer tests need redis-server: ${error.message}`));
      child.once("close", (code) => end(`redis-server ended with ${code}: ${log}`));
    });
    // It says so when it accepts connections; with TLS it could not be asked without a certificate.
    while (!/Ready to accept connections/.test(log)) {
      if (over !== undefined) throw new Error(over);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async halt(how: "SIGKILL" | "SIGTERM" = "SIGKILL"): Promise<void> {
    this.#child?.kill(how);
    await this.#ended;
  }

  async stop(): Promise<void> {
    await this.halt();
    await rm(this.directory, { recursive: true, force: true });
  }

  raw(...commands: readonly (readonly string[])[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, "127.0.0.1");
      let text = "";
      socket.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      socket.once("error", reject);
      socket.once("close", () => resolve(text.replace(/\+OK\r\n$/, "")));
      // QUIT is answered last, and then the connection is closed.
      for (const words of [...commands, ["QUIT"]]) {
        const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
        socket.write(`*${words.length}\r\n${parts.join("")}`);
      }
    });
  }
}

/** A port that nobody had a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
