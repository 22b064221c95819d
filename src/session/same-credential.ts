import { KeyObject, X509Certificate } from "node:crypto";
import type { SessionCredential } from "./principal.ts";

/** Whether both are one credential: the same object, or of the same kind with the same secrets. */
export function isSameCredential(one: SessionCredential, other: SessionCredential): boolean {
  if ("assertion" in one && "assertion" in other) {
    // The key, where there is one, is that which the token names.
    const haveKeys = [one, other].map(({ signer }) => signer !== undefined);
    return one.assertion === other.assertion && haveKeys[0] === haveKeys[1];
  }
  return sameValue(one, other);
}

/** Whether two options say the same: by value for data, certificates and keys, else as the same object. */
export function sameValue(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true;
  if (typeof one !== "object" || typeof other !== "object" || one === null || other === null) return false;
  if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other) === 0;
  if (one instanceof X509Certificate && other instanceof X509Certificate) return one.raw.equals(other.raw);
  if (one instanceof KeyObject && other instanceof KeyObject) return one.equals(other);
  if (Array.isArray(one) !== Array.isArray(other) || !isData(one) || !isData(other)) return false;
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].every((name) => sameValue(Reflect.get(one, name), Reflect.get(other, name)));
}

/** What a caller writes as a literal. Objects of a class may hold what nobody else sees. */
function isData(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}
