import type { VCenter } from "../../index.ts";
import { VsphereSsoError } from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { formatJson } from "../output/json.ts";
import { printable } from "../output/text.ts";
import { connectionTo } from "../reach.ts";
import { withServer, withSession } from "../session.ts";
import { shortServer } from "../session-environment.ts";
import {
  environmentSession,
  namesWho,
  readGivenSession,
  whoLogsIn,
  withheldSessionNote,
} from "../session-identity.ts";
import { UsageError } from "../usage.ts";

/** Where vAPI has its sessions, the newer place first. */
const SESSION_PATHS = ["/api/session", "/rest/com/vmware/cis/session"];

const SIDES = ["vapi", "vim"] as const;

/** Ends a session that was handed over, wherever the server knows it; or the stored ones of the server. */
export const logout: Command = {
  async run(context) {
    const { flags, positionals, out, signal } = context;
    const [word] = positionals;
    // Before an ID is read from stdin, which may be waited for.
    connectionTo(context, word);
    const meansStored = namesWho(context) || flags.persist === true;
    const named =
      (await readGivenSession(context)) ?? (meansStored ? undefined : environmentSession(context, word));
    if (named === undefined) {
      await endStored(
        context,
        word,
        meansStored ? "" : `no session is named${withheldSessionNote(context, word)}, and `,
      );
      return EXIT.done;
    }
    await withSession(
      context,
      word,
      { open: "both", partly: true, identify: async () => named },
      async ({ vc, connection }) => {
        const { vapi, vim } = vc.session;
        // Whether the end at one side is that of the other, no source tells: both are told.
        if (vim) await unlessEnded(() => endAtVim(vc, signal));
        if (vapi) await unlessEnded(() => endAtVapi(vc, signal));
        const ended = [...(vapi ? ["vapi"] : []), ...(vim ? ["vim"] : [])];
        if (flags.output === "json") out(formatJson({ server: shortServer(connection.server), ended }));
        else out(`logged out of ${ended.join(" and ")}\n`);
      },
    );
    return EXIT.done;
  },
};

/**
 * Ends the stored sessions of the server, or of the user who is named.
 *
 * @param why What there is to say before it where there are none.
 * @throws UsageError where there are none: no other session is meant.
 */
async function endStored(context: CommandContext, word: string | undefined, why: string): Promise<void> {
  const { flags, out, spinner } = context;
  const connection = connectionTo(context, word);
  const { logoutStored } = await import("../stored-sessions.ts");
  const { ended, principal } = await withServer(context, connection, (transport) =>
    spinner.during(`logging out of ${connection.server}`, () =>
      logoutStored(context, connection, transport, whoLogsIn(context, word)),
    ),
  );
  const server = shortServer(connection.server);
  if (ended.length === 0) {
    throw new UsageError(
      `${why}no session${principal === undefined ? "" : ` of ${principal}`} at ${server} is stored`,
      "vsso session list tells what is stored; another session is named by --id ID, or by VSSO_SESSION_ID beside VSSO_SERVER",
    );
  }
  const sides = SIDES.filter((side) => ended.some((session) => session[side] !== null));
  const users = ended.map(({ principal }) => principal).sort();
  if (flags.output === "json") out(formatJson({ server, ended: sides, users }));
  else out(users.map((user) => `logged out of ${sides.join(" and ")} as ${printable(user)}\n`).join(""));
}

async function endAtVim({ soap }: VCenter, signal: AbortSignal): Promise<void> {
  const { sessionManager } = await soap.serviceContent({ signal });
  await soap.call("Logout", sessionManager, {}, { signal, repeatable: true });
}

async function endAtVapi({ vapi }: VCenter, signal: AbortSignal): Promise<void> {
  let failure: unknown;
  for (const path of SESSION_PATHS) {
    try {
      return await vapi.delete(path, { signal });
    } catch (error) {
      if (!(error instanceof VsphereSsoError) || !("status" in error) || error.status !== 404) throw error;
      failure ??= error;
    }
  }
  throw failure;
}

async function unlessEnded(end: () => Promise<void>): Promise<void> {
  try {
    await end();
  } catch (error) {
    if (!(error instanceof VsphereSsoError) || error.code !== "NOT_AUTHENTICATED") throw error;
  }
}
