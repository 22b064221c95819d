import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { rolldown } from "rolldown";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Identity, makeAuthority, makeCertificate } from "../helpers/certificates.ts";
import { startSecureServer } from "./servers.ts";

const TRANSPORT = fileURLToPath(new URL("../../src/net/transport.ts", import.meta.url));
const PROGRAM = `
import { Transport } from "./transport.mjs";
const transport = new Transport({ retry: false });
try {
  const { status } = await transport.request(process.argv[2], { method: "POST", body: "secret" });
  console.log(status);
} catch (error) {
  console.log(error.reason ?? error.code);
}
await transport.close();
`;

let folder: string;
let root: Identity;
let other: Identity;
/** Of the same name as `root`, with another key, as after an authority was set up anew. */
let former: Identity;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "stores-"));
  // Node reads NODE_EXTRA_CA_CERTS once, when it starts: only another process shows it.
  const bundle = await rolldown({ input: TRANSPORT, platform: "node" });
  await bundle.write({
    dir: folder,
    format: "esm",
    entryFileNames: "transport.mjs",
    chunkFileNames: "[name]-[hash].mjs",
  });
  await bundle.close();
  writeFileSync(join(folder, "program.mjs"), PROGRAM);
  [root, other, former] = await Promise.all([
    makeAuthority("Corp Root"),
    makeAuthority("Other Root"),
    makeAuthority("Corp Root"),
  ]);
  writeFileSync(join(folder, "root.pem"), root.cert);
  writeFileSync(join(folder, "other.pem"), other.cert);
  writeFileSync(join(folder, "former.pem"), former.cert);
});

afterAll(() => rmSync(folder, { recursive: true }));

/** What a new process that trusts by default makes of a server. */
async function ask(port: number, system: string, extra?: string): Promise<string> {
  const env = {
    PATH: process.env.PATH ?? "",
    SSL_CERT_FILE: join(folder, system),
    ...(extra && { NODE_EXTRA_CA_CERTS: join(folder, extra) }),
  };
  const url = `https://127.0.0.1:${port}/`;
  const child = spawn(process.execPath, [fileURLToPath(pathToFileURL(join(folder, "program.mjs"))), url], {
    env,
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  await once(child, "close");
  return out.trim();
}

// On macOS and Windows the system's authorities are in a key store, which tests leave alone.
describe.skipIf(process.platform !== "linux")("without trust options, a certificate is accepted", () => {
  test("that the system's authorities issued", async () => {
    const server = await startSecureServer(await makeCertificate(root, "leaf"));
    expect(await ask(server.port, "root.pem")).toBe("200");
    expect(server.connections).toBe(1);
  });

  test("that the authorities in NODE_EXTRA_CA_CERTS issued", async () => {
    const server = await startSecureServer(await makeCertificate(root, "leaf"));
    expect(await ask(server.port, "other.pem", "root.pem")).toBe("200");
    expect(server.connections).toBe(2);
  });

  test("that they issued, though the system has an older authority of the same name", async () => {
    const leaf = await makeCertificate(root, "leaf", { withoutAuthorityKeyId: true });
    const server = await startSecureServer(leaf);
    expect(await ask(server.port, "former.pem")).toBe("rejected");
    expect(await ask(server.port, "former.pem", "root.pem")).toBe("200");
  });

  test("and refused when neither did, for the first reason, with nothing sent", async () => {
    const server = await startSecureServer(
      await makeCertificate(root, "old", { notBeforeDays: -20, notAfterDays: -10 }),
    );
    expect(await ask(server.port, "root.pem", "other.pem")).toBe("expired");
    expect(server.received).toBe(0);
  });

  test("and one of another name is not tried again", async () => {
    const leaf = await makeCertificate(root, "leaf", { names: ["elsewhere.example"] });
    const server = await startSecureServer(leaf);
    expect(await ask(server.port, "root.pem", "root.pem")).toBe("name-mismatch");
    expect([server.connections, server.received]).toEqual([1, 0]);
  });
});
