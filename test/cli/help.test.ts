import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../src/cli/commands.ts";
import { vsso } from "./host.ts";

const names = COMMANDS.map(({ name }) => name);

describe("help", () => {
  it("knows the commands of discovery, of tokens and of sessions", () => {
    expect(names.filter((name) => name !== "token exchange")).toEqual([
      "discover",
      "nodes",
      "endpoints",
      "lookup list",
      "lookup get",
      "lookup site",
      "lookup create",
      "lookup set",
      "lookup delete",
      "trust",
      "token issue",
      "token renew",
      "token validate",
      "token verify",
      "token inspect",
      "session login",
      "session show",
      "session logout",
      "session list",
      "session rm",
      "session export",
      "session import",
      "api",
      "rpc",
      "vim",
      "exec",
      "credential",
      "simulate",
    ]);
  });

  it.each([["-h"], ["--help"], ["--help", "-o", "json"]])("of the program: %s", async (...argv) => {
    const { code, out, err } = await vsso(argv);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    for (const name of names) expect(out).toContain(`\n  ${name}`);
    expect(out).toContain("Example:\n  vsso ");
    expectToFit(out);
  });

  it.each(names)("of %s has usage, options and an example, within 80 columns", async (name) => {
    const { code, out, err } = await vsso([...name.split(" "), "--help"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    const entry = COMMANDS.find((command) => command.name === name)!;
    const usage = entry.runsProgram
      ? `${name} [options] ${entry.positionals}`
      : `${name} ${entry.positionals}`.trim();
    expect(out).toContain(`Usage: vsso ${usage}${entry.runsProgram ? "" : " [options]"}\n`);
    expect(out).toMatch(new RegExp(`\\nExample:\\n  vsso ${name} ?.*\\n$`));
    for (const option of [...entry.options, "server", "ca", "pin", "help"])
      expect(out).toContain(`--${option}`);
    const formats = [entry.formats.slice(0, -1).join(", "), entry.formats.at(-1)]
      .filter(Boolean)
      .join(" or ");
    const more = entry.runsProgram ? ", of errors of vsso itself" : "";
    expect(out).toMatch(new RegExp(`--output FORMAT +${formats}${more}\n`));
    expectToFit(out);
  });

  it.each(names)("shows an example of %s that the grammar takes", async (name) => {
    const { example } = COMMANDS.find((command) => command.name === name)!;
    // --bogus is what is wrong with it, and nothing else.
    const words = example.split(" ").slice(1);
    const { err } = await vsso(["--bogus", ...words]);
    expect(err).toContain("unknown option --bogus");
    const { code, out } = await vsso(["--help", ...words]);
    expect(code).toBe(0);
    expect(out).toContain(`vsso ${name} - `);
  });

  it.each([
    [["api"], "--node MATCH", "repeatable"],
    [["session", "logout"], "--persist", "end the stored sessions"],
    [["session", "show"], "--persist", "use the stored session"],
    [["session", "export"], "--out FILE|FOLDER", "below this folder"],
    [["token", "issue"], "--out FILE", "instead of stdout"],
  ])("of %j says what %s is there", async (words, option, text) => {
    const { out } = await vsso([...words, "--help"]);
    const lines = out.split("\n");
    const from = lines.findIndex((line) => line.trim().startsWith(option));
    const more = lines.slice(from + 1).findIndex((line) => !line.startsWith(" ".repeat(20)));
    expect(
      lines
        .slice(from, from + 1 + more)
        .join(" ")
        .replace(/ +/g, " "),
    ).toContain(text);
  });

  it("of a word that has subcommands lists them", async () => {
    const { code, out } = await vsso(["lookup", "--help"]);
    expect(code).toBe(0);
    for (const name of ["lookup list", "lookup get ID", "lookup site"]) expect(out).toContain(`\n  ${name}`);
    expectToFit(out);
  });

  it("is what a program called with nothing gives on stderr, exit code 2", async () => {
    const { code, out, err } = await vsso([]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("Usage: vsso COMMAND");
  });

  it("of an unknown command is an error", async () => {
    const { code, out, err } = await vsso(["--help", "nods"]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("did you mean vsso nodes?");
  });

  it("needs no server, whatever else is given", async () => {
    expect((await vsso(["discover", "--about", "-h"])).code).toBe(0);
  });
});

describe("--version", () => {
  it.each([["--version"], ["discover", "--version"]])("prints the version alone: %s", async (...argv) => {
    expect(await vsso(argv)).toMatchObject({ code: 0, out: "1.2.3\n", err: "" });
  });

  it("is not -v, which is verbose", async () => {
    const { code, out } = await vsso(["-v"]);
    expect({ code, out }).toEqual({ code: 2, out: "" });
  });
});

function expectToFit(text: string): void {
  expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
}
