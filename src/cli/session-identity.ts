import type { AdoptedSessions, Credential, JwtCredential, SamlToken, SessionCredential } from "../index.ts";
import { formatAuthority, parseServer } from "../index.ts";
import type { CommandContext } from "./command.ts";
import {
  checkPasswordSources,
  type EnvironmentCredentials,
  environmentCredentials,
  type KeySource,
  keySource,
  loadSigner,
  readPassword,
  readTokenSource,
  type Source,
  tokenSource,
  withheldNote,
} from "./credentials.ts";
import { persistsSessions } from "./environment.ts";
import { readSecretLine } from "./input.ts";
import { UsageError } from "./usage.ts";

/** Who a command works as: the session of somebody else, or whoever logs in. */
export type SessionIdentity =
  | {
      readonly kind: "session";
      readonly ids: AdoptedSessions;
      /** The variable that it is from; absent for an option. */
      readonly variable?: string | undefined;
    }
  | { readonly kind: "login"; readonly credential: SessionCredential }
  /** The stored session of whoever is named, which is made where there is none. */
  | { readonly kind: "stored"; readonly login: Login };

/** Who is named to log in, and what reads the credential: files, and questions on a terminal. */
export type Login =
  | { readonly by: "user"; readonly user: string; readonly read: () => Promise<Credential> }
  | { readonly by: "certificate"; readonly keys: KeySource; readonly read: () => Promise<Credential> }
  | { readonly by: "token"; readonly read: () => Promise<JwtCredential | SamlToken> }
  /** What reads the credential throws what is missing. */
  | { readonly by: "nobody"; readonly read: () => Promise<never> };

type SideSessions = Exclude<AdoptedSessions, { readonly sessionId: string }>;

type Reading = Pick<CommandContext, "flags" | "env">;

/** Options that say who logs in: with one of them the session of the environment does not count. */
const WHO = ["user", "token", "cert", "key", "password-stdin", "password-file"] as const;

/** `header.payload.signature` in base64url, its header a JSON object. */
const JWT = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/;

/**
 * The session of `VSSO_SESSION_ID` and `VSSO_VIM_SESSION_ID`, as `vsso exec` and `session login -o env` give it: it is
 * of the server of `VSSO_SERVER`, and sent to no other.
 *
 * @param word The server as a word of the command line.
 */
export function environmentSession(context: Reading, word: string | undefined): SessionIdentity | undefined {
  const ids = idsOf(context);
  if (!ids || !isOwnServer(context, word)) return undefined;
  return { kind: "session", ids, variable: "vapi" in ids ? "VSSO_SESSION_ID" : "VSSO_VIM_SESSION_ID" };
}

function idsOf({ env }: Reading): SideSessions | undefined {
  const { VSSO_SESSION_ID: vapi, VSSO_VIM_SESSION_ID: vim } = env;
  if (!vapi && !vim) return undefined;
  return { ...(vapi && { vapi }), ...(vim && { vim }) };
}

function isOwnServer({ flags, env }: Reading, word: string | undefined): boolean {
  const own = env.VSSO_SERVER;
  if (!own) return false;
  const named = word ?? flags.server;
  return named === undefined || formatAuthority(parseServer(named)) === formatAuthority(parseServer(own));
}

/** Why there is a session in the environment that is not used; empty where there is none. */
export function withheldSessionNote(context: Reading, word: string | undefined): string {
  if (!idsOf(context) || isOwnServer(context, word)) return "";
  const own = context.env.VSSO_SERVER;
  return `; the session of VSSO_SESSION_ID is ${own ? `of ${own}` : "of a server that VSSO_SERVER does not name"}`;
}

/** Whether an option says who logs in. */
export function namesWho({ flags }: Pick<CommandContext, "flags">): boolean {
  return WHO.some((name) => flags[name] !== undefined);
}

/** Whether sessions are stored for the next run: by option or environment. */
export function persists({ flags, env }: Reading): boolean {
  return flags.persist === true || persistsSessions(env);
}

/**
 * Who a command works as: an option that says so, else the session of the environment, else its token, user or
 * certificate. Files are read and questions are asked here, before anything is connected to; but where sessions are
 * stored, only when a login needs what they tell.
 *
 * @param word The server as a word of the command line.
 * @throws UsageError when credentials are missing or contradict each other.
 */
export async function readSessionIdentity(
  context: CommandContext,
  word: string | undefined,
): Promise<SessionIdentity> {
  const session = namesWho(context) ? undefined : environmentSession(context, word);
  return session ?? readLoginIdentity(context, word);
}

/** As `readSessionIdentity`, but for the session of the environment, which does not count. @throws UsageError */
export async function readLoginIdentity(
  context: CommandContext,
  word: string | undefined,
): Promise<SessionIdentity> {
  const login = whoLogsIn(context, word);
  if (persists(context)) return { kind: "stored", login };
  return { kind: "login", credential: await login.read() };
}

/** Who logs in. @throws UsageError */
export async function readSessionCredential(
  context: CommandContext,
  word: string | undefined,
): Promise<SessionCredential> {
  return whoLogsIn(context, word).read();
}

/**
 * Who is named to log in.
 *
 * @throws UsageError for options that contradict each other.
 */
export function whoLogsIn(context: CommandContext, word: string | undefined): Login {
  const { flags } = context;
  const env = environmentCredentials(context, word);
  if (flags.user !== undefined && flags.token !== undefined) {
    throw new UsageError("--user and --token exclude each other", "give the one who is to log in");
  }
  if (flags.user !== undefined && flags.cert !== undefined) {
    throw new UsageError(
      "--user and --cert exclude each other: a certificate is of a solution user",
      "give the one who is to log in, or get a token first: vsso token issue --hok",
    );
  }
  // Of a person it is of no use, and without its certificate of none to anybody.
  if (flags.key !== undefined && flags.cert === undefined) keySource(context, env);
  if (flags.user !== undefined) return byPassword(context, flags.user, env);
  const tokens =
    flags.cert !== undefined && flags.token === undefined ? undefined : tokenSource(context, env);
  if (tokens) return { by: "token", read: () => byToken(context, tokens, env) };
  if (flags.cert === undefined && env.user !== undefined) return byPassword(context, env.user, env);
  const keys = keySource(context, env);
  if (keys) return { by: "certificate", keys, read: () => loadSigner(context, keys) };
  const nobody = new UsageError(
    `no user is named${withheldNote(env)}${withheldSessionNote(context, word)}`,
    "give --user USER, --token FILE, or --cert FILE --key FILE of a solution user",
  );
  return { by: "nobody", read: () => Promise.reject(nobody) };
}

function byPassword(context: CommandContext, username: string, env: EnvironmentCredentials): Login {
  checkPasswordSources(context);
  const read = async () => ({ username, password: await readPassword(context, username, env) });
  return { by: "user", user: username, read };
}

/** A SAML token, or a JWT. */
async function byToken(
  context: CommandContext,
  source: Source,
  env: EnvironmentCredentials,
): Promise<JwtCredential | SamlToken> {
  const bytes = await readTokenSource(context, source);
  const jwt = bytes.toString("latin1").trim();
  if (JWT.test(jwt)) return { jwt };
  // It takes more code than a caller with a password should have to load.
  const { joinToken } = await import("./token.ts");
  return joinToken(context, bytes, source, env);
}

/**
 * The session of `--id`; undefined without the option.
 *
 * @throws UsageError when the ID is empty.
 */
export async function readGivenSession(context: CommandContext): Promise<SessionIdentity | undefined> {
  const { id } = context.flags;
  if (id === undefined) return undefined;
  const sessionId = id === "-" ? await readSecretLine(context, "-", "the session ID") : id;
  if (sessionId === "") throw new UsageError("the session ID of --id is empty", "check where it comes from");
  return { kind: "session", ids: { sessionId } };
}
