import { isList, isObject, type Json, JsonNumber } from "./json.ts";

/** How text outside ASCII is written: runtimes differ, and a verifier takes either. */
export type TextForm = "plain" | "escaped";

/**
 * The text that a signature over JSON is made of (draft-staykov-hu-json-canonical-form): nothing between the tokens,
 * members in the order of their code points, numbers with a fraction as `d.dE<n>`.
 */
export function canonicalJson(value: Json, form: TextForm): string {
  if (typeof value === "string") return text(value, form);
  if (value instanceof JsonNumber) return value.isInteger ? value.text : canonicalDouble(value.value);
  if (isList(value)) return `[${value.map((item) => canonicalJson(item, form)).join(",")}]`;
  if (isObject(value)) {
    const members = [...value].sort(([a], [b]) => compareCodePoints(a, b));
    return `{${members.map(([name, item]) => `${text(name, form)}:${canonicalJson(item, form)}`).join(",")}}`;
  }
  return String(value);
}

function canonicalDouble(value: number): string {
  const [mantissa = "0", exponent = "0"] = value.toExponential().split("e");
  return `${mantissa.includes(".") ? mantissa : `${mantissa}.0`}E${Number(exponent)}`;
}

function text(value: string, form: TextForm): string {
  const quoted = JSON.stringify(value);
  if (form === "plain") return quoted;
  return quoted.replace(
    /[\u0080-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function compareCodePoints(a: string, b: string): number {
  const [left, right] = [[...a], [...b]];
  for (let i = 0; i < Math.min(left.length, right.length); i += 1) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}
