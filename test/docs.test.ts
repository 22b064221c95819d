import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { COMMANDS } from "../src/cli/commands.ts";
import { OPTIONS } from "../src/cli/options.ts";
import * as library from "../src/index.ts";
import { SESSION_CARRIERS } from "../src/session/index.ts";
import { type Simulator, startSimulator } from "../src/simulator/index.ts";

const exported = new Map<string, unknown>(Object.entries(library));
/** What a reader has to have: it is not started here. */
const NEEDS_REDIS = "Redis and Valkey";
const pages = [
  {
    name: "sessions.md",
    ways: ["One object", "A session of another program", "The doors", "What carries a session"],
  },
  { name: "linked.md", ways: ["One group", "One node", "Work at all nodes", "Several groups"] },
  { name: "broker.md", ways: ["The broker", "Files", NEEDS_REDIS] },
].map(({ name, ways }) => ({ name, ways, text: readPage(name) }));

function readPage(name: string): string {
  return readFileSync(new URL(`../docs/${name}`, import.meta.url), "utf8");
}

/** Each example of a page under the heading that it stands below. */
function examplesOf(text: string): { heading: string; code: string }[] {
  return text.split(/^##+ /m).flatMap((section) => {
    const heading = section.slice(0, section.indexOf("\n"));
    return [...section.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map((match) => ({ heading, code: match[1]! }));
  });
}

describe.each(pages)("docs/$name", ({ text, ways }) => {
  let simulator: Simulator;
  let other: Simulator;
  let folder: string;
  beforeAll(async () => {
    [simulator, other] = await Promise.all([
      startSimulator({ nodes: 3 }),
      startSimulator({ nodes: 1, ssoDomain: "other.local" }),
    ]);
    folder = await mkdtemp(join(tmpdir(), "vsso-docs-"));
  });
  afterAll(async () => {
    await Promise.all([simulator.close(), other.close(), rm(folder, { recursive: true })]);
  });
  const examples = examplesOf(text);

  test("has an example for each way in", () => {
    expect(examples.map(({ heading }) => heading)).toEqual(ways);
  });

  test.each(examples.filter(({ heading }) => heading !== NEEDS_REDIS))(
    "$heading: the example runs word for word, and leaves no session",
    async ({ code }) => {
      const imported = /^import \{([^}]*)\} from "vsphere-sso";$/m.exec(code)?.[1]?.split(",") ?? [];
      const names = imported.map((name) => name.trim());
      const printed: unknown[][] = [];
      const [{ username, password }, { password: otherPassword }] = [simulator.users[0]!, other.users[0]!];
      const scope: Record<string, unknown> = {
        ...Object.fromEntries(names.map((name) => [name, exported.get(name)])),
        server: simulator.servers[0]!.url,
        otherServer: other.servers[0]!.url,
        trust: { ca: simulator.ca + other.ca },
        username,
        password,
        otherUsername: other.users[0]!.username,
        otherPassword,
        folder: join(folder, "sessions"),
        console: { log: (...values: unknown[]) => printed.push(values) },
      };
      const body = `return (async () => {${code.replace(/^import .*$/m, "")}})()`;
      await new Function(...Object.keys(scope), body)(...Object.values(scope));
      expect(printed.length).toBeGreaterThan(0);
      expect(JSON.stringify(printed)).not.toContain(password);
      expect(inspect(printed, { depth: 9 })).not.toContain(password);
      expect([...simulator.sessions, ...other.sessions]).toEqual([]);
    },
  );

  test("names only exports that exist in its examples", () => {
    const names = examples.flatMap(
      ({ code }) => /^import \{([^}]*)\} from "vsphere-sso";$/m.exec(code)?.[1]?.split(",") ?? [],
    );
    expect(names.map((name) => name.trim()).filter((name) => !exported.has(name))).toEqual([]);
  });

  test("names only commands, options and switches that exist", () => {
    const commands = new Set(
      COMMANDS.flatMap(({ name }) => (name.includes(" ") ? [name] : [name, `${name} `])),
    );
    const used = [...text.matchAll(/\bvsso ([a-z]+)(?: ([a-z]+))?/g)].filter(
      ([, one, two]) => !commands.has(one!) && !commands.has(`${one} ${two}`),
    );
    expect(used.map(([words]) => words)).toEqual([]);
    const flags = [...text.matchAll(/(?<![\w-])--([a-z][a-z-]+)/g)].map((match) => match[1]!);
    expect(flags.filter((flag) => !(flag in OPTIONS))).toEqual([]);
  });
});

describe("docs/linked.md", () => {
  test("has examples that compile under strict", () => {
    // What the examples are given above.
    const given = ["server", "otherServer", "username", "password", "otherUsername", "otherPassword"].map(
      (name) => `declare const ${name}: string;`,
    );
    const start = `${given.join(" ")} declare const trust: { readonly ca: string };\n`;
    const root = fileURLToPath(new URL("..", import.meta.url));
    const files = new Map(
      examplesOf(readPage("linked.md")).map(({ code }, index) => [
        join(root, "test", `linked-example-${index}.ts`),
        `${start}${code.replace('"vsphere-sso"', '"../src/index.ts"')}`,
      ]),
    );
    const { config } = ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile) as {
      config: { compilerOptions: object };
    };
    const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
    const host = ts.createCompilerHost(options);
    const { readFile, fileExists } = host;
    host.readFile = (path) => files.get(path) ?? readFile(path);
    host.fileExists = (path) => files.has(path) || fileExists(path);
    const program = ts.createProgram([...files.keys()], options, host);
    const found = [...files.keys()].flatMap((path) => {
      const file = program.getSourceFile(path);
      return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)];
    });
    expect(found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"))).toEqual([]);
  }, 120_000);
});

describe("docs/sessions.md", () => {
  const page = readPage("sessions.md");

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
