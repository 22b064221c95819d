import type { HolderKey, Signer } from "../index.ts";
import { formatAuthority, parseServer, toSigner } from "../index.ts";
import type { CommandContext } from "./command.ts";
import { type FamilyCredentials, familyCredentials } from "./environment.ts";
import { readInput, readSecretLine, readTokenInput, stdinReaders } from "./input.ts";
import type { OptionName } from "./options.ts";
import { promptSecret } from "./prompt.ts";
import { UsageError } from "./usage.ts";

/** Something given as a file, or in the environment also as its own text. */
export interface Source {
  /** What gave it, for errors: `--cert` or `VSSO_CERT`. */
  readonly from: string;
  readonly file?: string;
  readonly text?: string;
}

/** A certificate and where its key is: with it, where `key` is absent. */
export interface KeySource {
  readonly cert: Source;
  readonly key?: Source | undefined;
}

/**
 * What the environment offers for the server at hand. Credentials of `GOVC_` and `VSPHERE_` are for the server of
 * that family: for another one that the command line names, also by `--lookup-url`, they count as if they were not
 * there.
 */
export interface EnvironmentCredentials extends Partial<Omit<FamilyCredentials, "server">> {
  /** Why the environment's credentials do not count; absent when they do, or when there are none. */
  readonly withheld?: string;
}

type CredentialContext = Pick<CommandContext, "flags" | "env" | "stdin" | "err" | "signal">;

/** @param word The server as a word of the command line; `--server` counts as well. */
export function environmentCredentials(
  { flags, env }: Pick<CommandContext, "flags" | "env">,
  word: string | undefined,
): EnvironmentCredentials {
  const family = familyCredentials(env);
  if (!family) return {};
  const { server, ...credentials } = family;
  if (family.family === "VSSO") return credentials;
  const other = otherServer(word ?? flags.server, flags["lookup-url"], server);
  if (other === undefined) return credentials;
  const { family: _, ...values } = credentials;
  if (Object.values(values).every((value) => value === undefined)) return {};
  return {
    withheld: `the credentials of ${family.family}_* are for ${server ?? "no server"} and are not sent to ${other}`,
  };
}

/**
 * What the command line names that is not the family's own server. A Lookup Service elsewhere tells where the
 * credentials go. Its port does not count: 7444 of the own host is the own server's.
 */
function otherServer(
  named: string | undefined,
  lookupUrl: string | undefined,
  own: string | undefined,
): string | undefined {
  const wanted = named === undefined ? undefined : parseServer(named);
  const family = own === undefined ? undefined : serverOf(own);
  const isOwn = wanted === undefined || (family && formatAuthority(wanted) === formatAuthority(family));
  if (!isOwn) return named;
  if (lookupUrl === undefined) return undefined;
  const lookup = serverOf(lookupUrl.replace(/^http:/i, "https:"));
  if (lookup && lookup.host === family?.host) return undefined;
  return lookup ? `${lookup.host}, which --lookup-url names` : "what --lookup-url names";
}

function serverOf(text: string): ReturnType<typeof parseServer> | undefined {
  try {
    return parseServer(text);
  } catch {
    return undefined;
  }
}

/** Why credentials that are missing are missing, to end a message with. */
export function withheldNote(env: EnvironmentCredentials): string {
  return env.withheld === undefined ? "" : `; ${env.withheld}`;
}

/** Certificate and key from flags, else from the environment, never one from each; undefined without a certificate. */
export function keySource(
  { flags }: Pick<CommandContext, "flags">,
  env: EnvironmentCredentials,
): KeySource | undefined {
  if (flags.cert !== undefined) {
    return {
      cert: fromFlag("cert", flags.cert),
      key: flags.key === undefined ? undefined : fromFlag("key", flags.key),
    };
  }
  if (flags.key !== undefined) {
    throw new UsageError("--key needs the certificate of the key", "add --cert FILE");
  }
  if (env.cert === undefined) return undefined;
  const [cert, key] =
    env.family === "GOVC" ? ["GOVC_CERTIFICATE", "GOVC_PRIVATE_KEY"] : ["VSSO_CERT", "VSSO_KEY"];
  return {
    cert: fromVariable(cert, env.cert),
    key: env.key === undefined ? undefined : fromVariable(key, env.key),
  };
}

/** The token of `--token`, else of the environment. */
export function tokenSource(
  { flags }: Pick<CommandContext, "flags">,
  env: EnvironmentCredentials,
): Source | undefined {
  if (flags.token !== undefined) return fromFlag("token", flags.token);
  return env.token === undefined ? undefined : fromVariable("VSSO_TOKEN", env.token);
}

function fromFlag(name: OptionName, file: string): Source {
  return { from: `--${name}`, file };
}

function fromVariable(name: string, value: string): Source {
  const isText = /^[\s\uFEFF]*(?:<|-----BEGIN)/.test(value);
  return isText ? { from: name, text: value } : { from: name, file: value };
}

/** The bytes of what a source names. */
export async function readSource(context: CredentialContext, source: Source, what: string): Promise<Buffer> {
  const { file, text } = source;
  if (file === undefined) return Buffer.from(text ?? "");
  const bytes = await readInput(context, file, what);
  if (bytes.length > 0) return bytes;
  throw new UsageError(
    `${what} of ${source.from} is empty`,
    `check what ${file === "-" ? "is piped in" : file} holds`,
  );
}

/**
 * The bytes of a token that a source names. None at all are left to who reads the token: they are none.
 *
 * @throws as `readTokenInput`
 */
export async function readTokenSource(context: CredentialContext, { file, text }: Source): Promise<Buffer> {
  return file === undefined ? Buffer.from(text ?? "") : readTokenInput(context, file);
}

/**
 * The key of a certificate, ready to sign. The passphrase of an encrypted key is asked for on a terminal.
 *
 * @throws UsageError when a file cannot be read or the key is missing or cannot be decrypted;
 *   InvalidArgumentError when certificate and key cannot be used or do not belong together.
 */
export async function loadSigner(context: CredentialContext, source: KeySource): Promise<Signer> {
  const certificate = await readSource(context, source.cert, "the certificate");
  const key = source.key ? await readSource(context, source.key, "the private key") : certificate;
  if (!source.key && !hasPrivateKey(certificate)) {
    const option =
      source.cert.from === "--cert"
        ? "--key FILE"
        : source.cert.from.replace(/CERT$/, "KEY").replace("CERTIFICATE", "PRIVATE_KEY");
    throw new UsageError(
      `the private key of ${source.cert.from} is missing: the file holds the certificate alone`,
      `give it as ${option}`,
    );
  }
  const passphrase = isEncrypted(key) ? await askPassphrase(context, source.key ?? source.cert) : undefined;
  const pair: HolderKey = {
    certificate: textIfPem(certificate),
    key: textIfPem(key),
    ...(passphrase !== undefined && { passphrase }),
  };
  return toSigner(pair);
}

async function askPassphrase(context: CredentialContext, { from, file }: Source): Promise<string> {
  const shown = file === undefined ? from : `${from} ${file}`;
  const taken = stdinReaders(context.flags).length > 0;
  const passphrase = taken ? undefined : await promptSecret(context, `Passphrase of ${shown}: `);
  if (passphrase !== undefined) return passphrase;
  throw new UsageError(
    `the private key of ${shown} is encrypted, and stdin is no terminal to ask for its passphrase`,
    "run it on a terminal, or decrypt the key: openssl pkey -in key.pem -out plain-key.pem",
  );
}

function hasPrivateKey(bytes: Buffer): boolean {
  return bytes.includes("PRIVATE KEY-----");
}

function isEncrypted(bytes: Buffer): boolean {
  return bytes.includes("-----BEGIN ENCRYPTED PRIVATE KEY-----") || bytes.includes("Proc-Type: 4,ENCRYPTED");
}

function textIfPem(bytes: Buffer): string | Buffer {
  return bytes.includes("-----BEGIN") ? bytes.toString("utf8") : bytes;
}

/**
 * The password of a user: from stdin or a file where a flag says so, else the environment's where it is of the same
 * user, else asked for on a terminal.
 *
 * @throws UsageError that names the ways when there is none of them.
 */
export async function readPassword(
  context: CredentialContext,
  user: string,
  env: EnvironmentCredentials,
): Promise<string> {
  const { flags } = context;
  checkPasswordSources(context);
  const given = await passwordGiven(context, user, env);
  if (given === "") throw new UsageError(`the password of ${user} is empty`, "check where it comes from");
  if (given !== undefined) return given;
  // What stdin carries is no answer to a question.
  const typed =
    stdinReaders(flags).length > 0 ? undefined : await promptSecret(context, `Password of ${user}: `);
  if (typed === "") throw new UsageError(`no password of ${user} was typed`, "try again");
  if (typed !== undefined) return typed;
  const other = env.user !== undefined && (env.password ?? env.passwordFile) !== undefined;
  const why = other ? `; that of the environment is ${env.user}'s` : withheldNote(env);
  throw new UsageError(
    `no password of ${user} is given${why}`,
    "give it by --password-stdin, --password-file FILE or VSSO_PASSWORD; on a terminal it is asked for",
  );
}

/** @throws UsageError where two options say where the password is. */
export function checkPasswordSources({ flags }: Pick<CommandContext, "flags">): void {
  if (!flags["password-stdin"] || flags["password-file"] === undefined) return;
  throw new UsageError("--password-stdin and --password-file exclude each other", "give one of them");
}

async function passwordGiven(
  context: CredentialContext,
  user: string,
  env: EnvironmentCredentials,
): Promise<string | undefined> {
  const { flags } = context;
  if (flags["password-stdin"]) return readSecretLine(context, "-", "the password");
  if (flags["password-file"] !== undefined) {
    return readSecretLine(context, flags["password-file"], "the password");
  }
  // A user on the command line may be another one than the environment's password is for.
  if (env.user !== undefined && env.user.toLowerCase() !== user.toLowerCase()) return undefined;
  if (env.password !== undefined) return env.password;
  return env.passwordFile === undefined
    ? undefined
    : readSecretLine(context, env.passwordFile, "the password of VSSO_PASSWORD_FILE");
}
