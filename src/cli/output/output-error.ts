/** What was asked for could not be written to stdout; exit code 1. */
export class OutputError extends Error {
  readonly code = "OUTPUT_FAILED";
  readonly hint = "make room, or write the result elsewhere";
  /** Whether the reader of a pipe left early, as `head` does, which is no failure. */
  readonly readerLeft: boolean;

  constructor(cause: unknown) {
    const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
    super(`the result could not be written: ${code}`, { cause });
    this.name = "OutputError";
    this.readerLeft = code === "EPIPE";
  }
}
