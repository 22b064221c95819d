import { STATUS_CODES } from "node:http";
import type { CommandContext } from "../command.ts";
import { formatJson } from "./json.ts";
import { isSecretHeader } from "./redact.ts";
import { printable, printableLines } from "./text.ts";

type Output = Pick<CommandContext, "flags" | "out" | "columns">;

/** A reply as it came. */
export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** Prints the value in a reply with `-o json`, else the reply's body as it came; with `-i` its head first. */
export function printReply(output: Output, reply: RawReply | undefined, value: unknown): void {
  if (output.flags.output === "json") output.out(formatJson(value ?? null));
  else if (reply) printRaw(output, reply);
}

/** Prints a reply as it came: to a pipe its very bytes, on a terminal nothing that does more than show itself. */
export function printRaw({ flags, out, columns }: Output, { status, headers, body }: RawReply): void {
  if (flags.include) out(formatHead(status, headers));
  if (body.length === 0) return;
  if (columns === undefined) out(body);
  else out(`${printableLines(body.toString("utf8")).replace(/\n$/, "")}\n`);
}

/** The lines of a reply of a node as it came, each behind the name of the node; one at least. */
export function formatNodeReply(
  { flags, columns }: Pick<Output, "flags" | "columns">,
  node: string,
  { status, headers, body }: RawReply,
): string {
  const text = body.toString("utf8");
  const head = flags.include ? formatHead(status, headers) : "";
  return behindName(node, head + (columns === undefined ? text : printableLines(text)));
}

/** Lines, each behind the name of a node. */
export function behindName(node: string, text: string): string {
  const name = printable(node);
  return text
    .replace(/\r?\n$/, "")
    .split(/\r?\n/)
    .map((line) => `${name}: ${line}`.trimEnd())
    .map((line) => `${line}\n`)
    .join("");
}

/** Status and headers as HTTP writes them, but that a line ends as lines do here. */
function formatHead(status: number, headers: RawReply["headers"]): string {
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`.trimEnd()];
  for (const [name, value] of Object.entries(headers)) {
    for (const text of [value ?? []].flat()) {
      lines.push(`${name}: ${isSecretHeader(name) ? "[redacted]" : text}`);
    }
  }
  return `${lines.map(printable).join("\n")}\n\n`;
}
