import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../src/cli/commands.ts";
import { OPTIONS } from "../src/cli/options.ts";
import * as library from "../src/index.ts";
import { SESSION_CARRIERS } from "../src/session/index.ts";
import { type Simulator, startSimulator } from "../src/simulator/index.ts";

const page = readFileSync(new URL("../docs/sessions.md", import.meta.url), "utf8");
const exported = new Map<string, unknown>(Object.entries(library));
/** Each example under the heading that it stands below. */
const examples = page.split(/^## /m).flatMap((section) => {
  const heading = section.slice(0, section.indexOf("\n"));
  return [...section.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => ({ heading, code: match[1]! }));
});

describe("docs/sessions.md", () => {
  let simulator: Simulator;
  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1 });
  });
  afterAll(() => simulator.close());

  test("has an example for each way in", () => {
    expect(examples.map(({ heading }) => heading)).toEqual([
      "One object",
      "A session of another program",
      "The doors",
      "What carries a session",
    ]);
  });

  test.each(examples)("$heading: the example runs word for word, and leaves no session", async ({ code }) => {
    const imported = /^import \{([^}]*)\} from "vsphere-sso";$/m.exec(code)?.[1]?.split(",") ?? [];
    const names = imported.map((name) => name.trim());
    const printed: unknown[][] = [];
    const { username, password } = simulator.users[0]!;
    const scope: Record<string, unknown> = {
      ...Object.fromEntries(names.map((name) => [name, exported.get(name)])),
      server: simulator.servers[0]!.url,
      trust: { ca: simulator.ca },
      username,
      password,
      console: { log: (...values: unknown[]) => printed.push(values) },
    };
    const body = `return (async () => {${code.replace(/^import .*$/m, "")}})()`;
    await new Function(...Object.keys(scope), body)(...Object.values(scope));
    expect(printed.length).toBeGreaterThan(0);
    expect(JSON.stringify(printed)).not.toContain(password);

    const soap = new library.VimSoap(simulator.servers[0]!.url, { trust: { ca: simulator.ca } });
    await soap.login({ username, password });
    expect(await soap.sessionList()).toHaveLength(1);
    await soap.logout();
    await soap.close();
  });

  test("names only commands, options and switches that exist", () => {
    const commands = new Set(
      COMMANDS.flatMap(({ name }) => (name.includes(" ") ? [name] : [name, `${name} `])),
    );
    const used = [...page.matchAll(/\bvsso ([a-z]+)(?: ([a-z]+))?/g)].filter(
      ([, one, two]) => !commands.has(one!) && !commands.has(`${one} ${two}`),
    );
    expect(used.map(([text]) => text)).toEqual([]);
    const flags = [...page.matchAll(/(?<![\w-])--([a-z][a-z-]+)/g)].map((match) => match[1]!);
    expect(flags.filter((flag) => !(flag in OPTIONS))).toEqual([]);
  });

  test("tells the carrier of every service", () => {
    const section = page.split(/^## /m).find((text) => text.startsWith("What carries a session"))!;
    for (const [service, { path, name }] of Object.entries(SESSION_CARRIERS)) {
      const row = section.split("\n").find((line) => line.startsWith("|") && line.includes(`\`${service}\``));
      expect({ service, row }).toEqual({ service, row: expect.stringContaining(path) });
      if (service !== "vapi-jsonrpc") expect(row).toContain(name);
    }
  });

  test("has every switch of the simulator", () => {
    const source = readFileSync(new URL("../src/simulator/sessions/behaviours.ts", import.meta.url), "utf8");
    const switches = [...source.matchAll(/^ {2}readonly (\w+)\?:/gm)].map((match) => match[1]!);
    expect(switches.length).toBeGreaterThan(10);
    expect(switches.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });
});
