import type { VCenter } from "../../index.ts";
import { VsphereSsoError } from "../../index.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { formatJson } from "../output/json.ts";
import { withSession } from "../session.ts";
import { shortServer } from "../session-environment.ts";
import { readNamedSession } from "../session-identity.ts";

/** Where vAPI has its sessions, the newer place first. */
const SESSION_PATHS = ["/api/session", "/rest/com/vmware/cis/session"];

/** Ends a session that was handed over, wherever the server knows it. */
export const logout: Command = {
  async run(context) {
    const { flags, positionals, out, signal } = context;
    await withSession(
      context,
      positionals[0],
      { open: "both", partly: true, identify: readNamedSession },
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
