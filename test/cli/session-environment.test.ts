import { execFileSync } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { describe, expect, it } from "vitest";
import { shellWord } from "../../src/cli/output/shell.ts";
import { programEnvironment, shortServer } from "../../src/cli/session-environment.ts";
import { KnownHosts, type TrustOptions } from "../../src/index.ts";
import { temporaryFolder } from "./host.ts";

const FINGERPRINT = Array.from({ length: 32 }, () => "AB").join(":");

describe("the environment of a program", () => {
  const environment = async (trust: TrustOptions, folder: string, fingerprint?: string) =>
    programEnvironment(
      { VSSO_CA: "of-before", GOVC_TLS_KNOWN_HOSTS: "of-before", HOME: "/home/me" },
      { session: { server: "vc01", vapi: "a", vim: null }, trust, fingerprint, folder },
    );

  it("names several authorities to govc, and one file of them to vsso", async () => {
    const folder = await temporaryFolder();
    const files = [join(folder, "a.pem"), join(folder, "b.pem")];
    for (const [index, file] of files.entries()) await writeFile(file, `authority ${index}\n`);
    const env = await environment({ ca: files }, folder, FINGERPRINT);
    expect(env).toMatchObject({ GOVC_TLS_CA_CERTS: files.join(delimiter), VSSO_CA: join(folder, "ca.pem") });
    expect(await readFile(env.VSSO_CA ?? "", "utf8")).toBe("authority 0\n\nauthority 1\n");
    expect((await stat(env.VSSO_CA ?? "")).mode & 0o777).toBe(0o600);
    expect(env.GOVC_TLS_KNOWN_HOSTS).toBeUndefined();
    expect(env).toMatchObject({ HOME: "/home/me", VSSO_SESSION_ID: "a", VSSO_VIM_SESSION_ID: "" });
  });

  it("makes paths absolute, for the program may work elsewhere", async () => {
    const folder = await temporaryFolder();
    const env = await environment({ ca: "ca.pem", knownHosts: "known_hosts" }, folder);
    expect(env.VSSO_CA).toBe(join(process.cwd(), "ca.pem"));
    expect(env.VSSO_KNOWN_HOSTS).toBe(join(process.cwd(), "known_hosts"));
  });

  it("writes down known hosts that are of several files", async () => {
    const folder = await temporaryFolder();
    const known = new KnownHosts(`vc01:443 ${FINGERPRINT}\n`);
    const env = await environment({ knownHosts: known }, folder, FINGERPRINT);
    for (const name of ["VSSO_KNOWN_HOSTS", "GOVC_TLS_KNOWN_HOSTS"]) {
      expect(await readFile(env[name] ?? "", "utf8")).toBe(`vc01:443 ${FINGERPRINT}\n`);
    }
  });

  it("says which file of authorities cannot be read", async () => {
    const folder = await temporaryFolder();
    await expect(environment({ ca: ["/nonexistent/a", "/nonexistent/b"] }, folder)).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining("/nonexistent/"),
    });
  });
});

describe("a server", () => {
  it.each([
    ["vc01.corp.example", "vc01.corp.example"],
    ["https://VC01.corp.example:443/ui", "vc01.corp.example"],
    ["vc01:8443", "vc01:8443"],
    ["[2001:db8::1]:443", "[2001:db8::1]"],
  ])("%s is as short as it can be", (given, short) => {
    expect(shortServer(given)).toBe(short);
  });
});

describe("a word for a shell", () => {
  it.each([
    "plain-word_1.2:3",
    "it's",
    "a b",
    "$(echo no)`no`",
    'say "hi"',
    "a\\b",
    "line\nfeed",
    "*?~#;&|<>",
  ])("is read back as it was: %j", (word) => {
    const out = execFileSync("sh", ["-c", `printf %s ${shellWord(word)}`], { encoding: "utf8" });
    expect(out).toBe(word);
  });
});
