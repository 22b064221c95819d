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
  token: { type: "string", value: "FILE|-", help: "SAML token; for a session also a JWT" },
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
    help: "node ID, instance name, FQDN, short name, IP address, host:port or URL; repeatable",
  },
  "all-nodes": { type: "boolean", help: "at every node of the linked group, with one token" },
  persist: { type: "boolean", help: "use the stored session; store one where there is none" },
  site: { type: "string", value: "SITE", help: "site ID" },
  product: { type: "string", value: "PRODUCT", help: "product of the service type, as com.vmware.cis" },
  type: { type: "string", value: "TYPE", help: "service type, as cs.identity" },
  protocol: { type: "string", value: "PROTOCOL", help: "protocol of the endpoint, as vmomi" },
  "endpoint-type": { type: "string", value: "TYPE", help: "type of the endpoint, as com.vmware.vim" },
  url: { type: "boolean", help: "print bare URLs, one a line" },
  write: { type: "boolean", help: "save the thumbprint to the known hosts file" },
  data: { type: "string", short: "d", value: "JSON|@FILE|-", help: "what to send: text, a file, or stdin" },
  yes: { type: "boolean", help: "do it; without it only what would change is shown" },
  hok: { type: "boolean", help: "holder-of-key: the token is bound to the key of --cert" },
  lifetime: { type: "string", value: "SECONDS", help: "lifetime to ask for; less may be granted" },
  renewable: { type: "boolean", help: "ask for a token that can be renewed" },
  delegatable: { type: "boolean", help: "ask for a token that a solution can act with" },
  "act-as": { type: "string", value: "FILE", help: "token of the user to act for" },
  audience: {
    type: "string",
    multiple: true,
    value: "URI",
    help: "whom the token is for; repeatable",
  },
  out: { type: "string", value: "FILE", help: "write it to a file (mode 0600) instead of stdout" },
  anchor: {
    type: "string",
    multiple: true,
    value: "PEM",
    help: "file of certificates that signatures are trusted from; repeatable",
  },
  at: { type: "string", value: "TIME", help: "judge as of this time (RFC 3339) instead of now" },
  tolerance: { type: "string", value: "SECONDS", help: "difference of clocks to allow for (default 60)" },
  to: { type: "string", value: "KIND", help: "what to exchange for: saml (default) or jwt" },
  "access-token-file": { type: "string", value: "FILE|-", help: "access token of the identity provider" },
  "id-token-file": { type: "string", value: "FILE|-", help: "ID token of the identity provider" },
  grant: {
    type: "string",
    value: "GRANT",
    help: "get the tokens by device, code, client-credentials or password",
  },
  issuer: { type: "string", value: "URL", help: "issuer of the tokens, when not vCenter's default provider" },
  "broker-tenant": { type: "string", value: "TENANT", help: "use vCenter's Identity Broker (CUSTOMER)" },
  "client-id": { type: "string", value: "ID", help: "client, as registered at the provider" },
  "client-secret-file": { type: "string", value: "FILE|-", help: "read the client's secret from a file" },
  scope: { type: "string", value: "SCOPES", help: "scopes to ask for (default openid)" },
  "redirect-uri": {
    type: "string",
    value: "URL",
    help: "where the browser comes back to (default http://127.0.0.1/callback, any port)",
  },
  id: { type: "string", value: "ID|-", help: "session ID; - reads it from stdin" },
  format: { type: "string", value: "FORMAT", help: "of which program: see below" },
  from: { type: "string", value: "FILE|FOLDER|-", help: "where to read the session; - reads it from stdin" },
  clone: { type: "boolean", help: "print a ticket that another program can clone the session with, once" },
  ticket: { type: "string", value: "TICKET|-", help: "log in by a clone ticket; - reads it from stdin" },
  as: { type: "string", value: "USER", help: "impersonate USER, by the right to do so" },
  "server-side": { type: "boolean", help: "the sessions that the server's SessionManager knows" },
  query: {
    type: "string",
    short: "q",
    multiple: true,
    value: "NAME=VALUE",
    help: "parameter of the query; repeatable, also with the same name",
  },
  header: {
    type: "string",
    short: "H",
    multiple: true,
    value: "'NAME: VALUE'",
    help: "header of the request; repeatable",
  },
  include: { type: "boolean", short: "i", help: "print the status and the headers of the reply first" },
  wait: { type: "boolean", help: "run it as a task, and wait for its end; progress goes to stderr" },
  method: {
    type: "string",
    short: "X",
    value: "GET|POST",
    help: "GET reads a property, POST calls a method (default: by the first letter of MEMBER)",
  },
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
  "clock-skew": {
    type: "string",
    value: "SECONDS",
    help: "clocks of the nodes are ahead by this; behind with a minus, as --clock-skew=-900",
  },
  "clock-tolerance": { type: "string", value: "SECONDS", help: "skew that the STS allows (default 600)" },
  "max-bearer-lifetime": { type: "string", value: "SECONDS", help: "of bearer tokens (default 3600)" },
  "max-hok-lifetime": {
    type: "string",
    value: "SECONDS",
    help: "of holder-of-key tokens (default 2592000, 30 days)",
  },
  "expired-signing-certificate": {
    type: "boolean",
    help: "the certificate that signs tokens has expired: none is issued",
  },
  "token-signature": {
    type: "string",
    value: "ALGORITHM",
    help: "sign tokens with rsa-sha1, rsa-sha256, rsa-sha384 or rsa-sha512, whatever is asked for",
  },
  "locked-account": {
    type: "string",
    multiple: true,
    value: "USER",
    help: "the account of USER (user@domain) is locked; repeatable",
  },
  "expired-password": {
    type: "string",
    multiple: true,
    value: "USER",
    help: "the password of USER (user@domain) has expired; repeatable",
  },
  "disabled-account": {
    type: "string",
    multiple: true,
    value: "USER",
    help: "USER (user@domain, or a solution user) may not log in; repeatable",
  },
  "idle-timeout": {
    type: "string",
    value: "SECONDS",
    help: "sessions not used end after this (default 1800)",
  },
  "session-lifetime": {
    type: "string",
    value: "SECONDS",
    help: "sessions end after this in any case (default 86400 at vAPI before 8.0.3, else never)",
  },
  "max-sessions": { type: "string", value: "N", help: "sessions of one server (default 3000)" },
  "max-sessions-per-user": {
    type: "string",
    value: "N",
    help: "sessions of one user (default 550 at vAPI before 8.0.3)",
  },
  "separate-sessions": { type: "boolean", help: "vAPI and VIM do not share sessions, whatever the release" },
  behaviour: {
    type: "string",
    multiple: true,
    value: "NAME=VALUE",
    help: "what no source tells of real servers, as signedQuery=true; repeatable",
  },
  "appliance-port": {
    type: "string",
    value: "PORT",
    help: "serve the appliance's own management too, from this port on; 0: the system chooses",
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
