import type { VCenter } from "../index.ts";
import type { CommandContext } from "./command.ts";
import { EXIT } from "./exit-code.ts";
import { printRaw, printReply } from "./output/body.ts";
import { formatJson } from "./output/json.ts";
import { printable } from "./output/text.ts";
import type { SeenRequest } from "./reply-recorder.ts";
import { type SideToOpen, withSession } from "./session.ts";

/** Where a call is made. */
export interface CallSite {
  readonly signal: AbortSignal;
  /** Tells on stderr how far something is. */
  readonly tell: (what: string, progress: string) => void;
}

/** One call at a server, as `api`, `rpc` and `vim` make it. */
export interface ServerCall {
  /** What it is, for the eyes of who waits. */
  readonly label: string;
  /** The side of the server that answers it. */
  readonly open: SideToOpen;
  /** Whether a request is the call's own. */
  readonly isMeant: (request: SeenRequest) => boolean;
  /** Makes it; what it gives is the value in the reply. */
  readonly run: (vc: VCenter, site: CallSite) => Promise<unknown>;
  /** True where the value is printed, and not the last reply as it came. */
  readonly printsValue?: boolean;
}

/** Whether the command is to run at nodes of the linked group, and not at the server alone. */
export function namesNodes({ flags }: Pick<CommandContext, "flags">): boolean {
  return flags["all-nodes"] === true || flags.node !== undefined;
}

/**
 * Makes a call and prints the reply; one that is an error too, before the error is told.
 *
 * @returns the exit code.
 */
export async function makeCall(context: CommandContext, call: ServerCall): Promise<number> {
  if (namesNodes(context)) {
    const { callNodes } = await import("./node-calls.ts");
    return callNodes(context, call);
  }
  const { flags, out, err, signal, spinner } = context;
  await withSession(context, undefined, { open: call.open }, async ({ vc, replies }) => {
    replies.expect(call.isMeant);
    let value: unknown;
    try {
      value = await spinner.during(call.label, (relabel) => {
        // Before the eyes of who sits at a terminal, else a line for each change.
        const tell = (what: string, progress: string) =>
          spinner.visible ? relabel(progress) : err(`${printable(`${what}: ${progress}`)}\n`);
        return call.run(vc, { signal, tell });
      });
    } catch (error) {
      const reply = replies.last(vc.server);
      if (reply && !signal.aborted) printRaw(context, reply);
      throw error;
    }
    if (!call.printsValue) printReply(context, replies.last(vc.server), value);
    else if (flags.output === "json" || (value ?? null) !== null) out(formatJson(value ?? null));
  });
  return EXIT.done;
}
