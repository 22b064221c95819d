import { describe, expect, it } from "vitest";
import { distinctUsers, serverText } from "../../src/cli/session-exchange.ts";

describe("the server as programs on govmomi have it", () => {
  it.each([
    ["VC01.corp.example", "VC01.corp.example"],
    ["vc01.corp.example:443", "vc01.corp.example:443"],
    ["https://Vc01.Corp.Example:443/sdk?x#y", "Vc01.Corp.Example:443"],
    [" HTTPS://vc01:8443 ", "vc01:8443"],
    ["[FD00::1]:443", "[FD00::1]:443"],
    ["fd00::1", "[fd00::1]"],
  ])("is %s as it is named here: %s", (server, text) => {
    expect(serverText("govc", {}, server)).toBe(text);
    expect(serverText("terraform", {}, server)).toBe(text);
  });

  it("is that of the program's own variable where that is the same server", () => {
    const env = { GOVC_URL: "https://root:pass@VC01:443/sdk", VSPHERE_SERVER: "Vc01" };
    expect(serverText("govc", env, "vc01")).toBe("VC01:443");
    expect(serverText("terraform", env, "vc01")).toBe("Vc01");
    expect(serverText("govc", env, "vc02")).toBe("vc02");
    expect(serverText("govc", { GOVC_URL: "" }, "vc02")).toBe("vc02");
  });
});

describe("users", () => {
  it("are told once, however their names are written", () => {
    expect(distinctUsers(["A@corp.example", "a@CORP.example", "CORP.example\\a", "b@corp.example"])).toEqual([
      "A@corp.example",
      "b@corp.example",
    ]);
    expect(distinctUsers([])).toEqual([]);
  });
});
