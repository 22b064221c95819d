import { createHash } from "node:crypto";
import { readFile, readlink } from "node:fs/promises";
import { hostname, networkInterfaces } from "node:os";

/** Which process of which machine; what another process needs to find out whether it still runs. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in ticks since the machine did; with it a process is not taken for a later one of its number. */
  readonly started: string | undefined;
  /** For people; two machines may have the same. */
  readonly host: string;
  /** Where its number means something: the same text in two processes says that they see each other's numbers. */
  readonly place: string | undefined;
}

/** `unknown` where its number means nothing here, or may by now be that of another process. */
export type Liveness = "alive" | "suspended" | "dead" | "unknown";

export async function ownIdentity(): Promise<ProcessIdentity> {
  const host = hostname();
  if (process.platform === "linux") {
    const [stat, place] = await Promise.all([readStat(process.pid), linuxPlace()]);
    return { pid: process.pid, started: stat?.started, host, place };
  }
  return { pid: process.pid, started: undefined, host, place: networkPlace(host) };
}

/**
 * Whether a process still runs, as far as `self` can see.
 *
 * @param self identity of the process that asks.
 */
export async function livenessOf(owner: ProcessIdentity, self: ProcessIdentity): Promise<Liveness> {
  if (owner.place === undefined || owner.place !== self.place) return "unknown";
  if (!exists(owner.pid)) return "dead";
  if (owner.started === undefined) return "unknown";
  const stat = await readStat(owner.pid);
  // It has just ended, or is hidden (hidepid) because it is another user's.
  if (stat === undefined) return exists(owner.pid) ? "unknown" : "dead";
  if (stat.started !== owner.started) return "dead";
  // A killed process that nobody waits for stays listed; one with a thread left may still finish a system call.
  if (/[ZXx]/.test(stat.state)) return stat.threads > 1 ? "alive" : "dead";
  return /[Tt]/.test(stat.state) ? "suspended" : "alive";
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ESRCH");
  }
}

/** Source: proc_pid_stat(5). */
async function readStat(
  pid: number,
): Promise<{ state: string; threads: number; started: string } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The second field is the name, which may hold blanks and brackets itself.
  const fields = text.slice(text.lastIndexOf(")") + 1).split(" ");
  const [state, threads, started] = [fields[1], fields[18], fields[20]];
  if (state === undefined || threads === undefined || started === undefined) return undefined;
  return { state, threads: Number(threads), started };
}

/** A boot of a kernel, and the namespaces in which numbers and start times are counted. */
async function linuxPlace(): Promise<string | undefined> {
  try {
    const [self, boot, pids, times] = await Promise.all([
      readlink("/proc/self"),
      readFile("/proc/sys/kernel/random/boot_id", "utf8"),
      readlink("/proc/self/ns/pid"),
      readlink("/proc/self/ns/time").catch(() => "time:none"),
    ]);
    // A container may be shown the processes of its host, under other numbers than its own.
    return self === String(process.pid) ? `${boot.trim()} ${pids} ${times}` : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Without namespaces the machine is enough: it is known by its network cards. One that comes or goes makes a process
 * `unknown`, never `dead`.
 */
function networkPlace(host: string): string | undefined {
  if (process.platform !== "darwin" && process.platform !== "win32") return undefined;
  const addresses = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ internal, mac }) => !internal && mac !== "00:00:00:00:00:00")
    .map(({ mac }) => mac);
  if (addresses.length === 0) return undefined;
  const names = [host, ...[...new Set(addresses)].sort()].join(" ");
  return createHash("sha256").update(names).digest("hex");
}
