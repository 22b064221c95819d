import { userInfo } from "node:os";
import { describe, expect, test } from "vitest";
import { stateFolder } from "../../../src/session/stores/state-folder.ts";

describe("the folder for stored sessions", () => {
  test.each<[string, NodeJS.Platform, Record<string, string>, string, string]>([
    ["~/.local/state on Linux", "linux", {}, "/home/alice", "/home/alice/.local/state/vsphere-sso/sessions"],
    [
      "~/.local/state on FreeBSD",
      "freebsd",
      {},
      "/home/alice",
      "/home/alice/.local/state/vsphere-sso/sessions",
    ],
    [
      "XDG_STATE_HOME on Linux",
      "linux",
      { XDG_STATE_HOME: "/var/state/alice" },
      "/home/alice",
      "/var/state/alice/vsphere-sso/sessions",
    ],
    [
      "~/.local/state where XDG_STATE_HOME is relative",
      "linux",
      { XDG_STATE_HOME: "state" },
      "/home/alice",
      "/home/alice/.local/state/vsphere-sso/sessions",
    ],
    [
      "~/.local/state where XDG_STATE_HOME is empty",
      "linux",
      { XDG_STATE_HOME: "" },
      "/home/alice",
      "/home/alice/.local/state/vsphere-sso/sessions",
    ],
    [
      "~/Library/Application Support on macOS",
      "darwin",
      {},
      "/Users/alice",
      "/Users/alice/Library/Application Support/vsphere-sso/sessions",
    ],
    [
      "XDG_STATE_HOME on macOS",
      "darwin",
      { XDG_STATE_HOME: "/Users/alice/state" },
      "/Users/alice",
      "/Users/alice/state/vsphere-sso/sessions",
    ],
    [
      "%LOCALAPPDATA% on Windows",
      "win32",
      { LOCALAPPDATA: "D:\\Profiles\\alice\\Local", XDG_STATE_HOME: "/state" },
      "C:\\Users\\alice",
      "D:\\Profiles\\alice\\Local\\vsphere-sso\\sessions",
    ],
    [
      "AppData\\Local of the home folder on Windows where %LOCALAPPDATA% is missing",
      "win32",
      {},
      "C:\\Users\\alice",
      "C:\\Users\\alice\\AppData\\Local\\vsphere-sso\\sessions",
    ],
    [
      "AppData\\Local of the home folder on Windows where %LOCALAPPDATA% is relative",
      "win32",
      { LOCALAPPDATA: "Local" },
      "C:\\Users\\alice",
      "C:\\Users\\alice\\AppData\\Local\\vsphere-sso\\sessions",
    ],
  ])("is below %s", (_where, platform, env, home, expected) => {
    expect(stateFolder(env, platform, home)).toBe(expected);
  });

  test("follows HOME of the environment that is given, not that of the process", () => {
    expect(stateFolder({ HOME: "/elsewhere" }, "linux")).toBe("/elsewhere/.local/state/vsphere-sso/sessions");
  });

  test.each(["", "relative/home", "."])(
    "does not follow a HOME of %j: it would be below the current one",
    (home) => {
      const expected = `${userInfo().homedir}/.local/state/vsphere-sso/sessions`;
      expect(stateFolder({ HOME: home }, "linux")).toBe(expected);
      expect(stateFolder({}, "linux", home)).toBe(expected);
    },
  );
});
