import { VimSoap } from "../../index.ts";
import { namesNodes } from "../call.ts";
import type { Command, CommandContext } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { readSecretLine } from "../input.ts";
import { formatHanded, sessionToHand } from "../output/handed-session.ts";
import { type CommandTransport, connectionTo } from "../reach.ts";
import {
  endSession,
  type OpenedSession,
  openSession,
  type ServerConnection,
  withServer,
} from "../session.ts";
import { shortServer } from "../session-environment.ts";
import { readLoginIdentity, readSessionCredential, readSessionIdentity } from "../session-identity.ts";
import { UsageError } from "../usage.ts";

/** A session that was opened and is not handed over yet. */
interface Opened extends OpenedSession {
  /** Ends what was opened, unless it stays. */
  readonly undo: () => Promise<void>;
}

type Opener = (connection: ServerConnection, transport: CommandTransport) => Promise<Opened>;

/** Logs in, hands the session over, and leaves it open; unless it cannot be handed over. */
export const login: Command = {
  async run(context) {
    const { flags, positionals, signal } = context;
    const [server] = positionals;
    checkFlags(context);
    if (namesNodes(context)) {
      const { loginAtNodes } = await import("../node-login.ts");
      return loginAtNodes(context, server);
    }
    const connection = connectionTo(context, server);
    const open = await readOpener(context, server);
    await withServer(context, connection, async (transport) => {
      const { vc, stays, undo } = await open(connection, transport);
      try {
        const ticket = flags.clone ? await vc.soap.acquireCloneTicket({ signal }) : undefined;
        const text = formatHanded(flags.output, sessionToHand(vc), ticket);
        signal.throwIfAborted();
        context.out(text);
        // A session that nobody was told of would stay open for nobody.
        await context.written();
        if (!stays) vc.handOver();
        if (flags.clone && flags.output !== "json" && !stays) tellOfSource(context, connection.server);
      } catch (error) {
        await undo();
        throw error;
      }
      if (stays) await undo();
    });
    return EXIT.done;
  },
};

/** A ticket names no session, and one that nobody can name is ended by nobody. */
function tellOfSource({ err }: CommandContext, server: string): void {
  err(
    `note: the session that the ticket is of stays open at ${shortServer(server)}, and the ticket ends with it; -o json prints its ID too, for vsso session logout --id\n`,
  );
}

function checkFlags({ flags }: CommandContext): void {
  const { clone, ticket, as, output, persist } = flags;
  const own = clone ? "--clone" : ticket !== undefined ? "--ticket" : as !== undefined ? "--as" : undefined;
  if (own !== undefined && namesNodes({ flags })) {
    throw new UsageError(
      `${own} is of one server, and cannot be used with ${flags["all-nodes"] ? "--all-nodes" : "--node"}`,
      "name the server of the node instead",
    );
  }
  if (persist && (ticket !== undefined || as !== undefined)) {
    throw new UsageError(
      `--persist and ${own === "--clone" ? "--as" : own} exclude each other: the session of who logs in is stored`,
      "give one of them",
    );
  }
  if (clone && (output === "id" || output === "env")) {
    throw new UsageError(
      `--clone prints a ticket, and -o ${output} a session`,
      "give -o json for both, or leave one out",
    );
  }
  if (ticket === undefined) return;
  const other = (["user", "token", "cert", "key", "password-stdin", "password-file"] as const).find(
    (name) => flags[name] !== undefined,
  );
  if (other !== undefined || as !== undefined) {
    throw new UsageError(
      `--ticket and --${other ?? "as"} exclude each other: a ticket is of the session that it clones`,
      "give one of them",
    );
  }
}

/** Reads what the login is made with, before anything is connected to. */
async function readOpener(context: CommandContext, word: string | undefined): Promise<Opener> {
  const { ticket, as, clone, output } = context.flags;
  if (ticket !== undefined) {
    const text = ticket === "-" ? await readSecretLine(context, "-", "the clone ticket") : ticket;
    if (text === "") throw new UsageError("the clone ticket is empty", "check where it comes from");
    return (connection, transport) => openClone(context, connection, transport, text);
  }
  // A ticket is of the session at hand; whoever logs in wants another than that.
  const identity =
    as !== undefined
      ? ({ kind: "login", credential: await readSessionCredential(context, word) } as const)
      : await (clone ? readSessionIdentity : readLoginIdentity)(context, word);
  // What is not handed over would stay open, and nobody could name it.
  const ticketAlone = clone && output !== "json";
  const side = as !== undefined || ticketAlone ? "vim" : output === "id" ? "vapi" : "both";
  return async (connection, transport) => {
    const session = await openSession(context, { connection, transport, identity }, { open: side });
    const undo = () => endSession(context, session);
    if (as === undefined) return { ...session, undo };
    try {
      await session.vc.soap.impersonateUser(as, { signal: context.signal });
      const seen = await seenAnew(context, connection, transport, session.vc.session.vim?.id);
      return { ...seen, stays: false, undo };
    } catch (error) {
      await undo();
      throw error;
    }
  };
}

/** Makes a session out of a ticket. */
async function openClone(
  context: CommandContext,
  connection: ServerConnection,
  transport: CommandTransport,
  ticket: string,
): Promise<Opened> {
  const { server } = connection;
  const { signal, spinner } = context;
  const soap = new VimSoap(server, { ...connection.transport, transport });
  const undo = () => endSession(context, { close: () => soap.logout() });
  const id = await spinner.during(`logging in at ${server}`, () => soap.cloneSession(ticket, { signal }));
  try {
    return { ...(await seenAnew(context, connection, transport, id)), stays: false, undo };
  } catch (error) {
    await undo();
    throw error;
  }
}

/** A session that was made on the VIM side, and on the other one where it is known there too. No login is made. */
async function seenAnew(
  context: CommandContext,
  connection: ServerConnection,
  transport: CommandTransport,
  vim: string | undefined,
): Promise<OpenedSession> {
  return openSession(
    context,
    { connection, transport, identity: { kind: "session", ids: { vim } } },
    { open: "both" },
  );
}
