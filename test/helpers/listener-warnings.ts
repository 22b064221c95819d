import { onTestFinished } from "vitest";

/** Begins to note what Node.js says of too many listeners; gives what it has said so far. */
export function noteListenerWarnings(): () => Promise<readonly string[]> {
  const warnings: string[] = [];
  const note = ({ name, message }: Error): void => {
    if (name === "MaxListenersExceededWarning") warnings.push(message);
  };
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  return async () => {
    // They are told of in a turn of their own.
    await new Promise((resolve) => setImmediate(resolve));
    return warnings;
  };
}
