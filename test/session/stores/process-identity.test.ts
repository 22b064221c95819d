import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  livenessOf,
  ownIdentity,
  type ProcessIdentity,
} from "../../../src/session/stores/process-identity.ts";
import { buildWorker, startWorker, type WorkerProgram } from "./file-processes.ts";
import { until } from "./store-contract.ts";

const LINUX = process.platform === "linux";
const NAMESPACES = LINUX && spawnSync("unshare", ["--pid", "--fork", "--mount-proc", "true"]).status === 0;

let self: ProcessIdentity;
let program: WorkerProgram;
beforeAll(async () => {
  self = await ownIdentity();
  program = await buildWorker();
});
afterAll(() => program.remove());

/** A process of another kind, on this machine. */
async function sleeper(
  script = "echo $$; exec sleep 600",
): Promise<{ pid: number; parent: number | undefined; kill(): Promise<void> }> {
  const child = spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await once(child, "close");
  };
  return { pid: Number(line), parent: child.pid, kill };
}

function identityOf(pid: number): ProcessIdentity {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return { ...self, pid, started: stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] };
}

describe("a process", () => {
  test("names itself, with the number that others see", () => {
    expect(self.pid).toBe(process.pid);
    expect(self.host).not.toBe("");
  });

  test("whose place is not known here is neither alive nor dead", async () => {
    expect(await livenessOf({ ...self, place: "another machine" }, self)).toBe("unknown");
    expect(await livenessOf({ ...self, place: undefined }, self)).toBe("unknown");
    expect(await livenessOf({ ...self, place: undefined }, { ...self, place: undefined })).toBe("unknown");
  });

  test("of which only the number is known may be another one by now, as long as there is one", async () => {
    const here = { ...self, place: "one place", started: undefined };
    const { pid, kill } = await sleeper();
    expect(await livenessOf({ ...here, pid }, here)).toBe("unknown");
    await kill();
    expect(await livenessOf({ ...here, pid }, here)).toBe("dead");
  });
});

describe.skipIf(!LINUX)("a process on Linux", () => {
  test("is alive as long as it runs, and dead at once when it was killed", async () => {
    expect(await livenessOf(self, await ownIdentity())).toBe("alive");
    const { pid, kill } = await sleeper();
    const owner = identityOf(pid);
    expect(await livenessOf(owner, self)).toBe("alive");
    await kill();
    expect(await livenessOf(owner, self)).toBe("dead");
  });

  test("is dead when another one has got its number", async () => {
    expect(await livenessOf({ ...self, started: "1" }, self)).toBe("dead");
  });

  test("is dead when nobody has waited for it yet", async () => {
    // The shell becomes a program that does not know of its child.
    const { pid, parent } = await sleeper("sleep 600 & echo $!; exec sleep 600");
    await until(() => readFileSync(`/proc/${parent}/comm`, "utf8") === "sleep\n");
    process.kill(pid, "SIGKILL");
    await until(() => / Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8")));
    expect(await livenessOf(identityOf(pid), self)).toBe("dead");
  });

  test("that is suspended is neither dead nor quite alive", async () => {
    const { pid } = await sleeper();
    const owner = identityOf(pid);
    process.kill(pid, "SIGSTOP");
    await until(async () => (await livenessOf(owner, self)) === "suspended");
    process.kill(pid, "SIGCONT");
    await until(async () => (await livenessOf(owner, self)) === "alive");
  });

  test("may have blanks and brackets in its name", async () => {
    const script = `process.title = "x) Z 1 (y"; console.log(process.pid); setInterval(() => {}, 1000)`;
    const { pid } = await sleeper(`exec "${process.execPath}" -e '${script}'`);
    expect(readFileSync(`/proc/${pid}/stat`, "utf8")).toContain("(x) Z 1 (y)");
    expect(await livenessOf(identityOf(pid), self)).toBe("alive");
  });

  test("of the same namespace has the same place", async () => {
    const other = JSON.parse(await startWorker(program, ["who"]).line()) as ProcessIdentity;
    expect(other.place).toBe(self.place);
    expect(other.place).toMatch(/^[0-9a-f-]{36} pid:\[\d+\]/);
  });

  test.skipIf(!NAMESPACES)("of another PID namespace has another place", async () => {
    const command = ["unshare", "--pid", "--fork", "--mount-proc"];
    const other = JSON.parse(await startWorker(program, ["who"], { command }).line()) as ProcessIdentity;
    expect(other.pid).toBeLessThan(10);
    expect(other.place).not.toBe(self.place);
    expect(await livenessOf(other, self)).toBe("unknown");
  });

  test.skipIf(!NAMESPACES)("that is shown the numbers of another namespace knows no place", async () => {
    const command = ["unshare", "--pid", "--fork"];
    const other = JSON.parse(await startWorker(program, ["who"], { command }).line()) as ProcessIdentity;
    expect(other.place).toBeUndefined();
  });
});
