/** The environment as the command line sees it. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Settings of one family of environment variables. */
export interface FamilySettings {
  readonly family: "VSSO" | "GOVC" | "VSPHERE";
  readonly server?: string | undefined;
  readonly ca?: readonly string[] | undefined;
  readonly pins?: readonly string[] | undefined;
  readonly knownHosts?: string | undefined;
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
      ca: list(env.VSSO_CA, /^(?!)/),
      pins: list(env.VSSO_PIN, /[\s,]+/),
      knownHosts: text(env.VSSO_KNOWN_HOSTS),
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
      // govc takes a list of files here, as PATH is one.
      ca: list(env.GOVC_TLS_CA_CERTS, process.platform === "win32" ? /;/ : /:/),
      knownHosts: text(env.GOVC_TLS_KNOWN_HOSTS),
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

function list(value: string | undefined, separator: RegExp): string[] | undefined {
  const items = text(value)?.split(separator).filter(Boolean);
  return items && items.length > 0 ? items : undefined;
}

function truthy(value: string | undefined): boolean {
  return value !== undefined && /^(1|t|true|yes|on)$/i.test(value.trim());
}

/** The authority of GOVC_URL, which may hold user and password and may lack a scheme. */
function govcServer(url: string | undefined): string | undefined {
  return url
    ?.replace(/^[a-z][a-z0-9+.-]*:\/\//i, "")
    .replace(/[/?#].*$/, "")
    .replace(/^.*@/, "");
}
