import type { SessionInfo, VCenter } from "../../index.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { formatJson } from "../output/json.ts";
import { formatTable } from "../output/table.ts";
import { printable } from "../output/text.ts";
import { withSession } from "../session.ts";
import { shortServer } from "../session-environment.ts";
import { readGivenSession, readSessionIdentity } from "../session-identity.ts";

/** What each side of the server knows of a session: that of `--id`, of the environment, or one made for the purpose. */
export const show: Command = {
  async run(context) {
    const { flags, positionals, out, columns } = context;
    const identify = async () =>
      (await readGivenSession(context)) ?? readSessionIdentity(context, positionals[0]);
    const request = { open: "both", partly: true, identify } as const;
    await withSession(context, positionals[0], request, async ({ vc, connection }) => {
      const server = shortServer(connection.server);
      const { vapi, vim } = await sidesOf(vc, context.signal);
      const { shared = null } = vc.session;
      if (flags.output === "json") {
        out(
          formatJson({
            server,
            shared,
            vapi: vapi && fieldsOf(vapi),
            vim: vim && { key: vim.key, ...fieldsOf(vim) },
          }),
        );
        return;
      }
      const rows = [["vapi", vapi] as const, ["vim", vim] as const].map(([side, info]) =>
        [side, info?.user ?? "-", time(info?.createdAt), time(info?.lastAccessedAt), sharedWord(shared)].map(
          printable,
        ),
      );
      out(formatTable(["SIDE", "USER", "SINCE", "LAST ACTIVE", "SHARED"], rows, columns));
    });
    return EXIT.done;
  },
};

/** By a call on each side that has a session. */
async function sidesOf(
  vc: VCenter,
  signal: AbortSignal,
): Promise<{ vapi: SessionInfo | null; vim: SessionInfo | null }> {
  return vc.check({ signal });
}

function fieldsOf({ user, createdAt, lastAccessedAt }: SessionInfo) {
  return {
    user,
    createdAt: createdAt?.toISOString() ?? null,
    lastAccessedAt: lastAccessedAt?.toISOString() ?? null,
  };
}

function time(date: Date | null | undefined): string {
  return date?.toISOString() ?? "-";
}

function sharedWord(shared: boolean | null): string {
  return shared === null ? "-" : shared ? "yes" : "no";
}
