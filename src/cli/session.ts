import type { Credential, VCenter as Server, SessionCredential } from "../index.ts";
import { LookupService, StoreError, TokenSource, VCenter } from "../index.ts";
import { adoptSession, withHint } from "./adopt.ts";
import type { CommandContext } from "./command.ts";
import type { Connection } from "./connection.ts";
import { printable } from "./output/text.ts";
import { type CommandTransport, connectionTo, type TransportFactory, withTransports } from "./reach.ts";
import { ReplyRecorder } from "./reply-recorder.ts";
import { readSessionIdentity, type SessionIdentity } from "./session-identity.ts";

/** Which side of the server a command needs; `both` where it shows or hands over both. */
export type SideToOpen = "both" | "vapi" | "vim";

/** A connection to a server that has a name. */
export type ServerConnection = Connection & { readonly server: string };

/** A server that a command is logged in at. */
export interface OpenSession {
  readonly vc: Server;
  readonly connection: ServerConnection;
  readonly transport: CommandTransport;
  readonly replies: ReplyRecorder;
}

export interface SessionRequest {
  readonly open: SideToOpen;
  /** Whether one of two sessions that were made elsewhere will do, where the other has ended. */
  readonly partly?: boolean;
  /** Keeps the session alive while `work` runs, however little it asks. */
  readonly keepAlive?: boolean;
  /** Logs in, with a warning, where a stored session cannot be read. */
  readonly orLogin?: boolean;
  /** Finds out who the command works as; default `readSessionIdentity`. */
  readonly identify?: (context: CommandContext, word: string | undefined) => Promise<SessionIdentity>;
}

/**
 * Logs in, or takes the session of the environment or a stored one, runs `work`, and logs out what was logged in
 * for it alone: also when `work` fails or is interrupted.
 *
 * @param word The server as a word of the command line.
 */
export async function withSession<T>(
  context: CommandContext,
  word: string | undefined,
  request: SessionRequest,
  work: (session: OpenSession) => Promise<T>,
): Promise<T> {
  const connection = connectionTo(context, word);
  const identity = await (request.identify ?? readSessionIdentity)(context, word);
  return withServer(context, connection, async (transport) => {
    const replies = new ReplyRecorder();
    const recorded = replies.of(transport);
    const session = await openSession(context, { connection, transport: recorded, identity }, request);
    try {
      return await work({ vc: session.vc, connection, transport, replies });
    } catch (error) {
      // It may have ended in between.
      throw identity.kind === "session" ? withHint(error, identity.variable) : error;
    } finally {
      await endSession(context, session);
    }
  });
}

/** Runs `work` with a transport for the server, and ends its connections afterwards. */
export async function withServer<T>(
  context: CommandContext,
  connection: ServerConnection,
  work: (transport: CommandTransport) => Promise<T>,
): Promise<T> {
  return withTransports(context, async (createTransport: TransportFactory) => {
    const transport = createTransport(connection.transport);
    try {
      return await work(transport);
    } finally {
      await transport[Symbol.asyncDispose]();
    }
  });
}

/** A session for whoever opened it. */
export interface OpenedSession {
  readonly vc: Server;
  /** Whether it stays when it is closed here: it was there before, or is stored for the next run. */
  readonly stays: boolean;
  /** Ends it, unless it stays. */
  readonly close: () => Promise<void>;
}

/** Where a session is opened, and whose. */
export interface SessionSource {
  readonly connection: ServerConnection;
  readonly transport: CommandTransport;
  readonly identity: SessionIdentity;
}

/** Opens the session of an identity; whoever has it closes it. */
export async function openSession(
  context: CommandContext,
  source: SessionSource,
  { open, partly, keepAlive = false, orLogin = false }: SessionRequest,
): Promise<OpenedSession> {
  const { connection, transport, identity } = source;
  const { server } = connection;
  const options = {
    ...connection.transport,
    transport,
    open,
    keepAlive: keepAlive && { idleSeconds: Number.POSITIVE_INFINITY },
    ssoDomain: context.flags["sso-domain"],
    signal: context.signal,
  };
  return context.spinner.during(`logging in at ${server}`, async () => {
    if (identity.kind === "session") {
      const vc = await adoptSession(server, identity, { ...options, partly });
      return { vc, stays: true, close: () => vc.close() };
    }
    const connect = async (given: SessionCredential): Promise<OpenedSession> => {
      const credential = await throughLookup(context, source, given);
      const vc = await VCenter.connect(server, { ...options, credential });
      return { vc, stays: false, close: () => vc.close() };
    };
    if (identity.kind === "login") return connect(identity.credential);
    const { login } = identity;
    const { takeStored } = await import("./stored-sessions.ts");
    const withSts = (credential: SessionCredential) => throughLookup(context, source, credential);
    try {
      return await takeStored(context, server, { ...options, login, withSts });
    } catch (error) {
      if (!orLogin || login.by === "nobody" || !isUnreadable(error)) throw error;
      const why = error.hint === undefined ? error.message : `${error.message}: ${error.hint}`;
      context.warn(`logging in without the stored session: ${why}`);
      return connect(await context.spinner.hushed<SessionCredential>(login.read));
    }
  });
}

function isUnreadable(error: unknown): error is StoreError {
  return (
    error instanceof StoreError && (error.code === "STORE_UNREADABLE" || error.code === "STORE_UNAVAILABLE")
  );
}

/** A credential that the Security Token Service takes, with the one that `--lookup-url` leads to. */
async function throughLookup(
  context: CommandContext,
  { connection, transport }: SessionSource,
  credential: SessionCredential,
): Promise<SessionCredential> {
  const { "lookup-url": lookupUrl } = context.flags;
  if (lookupUrl === undefined || !needsSts(credential)) return credential;
  const { server } = connection;
  const lookup = new LookupService(server, { ...connection.transport, transport, lookupUrl });
  const { reachSts } = await import("./sts.ts");
  const sts = await reachSts(context, { server, transport, lookup });
  return TokenSource.of(sts, { credential, delegatable: true });
}

/** A key is no login by itself: the Security Token Service gives a token for it. */
function needsSts(credential: SessionCredential): credential is Credential {
  return !(
    credential instanceof TokenSource ||
    "password" in credential ||
    "assertion" in credential ||
    "jwt" in credential
  );
}

/** Closes a session. What was asked for is done: that the session could not be ended is told, and fails nothing. */
export async function endSession(
  { err }: Pick<CommandContext, "err">,
  session: Pick<OpenedSession, "close">,
): Promise<void> {
  try {
    await session.close();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    err(`warning: the session was not ended, and stays until it expires: ${printable(why)}\n`);
  }
}
