import { makeCall } from "../call.ts";
import type { Command } from "../command.ts";
import { readJsonData } from "../data.ts";
import { UsageError } from "../usage.ts";

const USAGE = "name it as TYPE/MOID/MEMBER: vsso vim ServiceInstance/ServiceInstance/content";

export const command: Command = {
  async run(context) {
    const { flags, positionals } = context;
    const { type, moId, member } = readTarget(positionals[0] ?? "");
    const method = readMethod(flags.method, member);
    const params = (await readJsonData(context))?.value;
    if (method === "GET" && params !== undefined) {
      throw new UsageError(
        `${member} is read as a property, which takes no -d`,
        "add -X POST to call it as a method",
      );
    }
    if (params !== undefined && (typeof params !== "object" || params === null || Array.isArray(params))) {
      throw new UsageError(
        "the parameters of a method are an object",
        'give them by name, as -d \'{"key":"…"}\'',
      );
    }
    return makeCall(context, {
      label: `${type} ${member}`,
      open: "vim",
      isMeant: ({ method: sent, url: { pathname } }) =>
        sent === method &&
        pathname.startsWith("/sdk/vim25/") &&
        pathname.endsWith(`/${encodeURIComponent(member)}`),
      run: async (vc, { signal }) =>
        (await vc.vim.request({ method, type, moId, member, signal, ...(params && { params }) })).value,
    });
  },
};

/** Neither types nor members hold a slash; what is between them is the ID, whatever it holds. */
function readTarget(text: string): { type: string; moId: string; member: string } {
  const [, type = "", moId = "", member = ""] = /^\/?([^/]+)\/(.+)\/([^/]+)$/s.exec(text) ?? [];
  if (!/^\w+$/.test(type) || !/^\w+$/.test(member)) {
    throw new UsageError(`${text} is no property or method of a managed object`, USAGE);
  }
  return { type, moId, member };
}

/** Names of properties begin in lower case, those of methods in upper case. */
function readMethod(given: string | undefined, member: string): "GET" | "POST" {
  const method = given?.toUpperCase() ?? (/^[a-z]/.test(member) ? "GET" : "POST");
  if (method === "GET" || method === "POST") return method;
  throw new UsageError(`-X ${given} is no method of VI/JSON`, "GET reads a property, POST calls a method");
}
