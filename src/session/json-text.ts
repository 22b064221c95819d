export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A member of the object itself that is a string with something in it. */
export function ownText(object: JsonObject, name: string): string | undefined {
  const value = own(object, name);
  return typeof value === "string" && value !== "" ? value : undefined;
}

/** A member of the object itself. */
export function own(object: JsonObject, name: string): unknown {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}

/** The value of a JSON text; undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether an answer is a web page. */
export function isHtml(
  text: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): boolean {
  return (
    /^\s*(?:text\/html|application\/xhtml)/i.test(String(headers["content-type"] ?? "")) ||
    /^\s*<(?:!doctype\s+html|html[\s>])/i.test(text.slice(0, 400))
  );
}
