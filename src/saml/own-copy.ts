/**
 * A copy of plain data (objects, arrays, dates) that shares nothing with it: whoever gets it may change it. What is
 * read only when asked for stays so.
 */
export function ownCopy<T>(value: T): T;
export function ownCopy(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (value instanceof Date) return new Date(value);
  if (Array.isArray(value)) return value.map((each: unknown) => ownCopy(each));
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (property?.get === undefined) copy[key] = ownCopy(property?.value);
    else defineLazily(copy, key, () => ownCopy((value as Readonly<Record<string, unknown>>)[key]));
  }
  return copy;
}

function defineLazily(target: object, key: string, read: () => unknown): void {
  let known: { readonly value: unknown } | undefined;
  Object.defineProperty(target, key, {
    get: () => {
      known ??= { value: read() };
      return known.value;
    },
    enumerable: true,
    configurable: true,
  });
}
