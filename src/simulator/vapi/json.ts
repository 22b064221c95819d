/** A number as it was written: canonical JSON tells 1 from 1.0. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  get value(): number {
    return Number(this.text);
  }

  get isInteger(): boolean {
    return /^-?\d+$/.test(this.text);
  }
}

export type JsonObject = ReadonlyMap<string, Json>;

/** JSON whose objects are maps: no key of a client means anything to this program. */
export type Json = string | boolean | null | JsonNumber | readonly Json[] | JsonObject;

export class JsonError extends Error {}

const MAX_DEPTH = 100;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const SPACE = /[ \t\r\n]*/y;
const WORDS: readonly (readonly [string, Json])[] = [
  ["true", true],
  ["false", false],
  ["null", null],
];

/**
 * Reads one JSON text (RFC 8259) whose objects have no key twice.
 *
 * @throws JsonError
 */
export function parseJson(text: string): Json {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): Json {
    if (depth > MAX_DEPTH) throw new JsonError("it is nested too deeply");
    this.#match(SPACE);
    if (this.#take("{")) return this.#object(depth);
    if (this.#take("[")) return this.#array(depth);
    for (const [word, value] of WORDS) {
      if (this.#take(word)) return value;
    }
    const number = this.#match(NUMBER);
    return number === undefined ? this.#string() : new JsonNumber(number);
  }

  end(): void {
    this.#match(SPACE);
    if (this.#at < this.#text.length) throw this.#unexpected();
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, Json>();
    this.#match(SPACE);
    if (this.#take("}")) return members;
    do {
      this.#match(SPACE);
      const name = this.#string();
      this.#match(SPACE);
      if (!this.#take(":")) throw this.#unexpected();
      if (members.has(name)) throw new JsonError("a member stands twice");
      members.set(name, this.value(depth + 1));
      this.#match(SPACE);
    } while (this.#take(","));
    if (!this.#take("}")) throw this.#unexpected();
    return members;
  }

  #array(depth: number): readonly Json[] {
    const items: Json[] = [];
    this.#match(SPACE);
    if (this.#take("]")) return items;
    do {
      items.push(this.value(depth + 1));
      this.#match(SPACE);
    } while (this.#take(","));
    if (!this.#take("]")) throw this.#unexpected();
    return items;
  }

  #string(): string {
    const found = this.#match(STRING);
    if (found === undefined) throw this.#unexpected();
    return JSON.parse(found) as string;
  }

  #take(word: string): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false;
    this.#at += word.length;
    return true;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }

  #unexpected(): JsonError {
    return new JsonError(`it cannot be read from character ${this.#at} on`);
  }
}

export function isObject(value: Json | undefined): value is JsonObject {
  return value instanceof Map;
}

export function isList(value: Json | undefined): value is readonly Json[] {
  return Array.isArray(value);
}
