// Java's own XML signature, in a process of its own.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const source = fileURLToPath(new URL("../../test/peers/clients/XmlSignature.java", import.meta.url));

/** How often per second Java parses an assertion and verifies it with a certificate's key, once it is warm. */
export function verifyWithJava(assertion, certificate, rounds = 4000) {
  const directory = mkdtempSync(join(tmpdir(), "vsso-bench-"));
  try {
    const [token, key] = ["token.xml", "certificate.pem"].map((name) => join(directory, name));
    writeFileSync(token, assertion, { mode: 0o600 });
    writeFileSync(key, certificate);
    const args = [source, "verify", token, key, "Assertion", String(rounds)];
    return Number(execFileSync("java", args, { encoding: "utf8" }));
  } finally {
    rmSync(directory, { recursive: true });
  }
}
