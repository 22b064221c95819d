import type { Credential, MessageSecurity, Signer, TokenKind } from "../index.ts";
import { SamlToken, SoapFaultError, samlSecurity, TokenError } from "../index.ts";
import type { CommandContext } from "./command.ts";
import {
  type EnvironmentCredentials,
  environmentCredentials,
  keySource,
  loadSigner,
  readPassword,
  readTokenSource,
  tokenSource,
  withheldNote,
} from "./credentials.ts";
import type { Services } from "./reach.ts";
import { reachSts } from "./sts.ts";
import { loadToken } from "./token.ts";
import { UsageError } from "./usage.ts";

/** Who asks for a token, and which kind of token. */
export interface Requester {
  readonly credential: Credential;
  /** Key that a person's token is bound to; other credentials bring theirs along. */
  readonly holderOfKey?: Signer;
  readonly kind: TokenKind;
}

/**
 * Who asks for a token. A user of the command line, a token of the command line, and the certificate of `--hok` come
 * before whatever the environment says.
 *
 * @param word The server as a word of the command line.
 * @throws UsageError when credentials are missing or contradict each other.
 */
export async function readRequester(context: CommandContext, word: string | undefined): Promise<Requester> {
  const { flags } = context;
  const env = environmentCredentials(context, word);
  if (flags.user !== undefined && flags.token !== undefined) {
    throw new UsageError("--user and --token exclude each other", "give the one who asks for the token");
  }
  if (flags.hok || flags.token !== undefined) return readKeyHolder(context, env);
  if (flags.cert !== undefined) {
    throw new UsageError(
      "--cert is of use for a holder-of-key token, which is not asked for",
      "add --hok, or leave --cert out for a bearer token",
    );
  }
  if (flags.key !== undefined) {
    throw new UsageError(
      "--key is of use for a holder-of-key token, which is not asked for",
      "add --hok and --cert FILE, or leave --key out for a bearer token",
    );
  }
  const user = flags.user ?? env.user;
  if (user !== undefined) return byPassword(context, user, env);
  if (env.token !== undefined) return readKeyHolder(context, env);
  throw noCredentials(env);
}

/** With a key: a token by a token, or a holder-of-key token of a person or a solution user. */
async function readKeyHolder(context: CommandContext, env: EnvironmentCredentials): Promise<Requester> {
  const { flags } = context;
  const keys = keySource(context, env);
  const tokens = flags.hok && flags.token === undefined ? undefined : tokenSource(context, env);
  if (!keys) {
    const option = flags.hok ? "--hok" : (tokens?.from ?? "--token");
    throw new UsageError(
      `${option} needs the certificate that the token is bound to${withheldNote(env)}`,
      "add --cert FILE --key FILE",
    );
  }
  if (tokens) {
    const token = await loadToken(context, tokens, env);
    if (token.kind === "bearer") {
      throw new TokenError(
        "TOKEN_UNUSABLE",
        `the token of ${tokens.from} is a bearer token: it asks for none`,
        {
          hint: "give a holder-of-key token and its key, or the user's own credentials",
        },
      );
    }
    return { credential: token, kind: flags.hok ? "holder-of-key" : "bearer" };
  }
  const signer = await loadSigner(context, keys);
  // The certificate is the solution user's own unless the command line names a person.
  if (flags.user === undefined) return { credential: signer, kind: "holder-of-key" };
  const person = await byPassword(context, flags.user, env);
  return { ...person, holderOfKey: signer, kind: "holder-of-key" };
}

async function byPassword(
  context: CommandContext,
  username: string,
  env: EnvironmentCredentials,
): Promise<Requester> {
  const password = await readPassword(context, username, env);
  return { credential: { username, password }, kind: "bearer" };
}

/** Who acts on services other than the STS. */
export interface Actor {
  readonly security: MessageSecurity;
  /** The error to tell of one that came of acting: a service refuses a token that has ended without saying so. */
  explain(error: unknown): unknown;
}

/** What the clocks may differ by: a token that ended before that is one that no server takes. */
const CLOCK_TOLERANCE_MS = 600_000;

/**
 * How messages to services other than the STS are secured: by a token that is at hand, else by one that is asked for
 * once the STS is found. Files are read and questions are asked before anything is connected to.
 *
 * @throws as `readRequester`; TokenError `TOKEN_EXPIRED` for a token that ended more than 10 min ago.
 */
export async function readSecurity(
  context: CommandContext,
  word: string | undefined,
): Promise<(services: Services) => Promise<Actor>> {
  const { flags, signal } = context;
  const env = environmentCredentials(context, word);
  const named = flags.user !== undefined || flags.cert !== undefined || flags.hok === true;
  const tokens = flags.token !== undefined || !named ? tokenSource(context, env) : undefined;
  if (tokens) {
    if (flags.user !== undefined) {
      throw new UsageError("--user and --token exclude each other", "give the one who is to act");
    }
    const token = await loadToken(context, tokens, env);
    if (token.notOnOrAfter.getTime() + CLOCK_TOLERANCE_MS < Date.now()) throw ended(token, tokens.from);
    const security = samlSecurity(token);
    const explain = (error: unknown): unknown =>
      isRefusal(error) && token.remainingSeconds() === 0 ? ended(token, tokens.from, error) : error;
    return async () => ({ security, explain });
  }
  // A certificate alone is a solution user's; beside a user of the environment it is of no use here.
  const hok = named
    ? flags.hok === true || flags.cert !== undefined
    : env.user === undefined && env.cert !== undefined;
  const requester = await readRequester({ ...context, flags: { ...flags, ...(hok && { hok }) } }, word);
  return async (services) => {
    const sts = await reachSts(context, services);
    const security = samlSecurity(await sts.issue({ ...requester, signal }));
    return { security, explain: (error) => error };
  };
}

/** A refusal that may be of the token: only what is wrong with the request itself has a code of its own. */
function isRefusal(error: unknown): boolean {
  return error instanceof SoapFaultError && (error.code === "SECURITY_ERROR" || error.code === "SOAP_FAULT");
}

function ended({ notOnOrAfter }: SamlToken, from: string, cause?: unknown): TokenError {
  return new TokenError("TOKEN_EXPIRED", `the token of ${from} expired at ${notOnOrAfter.toISOString()}`, {
    cause,
    hint: "get a new one: vsso token issue",
  });
}

function noCredentials(env: EnvironmentCredentials): UsageError {
  return new UsageError(
    `no user is named${withheldNote(env)}`,
    "give --user USER, or --hok --cert FILE --key FILE for a solution user",
  );
}

/**
 * The token of `--act-as`: of the user that the requester is to act for.
 *
 * @throws UsageError when the requester has no key to sign with.
 */
export async function readActAs(
  context: CommandContext,
  { kind }: Requester,
): Promise<SamlToken | undefined> {
  const path = context.flags["act-as"];
  if (path === undefined) return undefined;
  if (kind === "bearer") {
    throw new UsageError(
      "--act-as needs a holder-of-key token: who acts for a user signs with a key",
      "add --hok --cert FILE --key FILE of the solution user",
    );
  }
  return SamlToken.from(await readTokenSource(context, { from: "--act-as", file: path }));
}
