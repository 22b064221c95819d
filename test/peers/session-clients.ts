/** Clients of sessions that are not ours. */
import { fileURLToPath } from "node:url";
import { buildPeers, buildPython } from "./build.ts";
import { type Finished, run } from "./process.ts";

export interface PeerTarget {
  readonly url: string;
  readonly caFile: string;
}

/** How a client logs in. */
export interface PeerLogin {
  readonly user?: { readonly username: string; readonly password: string } | undefined;
  /** Files, as the programs take them. */
  readonly token?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** ID of a session that is there already. */
  readonly session?: string | undefined;
  /** Leaves the session open. */
  readonly keep?: boolean | undefined;
}

/** What one of govmomi's clients says of its login. */
export interface GovmomiSession {
  readonly id?: string;
  readonly key?: string;
  readonly user?: string;
  readonly error?: string;
}

/** Logs in by govmomi's clients, at one door or both. */
export async function govmomiSession(
  server: PeerTarget,
  doors: readonly ("rest" | "soap")[],
  login: PeerLogin,
): Promise<Partial<Record<"rest" | "soap", GovmomiSession>>> {
  const { session } = await buildPeers();
  return answerOf(await run(session, [...flags("-", server, login), ...doors]));
}

/** What pyVmomi, or a plain HTTP client of Python, says of a session. */
export interface PythonSession {
  readonly id?: string;
  readonly user?: string | null;
  readonly key?: string | null;
  readonly apiVersion?: string;
  readonly children?: readonly string[];
  readonly value?: unknown;
  readonly error?: string;
  readonly message?: string;
}

/** Uses a session at the VIM side by pyVmomi, or at the vAPI side by Python's HTTP client. */
export async function pythonSession(
  server: PeerTarget,
  side: "vim" | "vapi",
  login: PeerLogin & { readonly path?: string },
): Promise<PythonSession> {
  const { path, ...rest } = login;
  const args = [...flags("--", server, rest), ...(path === undefined ? [] : ["--path", path]), side];
  return answerOf(await runPython("session_peer.py", args));
}

/** Runs one of the Python programs beside this file. */
export async function runPython(name: string, args: readonly string[], input = ""): Promise<Finished> {
  const { python, script } = await pythonScript(name);
  return run(python, ["-I", script, ...args], {}, input);
}

/** Paths of one of the Python programs beside this file and of the Python that has what it needs. */
export async function pythonScript(name: string): Promise<{ python: string; script: string }> {
  return {
    python: await buildPython(),
    script: fileURLToPath(new URL(`clients/${name}`, import.meta.url)),
  };
}

function flags(dashes: string, server: PeerTarget, login: PeerLogin): string[] {
  const { user, token, cert, key, session, keep } = login;
  const values = { url: server.url, ca: server.caFile, ...user, token, cert, key, session };
  const named = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`${dashes}${name === "username" ? "user" : name}`, value],
  );
  return keep ? [...named, `${dashes}keep`] : named;
}

function answerOf<T>({ code, stdout, stderr }: Finished): T {
  if (stdout.trim() === "" || code === null || code > 1) {
    throw new Error(`the client ended with ${code}: ${stderr || stdout}`);
  }
  return JSON.parse(stdout) as T;
}
