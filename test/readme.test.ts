import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../src/cli/commands.ts";
import { OPTIONS } from "../src/cli/options.ts";
import { LinkedGroup, LookupService, SecurityTokenService, VCenter, verifyAssertion } from "../src/index.ts";
import { type Simulator, startSimulator } from "../src/simulator/index.ts";

const README = readFileSync(fileURLToPath(new URL("../README.md", import.meta.url)), "utf8");
const MANIFEST = JSON.parse(readFileSync(fileURLToPath(new URL("../package.json", import.meta.url)), "utf8"));

/** Code blocks of one language. */
function blocks(language: string): string[] {
  return [...README.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    (match) => match[1]!,
  );
}

describe("the README", () => {
  test("names only commands and options that exist, and every command", () => {
    const names = COMMANDS.map((command) => command.name);
    const used = [...README.matchAll(/\bvsso ([a-z]+)(?: ([a-z]+)\b)?/g)].map((m) => [
      m[1]!,
      `${m[1]} ${m[2]}`,
    ]);
    const groups = new Set(names.map((name) => name.split(" ")[0]!));
    expect(
      used.filter(([one, two]) => !names.includes(one!) && !names.includes(two!) && !groups.has(one!)),
    ).toEqual([]);
    const missing = names.filter(
      (name) => !README.includes(`vsso ${name}`) && !/^lookup (get|site)$/.test(name),
    );
    expect(missing).toEqual([]);
    const flags = [...README.matchAll(/(?<![\w-])--([a-z][a-z-]+)/g)].map((m) => m[1]!);
    expect(flags.filter((flag) => !(flag in OPTIONS))).toEqual([]);
  });

  test("names only imports that the package has", () => {
    const imports = [...README.matchAll(/["`](vsphere-sso(?:\/[a-z]+)?)["`]/g)].map((m) => m[1]!);
    const exported = Object.keys(MANIFEST.exports).map((key) => key.replace(/^\./, "vsphere-sso"));
    expect([...new Set(imports)].filter((name) => !exported.includes(name))).toEqual([]);
  });

  test("names the scripts of the quick start", () => {
    expect(blocks("sh")[0]).toMatch(/npm ci && npm start[\s\S]*npm ci && npm test/);
    expect(MANIFEST.scripts).toMatchObject({ start: expect.any(String), test: expect.any(String) });
  });
});

describe("the library example", () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2 });
  });
  afterAll(() => simulator.close());

  test("does what it says, word for word", async () => {
    const [example] = blocks("ts");
    const printed: unknown[][] = [];
    const body = example!
      .replace(/^import .*$/m, "")
      .replace("vc01.corp.example", simulator.servers[0]!.url)
      .replace("corp-ca.pem", simulator.caFile);
    const run = new Function("LookupService", "console", `return (async () => {${body}})()`);
    await run(LookupService, { log: (...words: unknown[]) => printed.push(words) });
    expect(printed).toEqual(simulator.servers.map((s) => [s.nodeId, s.instanceName, `${s.url}/api`]));
  });

  test("of tokens gets one, renews it and verifies it", async () => {
    const example = blocks("ts").find((block) => block.includes("SecurityTokenService"))!;
    const printed: unknown[][] = [];
    const body = example
      .replace(/^import .*$/m, "")
      .replace("vc01.corp.example", simulator.servers[0]!.url)
      .replace("corp-ca.pem", simulator.caFile);
    const names = ["SecurityTokenService", "verifyAssertion", "certificate", "key", "anchors", "console"];
    const run = new Function(...names, `return (async () => {${body}})()`);
    const { name, certFile, keyFile } = simulator.solutionUsers[0]!;
    const pem = (file: string) => readFileSync(file, "utf8");
    await run(
      ...[SecurityTokenService, verifyAssertion, pem(certFile), pem(keyFile), simulator.stsSigningCa],
      { log: (...words: unknown[]) => printed.push(words) },
    );
    expect(printed).toEqual([
      [`${name}@vsphere.local`, expect.arrayContaining(["vsphere.local\\SolutionUsers"])],
    ]);
  });

  test("of sessions reads by both sides, and leaves none", async () => {
    const example = blocks("ts").find((block) => block.includes("VCenter"))!;
    const printed: unknown[][] = [];
    const body = example
      .replace(/^import .*$/m, "")
      .replace("vc01.corp.example", simulator.servers[0]!.url)
      .replace("corp-ca.pem", simulator.caFile);
    const run = new Function(
      "VCenter",
      "username",
      "password",
      "console",
      `return (async () => {${body}})()`,
    );
    const { username, password } = simulator.users[0]!;
    await run(VCenter, username, password, { log: (...words: unknown[]) => printed.push(words) });
    expect(printed).toEqual([[expect.any(Number), "VSPHERE.LOCAL\\Administrator", true]]);
  });

  test("of linked vCenters asks all of them, and leaves no session", async () => {
    const example = blocks("ts").find((block) => block.includes("LinkedGroup"))!;
    const printed: unknown[][] = [];
    const body = example
      .replace(/^import .*$/m, "")
      .replace("vc01.corp.example", simulator.servers[0]!.url)
      .replace("corp-ca.pem", simulator.caFile);
    const names = ["LinkedGroup", "username", "password", "console"];
    const run = new Function(...names, `return (async () => {${body}})()`);
    const { username, password } = simulator.users[0]!;
    await run(LinkedGroup, username, password, { log: (...words: unknown[]) => printed.push(words) });
    expect(printed).toEqual(simulator.servers.map((s) => [s.instanceName, expect.any(Number)]));
    expect(simulator.sessions).toEqual([]);
  });

  test("of the simulator starts one that answers", async () => {
    const example = blocks("ts").find((block) => block.includes("startSimulator"))!;
    const called: unknown[] = [];
    const run = new Function(
      "startSimulator",
      "codeUnderTest",
      `return (async () => {${example.replace(/^import .*$/m, "")}})()`,
    );
    await run(startSimulator, async (url: string, trust: { ca: string }) => {
      const lookup = new LookupService(url, { trust });
      called.push((await lookup.nodes()).length);
      await lookup.close();
    });
    expect(called).toEqual([2]);
  });
});
