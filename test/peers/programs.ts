import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { buildPeers } from "./build.ts";
import { type Finished, type Running, run, start } from "./process.ts";

/** One server of a running group. */
export interface PeerServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly nodeId: string;
  readonly instanceName: string;
}

/** The line vcsim-peer prints. */
export interface VcsimReady {
  readonly servers: readonly (PeerServer & { readonly instanceUuid: string; readonly tunnelPort?: number })[];
  readonly caFile: string;
}

/** The line `vsso simulate -o json` prints. */
export interface SimulatorReady {
  readonly servers: readonly PeerServer[];
  readonly caFile: string;
  readonly ssoDomain: string;
  readonly users: readonly { readonly username: string; readonly password: string }[];
  readonly solutionUsers: readonly {
    readonly name: string;
    readonly certFile: string;
    readonly keyFile: string;
  }[];
  readonly stsSigningCaFile: string;
}

/** Starts govmomi's simulator; see `vcsim-peer -help` for the flags. */
export async function startVcsim(...flags: readonly string[]): Promise<Running<VcsimReady>> {
  const { vcsim } = await buildPeers();
  return start(vcsim, flags);
}

/** Starts our own simulator by its command. */
export async function startSimulate(...flags: readonly string[]): Promise<Running<SimulatorReady>> {
  return start(process.execPath, [cliPath(), "simulate", "-o", "json", "--stdin-exit", ...flags]);
}

/** Runs our command line. */
export async function vsso(...args: readonly string[]): Promise<Finished> {
  return run(process.execPath, [cliPath(), ...args]);
}

/** Runs our command line and reads its JSON; anything but exit 0 is an error that shows what it said. */
export async function vssoJson<T>(...args: readonly string[]): Promise<T> {
  return json(`vsso ${args.join(" ")}`, await vsso(...args, "-o", "json"));
}

/** Runs govc against one server, without a login unless `env` says otherwise. */
export async function govc(
  server: { readonly url: string; readonly caFile: string },
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  const programs = await buildPeers();
  return run(programs.govc, args, {
    GOVC_URL: server.url,
    GOVC_TLS_CA_CERTS: server.caFile,
    GOVC_PERSIST_SESSION: "false",
    ...env,
  });
}

/** As `govc`, with `-json`. */
export async function govcJson<T>(
  server: { readonly url: string; readonly caFile: string },
  args: readonly string[],
): Promise<T> {
  const [command = "", ...rest] = args;
  return json(`govc ${args.join(" ")}`, await govc(server, [command, "-json", ...rest]));
}

/** The server that stands at a place of a group, with the CA of the group. */
export function serverOf(
  running: Running<{ readonly servers: readonly PeerServer[]; readonly caFile: string }>,
  index = 0,
): PeerServer & { readonly caFile: string; readonly authority: string } {
  const server = running.ready.servers[index];
  if (!server) throw new Error(`the group has no server ${index}`);
  return { ...server, caFile: running.ready.caFile, authority: `${server.host}:${server.port}` };
}

function json<T>(what: string, finished: Finished): T {
  if (finished.code !== 0) throw new Error(`${what} ended with ${finished.code}: ${finished.stderr}`);
  try {
    return JSON.parse(finished.stdout) as T;
  } catch (error) {
    throw new Error(`${what} printed something other than JSON: ${finished.stdout.slice(0, 200)}`, {
      cause: error,
    });
  }
}

/** Of our command line, as it was built. */
export function cliPath(): string {
  const root = new URL("../../", import.meta.url);
  const manifest = JSON.parse(readFileSync(new URL("package.json", root), "utf8")) as {
    bin: { vsso: string };
  };
  const path = fileURLToPath(new URL(manifest.bin.vsso, root));
  if (!existsSync(path)) throw new Error(`${path} is missing: run \`npm run build\` first`);
  return path;
}
