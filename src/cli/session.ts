import type { VCenter as Server } from "../index.ts";
import { LookupService, VCenter } from "../index.ts";
import { adoptSession, withHint } from "./adopt.ts";
import type { CommandContext } from "./command.ts";
import type { Connection } from "./connection.ts";
import { printable } from "./output/text.ts";
import { type CommandTransport, connectionTo, type TransportFactory, withTransports } from "./reach.ts";
import { ReplyRecorder } from "./reply-recorder.ts";
import { readSessionIdentity, type SessionIdentity } from "./session-identity.ts";
import { reachSts } from "./sts.ts";

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
  /** Finds out who the command works as; default `readSessionIdentity`. */
  readonly identify?: (context: CommandContext, word: string | undefined) => Promise<SessionIdentity>;
}

/**
 * Logs in, or takes the session of the environment, runs `work`, and logs out what was logged in: also when `work`
 * fails or is interrupted.
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
    const vc = await openSession(context, { connection, transport: recorded, identity }, request);
    try {
      return await work({ vc, connection, transport, replies });
    } catch (error) {
      // It may have ended in between.
      throw identity.kind === "session" ? withHint(error, identity.variable) : error;
    } finally {
      await endSession(context, vc);
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

/** Opens the session of an identity; whoever has it ends it. */
export async function openSession(
  context: CommandContext,
  source: {
    readonly connection: ServerConnection;
    readonly transport: CommandTransport;
    readonly identity: SessionIdentity;
  },
  { open, partly, keepAlive = false }: SessionRequest,
): Promise<Server> {
  const { connection, transport, identity } = source;
  const { server } = connection;
  const options = {
    ...connection.transport,
    transport,
    open,
    keepAlive: keepAlive && { idleSeconds: Number.POSITIVE_INFINITY },
    signal: context.signal,
  };
  return context.spinner.during(`logging in at ${server}`, async () => {
    if (identity.kind === "session") return adoptSession(server, identity, { ...options, partly });
    const { credential } = identity;
    const { "sso-domain": ssoDomain, "lookup-url": lookupUrl } = context.flags;
    const sts =
      lookupUrl !== undefined && needsSts(credential)
        ? await reachSts(context, {
            server,
            transport,
            lookup: new LookupService(server, { ...connection.transport, transport, lookupUrl }),
          })
        : undefined;
    return VCenter.connect(server, { ...options, credential, ssoDomain, sts });
  });
}

/** A key is no login by itself: the Security Token Service gives a token for it. */
function needsSts(credential: object): boolean {
  return !("password" in credential || "assertion" in credential || "jwt" in credential);
}

/** Ends a session. What was asked for is done: that the session could not be ended is told, and fails nothing. */
export async function endSession(
  { err }: Pick<CommandContext, "err">,
  vc: Pick<Server, "close">,
): Promise<void> {
  try {
    await vc.close();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    err(`warning: the session was not ended, and stays until it expires: ${printable(why)}\n`);
  }
}
