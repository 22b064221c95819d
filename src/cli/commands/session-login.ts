import type { VCenter as Server } from "../../index.ts";
import { UnsupportedError, VimSoap } from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { readSecretLine } from "../input.ts";
import { formatJson } from "../output/json.ts";
import { shellWord } from "../output/shell.ts";
import { formatTable } from "../output/table.ts";
import { printable } from "../output/text.ts";
import { type CommandTransport, connectionTo } from "../reach.ts";
import { endSession, openSession, type ServerConnection, withServer } from "../session.ts";
import { type HandedSession, sessionVariables, shortServer } from "../session-environment.ts";
import { readSessionCredential, readSessionIdentity, type SessionIdentity } from "../session-identity.ts";
import { UsageError } from "../usage.ts";

/** A session that was opened and is not handed over yet. */
interface Opened {
  readonly vc: Server;
  /** Whether it was there before, and is somebody else's to end. */
  readonly adopted: boolean;
  /** Ends what was opened. */
  readonly undo: () => Promise<void>;
}

type Opener = (connection: ServerConnection, transport: CommandTransport) => Promise<Opened>;

/** Logs in, hands the session over, and leaves it open; unless it cannot be handed over. */
export const login: Command = {
  async run(context) {
    const { flags, positionals, signal } = context;
    const [server] = positionals;
    checkFlags(context);
    const connection = connectionTo(context, server);
    const open = await readOpener(context, server);
    await withServer(context, connection, async (transport) => {
      const { vc, adopted, undo } = await open(connection, transport);
      try {
        const ticket = flags.clone ? await vc.soap.acquireCloneTicket({ signal }) : undefined;
        const text = handOver(context, vc, shortServer(connection.server), ticket);
        signal.throwIfAborted();
        context.out(text);
        // A session that nobody was told of would stay open for nobody.
        await context.written();
        vc.handOver();
        if (flags.clone && flags.output !== "json" && !adopted) tellOfSource(context, connection.server);
      } catch (error) {
        await undo();
        throw error;
      }
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
  const { clone, ticket, as, output } = flags;
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
  const identity: SessionIdentity =
    clone && as === undefined
      ? await readSessionIdentity(context, word)
      : { kind: "login", credential: await readSessionCredential(context, word) };
  // What is not handed over would stay open, and nobody could name it.
  const ticketAlone = clone && output !== "json";
  const side = as !== undefined || ticketAlone ? "vim" : output === "id" ? "vapi" : "both";
  return async (connection, transport) => {
    const vc = await openSession(context, { connection, transport, identity }, { open: side });
    const undo = () => endSession(context, vc);
    if (as === undefined) return { vc, adopted: identity.kind === "session", undo };
    try {
      await vc.soap.impersonateUser(as, { signal: context.signal });
      const seen = await seenAnew(context, connection, transport, vc.session.vim?.id);
      return { vc: seen, adopted: false, undo };
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
    return { vc: await seenAnew(context, connection, transport, id), adopted: false, undo };
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
): Promise<Server> {
  return openSession(
    context,
    { connection, transport, identity: { kind: "session", ids: { vim } } },
    { open: "both" },
  );
}

function handOver(
  { flags }: CommandContext,
  { session: { vapi, vim, shared } }: Server,
  server: string,
  ticket: string | undefined,
): string {
  const session: HandedSession = { server, vapi: vapi?.id ?? null, vim: vim?.id ?? null };
  switch (flags.output) {
    case "json":
      return formatJson({
        server,
        shared: shared ?? null,
        vapi: vapi && { id: vapi.id },
        vim: vim && { id: vim.id },
        ...(ticket !== undefined && { ticket }),
      });
    case "id":
      return `${requireVapi(session)}\n`;
    case "env":
      return Object.entries(sessionVariables(session))
        .map(([name, value]) => `export ${name}=${value === "" ? "" : shellWord(value)}\n`)
        .join("");
    default:
      return ticket === undefined ? formatSession(session, shared) : `${ticket}\n`;
  }
}

function requireVapi({ server, vapi }: HandedSession): string {
  if (vapi !== null) return vapi;
  throw new UnsupportedError(`the session at ${server} is of the VIM side alone: it has no vAPI ID`, {
    worksAt: "vim-soap",
    hint: "print it by -o json or -o env",
  });
}

function formatSession({ vapi, vim, server }: HandedSession, shared: boolean | undefined): string {
  const sides = shared === undefined ? "" : shared ? "yes" : "no";
  const rows = [
    ["vapi", server, vapi ?? "-", sides],
    ["vim", server, vim ?? "-", sides],
  ].map((row) => row.map(printable));
  return formatTable(["SIDE", "SERVER", "SESSION ID", "SHARED"], rows);
}
