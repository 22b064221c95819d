// The Go programs of test/peers, for measuring side by side with them.
import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../../test/peers/go", import.meta.url));
const output = fileURLToPath(new URL("../../test/peers/.build", import.meta.url));

/** Builds the programs and gives their paths. Throws without a Go toolchain. */
export function buildPeers() {
  execFileSync(
    "go",
    ["build", "-mod=readonly", "-buildvcs=false", "-trimpath", "-o", `${output}/`, "./cmd/..."],
    {
      cwd: source,
      env: { ...process.env, GOWORK: "off", CGO_ENABLED: "0" },
      stdio: ["ignore", "ignore", "inherit"],
    },
  );
  return {
    vcsim: join(output, "vcsim-peer"),
    govc: join(output, "govc-peer"),
    decodeBench: join(output, "decode-bench"),
    sts: join(output, "sts-peer"),
  };
}

/**
 * Decodes the List answer in a file with govmomi, in a process of its own.
 *
 * @param {string} file
 * @param {number} [rounds]
 * @returns {{ name: string, bytes: number, nsPerOp: number, mbPerSecond: number, registrations: number }} median round
 */
export function decodeWithGovmomi(file, rounds = 15) {
  const { decodeBench } = buildPeers();
  return JSON.parse(execFileSync(decodeBench, ["-rounds", String(rounds), file], { encoding: "utf8" }));
}

/**
 * Starts vcsim-peer.
 *
 * @param {readonly string[]} [flags]
 * @returns {Promise<{ servers: { url: string, host: string, port: number }[], caFile: string, stop(): Promise<void> }>}
 */
export async function startVcsim(flags = []) {
  const { vcsim } = buildPeers();
  const child = spawn(vcsim, flags, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const line = await Promise.race([
    new Promise((resolve) => createInterface(child.stdout).once("line", resolve)),
    ended.then((code) => {
      throw new Error(`vcsim-peer ended with ${code} before it was ready`);
    }),
  ]);
  return {
    ...JSON.parse(line),
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}

/** The one token that vcsim serves: 7 KB, issued and signed (RSA-2048) by a real vCenter in 2018. */
export async function vcsimToken() {
  const { sts } = buildPeers();
  const vcsim = await startVcsim();
  try {
    const args = ["-url", `${vcsim.servers[0].url}/sts/STSService/vsphere.local`, "-ca", vcsim.caFile];
    return JSON.parse(
      execFileSync(sts, [...args, "-user", "u", "-password", "p", "issue"], { encoding: "utf8" }),
    ).token;
  } finally {
    await vcsim.stop();
  }
}

/** Arguments and environment with which govc lists the registrations of a server without a login. */
export function govcList(govc, { url, caFile }) {
  return {
    command: govc,
    args: ["sso.service.ls", "-json"],
    env: { GOVC_URL: url, GOVC_TLS_CA_CERTS: caFile, GOVC_PERSIST_SESSION: "false" },
  };
}
