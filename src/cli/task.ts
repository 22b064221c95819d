import type { TaskInfo, VapiRequest } from "../index.ts";
import type { ServerCall } from "./call.ts";
import type { CommandContext } from "./command.ts";
import { printable } from "./output/text.ts";

/**
 * The call that begins a request as a task and waits for its end, with the progress on stderr. When the wait is
 * interrupted the task goes on. Its value is the result; null where the task has none.
 *
 * @param path The path of the request, as it goes over the wire.
 */
export function taskCall(
  { err }: Pick<CommandContext, "err">,
  request: VapiRequest,
  path: string,
): ServerCall {
  return {
    label: `${request.method} ${path}`,
    open: "vapi",
    isMeant: ({ method, url: { pathname } }) =>
      (method === request.method && pathname === path) || /\/cis\/tasks\//.test(pathname),
    printsValue: true,
    run: async (vc, { signal, tell }) => {
      const task = await vc.vapi.task({ ...request, signal });
      const onProgress = (info: TaskInfo): void => tell(`task ${task.id}`, progressText(info));
      try {
        return await task.wait({ signal, onProgress });
      } finally {
        if (signal.aborted) {
          const where = path.startsWith("/rest/") ? "/rest/cis/tasks" : "/api/cis/tasks";
          err(`the task goes on at the server: vsso api GET ${printable(`${where}/${task.id}`)}\n`);
        }
      }
    },
  };
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
