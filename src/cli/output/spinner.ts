import { printable } from "./text.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const MAX_WIDTH = 70;

/** Shows on a terminal that work is under way; anywhere else it does nothing. */
export class Spinner {
  readonly #terminal: { readonly isTTY: boolean; write(text: string): unknown };
  /** Columns in use on the current line. */
  #shown = 0;

  constructor(terminal: { readonly isTTY: boolean; write(text: string): unknown }) {
    this.#terminal = terminal;
  }

  /** Runs `work` with the label before the reader's eyes, once it takes longer than a moment. */
  async during<T>(label: string, work: () => Promise<T>): Promise<T> {
    if (!this.#terminal.isTTY) return work();
    const text = printable(label).slice(0, MAX_WIDTH);
    let frame = 0;
    const timer = setInterval(() => {
      this.#terminal.write(`\r${FRAMES[frame++ % FRAMES.length]} ${text}`);
      this.#shown = text.length + 2;
    }, 100);
    try {
      return await work();
    } finally {
      clearInterval(timer);
      this.clear();
    }
  }

  /** Makes the line free for other text. Blanks do it on every terminal, escape sequences do not. */
  clear(): void {
    if (this.#shown > 0) this.#terminal.write(`\r${" ".repeat(this.#shown)}\r`);
    this.#shown = 0;
  }
}
