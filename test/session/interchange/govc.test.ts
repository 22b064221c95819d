import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rename, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { type GovcSession, readGovcSessions, writeGovcSessions } from "../../../src/session/index.ts";
import { temporaryFolder } from "./folders.ts";

const SESSION: GovcSession = {
  server: "vc01.corp.example",
  insecure: false,
  vapi: "vapi-id",
  vim: "vim-id",
  serviceContent: { about: { apiType: "VirtualCenter" } },
};

/** The name of a file, written out: the URL as Go prints it. */
const named = (url: string, insecure = false, digest = "sha256") =>
  createHash(digest).update(`${url}#insecure=${insecure}`).digest("hex");

const saved = (host: string, id: string, path = "/sdk") =>
  `${JSON.stringify({
    SoapClient: {
      cookies: [{ Name: "vmware_soap_session", Value: id, Quoted: true }],
      url: { Scheme: "https", User: null, Host: host, Path: path },
      insecure: false,
      version: "8.0.3.0",
      useJSON: false,
    },
    ServiceContent: {},
  })}\n`;

/** A file in the cache of a folder, as a program on govmomi leaves it. */
async function leave(folder: string, side: "sessions" | "rest_sessions", name: string, text: string) {
  await mkdir(join(folder, side), { recursive: true, mode: 0o700 });
  const file = join(folder, side, name);
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

describe("a session for govc", () => {
  it("is a file of either side that only the owner can read, named by the digest of the URL", async () => {
    const folder = join(await temporaryFolder(), "govmomi");
    const files = await writeGovcSessions(folder, SESSION);
    expect(files).toEqual([
      join(folder, "sessions", named("https://@vc01.corp.example/sdk")),
      join(folder, "rest_sessions", named("https://@vc01.corp.example/rest")),
    ]);
    for (const file of files) expect((await stat(file)).mode & 0o777).toBe(0o600);
    for (const side of ["sessions", "rest_sessions"]) {
      expect((await stat(join(folder, side))).mode & 0o777).toBe(0o700);
    }
    const [soap, rest] = await Promise.all(
      files.map(async (file) => JSON.parse(await readFile(file, "utf8"))),
    );
    expect(soap).toMatchObject({
      SoapClient: {
        cookies: [{ Name: "vmware_soap_session", Value: "vim-id", Quoted: true }],
        url: { Scheme: "https", Host: "vc01.corp.example", Path: "/sdk" },
        insecure: false,
      },
      ServiceContent: SESSION.serviceContent,
    });
    expect(rest).toMatchObject({ SoapClient: { url: { Path: "/rest" } }, SessionID: "vapi-id" });
  });

  it.each([
    ["administrator@vsphere.local", "administrator%40vsphere.local"],
    ["CORP\\alice", "CORP%5Calice"],
    ["a:b/c?d", "a%3Ab%2Fc%3Fd"],
    ["plus+dollar$&,;=", "plus+dollar$&,;="],
    ["it's(!)*", "it%27s%28%21%29%2A"],
    ["Jörg", "J%C3%B6rg"],
  ])("of the user %s is named as Go writes the URL", async (user, written) => {
    const folder = await temporaryFolder();
    const files = await writeGovcSessions(folder, { ...SESSION, user, insecure: true, vapi: null });
    expect(files).toEqual([
      join(folder, "sessions", named(`https://${written}@vc01.corp.example/sdk`, true)),
    ]);
  });

  it("takes the place of the one before, and leaves nothing else behind", async () => {
    const folder = await temporaryFolder();
    const [file = ""] = await writeGovcSessions(folder, { ...SESSION, vapi: null, vim: "x".repeat(5_000) });
    await writeGovcSessions(folder, { ...SESSION, vapi: null });
    expect(JSON.parse(await readFile(file, "utf8")).SoapClient.cookies[0].Value).toBe("vim-id");
    expect(await readdir(join(folder, "sessions"))).toHaveLength(1);
  });

  it("is not written through a symbolic link, to a file or of a folder", async () => {
    const folder = await temporaryFolder();
    const [file = ""] = await writeGovcSessions(folder, { ...SESSION, vapi: null });
    const elsewhere = join(folder, "elsewhere");
    await rename(file, elsewhere);
    await symlink(elsewhere, file);
    const before = await readFile(elsewhere, "utf8");
    const refused = { code: "STORE_UNAVAILABLE", message: expect.stringContaining("is a symbolic link") };
    await expect(writeGovcSessions(folder, { ...SESSION, vim: "other" })).rejects.toMatchObject(refused);
    expect(await readFile(elsewhere, "utf8")).toBe(before);
    const linked = await temporaryFolder();
    await symlink(join(folder, "sessions"), join(linked, "sessions"));
    await expect(writeGovcSessions(linked, SESSION)).rejects.toMatchObject(refused);
  });

  it("is not written to a folder that others can write to", async () => {
    const folder = await temporaryFolder();
    await mkdir(join(folder, "sessions"));
    await chmod(join(folder, "sessions"), 0o777);
    await expect(writeGovcSessions(folder, SESSION)).rejects.toMatchObject({
      code: "STORE_UNAVAILABLE",
      message: expect.stringContaining("can be written to by other users"),
    });
    expect(await readdir(join(folder, "sessions"))).toEqual([]);
  });

  it("that cannot be written is a typed error without the ID", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "file"), "");
    const failure = await writeGovcSessions(join(folder, "file"), SESSION).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "STORE_UNAVAILABLE", hint: expect.any(String) });
    expect(inspect(failure)).not.toContain("vim-id");
  });

  it.each([
    ["no side", { vapi: null, vim: null }],
    ["an empty ID", { vapi: "", vim: null }],
    ["an ID that no header can carry", { vapi: null, vim: "a\r\nX: y" }],
  ])("with %s is refused", async (_, ids) => {
    const folder = await temporaryFolder();
    await expect(writeGovcSessions(folder, { ...SESSION, ...ids })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("a session of govc", () => {
  it("is found at both sides, and shows no ID", async () => {
    const folder = await temporaryFolder();
    const files = await writeGovcSessions(folder, SESSION);
    const found = await readGovcSessions(folder, { server: "https://VC01.corp.example/sdk" });
    expect(found).toMatchObject({ server: "vc01.corp.example:443", vim: "vim-id", vapi: "vapi-id", files });
    for (const text of [inspect(found), JSON.stringify(found), String(found)]) {
      expect(text).not.toMatch(/vim-id|vapi-id/);
    }
    expect({ ...found }).not.toHaveProperty("vim");
  });

  it("is found by its user, and by none where the user has none", async () => {
    const folder = await temporaryFolder();
    await writeGovcSessions(folder, SESSION);
    await writeGovcSessions(folder, { ...SESSION, user: "alice", vapi: null, vim: "of-alice" });
    expect((await readGovcSessions(folder, { server: SESSION.server, user: "alice" }))?.vim).toBe("of-alice");
    expect((await readGovcSessions(folder, { server: SESSION.server, user: "bob" }))?.vim).toBe("vim-id");
    expect((await readGovcSessions(folder, { server: SESSION.server }))?.vim).toBe("vim-id");
  });

  it("of one user is not put together with another one's", async () => {
    const folder = await temporaryFolder();
    await writeGovcSessions(folder, { ...SESSION, user: "alice", vim: "of-alice", vapi: null });
    await writeGovcSessions(folder, { ...SESSION, vim: null, vapi: "of-nobody" });
    const found = await readGovcSessions(folder, { server: SESSION.server, user: "alice" });
    expect([found?.vim, found?.vapi]).toEqual(["of-alice", undefined]);
  });

  it("that verifies no certificates is found when that is meant, or when nothing is said", async () => {
    const folder = await temporaryFolder();
    await writeGovcSessions(folder, { ...SESSION, insecure: true });
    const found = async (insecure?: boolean) =>
      (await readGovcSessions(folder, { server: SESSION.server, insecure }))?.vim;
    expect([await found(), await found(true), await found(false)]).toEqual(["vim-id", "vim-id", undefined]);
  });

  it.each([
    ["the port written", "https://@vc01.corp.example:443/sdk", "vc01.corp.example:443"],
    ["a slash at the end", "https://@vc01.corp.example/sdk/", "vc01.corp.example"],
    ["capitals, as they are given", "https://@VC01.Corp.example/sdk", "VC01.Corp.example"],
  ])("is found with %s", async (_, url, host) => {
    const folder = await temporaryFolder();
    const file = await leave(folder, "sessions", named(url), saved(host, "an-id"));
    const server = host.startsWith("VC") ? host : "vc01.corp.example";
    expect(await readGovcSessions(folder, { server })).toMatchObject({ vim: "an-id", files: [file] });
  });

  it("is found by the names and the fields of releases before 2025", async () => {
    const folder = await temporaryFolder();
    const old = {
      SoapClient: {
        Cookies: [{ Name: "vmware_soap_session", Value: '"an-id"' }],
        URL: { Scheme: "https", User: {}, Host: "vc01", Path: "/sdk" },
        Insecure: false,
      },
      ServiceContent: {},
    };
    await leave(folder, "sessions", named("https://root@vc01/sdk", false, "sha1"), JSON.stringify(old));
    expect(await readGovcSessions(folder, { server: "vc01", user: "root" })).toMatchObject({ vim: "an-id" });
  });

  it("is read although the end of a longer one stands behind it", async () => {
    const folder = await temporaryFolder();
    const text = `${saved("vc01", "an-id")}rest of the one before"}}\n`;
    await leave(folder, "sessions", named("https://@vc01/sdk"), text);
    expect(await readGovcSessions(folder, { server: "vc01" })).toMatchObject({ vim: "an-id" });
  });

  it("with an IPv6 address and a port is found", async () => {
    const folder = await temporaryFolder();
    await writeGovcSessions(folder, { ...SESSION, server: "[2001:db8::1]:8443" });
    const found = await readGovcSessions(folder, { server: "[2001:db8::1]:8443" });
    expect(found).toMatchObject({ server: "[2001:db8::1]:8443", vim: "vim-id" });
  });

  it("is not there where there is no folder, none of the server, or one that is not logged in", async () => {
    const folder = await temporaryFolder();
    expect(await readGovcSessions(join(folder, "none"), { server: "vc01" })).toBeUndefined();
    await writeGovcSessions(folder, SESSION);
    expect(await readGovcSessions(folder, { server: "vc02.corp.example" })).toBeUndefined();
    await leave(folder, "sessions", named("https://@vc01/sdk"), saved("vc01", ""));
    expect(await readGovcSessions(folder, { server: "vc01" })).toBeUndefined();
  });

  describe("is refused", () => {
    const name = named("https://@vc01/sdk");
    const refusal = async (folder: string) => {
      const failure = await readGovcSessions(folder, { server: "vc01" }).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "STORE_UNREADABLE", hint: expect.any(String) });
      expect(inspect(failure)).not.toContain("an-id");
      return String(failure);
    };

    it.each([
      ["is of another server", saved("evil.example", "an-id"), "is of evil.example:443"],
      ["is of another port", saved("vc01:8443", "an-id"), "is of vc01:8443"],
      ["is no JSON", "an-id { not JSON", "is not JSON"],
      ["is empty", "", "is not JSON"],
      ["is a list", "[]\n", "names no https server"],
      ["is a number", "1\n", "is not a saved client"],
      ["is of http", saved("vc01", "an-id").replace('"https"', '"http"'), "names no https server"],
      ["has no URL", '{"SoapClient":{}}\n', "names no https server"],
      ["names a user for a server", saved("user@vc01", "an-id"), "names no server"],
      [
        "has cookies that are no list",
        saved("vc01", "an-id").replace(/\[.*?\]/, '"an-id"'),
        "is not a saved",
      ],
      [
        "has an ID that is no text",
        saved("vc01", "an-id").replace('"an-id"', '{"a":1}'),
        "no header can carry",
      ],
      ["has an ID with a line break", saved("vc01", "an-id\\nX: y").replace("\\\\n", "\\n"), "no header can"],
      ["is large", saved("vc01", "an-id".repeat(300_000)), "larger than a session is"],
    ])("where it %s", async (_, text, message) => {
      const folder = await temporaryFolder();
      await leave(folder, "sessions", name, text);
      expect(await refusal(folder)).toContain(message);
    });

    it("where others can read or write it", async () => {
      for (const mode of [0o640, 0o604, 0o620, 0o602]) {
        const folder = await temporaryFolder();
        await chmod(await leave(folder, "sessions", name, saved("vc01", "an-id")), mode);
        expect(await refusal(folder)).toContain("is open to other users");
      }
    });

    it("where it is a symbolic link, or a folder", async () => {
      const folder = await temporaryFolder();
      await rename(await leave(folder, "sessions", name, saved("vc01", "an-id")), join(folder, "real"));
      await symlink(join(folder, "real"), join(folder, "sessions", name));
      expect(await refusal(folder)).toContain("is a symbolic link");
      const other = await temporaryFolder();
      await mkdir(join(other, "sessions", name), { recursive: true });
      expect(await refusal(other)).toContain("is not a file");
    });

    it("without taking a key of the prototype for its own", async () => {
      const folder = await temporaryFolder();
      const text = saved("vc01", "an-id").replace('"SoapClient"', '"__proto__"');
      await leave(folder, "sessions", name, text);
      expect(await refusal(folder)).toContain("names no https server");
    });
  });
});
