import type { SamlToken as Token } from "../index.ts";
import { SamlToken } from "../index.ts";
import type { CommandContext } from "./command.ts";
import {
  type EnvironmentCredentials,
  keySource,
  loadSigner,
  readTokenSource,
  type Source,
  tokenSource,
  withheldNote,
} from "./credentials.ts";
import { formatJson } from "./output/json.ts";
import { SecretFile } from "./output/secret-file.ts";
import { UsageError } from "./usage.ts";

/**
 * Reads a token; one that is bound to a key is joined with the key of `--cert` and `--key`, or of the environment.
 *
 * @throws UsageError when the key is missing; TokenError when it is no assertion or the key is another one.
 */
export async function loadToken(
  context: CommandContext,
  source: Source,
  env: EnvironmentCredentials,
): Promise<Token> {
  return joinToken(context, await readTokenSource(context, source), source, env);
}

/** As `loadToken`, of bytes that were read from the source already. */
export async function joinToken(
  context: CommandContext,
  bytes: Buffer,
  source: Source,
  env: EnvironmentCredentials,
): Promise<Token> {
  const token = SamlToken.from(bytes);
  if (token.kind === "bearer") return token;
  const keys = keySource(context, env);
  if (!keys) {
    throw new UsageError(
      `the token of ${source.from} is a holder-of-key token: it is of no use without its key${withheldNote(env)}`,
      "add --cert FILE --key FILE of the holder",
    );
  }
  return SamlToken.from(bytes, { holderOfKey: await loadSigner(context, keys) });
}

/** The token that a command is about. @throws UsageError when none is named. */
export function requiredToken(context: CommandContext, env: EnvironmentCredentials): Source {
  const source = tokenSource(context, env);
  if (source) return source;
  throw new UsageError("no token is named", "give it as --token FILE, or --token - for stdin");
}

/**
 * Runs `get` and gives out its token: exactly its text, and on stdout a line feed; or the contract's JSON, whose `token`
 * is there whether or not a file is to hold it too.
 */
export async function giveToken(
  context: Pick<CommandContext, "flags" | "out" | "err">,
  get: () => Promise<Token>,
): Promise<Token> {
  const { flags, out, err } = context;
  const file = flags.out === undefined ? undefined : await SecretFile.open(flags.out);
  try {
    const token = await get();
    await file?.write(token.assertion);
    if (flags.output === "json") out(formatJson(tokenFields(token)));
    else if (!file) out(`${token.assertion}\n`);
    warnOfDifference(token, err);
    return token;
  } finally {
    await file?.[Symbol.asyncDispose]();
  }
}

/** The fields of `token issue -o json`, in their order. */
function tokenFields(token: Token): object {
  return {
    token: token.assertion,
    kind: token.kind,
    subject: token.subject,
    issuer: token.issuer,
    issuedAt: token.issuedAt.toISOString(),
    notBefore: token.notBefore.toISOString(),
    notOnOrAfter: token.notOnOrAfter.toISOString(),
    renewable: token.renewable,
    delegatable: token.delegatable,
    renewCount: token.renewCount,
    delegationCount: token.delegationCount,
  };
}

function warnOfDifference(token: Token, err: (text: string) => void): void {
  if (token.requestedKind !== undefined && token.requestedKind !== token.kind) {
    err(`warning: a ${token.requestedKind} token was asked for, a ${token.kind} token is granted\n`);
  }
  const { requestedLifetimeSeconds: requested, grantedLifetimeSeconds: granted } = token;
  // Times on the wire are of milliseconds.
  if (requested === undefined || granted >= requested - 1) return;
  err(`warning: a lifetime of ${requested} s was asked for, ${Math.floor(granted)} s are granted\n`);
}
