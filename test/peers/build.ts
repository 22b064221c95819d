import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cleanEnv } from "./process.ts";

const source = fileURLToPath(new URL("go", import.meta.url));
const output = fileURLToPath(new URL(".build", import.meta.url));
const requirements = fileURLToPath(new URL("clients/requirements.txt", import.meta.url));

/** Paths of the built programs. */
export interface PeerPrograms {
  /** govmomi's vCenter simulator, one or several linked. */
  readonly vcsim: string;
  /** govc with the commands that the tests run. */
  readonly govc: string;
  /** govmomi's decoder on a List answer. */
  readonly decodeBench: string;
  /** An https GET by Go's standard library, trusting one CA file. */
  readonly tlsCheck: string;
  /** govmomi's STS client, and its Lookup Service client with a token. */
  readonly sts: string;
  /** govmomi's logins by REST and SOAP, with a token or a password. */
  readonly session: string;
}

let built: Promise<PeerPrograms> | undefined;

/** Builds the Go module, once per test file; Go's own cache makes that cheap when nothing changed. */
export function buildPeers(): Promise<PeerPrograms> {
  built ??= build();
  return built;
}

async function build(): Promise<PeerPrograms> {
  const args = ["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-o", `${output}/`, "./cmd/..."];
  try {
    await promisify(execFile)("go", args, {
      cwd: source,
      env: cleanEnv({ GOWORK: "off", CGO_ENABLED: "0" }),
    });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw new Error("the peer tests need a Go toolchain: install Go and have `go` in PATH", {
        cause: error,
      });
    }
    throw error;
  }
  return {
    vcsim: join(output, "vcsim-peer"),
    govc: join(output, "govc-peer"),
    decodeBench: join(output, "decode-bench"),
    tlsCheck: join(output, "tls-check"),
    sts: join(output, "sts-peer"),
    session: join(output, "session-peer"),
  };
}

let python: Promise<string> | undefined;

/** The path of a Python that has pyVmomi, in an environment of its own that is made once and kept. */
export function buildPython(): Promise<string> {
  python ??= makePython();
  return python;
}

async function makePython(): Promise<string> {
  const directory = join(output, "python");
  const interpreter = join(directory, "bin", "python");
  const made = join(directory, "requirements.txt");
  const wanted = await readFile(requirements, "utf8");
  if ((await readFile(made, "utf8").catch(() => "")) === wanted) return interpreter;
  await rm(directory, { recursive: true, force: true });
  const call = promisify(execFile);
  try {
    await call("python3", ["-m", "venv", directory]);
  } catch (error) {
    throw new Error("the peer tests need python3 with its venv module: install python3 and python3-venv", {
      cause: error,
    });
  }
  // With the caller's environment: where packages come from, and through which proxy, is set there.
  await call(interpreter, [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "-r",
    requirements,
  ]);
  await writeFile(made, wanted);
  return interpreter;
}
