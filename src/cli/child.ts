import { type ChildProcess as SystemProcess, spawn } from "node:child_process";
import type { ChildEnd, ChildProgram } from "./command.ts";

/** How a program is attached. */
export interface ChildOptions {
  /** `inherit`: the streams of this process; `pipe`: none that is open, and output as it comes. */
  readonly stdio: "inherit" | "pipe";
  /** Whether a terminal is there that gives its signals to the program by itself. */
  readonly onTerminal: boolean;
  /** Told of output, where it is piped. */
  readonly onOutput?: (stream: "stdout" | "stderr", text: string) => void;
}

/** A program that runs beside this one. */
export class ChildProcess {
  /** Resolves when the program has ended; rejects when it could not be started. */
  readonly ended: Promise<ChildEnd>;
  readonly #child: SystemProcess;
  readonly #onTerminal: boolean;

  constructor({ command, args, env }: ChildProgram, { stdio, onTerminal, onOutput }: ChildOptions) {
    const child = spawn(command, args, {
      stdio: stdio === "inherit" ? "inherit" : ["ignore", "pipe", "pipe"],
      env: { ...env },
    });
    for (const name of ["stdout", "stderr"] as const) {
      child[name]?.setEncoding("utf8").on("data", (text: string) => onOutput?.(name, text));
    }
    this.#child = child;
    this.#onTerminal = onTerminal;
    this.ended = new Promise((resolve, reject) => {
      child.once("error", reject).once("close", (code, signal) => resolve({ code, signal }));
    });
  }

  /**
   * Gives a signal on to the program. What a terminal sends by itself to all that runs on it is not sent twice: many
   * programs take a second SIGINT as an order to stop at once.
   */
  take(signal: NodeJS.Signals): void {
    if (this.#onTerminal && signal !== "SIGTERM") return;
    this.#child.kill(signal);
  }
}
