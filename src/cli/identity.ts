import type { Credential, MessageSecurity, Signer, TokenKind } from "../index.ts";
import { SamlToken, samlSecurity, TokenError } from "../index.ts";
import type { CommandContext } from "./command.ts";
import {
  type EnvironmentCredentials,
  environmentCredentials,
  keySource,
  loadSigner,
  readPassword,
  readSource,
  tokenSource,
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
      `${option} needs the certificate that the token is bound to`,
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

/**
 * How messages to services other than the STS are secured: by a token that is at hand, else by one that is asked for
 * once the STS is found. Files are read and questions are asked before anything is connected to.
 *
 * @throws as `readRequester`
 */
export async function readSecurity(
  context: CommandContext,
  word: string | undefined,
): Promise<(services: Services) => Promise<MessageSecurity>> {
  const { flags, signal } = context;
  const env = environmentCredentials(context, word);
  const named = flags.user !== undefined || flags.cert !== undefined || flags.hok === true;
  const tokens = flags.token !== undefined || !named ? tokenSource(context, env) : undefined;
  if (tokens) {
    if (flags.user !== undefined) {
      throw new UsageError("--user and --token exclude each other", "give the one who is to act");
    }
    const security = samlSecurity(await loadToken(context, tokens, env));
    return async () => security;
  }
  // A certificate alone is a solution user's; beside a user of the environment it is of no use here.
  const hok = named
    ? flags.hok === true || flags.cert !== undefined
    : env.user === undefined && env.cert !== undefined;
  const requester = await readRequester({ ...context, flags: { ...flags, ...(hok && { hok }) } }, word);
  return async (services) => {
    const sts = await reachSts(context, services);
    return samlSecurity(await sts.issue({ ...requester, signal }));
  };
}

function noCredentials(env: EnvironmentCredentials): UsageError {
  return new UsageError(
    env.withheld ? `no user is named; ${env.withheld}` : "no user is named",
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
  return SamlToken.from(await readSource(context, { from: "--act-as", file: path }, "the token"));
}
