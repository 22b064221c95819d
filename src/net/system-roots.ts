import { readFile } from "node:fs/promises";
import * as tls from "node:tls";

/** Where the distributions keep their bundle of authorities: Debian, Red Hat, SUSE, Alpine and BSD. */
const BUNDLES: readonly string[] = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** True where the authorities live in a key store, not in a file. */
export const hasKeyStore: boolean = process.platform === "darwin" || process.platform === "win32";

/**
 * The operating system's authorities as PEM, or undefined where none are found. `SSL_CERT_FILE` names the bundle
 * as it does for OpenSSL. Asking Node (22.15 on) is several times slower than reading the file, so it comes last.
 */
export async function readSystemRoots(): Promise<string | undefined> {
  const named = process.env.SSL_CERT_FILE;
  for (const path of named ? [named] : hasKeyStore ? [] : BUNDLES) {
    const text = await readFile(path, "latin1").catch(() => "");
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  }
  const { getCACertificates } = tls as { getCACertificates?: (type: "system") => string[] };
  const system = getCACertificates?.("system") ?? [];
  return system.length === 0 ? undefined : system.join("\n");
}
