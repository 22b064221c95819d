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
 * Failures of several servers, or nodes: each for a person; as JSON still one line, with the code they have in common.
 * Whatever is told of a node begins with its name, for its error may not.
 */
export function formatFailures(
  failures: readonly { readonly server: string; readonly error: unknown }[],
  json: boolean,
  what: "servers" | "nodes" = "servers",
): string {
  const [first] = failures;
  if (!first) return "";
  if (!json) {
    return failures
      .map(({ server, error }) => formatReport(reportOf(error), what === "nodes" ? `${server}: ` : ""))
      .join("");
  }
  if (failures.length === 1 && what === "servers") return formatError(first.error, true);
  const reports = failures.map(({ server, error }) => ({ server, ...reportOf(error) }));
  const codes = new Set(reports.map(({ code }) => code));
  const report: ErrorReport = {
    code: codes.size === 1 ? (reports[0]?.code ?? "") : "SEVERAL_FAILURES",
    message: `${failures.length === 1 ? `1 ${what.slice(0, -1)}` : `${failures.length} ${what}`} failed: ${reports.map((r) => `${r.server}: ${r.message}`).join("; ")}`,
    cause: null,
    hint: `${what === "nodes" ? "the result" : "errors in the result"} has the code and the hint of each`,
  };
  return formatJsonLine({ error: report });
}
