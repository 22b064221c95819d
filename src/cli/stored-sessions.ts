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
import type { CommandTransport } from "./reach.ts";
import type { OpenedSession, ServerConnection } from "./session.ts";
import { distinctUsers } from "./session-exchange.ts";
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
  /** Whether sessions may be stored: then a key of encryption that is empty is warned of. */
  readonly toStore?: boolean;
}

/**
 * Opens the store of sessions. A command ends no session that is there: whoever comes next finds it.
 *
 * @param options.keepAlive Default false: a command is over before a session idles out.
 */
export function openStoredSessions(
  { env, warn }: Pick<CommandContext, "env" | "warn">,
  { keepAlive = false, onUnreadable, onWarning = warn, toStore = false }: StoreOptions = {},
): SessionsAtHand {
  if (toStore && env.VSSO_STORE_KEY === "") warn("VSSO_STORE_KEY is empty: sessions are stored unencrypted");
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
  context: Pick<CommandContext, "env" | "warn">,
  work: (broker: SessionBroker) => Promise<T>,
  options: StoreOptions = {},
): Promise<T> {
  const warnings = new HeldWarnings(context.warn);
  const sessions = openStoredSessions(context, { ...options, onWarning: warnings.add });
  try {
    return await warnings.during(() => work(sessions.broker));
  } finally {
    await sessions[Symbol.asyncDispose]();
  }
}

/** Warnings of some work, given when it is done: what it throws is told as its error, and not twice. */
export class HeldWarnings {
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

  /** @param failures What else is told as errors, known when the work is done. */
  async during<T>(work: () => Promise<T>, failures: readonly Error[] = []): Promise<T> {
    const told: string[] = [];
    try {
      return await work();
    } catch (error) {
      if (error instanceof Error) told.push(error.message);
      throw error;
    } finally {
      told.push(...failures.map(({ message }) => message));
      const held = this.#held ?? [];
      this.#held = undefined;
      // A warning may say before it whose sessions it is about, and after it what to do.
      const isTold = (message: string) => told.some((text) => text !== "" && message.includes(text));
      for (const message of held) if (!isTold(message)) this.#warn(message);
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
  const warnings = new HeldWarnings(context.warn);
  const sessions = openStoredSessions(context, { keepAlive, onWarning: warnings.add, toStore: true });
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
 * @returns what was ended, and of whom it was to be where somebody is named.
 */
export async function logoutStored(
  context: CommandContext,
  { server, transport: options }: ServerConnection,
  transport: CommandTransport,
  login: Login,
): Promise<{ readonly ended: readonly StoredSession[]; readonly principal: string | undefined }> {
  const principal = await principalOf(context, login);
  const ended = await withStoredSessions(context, (broker) =>
    broker.logout(server, {
      ...options,
      transport,
      signal: context.signal,
      ...(principal !== undefined && { principal }),
    }),
  );
  return { ended, principal };
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
 * @param options.atNodes Whether it is of nodes that are linked with the server. They are stored by the names that are
 *   registered, of which the server's may be another one: where none is stored of it, those of all servers tell.
 * @throws UsageError where nobody is named, and sessions of several users are stored, or none.
 */
export async function storedRequest(
  context: CommandContext,
  broker: SessionBroker,
  server: string,
  login: Login,
  { atNodes = false } = {},
): Promise<StoredRequest> {
  if (login.by === "token") {
    const credential = await login.read();
    return { principal: subjectOf(credential), credential };
  }
  const principal = await principalOf(context, login);
  // What it asks for is not to be overwritten by what is shown meanwhile.
  if (login.by !== "nobody") return { principal, credential: () => context.spinner.hushed(login.read) };
  const own = onlyPrincipal(await broker.find(server), ` of ${server}`);
  const elsewhere = own === undefined && atNodes ? onlyPrincipal(await broker.list(), "") : undefined;
  const only = own ?? elsewhere;
  if (only === undefined) return { credential: await login.read() };
  const gone = atNodes
    ? `no session of ${only}${elsewhere === undefined ? "" : ", the only user whose sessions are stored,"} that is alive is stored for this node`
    : `the stored session of ${only} has ended at ${server}`;
  return { principal: only, credential: () => Promise.reject(nobodyNamed(gone)) };
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

function onlyPrincipal(sessions: readonly StoredSession[], where: string): string | undefined {
  const principals = distinctUsers(sessions.map(({ principal }) => principal));
  if (principals.length <= 1) return principals[0];
  throw new UsageError(
    `sessions of several users${where} are stored: ${principals.sort().map(printable).join(", ")}`,
    "name the one by --user USER",
  );
}

function nobodyNamed(gone: string): VsphereSsoError {
  return new VsphereSsoError("NOT_AUTHENTICATED", `${gone}, and nobody is named who logs in`, {
    hint: "name the one by --user USER, --token FILE, or --cert FILE --key FILE",
  });
}
