import type { StoredSession, UserSession } from "../../index.ts";
import { VCenter, VsphereSsoError } from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { formatJson } from "../output/json.ts";
import { formatTable } from "../output/table.ts";
import { printable } from "../output/text.ts";
import { type OpenSession, withSession } from "../session.ts";
import { shortServer } from "../session-environment.ts";
import { UsageError } from "../usage.ts";

const SIDES = ["vapi", "vim"] as const;

/** Sessions that are stored on this machine; or those of the server. */
export const list: Command = {
  async run(context) {
    if (!context.flags["server-side"]) return listStored(context);
    await listServerSide(context);
    return EXIT.done;
  },
};

/**
 * Those of all servers, or of the one that the command line names.
 *
 * @returns the exit code: the list is not whole where an entry could not be read, of which stderr tells.
 */
async function listStored(context: CommandContext): Promise<number> {
  const { flags, positionals, out, columns } = context;
  const server = positionals[0] ?? flags.server;
  const { withStoredSessions } = await import("../stored-sessions.ts");
  let isWhole = true;
  const sessions = await withStoredSessions(
    context,
    (broker) => (server === undefined ? broker.list() : broker.find(server)),
    {
      onUnreadable: () => {
        isWhole = false;
      },
    },
  );
  const rows = sessions.map(storedFields).sort(byServerAndUser);
  if (flags.output === "json") out(formatJson({ sessions: rows }));
  else {
    const cells = rows.map((row) => [
      row.server,
      row.user,
      row.sides.join("+"),
      row.createdAt,
      row.checkedAt,
    ]);
    const heading = ["SERVER", "USER", "SIDES", "SINCE", "CHECKED"];
    out(
      formatTable(
        heading,
        cells.map((row) => row.map(printable)),
        columns,
      ),
    );
  }
  return isWhole ? EXIT.done : EXIT.refused;
}

/** What may be shown of a stored session: not its IDs. */
function storedFields(session: StoredSession) {
  const { server, principal, shared, vimKey, createdAt, checkedAt, imported } = session;
  return {
    server: shortServer(server),
    user: principal,
    sides: SIDES.filter((side) => session[side] !== null),
    shared,
    vimKey,
    createdAt: createdAt.toISOString(),
    checkedAt: checkedAt.toISOString(),
    imported,
  };
}

type StoredFields = ReturnType<typeof storedFields>;

function byServerAndUser(a: StoredFields, b: StoredFields): number {
  const [one, other] = [`${a.server} ${a.user}`, `${b.server} ${b.user}`];
  return one < other ? -1 : one > other ? 1 : 0;
}

/** Those of the SessionManager: one that is not stored here may be one that nobody ends. */
async function listServerSide(context: CommandContext): Promise<void> {
  const { flags, positionals, out, columns, signal } = context;
  const { withStoredSessions } = await import("../stored-sessions.ts");
  const rows = await withSession(context, positionals[0], { open: "vim", orLogin: true }, async (session) => {
    const { vc } = session;
    const [sessions, { key: current }, stored] = await Promise.all([
      vc.soap.sessionList({ signal }),
      vc.soap.currentSession({ signal }),
      withStoredSessions(context, (broker) => broker.find(vc.server)),
    ]);
    const keys = new Set(
      await Promise.all(stored.map((each) => each.vimKey ?? askKey(context, session, each))),
    );
    return sessions.map((session) => ({
      ...fieldsOf(session),
      current: session.key === current,
      stored: keys.has(session.key),
    }));
  });
  if (flags.output === "json") {
    out(formatJson({ sessions: rows }));
    return;
  }
  const heading = ["", "KEY", "USER", "SINCE", "LAST ACTIVE", "ADDRESS", "STORED", "AGENT"];
  const cells = rows.map((row) => [
    row.current ? "*" : "",
    ...[
      ...[row.key, row.user, row.loginTime, row.lastActiveTime, row.ipAddress],
      ...[row.stored ? "yes" : "no", row.userAgent],
    ].map((cell) => printable(cell ?? "-")),
  ]);
  out(formatTable(heading, cells, columns));
}

/** The key of a session that was used at vAPI only: the SessionManager lists it too where the sides share it. */
async function askKey(
  { signal }: CommandContext,
  { connection, transport }: OpenSession,
  { vapi, vim }: StoredSession,
): Promise<string | undefined> {
  const ids = vim === null ? { vapi: vapi ?? undefined } : { vim };
  const options = { ...connection.transport, transport, open: "vim", signal } as const;
  try {
    const vc = await VCenter.adopt(connection.server, ids, options);
    return (await vc.soap.currentSession({ signal })).key;
  } catch (error) {
    // It has ended, or is of vAPI alone.
    if (error instanceof VsphereSsoError && error.code === "NOT_AUTHENTICATED") return undefined;
    throw error;
  }
}

function fieldsOf({ key, userName, loginTime, lastActiveTime, ipAddress, userAgent }: UserSession) {
  return {
    key,
    user: userName,
    loginTime: loginTime?.toISOString() ?? null,
    lastActiveTime: lastActiveTime?.toISOString() ?? null,
    ipAddress,
    userAgent,
  };
}

/** Ends sessions of others, by the key that the server lists them with. */
export const remove: Command = {
  async run(context) {
    const { flags, positionals, out, signal } = context;
    const [key = "", server] = positionals;
    if (key.trim() === "")
      throw new UsageError("the key is empty", "take it from vsso session list --server-side");
    await withSession(context, server, { open: "vim", orLogin: true }, ({ vc }) =>
      vc.soap.terminateSession(key, { signal }),
    );
    out(flags.output === "json" ? formatJson({ ended: [key] }) : `ended ${printable(key)}\n`);
    return EXIT.done;
  },
};
