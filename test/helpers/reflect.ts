/**
 * `@peculiar/x509` registers its algorithms with a container that asks for metadata on classes. These are the
 * three functions it needs; an installed polyfill, where one was loaded before, is left alone.
 */
type Metadata = Map<unknown, unknown>;

const reflect = Reflect as typeof Reflect & Record<string, unknown>;

if (typeof reflect.getMetadata !== "function") {
  const known = new WeakMap<object, Metadata>();
  const own = (key: unknown, target: object): unknown => known.get(target)?.get(key);
  reflect.getOwnMetadata = own;
  reflect.getMetadata = (key: unknown, target: object): unknown => {
    for (let at: object | null = target; at; at = Object.getPrototypeOf(at)) {
      const found = own(key, at);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  reflect.defineMetadata = (key: unknown, value: unknown, target: object): void => {
    const entries = known.get(target) ?? new Map();
    entries.set(key, value);
    known.set(target, entries);
  };
}
