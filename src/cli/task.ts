import type { TaskInfo, VapiRequest } from "../index.ts";
import type { CommandContext } from "./command.ts";
import { printRaw } from "./output/body.ts";
import { printable } from "./output/text.ts";
import { withSession } from "./session.ts";

/**
 * Begins a request as a task and waits for its end, with the progress on stderr: before the eyes of who sits at a
 * terminal, else a line for each change. When the wait is interrupted the task goes on.
 *
 * @param path The path of the request, as it goes over the wire.
 * @returns the result; null where the task has none.
 * @throws TaskError; as the request itself.
 */
export async function runAsTask(
  context: CommandContext,
  request: VapiRequest,
  path: string,
): Promise<unknown> {
  const { err, signal, spinner } = context;
  return withSession(context, undefined, { open: "vapi" }, async ({ vc, replies }) => {
    replies.expect(({ pathname }) => pathname === path || /\/cis\/tasks\//.test(pathname));
    try {
      return await spinner.during(`${request.method} ${path}`, async (relabel) => {
        const task = await vc.vapi.task(request);
        const onProgress = (info: TaskInfo): void => {
          relabel(progressText(info));
          if (!spinner.visible) err(`task ${printable(`${task.id}: ${progressText(info)}`)}\n`);
        };
        try {
          return await task.wait({ signal, onProgress });
        } finally {
          if (signal.aborted) {
            const where = path.startsWith("/rest/") ? "/rest/cis/tasks" : "/api/cis/tasks";
            err(`the task goes on at the server: vsso api GET ${printable(`${where}/${task.id}`)}\n`);
          }
        }
      });
    } catch (error) {
      if (replies.last && !signal.aborted) printRaw(context, replies.last);
      throw error;
    }
  });
}

function progressText({ status, progress, description }: TaskInfo): string {
  const message = progress?.message || description;
  const parts = [
    status.toLowerCase(),
    ...(progress ? [`${progress.completed} of ${progress.total}`] : []),
    ...(message ? [message] : []),
  ];
  return parts.join(", ");
}
