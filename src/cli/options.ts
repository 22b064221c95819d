export interface OptionSpec {
  readonly type: "string" | "boolean";
  readonly short?: string;
  readonly multiple?: boolean;
  /** What stands for the value in help texts. */
  readonly value?: string;
  readonly help: string;
}

/** Every option of every command: one name means one thing everywhere. */
export const OPTIONS = {
  help: { type: "boolean", short: "h", help: "show this help" },
  version: { type: "boolean", help: "print the version" },
  verbose: { type: "boolean", short: "v", help: "tell on stderr what is retried and rewritten" },
  output: { type: "string", short: "o", value: "FORMAT", help: "table or json" },
  server: { type: "string", value: "SERVER", help: "host, host:port, [ipv6]:port or https:// URL" },
  user: { type: "string", value: "USER", help: "user name, as administrator@vsphere.local" },
  "password-stdin": { type: "boolean", help: "read the password from stdin" },
  "password-file": { type: "string", value: "FILE", help: "read the password from a file" },
  cert: { type: "string", value: "FILE", help: "client certificate (PEM)" },
  key: { type: "string", value: "FILE", help: "private key of the certificate (PEM)" },
  token: { type: "string", value: "FILE|-", help: "SAML token" },
  ca: { type: "string", value: "FILE", help: "trust the CA certificates of this PEM file" },
  pin: {
    type: "string",
    multiple: true,
    value: "FINGERPRINT",
    help: "trust the certificate (or CA) of this SHA-256 fingerprint; repeatable",
  },
  "known-hosts": {
    type: "string",
    value: "FILE",
    help: "trust the thumbprints of this file (govc's format)",
  },
  insecure: { type: "boolean", help: "do not verify certificates (unsafe)" },
  resolve: {
    type: "string",
    multiple: true,
    value: "HOST:PORT:ADDR[:PORT]",
    help: "connect to ADDR for HOST:PORT, as curl; repeatable",
  },
  "lookup-url": { type: "string", value: "URL", help: "Lookup Service elsewhere (external PSC, port 7444)" },
  "sso-domain": { type: "string", value: "DOMAIN", help: "SSO domain, when not vsphere.local" },
  timeout: { type: "string", value: "SECONDS", help: "limit for the whole of a call" },
  trace: { type: "string", value: "FILE", help: "write requests and replies to a file, secrets left out" },
  about: { type: "boolean", help: "ask every node for its version and build" },
  "verify-replication": { type: "boolean", help: "ask every node's Lookup Service and compare" },
  service: { type: "string", value: "SERVICE", help: "sso, vapi, vcenter, sms, pbm or eam" },
  node: {
    type: "string",
    multiple: true,
    value: "MATCH",
    help: "node ID, instance name, FQDN, short name, IP address, host:port or URL",
  },
  site: { type: "string", value: "SITE", help: "site ID" },
  product: { type: "string", value: "PRODUCT", help: "product of the service type, as com.vmware.cis" },
  type: { type: "string", value: "TYPE", help: "service type, as cs.identity" },
  protocol: { type: "string", value: "PROTOCOL", help: "protocol of the endpoint, as vmomi" },
  "endpoint-type": { type: "string", value: "TYPE", help: "type of the endpoint, as com.vmware.vim" },
  url: { type: "boolean", help: "print bare URLs, one a line" },
  write: { type: "boolean", help: "save the thumbprint to the known hosts file" },
  nodes: { type: "string", value: "N", help: "number of linked vCenters (default 3)" },
  release: { type: "string", value: "RELEASE", help: "7.0.3, 8.0.1, 8.0.2, 8.0.3 (default) or 9.0.0" },
  port: { type: "string", value: "PORT", help: "port of the first node; the others follow" },
  "stdin-exit": { type: "boolean", help: "end when stdin ends" },
  "stale-ssl-trust": {
    type: "string",
    multiple: true,
    value: "N",
    help: "node N is registered with the certificate it had before; repeatable",
  },
  "unresolvable-urls": {
    type: "string",
    multiple: true,
    value: "N",
    help: "URLs of node N hold a host name that does not resolve; repeatable",
  },
  "missing-service": {
    type: "string",
    multiple: true,
    value: "N:SERVICE",
    help: "node N does not register SERVICE; repeatable",
  },
  "replication-lag": {
    type: "string",
    multiple: true,
    value: "N:M",
    help: "node N does not list the registrations of node M; repeatable",
  },
  delay: { type: "string", value: "MS", help: "wait before each answer" },
  "reset-connections": {
    type: "string",
    value: "COUNT",
    help: "reset the first COUNT requests of each node",
  },
  "service-unavailable": {
    type: "string",
    value: "COUNT",
    help: "answer the first COUNT requests of each node with 503",
  },
} as const satisfies Record<string, OptionSpec>;

export type OptionName = keyof typeof OPTIONS;

/** Options that every command takes. */
export const COMMON_OPTIONS: readonly OptionName[] = [
  "server",
  "user",
  "password-stdin",
  "password-file",
  "cert",
  "key",
  "token",
  "ca",
  "pin",
  "known-hosts",
  "insecure",
  "resolve",
  "lookup-url",
  "sso-domain",
  "timeout",
  "output",
  "trace",
  "verbose",
  "help",
  "version",
];

type Value<Name extends OptionName> = (typeof OPTIONS)[Name] extends { readonly type: "boolean" }
  ? boolean
  : (typeof OPTIONS)[Name] extends { readonly multiple: true }
    ? readonly string[]
    : string;

/** Options as given, by name. */
export type Flags = { readonly [Name in OptionName]?: Value<Name> };
