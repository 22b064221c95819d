import { printable } from "./text.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const MAX_WIDTH = 70;

/** Shows on a terminal that work is under way; anywhere else it does nothing. */
export class Spinner {
  readonly #terminal: { readonly isTTY: boolean; write(text: string): unknown };
  /** Columns in use on the current line. */
  #shown = 0;
  #hushed = 0;

  constructor(terminal: { readonly isTTY: boolean; write(text: string): unknown }) {
    this.#terminal = terminal;
  }

  /** Whether there is somebody to show something to. */
  get visible(): boolean {
    return this.#terminal.isTTY;
  }

  /**
   * Runs `work` with the label before the reader's eyes, once it takes longer than a moment.
   *
   * @param work is given what changes the label.
   */
  async during<T>(label: string, work: (relabel: (label: string) => void) => Promise<T>): Promise<T> {
    if (!this.#terminal.isTTY) return work(() => undefined);
    let text = "";
    const relabel = (next: string): void => {
      text = printable(next).slice(0, MAX_WIDTH);
    };
    relabel(label);
    let frame = 0;
    const timer = setInterval(() => {
      if (this.#hushed > 0) return;
      const line = `${FRAMES[frame++ % FRAMES.length]} ${text}`;
      this.#terminal.write(`\r${line.padEnd(this.#shown)}`);
      this.#shown = Math.max(this.#shown, line.length);
    }, 100);
    try {
      return await work(relabel);
    } finally {
      clearInterval(timer);
      this.clear();
    }
  }

  /** Runs `work`, which asks a question, with nothing else before the reader's eyes. */
  async hushed<T>(work: () => Promise<T>): Promise<T> {
    this.#hushed++;
    this.clear();
    try {
      return await work();
    } finally {
      this.#hushed--;
    }
  }

  /** Makes the line free for other text. Blanks do it on every terminal, escape sequences do not. */
  clear(): void {
    if (this.#shown > 0) this.#terminal.write(`\r${" ".repeat(this.#shown)}\r`);
    this.#shown = 0;
  }
}
