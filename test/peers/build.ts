import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cleanEnv } from "./process.ts";

const source = fileURLToPath(new URL("go", import.meta.url));
const output = fileURLToPath(new URL(".build", import.meta.url));

/** Paths of the built programs. */
export interface PeerPrograms {
  /** govmomi's vCenter simulator, one or several linked. */
  readonly vcsim: string;
  /** govc with its anonymous and session commands. */
  readonly govc: string;
  /** govmomi's decoder on a List answer. */
  readonly decodeBench: string;
  /** An https GET by Go's standard library, trusting one CA file. */
  readonly tlsCheck: string;
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
  };
}
