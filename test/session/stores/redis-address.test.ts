import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { parseRedisUrl } from "../../../src/session/stores/redis-address.ts";

const plain = { tls: false, username: undefined, password: undefined, path: undefined, database: 0 };

describe("the URL of a Redis server", () => {
  test.each([
    ["redis://h", { ...plain, name: "h:6379", host: "h", port: 6379 }],
    ["redis://h/", { ...plain, name: "h:6379", host: "h", port: 6379 }],
    [
      "redis://127.0.0.1:7000/3",
      { ...plain, name: "127.0.0.1:7000", host: "127.0.0.1", port: 7000, database: 3 },
    ],
    ["redis://[::1]:7000?db=12", { ...plain, name: "[::1]:7000", host: "::1", port: 7000, database: 12 }],
    ["rediss://h:1", { ...plain, name: "h:1", host: "h", port: 1, tls: true }],
    ["valkey://h:1", { ...plain, name: "h:1", host: "h", port: 1 }],
    ["valkeys://h:1", { ...plain, name: "h:1", host: "h", port: 1, tls: true }],
    ["redis://:p%40ss%3A%2F@h", { ...plain, name: "h:6379", host: "h", port: 6379, password: "p@ss:/" }],
    ["redis://me:%25@h", { ...plain, name: "h:6379", host: "h", port: 6379, username: "me", password: "%" }],
    [
      "unix:///run/r%20s.sock",
      { ...plain, name: "/run/r s.sock", host: undefined, port: 0, path: "/run/r s.sock" },
    ],
    ["unix:///r?db=2", { ...plain, name: "/r", host: undefined, port: 0, path: "/r", database: 2 }],
  ])("%s is read", (url, address) => {
    expect(parseRedisUrl(url)).toEqual(address);
  });

  test.each([
    "",
    "s3cret",
    "s3cret@h:6379",
    "http://me:s3cret@h",
    "redis+sentinel://me:s3cret@h",
    "redis:///0?s3cret",
    "redis://me:s3cret@/0",
    "redis://:s3cret@h:99999",
    "redis://:s3cret@h:port",
    "redis://:s3cret%zz@h",
    "redis://:s3cret@h/x",
    "redis://:s3cret@h/-1",
    "redis://:s3cret@h/1/2",
    "redis://:s3cret@h/1?db=1",
    "redis://:s3cret@h?db=1.5",
    "redis://:s3cret@h?db=99999999999",
    "redis://h?password=s3cret",
    "rediss://:s3cret@h?ssl_cert_reqs=none",
    "redis://:s3cret@h#fragment",
    "redis://:s3cret@h%00",
    "unix://",
    "unix:///",
    "unix://host/run/s3cret.sock",
    "unix:///a%00s3cret",
  ])("%j is refused, and not repeated", (url) => {
    let error: unknown;
    try {
      parseRedisUrl(url);
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: "INVALID_ARGUMENT", hint: expect.stringContaining("redis://") });
    expect(inspect(error, { depth: 9, showHidden: true }).replace(/\n\s+at .*/g, "")).not.toContain("s3cret");
  });
});
