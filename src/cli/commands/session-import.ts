import type { AdoptOptions, FoundSession, SessionBroker } from "../../index.ts";
import {
  formatAuthority,
  parseCurlConfig,
  parseServer,
  parseSessionEnvironment,
  parseSessionJson,
  readGovcSessions,
  readTerraformSessions,
  VsphereSsoError,
} from "../../index.ts";
import { adoptSession } from "../adopt.ts";
import type { Command, CommandContext } from "../command.ts";
import { environmentCredentials } from "../credentials.ts";
import { EXIT } from "../exit-code.ts";
import { readInput } from "../input.ts";
import { formatJson } from "../output/json.ts";
import { printable } from "../output/text.ts";
import { connectionTo } from "../reach.ts";
import { endSession, withServer } from "../session.ts";
import { shortServer } from "../session-environment.ts";
import {
  cacheFolders,
  formatOf,
  isSameUser,
  serverText,
  usersNamed,
  usersTold,
} from "../session-exchange.ts";
import { readGivenSession, type SessionIdentity } from "../session-identity.ts";
import { withStoredSessions } from "../stored-sessions.ts";
import { UsageError } from "../usage.ts";

/** Formats of files and folders; of the last two there are none, and their sessions are IDs. */
const FORMATS = ["govc", "terraform", "curl", "env", "json", "pyvmomi", "powercli"] as const;

const READERS = { curl: parseCurlConfig, env: parseSessionEnvironment, json: parseSessionJson } as const;

const SIDES = ["vapi", "vim"] as const;

type Given = Extract<SessionIdentity, { readonly kind: "session" }>;

/** Takes a session that another program made, asks the server whose it is, and stores it. It ends none. */
export const importSession: Command = {
  async run(context) {
    const { flags, out, signal } = context;
    const { identity, server: word } = await readSession(context);
    const connection = connectionTo(context, word);
    const { server } = connection;
    const options = { ...connection.transport, signal };
    const { principal, sides } = await withServer(context, connection, async (transport) => {
      // One of two will do: a program may have used the other one too long ago.
      const adopting = adoptSession(server, identity, { ...options, transport, partly: true });
      const vc = await adopting.catch((error: unknown) => {
        throw withAdvice(error);
      });
      try {
        const whose = await principalOf(context, await usersTold(vc, signal));
        const { vapi, vim } = vc.session;
        const ids = { ...(vapi && { vapi: vapi.id }), ...(vim && { vim: vim.id }) };
        await withStoredSessions(
          context,
          (broker) => storeInPlace(broker, server, ids, { ...options, transport, principal: whose }),
          { toStore: true },
        );
        const alive = [...(vapi ? ["vapi"] : []), ...(vim ? ["vim"] : [])];
        return { principal: whose, sides: alive };
      } finally {
        await endSession(context, vc);
      }
    });
    const shown = { server: shortServer(server), user: principal, sides };
    out(
      flags.output === "json"
        ? formatJson(shown)
        : `stored the session of ${printable(principal)} at ${shown.server} (${sides.join(" and ")})\n`,
    );
    return EXIT.done;
  },
};

type SideIds = { readonly vapi?: string; readonly vim?: string };

/**
 * Stores a session in the place of what is stored of its user. What vsso logged in for is ended then: nobody else knows
 * it.
 *
 * @throws UsageError where that is in use.
 */
async function storeInPlace(
  broker: SessionBroker,
  server: string,
  ids: SideIds,
  options: AdoptOptions & { readonly principal: string },
): Promise<void> {
  const { principal } = options;
  const [before] = await broker.find(server, principal);
  const old = { ...(before?.vapi && { vapi: before.vapi }), ...(before?.vim && { vim: before.vim }) };
  const both = SIDES.filter((side) => old[side] !== undefined && ids[side] !== undefined);
  const same = both.filter((side) => old[side] === ids[side]);
  if (same.length === 0) {
    if (before && !before.imported) {
      if (before.holders > 0) {
        throw new UsageError(
          `the session of ${printable(principal)} that is stored is in use, and this one would take its place`,
          `try again when it is not, or end it first: ${endOf(server, principal)}`,
        );
      }
      await broker.logout(server, options);
    }
    await broker.import(server, ids, options);
    return;
  }
  if (same.length < both.length && !before?.imported) {
    throw new UsageError(
      `another session of ${printable(principal)} is stored that shares a side with this one`,
      `end it first: ${endOf(server, principal)}`,
    );
  }
  try {
    // The other side of a session that is stored stays with it.
    await broker.import(server, { ...old, ...ids }, options);
  } catch (error) {
    if (!(error instanceof VsphereSsoError) || error.code !== "NOT_AUTHENTICATED") throw error;
    await broker.import(server, ids, options);
  }
}

/** Reads what is to be imported, before anything is connected to. */
/** The command that ends what is stored of a user. */
function endOf(server: string, principal: string): string {
  return `vsso session logout ${shortServer(server)} --user ${printable(principal)}`;
}

async function readSession(
  context: CommandContext,
): Promise<{ readonly identity: Given; readonly server: string | undefined }> {
  const { flags, positionals } = context;
  const word = positionals[0];
  if (flags.id !== undefined && flags.from !== undefined) {
    throw new UsageError("--id and --from exclude each other", "give the session ID, or where to read it");
  }
  const format =
    flags.id !== undefined && flags.format === undefined
      ? undefined
      : formatOf(context, FORMATS, "; or the ID of the session by --id");
  const given = await readGivenSession(context);
  if (given?.kind === "session") return { identity: given, server: word };
  const found = await findSession(context, format ?? "json", word);
  if (found.server !== undefined) requireSameServer(context, word, found.server);
  const { vapi, vim } = found;
  const ids = { ...(vapi !== undefined && { vapi }), ...(vim !== undefined && { vim }) };
  const named = word ?? (context.flags.server === undefined ? found.server : undefined);
  return { identity: { kind: "session", ids }, server: named };
}

/** There is nothing to log in with: what is imported is a session. */
function withAdvice(error: unknown): unknown {
  if (!(error instanceof VsphereSsoError) || error.code !== "NOT_AUTHENTICATED") return error;
  return new VsphereSsoError("NOT_AUTHENTICATED", error.message, {
    hint: "log in anew with the program that made it, and import that session",
    cause: error,
  });
}

async function findSession(
  context: CommandContext,
  format: (typeof FORMATS)[number],
  word: string | undefined,
): Promise<FoundSession> {
  const { from } = context.flags;
  switch (format) {
    case "govc":
    case "terraform":
      return findCached(context, format, word);
    case "pyvmomi":
    case "powercli":
      throw new UsageError(`a session of ${format} is an ID`, "give it as --id ID, or as --id - for stdin");
    default: {
      if (from === undefined) {
        throw new UsageError(
          `there is nothing to read ${format} from`,
          "give --from FILE, or --from - for stdin; or --id ID in place of --format",
        );
      }
      const bytes = await readInput(context, from, "the session");
      return READERS[format](bytes.toString("utf8"));
    }
  }
}

/** In the folder of a program, by the names that its files have for the server and the user. */
async function findCached(
  context: CommandContext,
  program: "govc" | "terraform",
  word: string | undefined,
): Promise<FoundSession> {
  const { env, flags } = context;
  if (flags.from === "-")
    throw new UsageError(`sessions of ${program} are in a folder`, "give --from FOLDER");
  const { server, transport } = connectionTo(context, word);
  const folders = cacheFolders(program, env, flags.from);
  const users = usersNamed(program, context, word);
  if (program === "terraform" && users.length === 0) {
    throw new UsageError(
      "Terraform has sessions of a user, and none is named",
      "give --user USER, or VSPHERE_USER, as the provider has it",
    );
  }
  const search = {
    server: serverText(program, env, server),
    ...(transport.trust?.insecure && { insecure: true }),
  };
  for (const user of program === "govc" ? [...users, ""] : users) {
    const read = program === "govc" ? readGovcSessions : readTerraformSessions;
    const found = await read(folders, { ...search, user });
    if (found) return found;
  }
  const whose = users.length === 0 ? "" : ` of ${users.join(" or ")}`;
  throw new UsageError(
    `${program} has no session${whose} at ${server} in ${folders.vim} or ${folders.rest}`,
    "check --from, and give server and user to the letter as the program has them",
  );
}

/** A session is sent to no server but its own. */
function requireSameServer({ flags }: CommandContext, word: string | undefined, own: string): void {
  const named = word ?? flags.server;
  if (named === undefined || formatAuthority(parseServer(named)) === own) return;
  throw new UsageError(`the session is of ${own}, and not of ${named}`, "name its own server, or none");
}

/**
 * Whose session is stored: of the user whom the server tells, by the name that the command line or the environment has
 * for the same user, so that it is found by that.
 */
async function principalOf(context: CommandContext, told: readonly string[]): Promise<string> {
  const [user] = told;
  if (user === undefined)
    throw new UsageError("the server does not tell whose session it is", "log in instead");
  const { flags, positionals } = context;
  const named = flags.user ?? environmentCredentials(context, positionals[0]).user;
  const same = [named ?? []].flat().find((name) => told.every((each) => isSameUser(each, name)));
  if (same === undefined && context.flags.user !== undefined) {
    throw new UsageError(
      `the session is of ${told.map(printable).join(" and ")}, and not of ${printable(context.flags.user)}`,
      "name the user of the session, or leave --user out",
    );
  }
  return same ?? user;
}
