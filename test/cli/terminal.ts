/** A keyboard: stdin as a terminal, on which a test types. */
import { PassThrough } from "node:stream";

export class FakeTerminal extends PassThrough {
  readonly isTTY = true;
  /** Every change between raw mode and the terminal's own. */
  readonly modes: boolean[] = [];

  setRawMode(mode: boolean): this {
    this.modes.push(mode);
    return this;
  }
}

/** A terminal on which the keys given are pressed once somebody asks. */
export function typing(...keys: readonly (string | Buffer)[]): FakeTerminal {
  return answering(keys);
}

/** A terminal on which each question is answered by the keys of its turn. */
export function answering(...answers: readonly (readonly (string | Buffer)[])[]): FakeTerminal {
  const terminal = new FakeTerminal();
  const setRawMode = terminal.setRawMode.bind(terminal);
  let asked = 0;
  terminal.setRawMode = (mode) => {
    if (mode) for (const key of answers[asked++] ?? []) terminal.write(key);
    return setRawMode(mode);
  };
  return terminal;
}
