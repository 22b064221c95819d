import { X509Certificate } from "node:crypto";
import {
  type BrokerConnectOptions,
  type Credential,
  FileStore,
  type JwtCredential,
  type SamlToken,
  SessionBroker,
  type SessionBrokerOptions,
  type SessionCredential,
  type StoredSession,
  stateFolder,
  VsphereSsoError,
} from "../index.ts";
import type { CommandContext } from "./command.ts";
import { readSource } from "./credentials.ts";
import { printable } from "./output/text.ts";
import { type CommandTransport, warnOnce } from "./reach.ts";
import type { OpenedSession, ServerConnection } from "./session.ts";
import type { Login } from "./session-identity.ts";
import { UsageError } from "./usage.ts";

/** The sessions that are stored on this machine, for one command. */
export interface SessionsAtHand extends AsyncDisposable {
  readonly broker: SessionBroker;
}

export interface StoreOptions extends Pick<SessionBrokerOptions, "keepAlive"> {
  /** Told, as stderr is, of what is skipped in a list because it cannot be read. */
  readonly onUnreadable?: () => void;
  /** Told of warnings. Default: stderr, each once. */
  readonly onWarning?: (message: string) => void;
}

/**
 * Opens the store of sessions. A command ends no session that is there: whoever comes next finds it.
 *
 * @param options.keepAlive Default false: a command is over before a session idles out.
 */
export function openStoredSessions(
  context: Pick<CommandContext, "env" | "err">,
  { keepAlive = false, onUnreadable, onWarning = warnOnce(context) }: StoreOptions = {},
): SessionsAtHand {
  const { env } = context;
  const store = new FileStore({ folder: stateFolder(env), onWarning });
  const broker = new SessionBroker({
    store,
    logout: "never",
    keepAlive,
    // While it lists it warns of nothing else; locks, of which the store warns, it takes none then.
    onWarning: (message) => {
      onUnreadable?.();
      onWarning(message);
    },
    ...(env.VSSO_STORE_KEY && { encryptionKey: env.VSSO_STORE_KEY }),
  });
  return {
    broker,
    [Symbol.asyncDispose]: async () => {
      try {
        await broker.close();
      } finally {
        await store.close();
      }
    },
  };
}

/** As `openStoredSessions`, closed when `work` is done. */
export async function withStoredSessions<T>(
  context: Pick<CommandContext, "env" | "err">,
  work: (broker: SessionBroker) => Promise<T>,
  options: StoreOptions = {},
): Promise<T> {
  const warnings = new HeldWarnings(warnOnce(context));
  const sessions = openStoredSessions(context, { ...options, onWarning: warnings.add });
  try {
    return await warnings.during(() => work(sessions.broker));
  } finally {
    await sessions[Symbol.asyncDispose]();
  }
}

/** Warnings of some work, given when it is done: what it throws is told as its error, and not twice. */
class HeldWarnings {
  readonly add: (message: string) => void;
  #held: string[] | undefined = [];
  readonly #warn: (message: string) => void;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
    this.add = (message) => {
      if (this.#held) this.#held.push(message);
      else warn(message);
    };
  }

  async during<T>(work: () => Promise<T>): Promise<T> {
    let told: string | undefined;
    try {
      return await work();
    } catch (error) {
      if (error instanceof Error) told = error.message;
      throw error;
    } finally {
      const held = this.#held ?? [];
      this.#held = undefined;
      // A warning may say beforehand whose sessions it is about.
      for (const message of held) if (told === undefined || !message.endsWith(told)) this.#warn(message);
    }
  }
}

/** Options for a stored session. */
export interface TakeOptions extends Omit<BrokerConnectOptions, "credential" | "principal"> {
  readonly login: Login;
  /** What a credential is given to before the login. */
  readonly withSts: (credential: SessionCredential) => Promise<SessionCredential>;
  /** How the session is kept alive while the command has it. */
  readonly keepAlive: SessionBrokerOptions["keepAlive"];
}

/**
 * The stored session of whoever is named, after the server has confirmed it; or one that is made and stored.
 *
 * @throws as `storedRequest` and `SessionBroker.acquire`.
 */
export async function takeStored(
  context: CommandContext,
  server: string,
  { login, withSts, keepAlive, ...options }: TakeOptions,
): Promise<OpenedSession> {
  const warnings = new HeldWarnings(warnOnce(context));
  const sessions = openStoredSessions(context, { keepAlive, onWarning: warnings.add });
  try {
    const lease = await warnings.during(async () => {
      const { credential, ...whose } = await storedRequest(context, sessions.broker, server, login);
      return sessions.broker.acquire(server, {
        ...options,
        ...whose,
        credential: typeof credential === "function" ? async () => withSts(await credential()) : credential,
      });
    });
    const close = async (): Promise<void> => {
      try {
        await lease.release();
      } finally {
        await sessions[Symbol.asyncDispose]();
      }
    };
    return { vc: lease.vc, stays: true, close };
  } catch (error) {
    await sessions[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * Ends the stored sessions of a server, of the user who is named or of all of them, and removes them. Nothing but the
 * sessions themselves is needed for it.
 *
 * @returns what was ended.
 */
export async function logoutStored(
  context: CommandContext,
  { server, transport: options }: ServerConnection,
  transport: CommandTransport,
  login: Login,
): Promise<readonly StoredSession[]> {
  const principal = await principalOf(context, login);
  return withStoredSessions(context, (broker) =>
    broker.logout(server, {
      ...options,
      transport,
      signal: context.signal,
      ...(principal !== undefined && { principal }),
    }),
  );
}

/** Whose session is taken, and what a login is made with where there is none. */
export interface StoredRequest {
  /** Absent where the credential tells it. */
  readonly principal?: string | undefined;
  readonly credential: SessionCredential | (() => Promise<Credential>);
}

/**
 * Whose session is meant: of who is named, else of the only one whose session of the server is stored. A password is
 * read, or asked for, when a login needs it.
 *
 * @throws UsageError where nobody is named, and sessions of several users are stored, or none.
 */
export async function storedRequest(
  context: CommandContext,
  broker: SessionBroker,
  server: string,
  login: Login,
): Promise<StoredRequest> {
  if (login.by === "token") {
    const credential = await login.read();
    return { principal: subjectOf(credential), credential };
  }
  const principal = await principalOf(context, login);
  // What it asks for is not to be overwritten by what is shown meanwhile.
  if (login.by !== "nobody") return { principal, credential: () => context.spinner.hushed(login.read) };
  const only = onlyPrincipal(await broker.find(server), server);
  if (only === undefined) return { credential: await login.read() };
  return { principal: only, credential: () => Promise.reject(ended(only, server)) };
}

/** Whose sessions are meant; undefined where nobody is named. */
async function principalOf(context: CommandContext, login: Login): Promise<string | undefined> {
  switch (login.by) {
    case "user":
      return login.user;
    case "certificate":
      return thumbprintOf(context, login);
    case "token":
      return subjectOf(await login.read());
    case "nobody":
      return undefined;
  }
}

/** Of a JWT the subject is read and believed: the server looks at the token, and at the session too. */
function subjectOf(credential: JwtCredential | SamlToken): string {
  if ("subject" in credential) return credential.subject;
  const payload = Buffer.from(credential.jwt.split(".")[1] ?? "", "base64url").toString("utf8");
  try {
    const { sub } = JSON.parse(payload) as { readonly sub?: unknown };
    if (typeof sub === "string" && sub !== "") return sub;
  } catch {
    // The same as without a subject.
  }
  throw new UsageError(
    "the JWT has no subject: it does not tell whose session is stored",
    "leave --persist out, or name the one who logs in by --user",
  );
}

async function thumbprintOf(
  context: CommandContext,
  { keys }: Extract<Login, { readonly by: "certificate" }>,
): Promise<string> {
  const bytes = await readSource(context, keys.cert, "the certificate");
  try {
    return new X509Certificate(bytes).fingerprint256;
  } catch (cause) {
    throw new UsageError(`the certificate of ${keys.cert.from} cannot be read`, "give it as PEM", { cause });
  }
}

function onlyPrincipal(sessions: readonly StoredSession[], server: string): string | undefined {
  const principals = [...new Set(sessions.map(({ principal }) => principal))];
  if (principals.length <= 1) return principals[0];
  throw new UsageError(
    `sessions of several users of ${server} are stored: ${principals.sort().map(printable).join(", ")}`,
    "name the one by --user USER",
  );
}

function ended(principal: string, server: string): VsphereSsoError {
  return new VsphereSsoError(
    "NOT_AUTHENTICATED",
    `the stored session of ${principal} has ended at ${server}, and nobody is named who logs in`,
    { hint: "name the one by --user USER, --token FILE, or --cert FILE --key FILE" },
  );
}
