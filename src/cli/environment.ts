import { delimiter } from "node:path";
import { UsageError } from "./usage.ts";

/** The environment as the command line sees it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings of one family of environment variables. */
export interface FamilySettings {
  readonly family: "VSSO" | "GOVC" | "VSPHERE";
  readonly server?: string | undefined;
  readonly ca?: readonly string[] | undefined;
  readonly pins?: readonly string[] | undefined;
  /** Files; of several entries for one server the last counts. */
  readonly knownHosts?: readonly string[] | undefined;
  readonly insecure?: boolean | undefined;
  readonly timeout?: string | undefined;
}

interface Family {
  readonly name: FamilySettings["family"];
  /** Variables of which any one selects the family. */
  readonly selecting: readonly string[];
  /** Variables that select it when nothing else does. */
  readonly settings: readonly string[];
  readonly read: (env: Environment) => Omit<FamilySettings, "family">;
}

const FAMILIES: readonly Family[] = [
  {
    name: "VSSO",
    selecting: ["VSSO_SERVER", "VSSO_USER", "VSSO_PASSWORD", "VSSO_PASSWORD_FILE"],
    settings: ["VSSO_CA", "VSSO_PIN", "VSSO_KNOWN_HOSTS", "VSSO_INSECURE", "VSSO_TIMEOUT"],
    read: (env) => ({
      server: text(env.VSSO_SERVER),
      ca: single(env.VSSO_CA),
      pins: list(env.VSSO_PIN, /[\s,]+/),
      knownHosts: single(env.VSSO_KNOWN_HOSTS),
      insecure: truthy(env.VSSO_INSECURE),
      timeout: text(env.VSSO_TIMEOUT),
    }),
  },
  {
    name: "GOVC",
    selecting: ["GOVC_URL", "GOVC_USERNAME", "GOVC_PASSWORD"],
    settings: ["GOVC_TLS_CA_CERTS", "GOVC_TLS_KNOWN_HOSTS", "GOVC_INSECURE"],
    read: (env) => ({
      server: govcServer(text(env.GOVC_URL)),
      // govc takes lists of files here, as PATH is one.
      ca: list(env.GOVC_TLS_CA_CERTS, delimiter),
      knownHosts: list(env.GOVC_TLS_KNOWN_HOSTS, delimiter),
      insecure: truthy(env.GOVC_INSECURE),
    }),
  },
  {
    name: "VSPHERE",
    selecting: ["VSPHERE_SERVER", "VSPHERE_USER", "VSPHERE_PASSWORD"],
    settings: ["VSPHERE_ALLOW_UNVERIFIED_SSL"],
    read: (env) => ({
      server: text(env.VSPHERE_SERVER),
      insecure: truthy(env.VSPHERE_ALLOW_UNVERIFIED_SSL),
    }),
  },
];

/**
 * Settings of the one family that counts, as a whole: the first that has a server, a user or a password; when
 * none has, the first of which anything is set.
 */
export function familySettings(env: Environment): FamilySettings | undefined {
  const has = (names: readonly string[]) => names.some((name) => text(env[name]) !== undefined);
  const family = FAMILIES.find((f) => has(f.selecting)) ?? FAMILIES.find((f) => has(f.settings));
  return family && { family: family.name, ...family.read(env) };
}

function text(value: string | undefined): string | undefined {
  return value === undefined || value === "" ? undefined : value;
}

function single(value: string | undefined): string[] | undefined {
  const item = text(value);
  return item === undefined ? undefined : [item];
}

function list(value: string | undefined, separator: RegExp | string): string[] | undefined {
  const items = text(value)?.split(separator).filter(Boolean);
  return items && items.length > 0 ? items : undefined;
}

function truthy(value: string | undefined): boolean {
  return value !== undefined && /^(1|t|true|yes|on)$/i.test(value.trim());
}

/**
 * The server of GOVC_URL, which may hold user and password and may lack a scheme.
 *
 * @throws UsageError, which does not quote the value, when it cannot be told where the password ends.
 */
function govcServer(url: string | undefined): string | undefined {
  if (url === undefined) return undefined;
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*:\/\/)?(.*)$/is.exec(url.trim()) ?? [];
  const authority = rest.replace(/[/?#].*$/s, "");
  if (!authority.includes("@") && rest.includes("@")) {
    throw new UsageError(
      "GOVC_URL has an @ after a /, ? or #: it cannot be told where the password ends",
      "percent-encode special characters of the password (/ is %2F, ? is %3F, # is %23, @ is %40)",
    );
  }
  // A scheme that is not https stays, for the check of the server to name it.
  return `${/^(https:\/\/)?$/i.test(scheme) ? "" : scheme}${authority.replace(/^.*@/s, "")}`;
}
