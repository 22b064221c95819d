import type { GroupNode, NodeResult } from "../index.ts";
import type { ServerCall } from "./call.ts";
import type { CommandContext } from "./command.ts";
import { exitCodeOfNodes, formatNodeFailures, formatNodes, withNodes } from "./nodes.ts";
import { behindName, formatNodeReply, type RawReply } from "./output/body.ts";
import { formatJsonLine } from "./output/json.ts";
import { printable } from "./output/text.ts";

/**
 * Makes a call at nodes of the linked group: one document of all of them, or each as soon as it has answered, its lines
 * behind its name. What failed is told when all are done, the same reason once.
 *
 * @returns the exit code.
 */
export async function callNodes(context: CommandContext, call: ServerCall): Promise<number> {
  const { flags, out, err, spinner } = context;
  const json = flags.output === "json";
  return withNodes(context, undefined, call.open, async ({ group, picked, replies }) => {
    replies.expect(call.isMeant);
    const replyOf = new Map<GroupNode, RawReply | undefined>();
    const run = group.each(
      async (vc, { node, signal }) => {
        const tell = (what: string, progress: string) =>
          err(behindName(node.instanceName, printable(`${what}: ${progress}`)));
        try {
          return await call.run(vc, { signal, tell });
        } finally {
          replyOf.set(node, replies.last(vc.server));
        }
      },
      { nodes: picked, signal: context.signal },
    );
    const print = (result: NodeResult<unknown>): void => {
      spinner.clear();
      out(formatResult(context, call, result, replyOf.get(result.node)));
    };
    const results = await spinner.during(call.label, async () => {
      if (json) return run;
      const printed: NodeResult<unknown>[] = [];
      for await (const result of run) {
        print(result);
        // What it answered is out, and may be large.
        printed.push(result.ok ? { ...result, value: undefined } : result);
      }
      return printed.sort((one, other) => one.node.compare(other.node));
    });
    const code = exitCodeOfNodes(context, results);
    if (json) out(formatNodes(results, (value) => value));
    err(formatNodeFailures(results, json));
    return code;
  });
}

/** What a node answered; an error as well, which is told on stderr too. */
function formatResult(
  context: CommandContext,
  { printsValue }: ServerCall,
  result: NodeResult<unknown>,
  reply: RawReply | undefined,
): string {
  if (!result.ok) return reply ? formatNodeReply(context, result.instanceName, reply) : "";
  if (reply && !printsValue) return formatNodeReply(context, result.instanceName, reply);
  return behindName(result.instanceName, formatJsonLine(result.value ?? null));
}
