import { randomUUID } from "node:crypto";
import type { VapiRequest } from "../../index.ts";
import { makeCall } from "../call.ts";
import type { Command, CommandContext } from "../command.ts";
import { readData, readJsonData } from "../data.ts";
import { UsageError } from "../usage.ts";

/** By which the call is known among the requests that the library makes on its own, be they for the same. */
const REQUEST_ID = "x-request-id";

type ApiRequest = VapiRequest & { readonly headers: Readonly<Record<string, string>> };

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] as const;

export const command: Command = {
  async run(context) {
    const { flags } = context;
    if (flags.include && (flags.output === "json" || flags.wait)) {
      throw new UsageError(
        `-i and ${flags.wait ? "--wait" : "-o json"} exclude each other`,
        "status and headers stand before a body that is printed as it came",
      );
    }
    const request = await readRequest(context);
    if (flags.wait) {
      const { taskCall } = await import("../task.ts");
      return makeCall(context, taskCall(context, request, pathOf(request)));
    }
    const pathname = pathOf(request);
    return makeCall(context, {
      label: `${request.method} ${pathname}`,
      open: "vapi",
      isMeant: ({ headers }) => headers[REQUEST_ID] === request.headers[REQUEST_ID],
      run: async (vc, { signal }) => (await vc.vapi.request({ ...request, signal })).value,
    });
  },
};

/** The path as it goes over the wire; one that is none is refused when the request is made. */
function pathOf({ path }: VapiRequest): string {
  return URL.canParse(path, "https://host") ? new URL(path, "https://host").pathname : path;
}

async function readRequest(context: CommandContext): Promise<ApiRequest> {
  const { flags, positionals } = context;
  const [word = "", path = ""] = positionals;
  const method = METHODS.find((each) => each === word.toUpperCase());
  if (method === undefined) {
    throw new UsageError(`${word} is no method of HTTP`, `one of: ${METHODS.join(", ")}`);
  }
  if (!path.startsWith("/")) {
    throw new UsageError(
      `${/^https?:/i.test(path) ? "a URL" : path} is no path: it does not begin with /`,
      "give the path alone, as /api/vcenter/vm, and the server by --server",
    );
  }
  const headers = readHeaders(flags.header ?? []);
  const body = await readBody(context, headers);
  if (body !== undefined && (method === "GET" || method === "HEAD")) {
    throw new UsageError(`${method} sends no body`, "leave -d out, or give parameters by -q NAME=VALUE");
  }
  return {
    method,
    path,
    headers: { [REQUEST_ID]: randomUUID(), ...headers },
    query: readQuery(flags.query ?? []),
    ...(body !== undefined && { body }),
  };
}

/** JSON, sent as it is written, unless a header says that it is something else. */
async function readBody(
  context: CommandContext,
  headers: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const type = Object.entries(headers).find(([name]) => name.toLowerCase() === "content-type")?.[1];
  const isJson = type === undefined || /^application\/(?:[\w.+-]+\+)?json\b/i.test(type);
  return isJson ? (await readJsonData(context))?.text : readData(context);
}

function readQuery(entries: readonly string[]): Record<string, string[]> {
  const query = new Map<string, string[]>();
  for (const entry of entries) {
    const [, name, value = ""] = /^([^=]+)=(.*)$/s.exec(entry) ?? [];
    if (name === undefined) {
      throw new UsageError(`-q ${entry} is not of the form NAME=VALUE`, "as -q names=vm-1 -q names=vm-2");
    }
    query.set(name, [...(query.get(name) ?? []), value]);
  }
  return Object.fromEntries(query);
}

/** What is wrong is told without the value, which may be a secret. */
function readHeaders(entries: readonly string[]): Record<string, string> {
  const headers = new Map<string, string>();
  for (const entry of entries) {
    const [, name, value = ""] = /^([\w!#$%&'*+.^`|~-]+):[ \t]*(.*?)[ \t]*$/s.exec(entry) ?? [];
    if (name === undefined || /[\r\n\0]/.test(value)) {
      throw new UsageError("a header of -H is not of the form 'NAME: VALUE'", "as -H 'Accept-Language: de'");
    }
    if (headers.has(name.toLowerCase())) {
      throw new UsageError(`the header ${name} is given twice`, "give it once, its values parted by commas");
    }
    headers.set(name.toLowerCase(), value);
  }
  return Object.fromEntries(headers);
}
