import { describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import { authorityOf, formatAuthority, parseServer } from "../../src/net/authority.ts";

test.each([
  ["vc01.corp.example", "vc01.corp.example:443"],
  ["VC01.Corp.Example.", "vc01.corp.example:443"],
  [" vc01:8443 ", "vc01:8443"],
  ["vc_01", "vc_01:443"],
  ["10.0.0.1:7444", "10.0.0.1:7444"],
  ["fd00::1", "[fd00::1]:443"],
  ["[FD00:0:0::1]:5480", "[fd00::1]:5480"],
  ["[::1]", "[::1]:443"],
  ["https://vc01.corp.example/ui/?x=1#y", "vc01.corp.example:443"],
  ["HTTPS://vc01:9443", "vc01:9443"],
  ["https://[::1]:9443/sdk", "[::1]:9443"],
  ["bücher.example", "xn--bcher-kva.example:443"],
])("parseServer reads %s", (text, expected) => {
  expect(formatAuthority(parseServer(text))).toBe(expected);
});

test.each([
  "--insecure",
  "vc01.-bad.example",
  "",
  "  ",
  "vc01:",
  "vc01:0",
  "vc01:65536",
  "vc01:http",
  "vc01/sdk",
  "vc 01",
  "vc01..example",
  "[::1",
  "[::1]x",
  "::g",
  "fe80::1%eth0",
  "http://vc01",
  "ftp://vc01",
  "https://",
  "https:///path",
  "a".repeat(300),
  "vc01\u0000",
])("parseServer refuses %j", (text) => {
  expect(() => parseServer(text)).toThrow(InvalidArgumentError);
});

test("parseServer never repeats a user name or password", () => {
  for (const text of [
    "https://administrator:hunter2@vc01",
    "administrator:hunter2@vc01",
    "hunter2@vc01:443",
  ]) {
    const error = (() => {
      try {
        return parseServer(text);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(`${error} ${(error as InvalidArgumentError).hint} ${(error as Error).cause}`).not.toContain(
      "hunter2",
    );
  }
});

describe("authorityOf", () => {
  test("takes the default port of the scheme", () => {
    expect(authorityOf(new URL("https://vc01/api"))).toEqual({ host: "vc01", port: 443 });
    expect(authorityOf(new URL("http://localhost/api"))).toEqual({ host: "localhost", port: 80 });
    expect(authorityOf(new URL("https://[::1]:8443/"))).toEqual({ host: "::1", port: 8443 });
  });

  test("refuses other schemes", () => {
    expect(() => authorityOf(new URL("file:///etc/passwd"))).toThrow(InvalidArgumentError);
  });
});
