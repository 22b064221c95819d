// Runs of the built `vsso`, in an environment of their own.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../../dist/vsso.cjs", import.meta.url));
const PHASES = fileURLToPath(new URL("phases.cjs", import.meta.url));

/** Environment of runs against the first server of a group, which keep their state below `folder`. */
export function vssoEnvironment(group, folder) {
  const [{ username, password }] = group.users;
  return {
    PATH: process.env.PATH,
    HOME: folder,
    XDG_STATE_HOME: join(folder, "state"),
    LOCALAPPDATA: join(folder, "state"),
    VSSO_SERVER: group.urls[0],
    VSSO_CA: group.caFile,
    VSSO_USER: username,
    VSSO_PASSWORD: password,
    VSSO_PERSIST: "1",
  };
}

/**
 * Starts a run. `ended` has how it ended, what it printed, and what it told of its phases; `onPhase` is called for
 * each as soon as it is told.
 */
export function startVsso(args, env, { onPhase } = {}) {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { ...env, NODE_OPTIONS: `--require ${JSON.stringify(PHASES)}` },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const startedAt = performance.now();
  const texts = ["", "", "", ""];
  for (const fd of [1, 2, 3]) child.stdio[fd].setEncoding("utf8").on("data", (text) => take(fd, text));
  function take(fd, text) {
    texts[fd] += text;
    if (fd === 3) for (const phase of text.split("\n").filter(Boolean)) onPhase?.(phase, child);
  }
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => {
      const [, stdout, stderr, phases] = texts;
      const milliseconds = performance.now() - startedAt;
      resolve({ code, signal, stdout, stderr, phases: phases.split("\n").filter(Boolean), milliseconds });
    });
  });
  return { child, ended };
}

/** A run to its end. @throws Error when it fails. */
export async function runVsso(args, env) {
  const run = await startVsso(args, env).ended;
  if (run.code !== 0) throw new Error(`vsso ${args.join(" ")} ended with ${run.code}: ${run.stderr}`);
  return run;
}
