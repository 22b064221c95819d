import { VsphereSsoError } from "../../errors.ts";
import { UsageError } from "../usage.ts";
import { printable } from "./text.ts";

/** What there is to say of an error. */
export interface ErrorReport {
  readonly code: string;
  readonly message: string;
  readonly cause: string | null;
  readonly hint: string | null;
}

export function reportOf(error: unknown): ErrorReport {
  if (error instanceof VsphereSsoError || error instanceof UsageError) {
    const cause = error.cause instanceof Error ? error.cause.message : null;
    return {
      code: error.code,
      message: error.message,
      cause: cause === error.message ? null : cause,
      hint: error.hint ?? null,
    };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: "INTERNAL", message, cause: null, hint: "this is a defect of vsso: please report it" };
}

/** The error for a person, on up to three lines, or as the one JSON line of the contract. */
export function formatError(error: unknown, json: boolean): string {
  const report = reportOf(error);
  if (json) return `${JSON.stringify({ error: report })}\n`;
  const lines = [`error[${report.code}]: ${printable(report.message)}`];
  if (report.cause) lines.push(`  cause: ${printable(report.cause)}`);
  if (report.hint) lines.push(`  try: ${printable(report.hint)}`);
  return `${lines.join("\n")}\n`;
}
