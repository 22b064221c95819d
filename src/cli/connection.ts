import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { TransportOptions } from "../net/transport.ts";
import { type Environment, familySettings } from "./environment.ts";
import type { Flags } from "./options.ts";
import { UsageError } from "./usage.ts";

/** Where to connect and whom to trust, from flags and environment. */
export interface Connection {
  /** As given; undefined when nothing names a server. */
  readonly server: string | undefined;
  readonly transport: TransportOptions;
}

/** Where `vsso trust --write` keeps thumbprints, and every command looks for them. */
export function defaultKnownHosts(env: Environment): string {
  const base = env.XDG_CONFIG_HOME || join(env.HOME || homedir(), ".config");
  return join(base, "vsso", "known_hosts");
}

/** The known hosts file in force: the flag's, the environment's, or the default one. */
export function knownHostsFile(flags: Flags, env: Environment): string {
  return flags["known-hosts"] ?? familySettings(env)?.knownHosts ?? defaultKnownHosts(env);
}

/**
 * Flags win over the environment, of which one family counts as a whole.
 *
 * @throws UsageError
 */
export function resolveConnection(flags: Flags, env: Environment): Connection {
  const family = familySettings(env);
  const trustFlags = flags.ca !== undefined || flags.pin !== undefined || flags["known-hosts"] !== undefined;
  const timeout = flags.timeout ?? family?.timeout;
  const proxy = env.HTTPS_PROXY || env.https_proxy;
  const noProxy = env.NO_PROXY || env.no_proxy;
  const known = knownHostsFile(flags, env);
  const explicitKnownHosts = flags["known-hosts"] ?? family?.knownHosts;
  const ca = flags.ca === undefined ? family?.ca : [flags.ca];
  const pins = flags.pin ?? family?.pins;
  return {
    server: flags.server ?? family?.server,
    transport: {
      trust: {
        ...(ca && { ca }),
        ...(pins && { pins }),
        ...((explicitKnownHosts !== undefined || existsSync(known)) && { knownHosts: known }),
        // A trust flag narrows what the environment opens wide.
        ...((flags.insecure || (family?.insecure && !trustFlags)) && { insecure: true }),
      },
      ...(proxy && { proxy }),
      ...(noProxy && { noProxy }),
      ...(flags.resolve && { addresses: addressMap(flags.resolve) }),
      ...(timeout !== undefined && { totalTimeoutMs: timeoutMs(timeout) }),
    },
  };
}

/** Reads curl's `HOST:PORT:ADDR[:PORT]`; IPv6 addresses stand in brackets. */
function addressMap(entries: readonly string[]): Record<string, string> {
  const map: Record<string, string> = {};
  for (const entry of entries) {
    const match = /^(\[[^\]]+\]|[^:[\]]+):(\d{1,5}):(\[[^\]]+\](?::\d{1,5})?|[^:[\]]+(?::\d{1,5})?)$/.exec(
      entry,
    );
    if (!match) {
      throw new UsageError(
        `--resolve ${entry} is not of the form HOST:PORT:ADDR[:PORT]`,
        "as --resolve vc01.corp.example:443:192.0.2.10",
      );
    }
    map[`${match[1]?.toLowerCase()}:${match[2]}`] = match[3] ?? "";
  }
  return map;
}

function timeoutMs(seconds: string): number {
  const value = Number(seconds);
  if (seconds.trim() === "" || !Number.isFinite(value) || value <= 0) {
    throw new UsageError(`a timeout of "${seconds}" is no number of seconds`, "give it as --timeout 30");
  }
  return Math.ceil(value * 1000);
}
