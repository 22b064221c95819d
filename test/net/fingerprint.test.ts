import { X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import { matchesFingerprint, parseFingerprint } from "../../src/net/fingerprint.ts";
import { makeSelfSigned } from "../helpers/certificates.ts";

const bare = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20";
const colons = (bare.toUpperCase().match(/../g) ?? []).join(":");
const sha1 = colons.slice(0, 59);

test.each([
  [bare],
  [bare.toUpperCase()],
  [colons],
  [colons.toLowerCase()],
  [colons.replaceAll(":", " ")],
  [colons.replaceAll(":", "-")],
  [`SHA256:${colons}`],
  [`sha256:${bare}`],
  [`SHA-256: ${colons}`],
  [`sha256 Fingerprint=${colons}`],
  [`SHA256 Thumbprint: ${colons}\n`],
  [`sha256:${Buffer.from(bare, "hex").toString("base64")}`],
  [`SHA256:${Buffer.from(bare, "hex").toString("base64url")}`],
])("reads the SHA-256 fingerprint %s", (text) => {
  expect(parseFingerprint(text)).toEqual({ algorithm: "sha256", value: colons });
});

test.each([
  [sha1],
  [sha1.replaceAll(":", "").toLowerCase()],
  [`SHA1 Fingerprint=${sha1}`],
  [`sha-1:${sha1}`],
])("reads the SHA-1 fingerprint %s", (text) => {
  expect(parseFingerprint(text)).toEqual({ algorithm: "sha1", value: sha1 });
});

test.each([
  [""],
  ["sha256:"],
  [colons.slice(3)],
  [`${colons}:00`],
  [`sha1:${colons}`],
  [`sha256:${sha1}`],
  [colons.replace("01", "0G")],
  ["d41d8cd98f00b204e9800998ecf8427e"],
  [Buffer.from(bare, "hex").toString("base64")],
  ["sha256:AAAA"],
])("refuses %j", (text) => {
  expect(() => parseFingerprint(text)).toThrow(InvalidArgumentError);
});

test("names the pin of a public key as what it is", () => {
  expect(() => parseFingerprint("sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")).toThrow(
    "public key",
  );
  expect(() => parseFingerprint("sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")).toThrow("public key");
});

test("matches a certificate by either digest, and no other certificate", async () => {
  const [one, two] = await Promise.all([makeSelfSigned("one"), makeSelfSigned("two")]);
  const certificate = new X509Certificate(one.cert);
  expect(matchesFingerprint(certificate, parseFingerprint(one.sha256))).toBe(true);
  expect(matchesFingerprint(certificate, parseFingerprint(one.sha1))).toBe(true);
  expect(matchesFingerprint(certificate, parseFingerprint(two.sha256))).toBe(false);
});
