import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { registrationDiff } from "../../src/cli/output/registration-diff.ts";
import { type Simulator, type SimulatorSolutionUser, startSimulator } from "../../src/simulator/index.ts";
import { assertionXml } from "../sts/assertions.ts";
import { authority, type CliOptions, type CliResult, jsonError, temporaryFolder, vsso } from "./host.ts";
import { typing } from "./terminal.ts";

const SPEC = {
  serviceId: "tool-1",
  serviceVersion: "1.0",
  ownerId: "tool@vsphere.local",
  serviceType: { product: "com.example", type: "tool" },
  serviceEndpoints: [
    {
      url: "https://tool.example/api",
      endpointType: { protocol: "rest", type: "com.example.tool" },
      sslTrust: [] as string[],
      endpointAttributes: [{ key: "k", value: "<v> & more" }],
    },
  ],
  serviceAttributes: [] as { key: string; value: string }[],
};
const ADDED = [
  "+ serviceVersion: 1.0",
  "+ ownerId: tool@vsphere.local",
  "+ serviceType.product: com.example",
  "+ serviceType.type: tool",
  "+ serviceEndpoints[0].url: https://tool.example/api",
  "+ serviceEndpoints[0].endpointAttributes[0].value: <v> & more",
];

let simulator: Simulator;
let server: string;
let ca: readonly string[];
let admin: { readonly username: string; readonly password: string };
let operator: { readonly username: string; readonly password: string };
let solution: SimulatorSolutionUser;

beforeAll(async () => {
  simulator = await startSimulator({ nodes: 2 });
  server = authority(simulator);
  ca = ["--ca", simulator.caFile];
  [admin, operator] = [simulator.users[0]!, simulator.users[1]!];
  solution = simulator.solutionUsers[0]!;
});
beforeEach(() => {
  simulator.faults = {};
});
afterAll(() => simulator.close());

const writeOperations = () =>
  simulator.requests
    .map(({ operation }) => operation)
    .filter((name) => /^(Create|Set|Delete)$/.test(name ?? ""));

function lookup(
  words: readonly string[],
  more: readonly string[] = [],
  options: CliOptions = {},
): Promise<CliResult> {
  return vsso(["lookup", ...words, server, ...ca, ...more], options);
}

/** As Administrator. */
function write(words: readonly string[], ...more: string[]): Promise<CliResult> {
  return lookup(words, ["--yes", "--user", admin.username, ...more], {
    env: { VSSO_PASSWORD: admin.password },
  });
}

const spec = (serviceId: string, more: object = {}): string =>
  JSON.stringify({ ...SPEC, serviceId, ...more });

async function registered(serviceId: string, node = 1): Promise<unknown> {
  const { code, out } = await vsso([
    "lookup",
    "get",
    serviceId,
    authority(simulator, node),
    ...ca,
    "-o",
    "json",
  ]);
  return code === 0 ? JSON.parse(out) : undefined;
}

async function fileOf(content: string): Promise<string> {
  const path = join(await temporaryFolder(), "file");
  await writeFile(path, content);
  return path;
}

describe("without --yes", () => {
  it.each<[string, () => string[], string[]]>([
    ["create", () => ["create", "-d", spec("dry-1")], ["+ serviceId: dry-1", ...ADDED]],
    ["delete", () => ["delete", "EXISTING"], ["- serviceId: EXISTING", "- serviceType.type: cs.vapi"]],
  ])("%s shows what it would do, exit code 2, and does nothing", async (verb, words, lines) => {
    const [existing] = await listOf("cs.vapi");
    const named = (text: string) => text.replace("EXISTING", existing!.serviceId);
    const before = writeOperations().length;
    const { code, out, err } = await lookup(words().map(named));
    expect({ code, out }).toEqual({ code: 2, out: "" });
    const shown = err.split("\n");
    for (const line of lines.map(named)) expect(shown).toContain(line);
    expect(err).toContain(
      `error[USAGE]: vsso lookup ${verb} changes nothing without --yes\n  try: add --yes`,
    );
    expect(writeOperations().length).toBe(before);
    expect(await registered("dry-1")).toBeUndefined();
  });

  it("set shows the fields that change, and what is left out as going", async () => {
    const [existing] = await listOf("cs.vapi");
    const { serviceId, serviceVersion } = existing!;
    const { code, err } = await lookup(["set", serviceId, "-d", '{"serviceVersion":"99"}']);
    expect(code).toBe(2);
    const lines = err.split("\n");
    expect(lines).toContain(`- serviceVersion: ${serviceVersion}`);
    expect(lines).toContain("+ serviceVersion: 99");
    expect(lines).toContain(`  serviceId: ${serviceId}`);
    expect(err).toMatch(/^- serviceEndpoints\[0\]\.url: /m);
    expect(err).not.toMatch(/ownerId/);
  });

  it("needs no credentials, and tells as JSON what JSON can tell", async () => {
    const result = await lookup(["create", "-d", spec("dry-2")], ["-o", "json"]);
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(jsonError(result)).toMatchObject({ code: "USAGE" });
  });

  it("warns of an entry that is not there, or is there already", async () => {
    const missing = await lookup(["delete", "nobody"]);
    expect(missing).toMatchObject({ code: 2, out: "" });
    expect(missing.err).toMatch(/^warning: .*nobody/);
    const [existing] = await listOf("cs.vapi");
    const there = await lookup(["create", "-d", spec(existing!.serviceId)]);
    expect(there.code).toBe(2);
    expect(there.err).toMatch(/^warning: there is a registration .* already\n/);
  });

  it("is an error of usage even where the server cannot be asked", async () => {
    const { code, err } = await vsso([
      "lookup",
      "delete",
      "x",
      "127.0.0.1:1",
      "--insecure",
      "--timeout",
      "5",
    ]);
    expect(code).toBe(2);
    expect(err).toMatch(/warning: .+\nerror\[USAGE\]: vsso lookup delete changes nothing/);
  });
});

describe("with --yes", () => {
  it("creates, sets and deletes for an administrator, on every node", async () => {
    const created = await write(["create", "-d", spec("tool-1")]);
    expect(created).toMatchObject({ code: 0, out: "created tool-1\n" });
    for (const line of ADDED) expect(created.err.split("\n")).toContain(line);
    for (const node of [1, 2]) {
      expect(await registered("tool-1", node)).toMatchObject({ ...SPEC, siteId: expect.any(String) });
    }

    const change = { serviceVersion: "2.0", serviceEndpoints: SPEC.serviceEndpoints };
    const set = await write(["set", "tool-1", "-d", JSON.stringify(change)]);
    expect(set).toMatchObject({ code: 0, out: "set tool-1\n" });
    expect(set.err).toBe("- serviceVersion: 1.0\n+ serviceVersion: 2.0\n  serviceId: tool-1\n");
    expect(await registered("tool-1", 2)).toMatchObject({ ...SPEC, serviceVersion: "2.0" });

    const deleted = await write(["delete", "tool-1"]);
    expect(deleted).toMatchObject({ code: 0, out: "deleted tool-1\n" });
    expect(deleted.err).toMatch(/^- serviceVersion: 2\.0$/m);
    expect(await registered("tool-1")).toBeUndefined();
  });

  it("-o json is what was and what is", async () => {
    const json = async (result: Promise<CliResult>): Promise<{ before: unknown; after: unknown }> => {
      const { code, out } = await result;
      expect(code).toBe(0);
      return JSON.parse(out) as { before: unknown; after: unknown };
    };
    const created = await json(write(["create", "-d", spec("tool-2")], "-o", "json"));
    expect(created.before).toBeNull();
    expect(created.after).toEqual(await registered("tool-2"));
    // What was read may be edited and given back.
    const edited = JSON.stringify({ ...(created.after as object), serviceVersion: "3.0" });
    const set = await json(write(["set", "tool-2", "-d", edited], "-o", "json"));
    expect(set).toEqual({
      before: created.after,
      after: { ...(created.after as object), serviceVersion: "3.0" },
    });
    expect(await json(write(["delete", "tool-2"], "-o", "json"))).toEqual({ before: set.after, after: null });
  });

  it("reads the specification from a file and from stdin", async () => {
    expect((await write(["create", "-d", `@${await fileOf(`\uFEFF${spec("tool-3")}\n`)}`])).code).toBe(0);
    const argv = ["--yes", "--user", admin.username, "--password-file", await fileOf(admin.password)];
    const stdin = Readable.from([spec("tool-3", { serviceVersion: "9" })]);
    expect((await lookup(["set", "tool-3", "-d", "-"], argv, { stdin })).code).toBe(0);
    expect(await registered("tool-3")).toMatchObject({ serviceVersion: "9" });
    expect((await write(["delete", "tool-3"])).code).toBe(0);
  });

  it("takes a bearer token, a holder-of-key token, and a solution user's key", async () => {
    const issue = async (argv: readonly string[], env = {}): Promise<string> => {
      const { code, out } = await vsso(["token", "issue", server, ...ca, ...argv], { env });
      expect(code).toBe(0);
      return fileOf(out);
    };
    const password = { VSSO_PASSWORD: admin.password };
    const key = ["--cert", solution.certFile, "--key", solution.keyFile];
    const bearer = await issue(["--user", admin.username], password);
    const holderOfKey = await issue(["--hok", ...key], {});
    const before = simulator.requests.length;
    for (const [index, credentials] of [
      ["--token", bearer],
      ["--token", holderOfKey, ...key],
      ["--hok", ...key],
      key,
    ].entries()) {
      const id = `tool-4-${index}`;
      expect(await lookup(["create", "-d", spec(id)], ["--yes", ...credentials])).toMatchObject({ code: 0 });
      expect(await lookup(["delete", id], ["--yes", ...credentials])).toMatchObject({ code: 0 });
    }
    const asked = simulator.requests.slice(before).map(({ operation }) => operation);
    expect(asked.filter((name) => name === "Issue")).toHaveLength(4);
    // Of the environment a token comes before a password.
    const env = { VSSO_TOKEN: bearer, VSSO_USER: admin.username, VSSO_PASSWORD: "wrong" };
    expect((await lookup(["create", "-d", spec("tool-5")], ["--yes"], { env })).code).toBe(0);
    const keys = { VSSO_CERT: solution.certFile, VSSO_KEY: solution.keyFile };
    expect((await lookup(["delete", "tool-5"], ["--yes"], { env: keys })).code).toBe(0);
  });

  it("is refused for who is no administrator, exit code 1", async () => {
    const result = await lookup(
      ["create", "-d", spec("tool-6")],
      ["--yes", "--user", operator.username, "-o", "json"],
      {
        env: { VSSO_PASSWORD: operator.password },
      },
    );
    expect(result).toMatchObject({ code: 1, out: "" });
    expect(jsonError(result)).toMatchObject({ code: "SECURITY_ERROR", hint: expect.any(String) });
    expect(await registered("tool-6")).toBeUndefined();
  });

  it("an entry that exists, or does not, is what the server says, exit code 1", async () => {
    const [existing] = await listOf("cs.vapi");
    const twice = await write(["create", "-d", spec(existing!.serviceId)], "-o", "json");
    expect(twice).toMatchObject({ code: 1, out: "" });
    expect(jsonError(twice).code).toBe("ENTRY_EXISTS");
    for (const words of [
      ["delete", "nobody"],
      ["set", "nobody", "-d", '{"serviceVersion":"1"}'],
    ]) {
      const missing = await write(words, "-o", "json");
      expect(missing).toMatchObject({ code: 1, out: "" });
      expect(jsonError(missing).code).toBe("ENTRY_NOT_FOUND");
    }
  });

  it("create makes up an ID where none is given, shows it, and none before --yes", async () => {
    const { serviceId: _, ...fields } = SPEC;
    const data = JSON.stringify(fields);
    const dry = await lookup(["create", "-d", data]);
    expect(dry).toMatchObject({ code: 2, out: "" });
    expect(dry.err.split("\n")).toContain("+ serviceId: (a new UUID)");
    const { code, out } = await write(["create", "-d", data]);
    expect(code).toBe(0);
    const id = /^created ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\n$/.exec(out)?.[1] ?? "";
    expect(await registered(id)).toMatchObject({ ...fields, serviceId: id });
    const json = await write(["create", "-d", data], "-o", "json");
    const { after } = JSON.parse(json.out) as { after: { serviceId: string } };
    expect(await registered(after.serviceId)).toMatchObject({ serviceId: after.serviceId });
    expect(after.serviceId).not.toBe(id);
    for (const serviceId of ["", null]) {
      const wrong = await write(["create", "-d", JSON.stringify({ ...fields, serviceId })], "-o", "json");
      expect(wrong).toMatchObject({ code: 2, out: "" });
      expect(jsonError(wrong).message).toContain("serviceId");
    }
  });

  it.each([
    ["long ago", new Date("2026-01-01T00:00:00Z"), 0],
    // The server decides within the tolerance of clocks; it trusts this token's issuer neither way.
    ["a minute ago", new Date(Date.now() - 660_000), 1],
  ])("a token that expired %s is told to have, exit code 3", async (_, issuedAt, asked) => {
    const token = await fileOf(assertionXml({ issuedAt, lifetimeSeconds: 600 }));
    const [existing] = await listOf("cs.vapi");
    const before = writeOperations().length;
    const argv = ["--yes", "--token", token, "-o", "json"];
    const result = await lookup(["delete", existing!.serviceId], argv);
    expect(result).toMatchObject({ code: 3, out: "" });
    expect(jsonError(result)).toMatchObject({
      code: "TOKEN_EXPIRED",
      message: expect.stringContaining("the token of --token expired at 2026-"),
      hint: expect.stringContaining("vsso token issue"),
    });
    expect(writeOperations().length - before).toBe(asked);
    // One that has not expired is refused for what it is.
    const forged = await lookup(
      ["delete", existing!.serviceId],
      ["--yes", "--token", await fileOf(assertionXml()), "-o", "json"],
    );
    expect(forged.code).toBe(1);
    expect(jsonError(forged).code).not.toBe("TOKEN_EXPIRED");
  });

  it("set does not pretend to change what it cannot", async () => {
    const [existing] = await listOf("cs.vapi");
    for (const field of [
      { ownerId: "me" },
      { serviceId: "other" },
      { serviceType: { product: "p", type: "t" } },
    ]) {
      const data = JSON.stringify({ serviceVersion: "1", ...field });
      const { code, err } = await write(["set", existing!.serviceId, "-d", data]);
      expect(code).toBe(2);
      expect(err).toMatch(/^error\[INVALID_ARGUMENT\]: \w+: .* is not what is registered/m);
    }
  });

  it.each<[string, () => string[], string, RegExp]>([
    ["no credentials", () => ["delete", "x"], "USAGE", /no user is named/],
    ["no specification", () => ["create"], "USAGE", /the registration is missing/],
    ["what is no JSON", () => ["create", "-d", "{"], "USAGE", /no JSON/],
    ["what is no registration", () => ["create", "-d", "[]"], "INVALID_ARGUMENT", /an object/],
    ["a field missing", () => ["create", "-d", '{"serviceId":"x"}'], "INVALID_ARGUMENT", /missing/],
    [
      "an unknown field",
      () => ["create", "-d", spec("x", { colour: "red" })],
      "INVALID_ARGUMENT",
      /colour: unknown/,
    ],
    [
      "a file that is none",
      () => ["set", "x", "-d", "@/nonexistent"],
      "USAGE",
      /cannot read the registration/,
    ],
    [
      "a token and a user",
      () => ["delete", "x", "--token", "t", "--user", "u"],
      "USAGE",
      /exclude each other/,
    ],
  ])("with %s is an error of usage, before anything is asked", async (_, words, code, message) => {
    const before = simulator.requests.length;
    const result = await lookup(words(), ["--yes", "-o", "json"]);
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(jsonError(result)).toMatchObject({ code, message: expect.stringMatching(message) });
    expect(simulator.requests.length).toBe(before);
  });

  it("a wrong password is told before anything is written, exit code 3", async () => {
    const before = writeOperations().length;
    const argv = ["--yes", "--user", operator.username];
    const { code } = await lookup(["delete", "x1"], argv, { stdin: typing("wrong\r") });
    // The entry is looked for first.
    expect(code).toBe(1);
    const [existing] = await listOf("cs.vapi");
    const refused = await lookup(["delete", existing!.serviceId], argv, { stdin: typing("wrong\r") });
    expect(refused).toMatchObject({ code: 3, out: "" });
    expect(refused.err).not.toContain("wrong\n");
    expect(writeOperations().length).toBe(before);
  });
});

describe("the difference of two registrations", () => {
  it("shows control characters as escapes, and certificates by their fingerprints", () => {
    const before = {
      serviceId: "a\u001b[2J",
      serviceEndpoints: [{ url: "u", sslTrust: ["no certificate"] }],
    };
    const text = registrationDiff(before, null);
    expect(text).toContain("- serviceId: a\\u001b[2J\n");
    expect(text).toMatch(/^- serviceEndpoints\[0\]\.sslTrust\[0\]: no certificate… \(.+\)$/m);
  });

  it("of what is the same is what identifies it", () => {
    expect(registrationDiff({ serviceId: "a", x: { y: 1 } }, { x: { y: 1 }, serviceId: "a" })).toBe(
      "  serviceId: a\n",
    );
    expect(registrationDiff(null, null)).toBe("");
  });
});

interface Row {
  readonly serviceId: string;
  readonly serviceVersion: string;
}

async function listOf(type: string): Promise<Row[]> {
  const { out } = await vsso(["lookup", "list", server, ...ca, "--type", type, "-o", "json"]);
  return (JSON.parse(out) as { registrations: Row[] }).registrations;
}
