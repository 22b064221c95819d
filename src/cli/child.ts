import { type ChildProcess as SystemProcess, spawn } from "node:child_process";
import type { ChildEnd, ChildProgram } from "./command.ts";

/** How a program is attached. */
export interface ChildOptions {
  /** `inherit`: the streams of this process; `pipe`: none that is open, and output as it comes. */
  readonly stdio: "inherit" | "pipe";
  /** Whether a terminal gives the signals of its keys to all that runs here, the program included. */
  readonly isInForeground: () => boolean;
  /** Starts nothing when it has fired. */
  readonly signal: AbortSignal;
  /** Told of output, where it is piped. */
  readonly onOutput?: (stream: "stdout" | "stderr", text: string) => void;
}

/** Signals that a terminal sends to all that runs in its foreground. */
const OF_TERMINALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGQUIT", "SIGWINCH"];

/** A program that runs beside this one. */
export class ChildProcess {
  /** Resolves when the program has ended; rejects when it could not be started. */
  readonly ended: Promise<ChildEnd>;
  readonly #child: SystemProcess;
  readonly #isInForeground: () => boolean;

  /** @throws the reason of a signal that has fired. */
  constructor({ command, args, env }: ChildProgram, options: ChildOptions) {
    const { stdio, isInForeground, signal, onOutput } = options;
    signal.throwIfAborted();
    const child = spawn(command, args, {
      stdio: stdio === "inherit" ? "inherit" : ["ignore", "pipe", "pipe"],
      env: { ...env },
    });
    for (const name of ["stdout", "stderr"] as const) {
      child[name]?.setEncoding("utf8").on("data", (text: string) => onOutput?.(name, text));
    }
    this.#child = child;
    this.#isInForeground = isInForeground;
    this.ended = new Promise((resolve, reject) => {
      child.once("close", (code, name) => resolve({ code, signal: name }));
      // Of one that runs, as one of another user, it says that a signal could not be sent: it runs on.
      child.on("error", (error) => {
        if (child.pid === undefined) reject(error);
      });
    });
  }

  /**
   * Gives a signal on to the program. What a terminal sends by itself to all that runs on it is not sent twice: many
   * programs take a second SIGINT as an order to stop at once.
   */
  take(signal: NodeJS.Signals): void {
    if (OF_TERMINALS.includes(signal) && this.#isInForeground()) return;
    this.#child.kill(signal);
  }
}
