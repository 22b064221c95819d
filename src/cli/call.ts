import type { VCenter } from "../index.ts";
import type { CommandContext } from "./command.ts";
import { printRaw, printReply } from "./output/body.ts";
import { type SideToOpen, withSession } from "./session.ts";

/** One call at a server, as `api`, `rpc` and `vim` make it. */
export interface ServerCall {
  /** What it is, for the eyes of who waits. */
  readonly label: string;
  /** The side of the server that answers it. */
  readonly open: SideToOpen;
  /** Whether a request of the call's own goes to this URL. */
  readonly isMeant: (url: URL) => boolean;
  /** Makes it; what it gives is the value in the reply. */
  readonly run: (vc: VCenter) => Promise<unknown>;
}

/** Makes a call and prints the reply; one that is an error too, before the error is told. */
export async function makeCall(context: CommandContext, call: ServerCall): Promise<void> {
  await withSession(context, undefined, { open: call.open }, async ({ vc, replies }) => {
    replies.expect(call.isMeant);
    let value: unknown;
    try {
      value = await context.spinner.during(call.label, () => call.run(vc));
    } catch (error) {
      if (replies.last) printRaw(context, replies.last);
      throw error;
    }
    printReply(context, replies.last, value);
  });
}
