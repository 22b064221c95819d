import { readFile, writeFile } from "node:fs/promises";
import { delimiter, join, resolve } from "node:path";
import type { TrustOptions } from "../index.ts";
import { KnownHosts, parseServer } from "../index.ts";
import type { Environment } from "./environment.ts";
import { UsageError } from "./usage.ts";

/** A session as it is handed over. */
export interface HandedSession {
  /** `host`, or `host:port` where the port is not 443. */
  readonly server: string;
  readonly vapi: string | null;
  readonly vim: string | null;
}

/** Where a session is handed over: what `session login -o env` exports, and `exec` gives to its program. */
export function sessionVariables({ server, vapi, vim }: HandedSession): Readonly<Record<string, string>> {
  return {
    VSSO_SERVER: server,
    VSSO_SESSION_ID: vapi ?? "",
    VMWARE_API_SESSION_ID: vapi ?? "",
    VSSO_VIM_SESSION_ID: vim ?? "",
  };
}

/** A server as short as it can be written. */
export function shortServer(server: string): string {
  const { host, port } = parseServer(server);
  const name = host.includes(":") ? `[${host}]` : host;
  return port === 443 ? name : `${name}:${port}`;
}

/** Variables by which a program would log in by itself, or as somebody else: they are not handed on. */
const WITHHELD = [
  "VSSO_USER",
  "VSSO_PASSWORD",
  "VSSO_PASSWORD_FILE",
  "VSSO_CERT",
  "VSSO_KEY",
  "VSSO_TOKEN",
  "VSSO_CA",
  "VSSO_PIN",
  "VSSO_KNOWN_HOSTS",
  "VSSO_INSECURE",
  "VSSO_PERSIST",
  "VSSO_STORE_KEY",
  "GOVC_USERNAME",
  "GOVC_PASSWORD",
  "GOVC_CERTIFICATE",
  "GOVC_PRIVATE_KEY",
  "GOVC_TLS_CA_CERTS",
  "GOVC_TLS_KNOWN_HOSTS",
  "VSPHERE_USER",
  "VSPHERE_PASSWORD",
];

export interface ProgramSession {
  readonly session: HandedSession;
  readonly trust: TrustOptions;
  /** SHA-256 of the certificate that the server presented; absent where none was checked. */
  readonly fingerprint: string | undefined;
  /** A private folder: `GOVMOMI_HOME`. */
  readonly folder: string;
}

/**
 * The environment of a program that works with a session: as it was, without credentials, and with the session and
 * the trust decision for programs of `vsso` and of govmomi. Writes files that it names to the folder.
 *
 * @throws UsageError when a file of authorities cannot be read.
 */
export async function programEnvironment(
  env: Environment,
  { session, trust, fingerprint, folder }: ProgramSession,
): Promise<Environment> {
  const kept = Object.entries(env).filter(([name]) => !WITHHELD.includes(name));
  return {
    ...Object.fromEntries(kept),
    ...sessionVariables(session),
    GOVC_URL: `https://${session.server}/sdk`,
    GOVC_PERSIST_SESSION: "true",
    GOVC_INSECURE: String(trust.insecure === true),
    GOVMOMI_HOME: folder,
    ...(await trustVariables(trust, session.server, fingerprint, folder)),
  };
}

/** Programs may work in another folder: paths are absolute. */
async function trustVariables(
  { ca, pins, knownHosts, insecure }: TrustOptions,
  server: string,
  fingerprint: string | undefined,
  folder: string,
): Promise<Environment> {
  const variables: Record<string, string> = {};
  const authorities = [ca ?? []].flat().map((file) => resolve(String(file)));
  const [only, ...more] = authorities;
  if (only !== undefined) {
    variables.GOVC_TLS_CA_CERTS = authorities.join(delimiter);
    variables.VSSO_CA = more.length === 0 ? only : await joined(authorities, join(folder, "ca.pem"));
  }
  if (pins) variables.VSSO_PIN = pins.join(",");
  if (knownHosts !== undefined) variables.VSSO_KNOWN_HOSTS = await knownHostsFile(knownHosts, folder);
  if (insecure) variables.VSSO_INSECURE = "true";
  // govc knows no pins, and takes a thumbprint where its authorities do not know the certificate.
  if (fingerprint !== undefined && (pins ?? knownHosts) !== undefined) {
    const known = new KnownHosts();
    known.set(parseServer(server), fingerprint);
    variables.GOVC_TLS_KNOWN_HOSTS = join(folder, "govc_known_hosts");
    await known.save(variables.GOVC_TLS_KNOWN_HOSTS);
  }
  return variables;
}

async function knownHostsFile(knownHosts: string | KnownHosts, folder: string): Promise<string> {
  if (typeof knownHosts === "string") return resolve(knownHosts);
  const file = join(folder, "known_hosts");
  await knownHosts.save(file);
  return file;
}

/** Several files as one, for a variable that names one. */
async function joined(files: readonly string[], target: string): Promise<string> {
  const texts = await Promise.all(
    files.map((file) =>
      readFile(file, "utf8").catch((cause: unknown) => {
        throw new UsageError(`cannot read the authorities of ${file}`, "check the path and its permissions", {
          cause,
        });
      }),
    ),
  );
  await writeFile(target, texts.join("\n"), { mode: 0o600 });
  return target;
}
