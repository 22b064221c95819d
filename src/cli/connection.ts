import { existsSync, readFileSync } from "node:fs";
import { delimiter, isAbsolute, join } from "node:path";
import type { TransportOptions, TrustOptions } from "../index.ts";
import { KnownHosts } from "../index.ts";
import { type Environment, type FamilySettings, familySettings } from "./environment.ts";
import { homeFolder, requireHomeFolder } from "./home-folder.ts";
import type { Flags } from "./options.ts";
import { UsageError } from "./usage.ts";

/** Where to connect and whom to trust, from flags and environment. */
export interface Connection {
  /** As given; undefined when nothing names a server. */
  readonly server: string | undefined;
  readonly transport: TransportOptions;
}

/** The longest time that timers take, in whole seconds: 24 days. */
const MAX_TIMEOUT_SECONDS = 2_147_483;

const KNOWN_HOSTS = ["vsso", "known_hosts"] as const;

/** Where `vsso trust --write` keeps thumbprints, and every command looks for them; undefined without a home folder. */
function defaultKnownHosts(env: Environment): string | undefined {
  const { XDG_CONFIG_HOME: config = "" } = env;
  if (isAbsolute(config)) return join(config, ...KNOWN_HOSTS);
  const home = homeFolder(env);
  return home === undefined ? undefined : join(home, ".config", ...KNOWN_HOSTS);
}

/** The known hosts file to write to: the flag's, the environment's first, or the default one. @throws UsageError */
export function knownHostsFile(flags: Flags, env: Environment): string {
  const file = flags["known-hosts"] ?? familySettings(env)?.knownHosts?.[0] ?? defaultKnownHosts(env);
  return file ?? join(requireHomeFolder(env, "give --known-hosts FILE"), ".config", ...KNOWN_HOSTS);
}

/**
 * Flags win over the environment, of which one family counts as a whole.
 *
 * @throws UsageError
 */
export function resolveConnection(flags: Flags, env: Environment): Connection {
  const family = familySettings(env);
  const timeout = flags.timeout ?? family?.timeout;
  const proxy = env.HTTPS_PROXY || env.https_proxy;
  const noProxy = env.NO_PROXY || env.no_proxy;
  return {
    server: flags.server ?? family?.server,
    transport: {
      trust: resolveTrust(flags, env, family),
      ...(proxy && { proxy }),
      ...(noProxy && { noProxy }),
      ...(flags.resolve && { addresses: addressMap(flags.resolve) }),
      ...(timeout !== undefined && { totalTimeoutMs: timeoutMs(timeout) }),
    },
  };
}

/**
 * Trust is one decision: flags that make it replace that of the environment and of the default known hosts file,
 * lest something there decides before the flag does. Only `--known-hosts`, which speaks for the servers it lists,
 * leaves the authorities of the environment in force for the others.
 */
function resolveTrust(flags: Flags, env: Environment, family: FamilySettings | undefined): TrustOptions {
  const { ca, pin, insecure } = flags;
  if (ca !== undefined || pin !== undefined || insecure || flags["known-hosts"] !== undefined) {
    const authorities = ca ?? (pin === undefined && !insecure ? family?.ca : undefined);
    return {
      ...(authorities !== undefined && { ca: authorities }),
      ...(pin && { pins: pin }),
      ...(flags["known-hosts"] !== undefined && { knownHosts: flags["known-hosts"] }),
      ...(insecure && { insecure }),
    };
  }
  const files =
    family?.knownHosts ?? [defaultKnownHosts(env) ?? []].flat().filter((file) => existsSync(file));
  const [file, ...more] = files;
  return {
    ...(family?.ca && { ca: family.ca }),
    ...(family?.pins && { pins: family.pins }),
    ...(file !== undefined && { knownHosts: more.length === 0 ? file : joinKnownHosts(files) }),
    ...(family?.insecure() && { insecure: true }),
  };
}

/** Several files as one; those that do not exist count as empty, as a single one does. */
function joinKnownHosts(files: readonly string[]): KnownHosts {
  const texts = files.map((file) => {
    try {
      return readFileSync(file, "utf8");
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === "ENOENT") return "";
      throw new UsageError(`cannot read the known hosts file ${file}`, "check the path and its permissions", {
        cause,
      });
    }
  });
  return new KnownHosts(texts.join("\n"), files.join(delimiter));
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
    map[`${match[1]}:${match[2]}`] = match[3] ?? "";
  }
  return map;
}

function timeoutMs(seconds: string): number {
  const value = /^\d+(\.\d+)?$/.test(seconds.trim()) ? Number(seconds) : 0;
  if (value > 0 && value <= MAX_TIMEOUT_SECONDS) return Math.ceil(value * 1000);
  throw new UsageError(
    `a timeout of "${seconds}" is no number of seconds above 0, at most ${MAX_TIMEOUT_SECONDS}`,
    "give it as --timeout 30",
  );
}
