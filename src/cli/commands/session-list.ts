import type { UserSession } from "../../index.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { formatJson } from "../output/json.ts";
import { formatTable } from "../output/table.ts";
import { printable } from "../output/text.ts";
import { withSession } from "../session.ts";
import { UsageError } from "../usage.ts";

/** Sessions that are stored here, of which there are none as long as nothing stores any; or those of the server. */
export const list: Command = {
  async run(context) {
    const { flags, positionals, out, signal } = context;
    if (!flags["server-side"]) {
      out(
        flags.output === "json" ? formatJson({ sessions: [] }) : formatTable(["SERVER", "USER", "SINCE"], []),
      );
      return EXIT.done;
    }
    const { sessions, current } = await withSession(
      context,
      positionals[0],
      { open: "vim" },
      async ({ vc }) => {
        const [all, own] = await Promise.all([
          vc.soap.sessionList({ signal }),
          vc.soap.currentSession({ signal }),
        ]);
        return { sessions: all, current: own.key };
      },
    );
    const rows = sessions.map((session) => ({ ...fieldsOf(session), current: session.key === current }));
    if (flags.output === "json") out(formatJson({ sessions: rows }));
    else {
      const heading = ["", "KEY", "USER", "SINCE", "LAST ACTIVE", "ADDRESS", "AGENT"];
      const cells = rows.map((row) => [
        row.current ? "*" : "",
        ...[row.key, row.user, row.loginTime, row.lastActiveTime, row.ipAddress, row.userAgent].map((cell) =>
          printable(cell ?? "-"),
        ),
      ]);
      out(formatTable(heading, cells, context.columns));
    }
    return EXIT.done;
  },
};

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
    await withSession(context, server, { open: "vim" }, ({ vc }) =>
      vc.soap.terminateSession(key, { signal }),
    );
    out(flags.output === "json" ? formatJson({ ended: [key] }) : `ended ${printable(key)}\n`);
    return EXIT.done;
  },
};
