import { InvalidArgumentError } from "../errors.ts";

/** What can be written: JSON, and the numbers that JavaScript's JSON cannot tell apart. */
export type CanonicalValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Double
  | readonly CanonicalValue[]
  | { readonly [name: string]: CanonicalValue };

/** A number that is written as a double even where it is whole. */
export class Double {
  readonly value: number;

  /** @throws InvalidArgumentError for NaN and infinities. */
  constructor(value: number) {
    if (typeof value !== "number" || !Number.isFinite(value)) {
      throw new InvalidArgumentError("A double must be a finite number");
    }
    this.value = value;
  }
}

/** Deeper values are refused: nobody means them, and what refers to itself has no end. */
const MAX_DEPTH = 512;
/** From here on JavaScript writes whole numbers with an exponent, and other programs read them as doubles. */
const MAX_PLAIN = 1e21;

/**
 * A value in canonical form (draft-staykov-hu-json-canonical-form): no white space, members sorted by the code points
 * of their names, arrays in their order, whole numbers plain, other numbers as XSD canonical doubles (`1.5E0`).
 * Strings escape what JSON demands and nothing else; vendors' runtimes differ for other characters than ASCII, so what
 * is signed had better be ASCII.
 *
 * @throws InvalidArgumentError for what has no canonical form: undefined, functions, NaN, infinities, half a
 *   surrogate pair, objects that are neither plain nor arrays, and values that are too deep or refer to themselves.
 */
export function canonicalJson(value: CanonicalValue): string {
  return write(value, 0);
}

function write(value: CanonicalValue, depth: number): string {
  switch (typeof value) {
    case "string":
      return writeString(value);
    case "number":
      return writeNumber(value);
    case "bigint":
    case "boolean":
      return String(value);
    case "object":
      break;
    default:
      throw unwritable(`a value of type ${typeof value}`);
  }
  if (value === null) return "null";
  if (value instanceof Double) return canonicalDouble(value.value);
  if (depth >= MAX_DEPTH)
    throw unwritable(`a value nested more than ${MAX_DEPTH} levels, or one that holds itself`);
  if (Array.isArray(value)) {
    // Not map: it would skip holes.
    return `[${Array.from(value, (each: CanonicalValue) => write(each, depth + 1)).join(",")}]`;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) throw unwritable("an object that is not plain");
  const members = Object.entries(value).sort(([a], [b]) => compareCodePoints(a, b));
  return `{${members.map(([name, each]) => `${writeString(name)}:${write(each, depth + 1)}`).join(",")}}`;
}

/**
 * Order of code points. UTF-16 units sort the same but for surrogates, which stand for the highest code points and are
 * lower than the units from U+E000 on.
 */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let at = 0; at < length; at++) {
    const left = a.charCodeAt(at);
    const right = b.charCodeAt(at);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}

function writeString(text: string): string {
  if (!isWellFormed(text)) throw unwritable("text with half a surrogate pair, which UTF-8 cannot hold");
  return JSON.stringify(text);
}

function isWellFormed(text: string): boolean {
  return !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
}

function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw unwritable(String(value));
  if (!Number.isInteger(value) || Math.abs(value) >= MAX_PLAIN) return canonicalDouble(value);
  // Minus zero is zero.
  return String(value === 0 ? 0 : value);
}

/** The canonical form of XML Schema's double (Part 2, 3.2.5.2): one digit before the point, at least one behind it. */
function canonicalDouble(value: number): string {
  if (value === 0) return Object.is(value, -0) ? "-0.0E0" : "0.0E0";
  const [mantissa = "", exponent = ""] = value.toExponential().split("e");
  return `${mantissa.includes(".") ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}

function unwritable(what: string): InvalidArgumentError {
  return new InvalidArgumentError(`The value cannot be written as canonical JSON: it holds ${what}`);
}
