import { VsphereSsoError } from "../../index.ts";
import { UsageError } from "../usage.ts";
import { formatJsonLine } from "./json.ts";
import { OutputError } from "./output-error.ts";
import { printable } from "./text.ts";

/** What there is to say of an error. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly cause: string | null;
  readonly hint: string | null;
}

function reportOf(error: unknown): ErrorReport {
  if (error instanceof VsphereSsoError || error instanceof UsageError || error instanceof OutputError) {
    // A failure of several addresses has no message of its own.
    const cause = error.cause instanceof Error ? error.cause.message : "";
    return {
      code: error.code,
      message: error.message,
      cause: saysTheSame(cause, error.message) ? null : cause,
      hint: error.hint ?? null,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: "INTERNAL", message, cause: null, hint: "this is a defect of vsso: please report it" };
}

/** Whether a cause adds nothing: the words may stand between quotation marks, or end with a full stop. */
function saysTheSame(cause: string, message: string): boolean {
  const words = (text: string): string => text.replace(/["'\u201c\u201d.\s]+/g, " ").trim();
  return words(message).endsWith(words(cause));
}

/** The error for a person, on up to three lines, or as the one JSON line of the contract. */
export function formatError(error: unknown, json: boolean): string {
  const report = reportOf(error);
  return json ? formatJsonLine({ error: report }) : formatReport(report, "");
}

function formatReport(report: ErrorReport, where: string): string {
  const lines = [`error[${report.code}]: ${printable(`${where}${report.message}`)}`];
  if (report.cause) lines.push(`  cause: ${printable(report.cause)}`);
  if (report.hint) lines.push(`  try: ${printable(report.hint)}`);
  return `${lines.join("\n")}\n`;
}

/** The error of a node, as its document has it. */
export function nodeErrorFields(error: unknown): Pick<ErrorReport, "code" | "message" | "hint"> {
  const { code, message, hint } = reportOf(error);
  return { code, message, hint };
}

/**
 * Failures of several servers, or nodes: each reason for a person; as JSON still one line, with the code they have in
 * common.
 * Whatever is told of a node begins with its name, for its error may not.
 */
export function formatFailures(
  failures: readonly { readonly server: string; readonly error: unknown }[],
  json: boolean,
  what: "servers" | "nodes" = "servers",
): string {
  const [first] = failures;
  if (!first) return "";
  if (json && failures.length === 1 && what === "servers") return formatError(first.error, true);
  const refusals = refusalsOf(failures);
  if (!json) {
    return refusals
      .map(({ servers, report }) => formatReport(report, what === "nodes" ? `${servers.join(", ")}: ` : ""))
      .join("");
  }
  const codes = new Set(refusals.map(({ report }) => report.code));
  const told = refusals.map(({ servers, report }) => `${servers.join(", ")}: ${report.message}`);
  const report: ErrorReport = {
    code: codes.size === 1 ? (refusals[0]?.report.code ?? "") : "SEVERAL_FAILURES",
    message: `${failures.length === 1 ? `1 ${what.slice(0, -1)}` : `${failures.length} ${what}`} failed: ${told.join("; ")}`,
    cause: null,
    hint: `${what === "nodes" ? "the result" : "errors in the result"} has the code and the hint of each`,
  };
  return formatJsonLine({ error: report });
}

interface Refusal {
  readonly servers: string[];
  readonly report: ErrorReport;
}

/** What was refused for the same reason is told once, for all of the servers. */
function refusalsOf(failures: readonly { readonly server: string; readonly error: unknown }[]): Refusal[] {
  const refusals = new Map<string, Refusal>();
  for (const { server, error } of failures) {
    const report = reportOf(error);
    const reason = JSON.stringify(report);
    const known = refusals.get(reason);
    if (known) known.servers.push(server);
    else refusals.set(reason, { servers: [server], report });
  }
  return [...refusals.values()];
}
