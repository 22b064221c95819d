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
  /** Read only where no flag decides. @throws UsageError for a VSSO_INSECURE that says neither yes nor no. */
  readonly insecure: () => boolean | undefined;
  readonly timeout?: string | undefined;
}

/** Credentials of one family of environment variables, and the server they are for. */
export interface FamilyCredentials {
  readonly family: FamilySettings["family"];
  readonly server?: string | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  /** A file that holds the password. */
  readonly passwordFile?: string | undefined;
  /** File or PEM text. */
  readonly cert?: string | undefined;
  /** File or PEM text. */
  readonly key?: string | undefined;
  /** File or the text of an assertion. */
  readonly token?: string | undefined;
}

interface Family {
  readonly name: FamilySettings["family"];
  /** Variables of which any one selects the family. */
  readonly selecting: readonly string[];
  /** Variables that select it when nothing else does. */
  readonly settings: readonly string[];
  readonly read: (env: Environment) => Omit<FamilySettings, "family">;
  readonly credentials: (env: Environment) => Omit<FamilyCredentials, "family" | "server">;
}

const FAMILIES: readonly Family[] = [
  {
    name: "VSSO",
    selecting: ["VSSO_SERVER", "VSSO_USER", "VSSO_PASSWORD", "VSSO_PASSWORD_FILE"],
    settings: [
      "VSSO_CERT",
      "VSSO_KEY",
      "VSSO_TOKEN",
      "VSSO_CA",
      "VSSO_PIN",
      "VSSO_KNOWN_HOSTS",
      "VSSO_INSECURE",
      "VSSO_TIMEOUT",
    ],
    read: (env) => ({
      server: text(env.VSSO_SERVER),
      ca: single(env.VSSO_CA),
      pins: list(env.VSSO_PIN, /[\s,]+/),
      knownHosts: single(env.VSSO_KNOWN_HOSTS),
      insecure: () => yesOrNo(env, "VSSO_INSECURE"),
      timeout: text(env.VSSO_TIMEOUT),
    }),
    credentials: (env) => ({
      user: text(env.VSSO_USER),
      password: text(env.VSSO_PASSWORD),
      passwordFile: text(env.VSSO_PASSWORD_FILE),
      cert: text(env.VSSO_CERT),
      key: text(env.VSSO_KEY),
      token: text(env.VSSO_TOKEN),
    }),
  },
  {
    name: "GOVC",
    selecting: ["GOVC_URL", "GOVC_USERNAME", "GOVC_PASSWORD"],
    settings: [
      "GOVC_CERTIFICATE",
      "GOVC_PRIVATE_KEY",
      "GOVC_TLS_CA_CERTS",
      "GOVC_TLS_KNOWN_HOSTS",
      "GOVC_INSECURE",
    ],
    read: (env) => ({
      server: govcServer(text(env.GOVC_URL)),
      // govc takes lists of files here, as PATH is one.
      ca: list(env.GOVC_TLS_CA_CERTS, delimiter),
      knownHosts: list(env.GOVC_TLS_KNOWN_HOSTS, delimiter),
      insecure: () => truthy(env.GOVC_INSECURE),
    }),
    // As in govc, each variable replaces its part of the URL alone.
    credentials: (env) => {
      const url = govcUserInfo(text(env.GOVC_URL));
      return {
        user: text(env.GOVC_USERNAME) ?? url.user,
        password: text(env.GOVC_PASSWORD) ?? url.password,
        cert: text(env.GOVC_CERTIFICATE),
        key: text(env.GOVC_PRIVATE_KEY),
      };
    },
  },
  {
    name: "VSPHERE",
    selecting: ["VSPHERE_SERVER", "VSPHERE_USER", "VSPHERE_PASSWORD"],
    settings: ["VSPHERE_ALLOW_UNVERIFIED_SSL"],
    read: (env) => ({
      server: text(env.VSPHERE_SERVER),
      insecure: () => truthy(env.VSPHERE_ALLOW_UNVERIFIED_SSL),
    }),
    credentials: (env) => ({ user: text(env.VSPHERE_USER), password: text(env.VSPHERE_PASSWORD) }),
  },
];

/**
 * Settings of the one family that counts, as a whole: the first that has a server, a user or a password; when
 * none has, the first of which anything is set.
 *
 * @throws UsageError for a GOVC_URL that cannot be read.
 */
export function familySettings(env: Environment): FamilySettings | undefined {
  const family = selectFamily(env);
  return family && { family: family.name, ...family.read(env) };
}

/**
 * Credentials of the same family that `familySettings` is of.
 *
 * @throws UsageError, which quotes nothing, for a GOVC_URL whose user or password cannot be read.
 */
export function familyCredentials(env: Environment): FamilyCredentials | undefined {
  const family = selectFamily(env);
  return family && { family: family.name, server: family.read(env).server, ...family.credentials(env) };
}

function selectFamily(env: Environment): Family | undefined {
  const has = (names: readonly string[]) => names.some((name) => text(env[name]) !== undefined);
  return FAMILIES.find((f) => has(f.selecting)) ?? FAMILIES.find((f) => has(f.settings));
}

/**
 * Whether sessions are stored for the next run: what VSSO_PERSIST says, else GOVC_PERSIST_SESSION where no other family
 * counts.
 *
 * @throws UsageError for a VSSO_PERSIST that says neither yes nor no.
 */
export function persistsSessions(env: Environment): boolean {
  const own = yesOrNo(env, "VSSO_PERSIST");
  if (own !== undefined) return own;
  const family = selectFamily(env);
  return (family === undefined || family.name === "GOVC") && truthy(env.GOVC_PERSIST_SESSION);
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

/** Of a variable of ours, which is not to be taken for the contrary of what was meant. */
function yesOrNo(env: Environment, name: "VSSO_INSECURE" | "VSSO_PERSIST"): boolean | undefined {
  const value = text(env[name])?.trim();
  if (value === undefined) return undefined;
  if (truthy(value) || /^y$/i.test(value)) return true;
  if (/^(0|f|false|n|no|off|)$/i.test(value)) return false;
  throw new UsageError(`${name} is neither true nor false: "${value}"`, `set ${name} to 1 or 0, or unset it`);
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
  const { scheme, authority } = splitGovcUrl(url);
  // A scheme that is not https stays, for the check of the server to name it.
  return `${/^(https:\/\/)?$/i.test(scheme) ? "" : scheme}${authority.replace(/^.*@/s, "")}`;
}

/** User and password inside GOVC_URL, percent-decoded. */
function govcUserInfo(url: string | undefined): { user?: string; password?: string } {
  const [, info] = /^(.*)@/s.exec(url === undefined ? "" : splitGovcUrl(url).authority) ?? [];
  if (info === undefined) return {};
  const [user = "", password] = [info.replace(/:.*$/s, ""), /:(.*)$/s.exec(info)?.[1]].map((part) =>
    part === undefined ? undefined : decodePart(part),
  );
  return { ...(user !== "" && { user }), ...(password && { password }) };
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new UsageError(
      "the user or the password in GOVC_URL has a % that begins no percent-encoded character",
      "write % as %25, or give GOVC_USERNAME and GOVC_PASSWORD instead",
      { cause },
    );
  }
}

function splitGovcUrl(url: string): { scheme: string; authority: string } {
  const [, scheme = "", rest = ""] = /^([a-z][a-z0-9+.-]*:\/\/)?(.*)$/is.exec(url.trim()) ?? [];
  const authority = rest.replace(/[/?#].*$/s, "");
  if (!authority.includes("@") && rest.includes("@")) {
    throw new UsageError(
      "GOVC_URL has an @ after a /, ? or #: it cannot be told where the password ends",
      "percent-encode special characters of the password (/ is %2F, ? is %3F, # is %23, @ is %40)",
    );
  }
  return { scheme, authority };
}
