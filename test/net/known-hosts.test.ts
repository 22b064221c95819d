import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import { parseServer } from "../../src/net/authority.ts";
import { KnownHosts } from "../../src/net/known-hosts.ts";

const A = Array(32).fill("AA").join(":");
const B = Array(32).fill("BB").join(":");
const SHA1 = Array(20).fill("CC").join(":");

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), "known-hosts-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

test("reads hosts, ports, IPv6 and both digests, and skips comments, blank and strange lines", () => {
  const strange = "only a host, perhaps\n|1|c2FsdA==|aGFzaA== key\nuser@vc03 x\n";
  const hosts = new KnownHosts(
    `# ours\n\nVC01.example:443 ${A}\r\nvc02.example ${SHA1}\n[::1]:8443   ${B.toLowerCase()}\n${strange}`,
  );
  expect(hosts.lookup(parseServer("vc01.example"))?.value).toBe(A);
  expect(hosts.lookup(parseServer("vc02.example:443"))).toEqual({ algorithm: "sha1", value: SHA1 });
  expect(hosts.lookup(parseServer("[::1]:8443"))?.value).toBe(B);
  expect(hosts.lookup(parseServer("vc01.example:8443"))).toBeUndefined();
});

test("takes the last of several lines for one server, as govc does", () => {
  const hosts = new KnownHosts(`vc01:443 ${A}\nvc01:443 ${B}\n`);
  expect(hosts.lookup(parseServer("vc01"))?.value).toBe(B);
});

test("refuses to treat an unreadable thumbprint as none", () => {
  const hosts = new KnownHosts(`# x\nvc01:443 nonsense\n`, "/etc/known");
  expect(() => hosts.lookup(parseServer("vc01"))).toThrow(/Line 2 of \/etc\/known/);
  expect(hosts.lookup(parseServer("vc02"))).toBeUndefined();
});

test.each([
  "vc01:443",
  "vc01",
  "vc01:443 ",
  "  vc01\t",
  "https://vc01",
  `vc01:443,${A}`,
  `vc01:443;${A}`,
  `vc01:443|${A}`,
  `vc01:443=${A}`,
  `vc01:443 ${A.slice(0, 50)}`,
  `vc01:443 ${A} # comment`,
])("an entry cut short or written otherwise is not as good as none: %j", (line) => {
  const hosts = new KnownHosts(`vc02 ${B}\n${line}\nvc03 ${B}\n`);
  expect(() => hosts.lookup(parseServer("vc01"))).toThrow(
    /Line 2 of .* has no readable thumbprint for vc01:443/,
  );
  expect(hosts.lookup(parseServer("vc03"))?.value).toBe(B);
});

test.each([
  ["UTF-16", Buffer.from(`\uFEFFvc01:443 ${A}\n`, "utf16le"), "is not UTF-8 text"],
  ["binary", Buffer.from([0x80, 0x81, 0x0a]), "is not UTF-8 text"],
  ["NUL after a line", Buffer.from(`vc01:443 ${A}\n\0`), "is not UTF-8 text"],
  ["a last line without an end or a thumbprint", Buffer.from(`vc01:443 ${A}\nvc02:44`), "was cut short"],
])("a file that cannot be whole is refused as a whole: %s", async (_name, bytes, what) => {
  const path = join(folder(), "known");
  writeFileSync(path, bytes);
  await expect(KnownHosts.load(path)).rejects.toThrow(`${path} ${what}`);
  expect(() => new KnownHosts(bytes.toString("utf8"))).toThrow(InvalidArgumentError);
});

test("lines may end as on any system, and the last one not at all", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    const hosts = new KnownHosts(`\uFEFFvc01 ${A}${end}vc02 ${B}`);
    expect(["vc01", "vc02"].map((name) => hosts.lookup(parseServer(name))?.value)).toEqual([A, B]);
  }
});

test("adds and replaces entries and keeps every other line", () => {
  const hosts = new KnownHosts(`# first\nvc01:443 ${A}\n\nnonsense\nvc01 ${A}\nvc02:443 ${SHA1}`);
  hosts.set(parseServer("VC01"), `SHA256:${B.toLowerCase()}`);
  hosts.set(parseServer("[::1]:8443"), A);
  expect(hosts.toString()).toBe(`# first\nvc01:443 ${B}\n\nnonsense\nvc02:443 ${SHA1}\n[::1]:8443 ${A}\n`);
  expect(hosts.lookup(parseServer("vc01"))?.value).toBe(B);
  expect(() => hosts.set(parseServer("vc03"), "nonsense")).toThrow(InvalidArgumentError);
});

test("a missing file is empty, and is written with its folder, readable by its owner alone", async () => {
  const path = join(folder(), "sub", "known_hosts");
  const hosts = await KnownHosts.load(path);
  expect(hosts.toString()).toBe("");
  hosts.set(parseServer("vc01"), A);
  await hosts.save();
  expect(readFileSync(path, "utf8")).toBe(`vc01:443 ${A}\n`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(join(path, ".."))).toEqual(["known_hosts"]);
});

test("replaces a file as a whole, behind a link too, and narrows its mode", async () => {
  const dir = folder();
  const path = join(dir, "real");
  writeFileSync(path, `vc02:443 ${B}\n`);
  chmodSync(path, 0o644);
  symlinkSync(path, join(dir, "link"));
  const hosts = await KnownHosts.load(join(dir, "link"));
  hosts.set(parseServer("vc01"), A);
  await hosts.save();
  expect(readFileSync(path, "utf8")).toBe(`vc02:443 ${B}\nvc01:443 ${A}\n`);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(dir).sort()).toEqual(["link", "real"]);
});

test("a file that cannot be read or written is an error that names it", async () => {
  const dir = folder();
  await expect(KnownHosts.load(dir)).rejects.toThrow(dir);
  await expect(new KnownHosts("", dir).save()).rejects.toThrow(dir);
  await expect(new KnownHosts("").save()).rejects.toThrow(InvalidArgumentError);
  expect(readdirSync(dir)).toEqual([]);
});
