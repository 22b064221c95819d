import type { NodeResult, VCenter } from "../index.ts";
import type { CommandContext } from "./command.ts";
import { exitCodeOfNodes, formatNodeFailures, formatNodes, withNodes } from "./nodes.ts";
import {
  formatHanded,
  formatHandedNodes,
  handedFields,
  type SessionToHand,
  sessionToHand,
} from "./output/handed-session.ts";
import { UsageError } from "./usage.ts";

/** A session of a node, which is ended with the group unless it is handed over. */
interface NodeSession {
  readonly vc: VCenter;
  readonly session: SessionToHand;
}

/**
 * Logs in at nodes of the linked group and hands over the sessions: also where others failed. When they cannot be
 * handed over, none stays open.
 *
 * @param word The server as a word of the command line.
 * @returns the exit code.
 */
export async function loginAtNodes(context: CommandContext, word: string | undefined): Promise<number> {
  const { flags, out, err, written, signal, spinner } = context;
  const { output } = flags;
  checkFormat(context);
  return withNodes(context, word, output === "id" ? "vapi" : "both", async ({ group, picked }) => {
    const results = await spinner.during("logging in", async () =>
      group.each(async (vc): Promise<NodeSession> => ({ vc, session: sessionToHand(vc) }), {
        nodes: picked,
        signal,
      }),
    );
    const code = exitCodeOfNodes(context, results);
    const text = formatSessions(context, results);
    out(text);
    // A session that nobody was told of would stay open for nobody.
    await written();
    for (const result of results) if (result.ok) result.value.vc.handOver();
    err(formatNodeFailures(results, output === "json"));
    return code;
  });
}

/** One session can be told by its ID alone; of several nobody knows whose they are. */
function checkFormat({ flags }: Pick<CommandContext, "flags">): void {
  const { output, node = [] } = flags;
  if ((output !== "id" && output !== "env") || (!flags["all-nodes"] && node.length === 1)) return;
  throw new UsageError(
    `-o ${output} prints one session, and sessions of several nodes are asked for`,
    "give -o json for all of them, or one --node",
  );
}

function formatSessions(
  { flags, columns }: CommandContext,
  results: readonly NodeResult<NodeSession>[],
): string {
  const { output } = flags;
  if (output === "json") return formatNodes(results, ({ session }) => handedFields(session));
  const sessions = results.flatMap((result) =>
    result.ok ? [{ instanceName: result.instanceName, session: result.value.session }] : [],
  );
  if (output === "id" || output === "env") {
    return sessions.map(({ session }) => formatHanded(output, session, undefined)).join("");
  }
  return sessions.length === 0 ? "" : formatHandedNodes(sessions, columns);
}
