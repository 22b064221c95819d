import { createHash } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readTerraformSessions, writeTerraformSessions } from "../../../src/session/index.ts";
import { temporaryFolder } from "./folders.ts";

const USER = "administrator@vsphere.local";
const SESSION = {
  server: "vc01.corp.example",
  user: USER,
  insecure: false,
  vapi: "vapi-id",
  vim: "vim-id",
  serviceContent: {},
};
const named = (path: string, digest = "sha256") =>
  createHash(digest)
    .update(`https://administrator%40vsphere.local@vc01.corp.example${path}#insecure=false`)
    .digest("hex");

describe("a session for Terraform", () => {
  it("is named by the user, in the folders that the provider is told of", async () => {
    const folder = await temporaryFolder();
    const folders = { vim: join(folder, "a"), rest: join(folder, "b") };
    const files = await writeTerraformSessions(folders, SESSION);
    expect(files).toEqual([join(folders.vim, named("/sdk")), join(folders.rest, named("/rest"))]);
    expect(JSON.parse(await readFile(files[1] ?? "", "utf8"))).toMatchObject({ SessionID: "vapi-id" });
    const found = await readTerraformSessions(folders, { server: SESSION.server, user: USER });
    expect(found).toMatchObject({ vim: "vim-id", vapi: "vapi-id", files });
  });

  it("stands in sessions and rest_sessions of one folder where only that is named", async () => {
    const folder = await temporaryFolder();
    const files = await writeTerraformSessions(folder, SESSION);
    expect(files).toEqual([
      join(folder, "sessions", named("/sdk")),
      join(folder, "rest_sessions", named("/rest")),
    ]);
  });

  it("is found by its user alone", async () => {
    const folder = await temporaryFolder();
    await writeTerraformSessions(folder, { ...SESSION, user: "" });
    expect(await readTerraformSessions(folder, { server: SESSION.server, user: USER })).toBeUndefined();
  });
});

describe("a session of an older release of Terraform's provider", () => {
  const leave = async (folder: string, name: string, text: string) => {
    await mkdir(join(folder, "rest_sessions"), { recursive: true });
    await writeFile(join(folder, "rest_sessions", name), text, { mode: 0o600 });
  };
  const search = { server: SESSION.server, user: USER };

  it.each(["sha1", "sha256"])("is a bare ID at the vAPI side, named by %s", async (digest) => {
    const folder = await temporaryFolder();
    await leave(folder, named("/sdk", digest), "a-bare-id\n");
    expect(await readTerraformSessions(folder, search)).toMatchObject({ vapi: "a-bare-id", vim: undefined });
  });

  it.each(["", "two words", '{"SessionID":"x"}', '"quoted"', "a\nb"])(
    "that holds %j is refused",
    async (text) => {
      const folder = await temporaryFolder();
      await leave(folder, named("/sdk"), text);
      await expect(readTerraformSessions(folder, search)).rejects.toMatchObject({
        code: "STORE_UNREADABLE",
        message: expect.stringContaining("holds no session ID"),
      });
    },
  );
});
