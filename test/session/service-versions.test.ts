import { describe, expect, test } from "vitest";
import {
  chooseVersion,
  negotiateVersion,
  parseServiceVersions,
  VIM_VERSIONS,
  versionOfApi,
} from "../../src/session/service-versions.ts";

const document = (name: string, version: string, ...prior: string[]) =>
  `<namespace><name>${name}</name><version>${version}</version><priorVersions>${prior.map((v) => `<version>${v}</version>`).join("\n")}</priorVersions></namespace>`;
const whole = (...entries: string[]) =>
  `<?xml version="1.0" encoding="UTF-8" ?>\n<namespaces version="1.0">\n${entries.join("\n")}</namespaces>\n`;

describe("vimServiceVersions.xml", () => {
  test("tells the versions of the namespace, the server's own first", () => {
    const xml = whole(
      document("urn:vsan", "8.9.9.9"),
      document("urn:vim25", "8.0.3.0", "8.0.2.0", "2.5u2server", "6.0"),
    );
    expect(parseServiceVersions(xml)).toEqual(["8.0.3.0", "8.0.2.0", "2.5u2server", "6.0"]);
    expect(parseServiceVersions(xml, "urn:vsan")).toEqual(["8.9.9.9"]);
    expect(parseServiceVersions(xml, "urn:pbm")).toEqual([]);
  });

  test("gives no version that could not stand in a header", () => {
    expect(parseServiceVersions(whole(document("urn:vim25", 'a"b', "x y", "1".repeat(99), "6.5")))).toEqual([
      "6.5",
    ]);
  });

  test.each([
    '<!DOCTYPE a [<!ENTITY x "y">]><namespaces/>',
    "<namespaces>",
    "no xml",
    "",
    `<a>${"<b>".repeat(50)}${"</b>".repeat(50)}</a>`,
    `<a>${"<b/>".repeat(20_000)}</a>`,
  ])("is refused when it is no document of the kind", (xml) => {
    expect(() => parseServiceVersions(xml)).toThrow();
  });
});

describe("the version that is spoken", () => {
  test("is the newest that both sides know", () => {
    expect(chooseVersion(["8.0.2.0", "8.0.1.0", "7.0.0.0"])).toBe("8.0.2.0");
    expect(chooseVersion(["99.0.0.0", "6.0", "8.0.3.0", "7.0.0.0"])).toBe("8.0.3.0");
    expect(chooseVersion([...VIM_VERSIONS].reverse())).toBe(VIM_VERSIONS[0]);
  });

  test("is the server's own when it knows none of ours, and none when it tells none", () => {
    expect(chooseVersion(["99.1", "99.0"])).toBe("99.1");
    expect(chooseVersion([])).toBeUndefined();
  });

  test("is that of the API where the server publishes none, if that can be one", () => {
    expect(versionOfApi("8.0.2.0")).toBe("8.0.2.0");
    expect(versionOfApi("6.7")).toBe("6.7");
    for (const odd of ["", "eight", '8.0"', "8", "1.2.3.4.5"]) expect(versionOfApi(odd)).toBe("6.5");
  });

  test.each([
    [404, "", undefined],
    [200, "<html><body>hello", undefined],
    [200, whole(document("urn:vim25", "7.0.0.0")), "7.0.0.0"],
    [200, whole(), undefined],
  ])("is asked for without a session; HTTP %i with %j means %s", async (status, body, version) => {
    const seen: unknown[] = [];
    const transport = {
      request: async (url: string, request: object) => {
        seen.push([url, request]);
        return { status, headers: {}, body: Buffer.from(body), url };
      },
    };
    expect(await negotiateVersion(transport, "https://vc/sdk")).toBe(version);
    expect(seen).toEqual([
      [
        "https://vc/sdk/vimServiceVersions.xml",
        { method: "GET", headers: { accept: "text/xml, application/xml" } },
      ],
    ]);
  });

  test("newest first, none twice", () => {
    expect(new Set(VIM_VERSIONS).size).toBe(VIM_VERSIONS.length);
    const numbers = VIM_VERSIONS.map((v) => v.split(".").map(Number));
    const sorted = [...numbers].sort((a, b) => {
      for (let i = 0; i < 4; i++) if ((a[i] ?? 0) !== (b[i] ?? 0)) return (b[i] ?? 0) - (a[i] ?? 0);
      return 0;
    });
    expect(numbers).toEqual(sorted);
  });
});
