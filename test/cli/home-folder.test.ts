import { userInfo } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { knownHostsFile } from "../../src/cli/connection.ts";
import { homeFolder } from "../../src/cli/home-folder.ts";
import { cacheFolders } from "../../src/cli/session-exchange.ts";

describe.skipIf(process.platform === "win32")("the home folder", () => {
  it("is that of HOME", () => {
    expect(homeFolder({ HOME: "/home/alice" })).toBe("/home/alice");
    expect(knownHostsFile({}, { HOME: "/home/alice" })).toBe("/home/alice/.config/vsso/known_hosts");
    expect(cacheFolders("govc", { HOME: "/home/alice" }, undefined).vim).toBe(
      "/home/alice/.govmomi/sessions",
    );
  });

  it.each([undefined, "", "alice", "./"])(
    "is the user's where HOME is %j: no folder below the current one",
    (home) => {
      const own = userInfo().homedir;
      const env = home === undefined ? {} : { HOME: home };
      expect(homeFolder(env)).toBe(own);
      expect(knownHostsFile({}, env)).toBe(join(own, ".config", "vsso", "known_hosts"));
      expect(knownHostsFile({}, { ...env, XDG_CONFIG_HOME: "config" })).toBe(
        join(own, ".config", "vsso", "known_hosts"),
      );
      for (const program of ["govc", "terraform"] as const) {
        expect(cacheFolders(program, env, undefined).rest).toBe(join(own, ".govmomi", "rest_sessions"));
      }
    },
  );
});
