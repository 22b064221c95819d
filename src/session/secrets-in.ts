import { ANY_TEXT } from "../net/secret-words.ts";
import { isObject, type JsonObject, parseJson } from "./json-text.ts";

/** Names of members, fields and headers whose values are not for messages. */
const CONFIDENTIAL =
  /pass(?:word|phrase|wd|code)|secret|token|ticket|(?:private|encryption|api|access)[-_]?key|^pwd$|credential|authorization|cookie|session[-_]?id/i;

/** Values that are looked at. */
const MAX_VALUES = 50_000;
/** Characters of texts that are read as JSON or as a form. */
const MAX_TEXT = 4 * 1024 * 1024;
/** Each secret is sought in each text of an answer, in all its encodings: more, or longer ones, take seconds. */
const MAX_SECRETS = 32;
const MAX_CHARACTERS = 64 * 1024;
/** Numbers with fewer digits stand in texts by chance. */
const LEAST_NUMBER = 100_000;

interface Item {
  readonly value: unknown;
  /** Whether a name above it says so. */
  readonly confidential: boolean;
}

/**
 * Values in a request that are confidential by their names, as passwords are: an answer may quote them. Looked into
 * are objects of any depth, as JSON shows them, maps, forms, lists of names and values, and texts and bytes that are
 * JSON or a form. To be asked for after a failure, not before: the work is bounded, but not small. Where the bounds
 * do not suffice `ANY_TEXT` is among them, so that nothing of the answer is quoted.
 */
export function secretsIn(...values: readonly unknown[]): string[] {
  const search = new Search();
  for (const value of values) search.add(value, false);
  return search.run();
}

class Search {
  readonly #rest: Item[] = [];
  readonly #found = new Set<string>();
  #values = 0;
  #text = 0;
  #characters = 0;
  #exceeded = false;

  add(value: unknown, confidential: boolean): boolean {
    if (++this.#values > MAX_VALUES) this.#exceeded = true;
    else this.#rest.push({ value, confidential });
    return !this.#exceeded;
  }

  run(): string[] {
    for (let item = this.#rest.pop(); item && !this.#exceeded; item = this.#rest.pop()) {
      try {
        this.#look(item);
      } catch {
        // Of the caller's own code: a getter or a toJSON.
        this.#exceeded = true;
      }
    }
    return this.#exceeded ? [ANY_TEXT, ...this.#found] : [...this.#found];
  }

  #look({ value, confidential }: Item): void {
    if (typeof value === "string") this.#lookAtText(value, confidential);
    else if (typeof value === "number" || typeof value === "bigint") {
      if (confidential && (value >= LEAST_NUMBER || value <= -LEAST_NUMBER)) this.#keep(String(value));
    } else if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
      this.#lookAtBytes(bytesOf(value), confidential);
    } else if (Array.isArray(value)) {
      for (const each of value) if (!this.add(each, confidential)) return;
    } else if (value instanceof Map || value instanceof URLSearchParams) {
      for (const [name, each] of value as Iterable<readonly [unknown, unknown]>) {
        if (!this.add(each, confidential || isConfidential(name)) || !this.add(name, false)) return;
      }
    } else if (value instanceof Set) {
      for (const each of value) if (!this.add(each, confidential)) return;
    } else if (isObject(value)) this.#lookAtMembers(value, confidential);
  }

  #lookAtMembers(object: JsonObject, confidential: boolean): void {
    const { toJSON, key, name } = object;
    if (typeof toJSON === "function") {
      const json: unknown = toJSON.call(object, "");
      if (!isObject(json)) this.add(json, confidential);
      else this.#addMembers(json, confidential);
      return;
    }
    // `{ key: "password", value: "…" }`, as maps and lists of options are written.
    this.#addMembers(object, confidential || isConfidential(key) || isConfidential(name));
  }

  #addMembers(object: JsonObject, confidential: boolean): void {
    for (const name of Object.keys(object)) {
      const named = confidential && !(name === "key" || name === "name");
      if (!this.add(object[name], named || isConfidential(name))) return;
    }
  }

  #lookAtText(text: string, confidential: boolean): void {
    if (confidential) this.#keep(text);
    const json = /^[\s\uFEFF]*[[{"]/.test(text);
    if (!json && !/^[\w.~*+%[\]-]+=/.test(text)) return;
    this.#text += text.length;
    if (this.#text > MAX_TEXT) {
      this.#exceeded = true;
      return;
    }
    const value = json ? parseJson(text.replace(/^\uFEFF/, "")) : new URLSearchParams(text);
    if (value !== text) this.add(value, confidential);
  }

  #lookAtBytes(bytes: Buffer, confidential: boolean): void {
    if (confidential) this.#keep(bytes.toString("base64", 0, MAX_CHARACTERS));
    // Beyond what is read at all only whether it is text counts, and of that the beginning tells.
    this.#lookAtText(bytes.toString("utf8", 0, MAX_TEXT + 1), confidential);
  }

  #keep(secret: string): void {
    if (secret === "" || this.#found.has(secret)) return;
    this.#characters += secret.length;
    if (this.#found.size < MAX_SECRETS && this.#characters <= MAX_CHARACTERS) this.#found.add(secret);
    else this.#exceeded = true;
  }
}

/** Whether the name of a member, a field or a header says that its value is not for messages. */
export function isConfidential(name: unknown): boolean {
  return typeof name === "string" && CONFIDENTIAL.test(name);
}

function bytesOf(value: ArrayBufferView | ArrayBuffer): Buffer {
  return ArrayBuffer.isView(value)
    ? Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    : Buffer.from(value);
}
