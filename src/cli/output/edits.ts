/** A text of which parts are replaced, from its beginning on. */
export class Edits {
  readonly #text: string;
  readonly #parts: string[] = [];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  replace(from: number, to: number, by: string): void {
    this.#parts.push(this.#text.slice(this.#at, from), by);
    this.#at = to;
  }

  result(): string {
    return this.#parts.join("") + this.#text.slice(this.#at);
  }
}
