import { createHash, createHmac, randomBytes } from "node:crypto";
import { InvalidArgumentError } from "../../errors.ts";
import type { HolderKey } from "../../xml/signer.ts";
import { isObject, ownText, parseJson } from "../json-text.ts";
import type { SessionCredential } from "../principal.ts";

/** A credential, or a function that is asked for it when a login is needed. */
export type GivenCredential = SessionCredential | (() => Promise<SessionCredential>);

/**
 * Whose sessions a credential makes, where it tells: a user name, the subject of a token, the SHA-256 fingerprint of a
 * certificate. Undefined for a function, a `TokenSource` and SPNEGO, which tell nothing before they are used.
 *
 * @throws InvalidArgumentError for a key or certificate that cannot be used.
 */
async function principalNameOf(credential: GivenCredential): Promise<string | undefined> {
  if (typeof credential !== "object" || credential === null) return undefined;
  if ("username" in credential) return nonEmpty(credential.username);
  if ("assertion" in credential) return nonEmpty(credential.subject);
  if ("jwt" in credential) return subjectOf(credential.jwt);
  if ("smartCard" in credential) return fingerprintOf(credential.smartCard);
  return "certificate" in credential ? fingerprintOf(credential) : undefined;
}

/** @throws InvalidArgumentError where nobody tells whose sessions are meant. */
export async function requirePrincipalName(
  credential: GivenCredential,
  given: string | undefined,
): Promise<string> {
  const name = given === undefined ? await principalNameOf(credential) : nonEmpty(given);
  if (name !== undefined) return name;
  throw new InvalidArgumentError("Whose sessions are meant is not known", {
    hint: "name the user as `principal`; a function, a TokenSource and SPNEGO do not tell it before they are used",
  });
}

/**
 * Tells credentials apart without keeping them: what is the same was given the same secret, or is the same object.
 * Good in this process only.
 */
export class CredentialMarks {
  readonly #key = randomBytes(32);
  readonly #objects = new WeakMap<object, string>();

  markOf(credential: GivenCredential | undefined): string {
    if (credential === undefined) return "";
    const secret = typeof credential === "object" && credential !== null ? secretOf(credential) : undefined;
    if (secret !== undefined) {
      return createHmac("sha256", this.#key).update(JSON.stringify(secret)).digest("hex");
    }
    let mark = this.#objects.get(credential);
    if (mark === undefined) {
      mark = randomBytes(16).toString("hex");
      this.#objects.set(credential, mark);
    }
    return mark;
  }
}

/** The key of an entry: tells nobody who has the store the name of a server or user. */
export function entryKey(...parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}

/** The key of what is known of an account's logins. It is shorter than those of sessions, and so told from them. */
export function lockoutKey(scope: string, principal: string): string {
  return entryKey("lockout", "1", scope.toLowerCase(), accountName(principal)).slice(0, LOCKOUT_KEY_DIGITS);
}

export function isLockoutKey(key: string): boolean {
  return key.length === LOCKOUT_KEY_DIGITS;
}

const LOCKOUT_KEY_DIGITS = 40;

/** `user@domain`, as people write it, for the `DOMAIN\user` that VIM tells; other names stay what they are. */
export function userPrincipalName(user: string): string {
  const [, domain, name] = /^([^\\@]+)\\([^\\@]+)$/.exec(user.trim()) ?? [];
  return name === undefined ? user.trim() : `${name}@${domain}`;
}

/** One text for all spellings of a name: `DOMAIN\user` and `user@domain`, in whichever case. */
export function accountName(user: string): string {
  return userPrincipalName(user).toLowerCase();
}

export function isSameAccount(one: string, other: string): boolean {
  return accountName(one) === accountName(other);
}

function secretOf(credential: SessionCredential): readonly string[] | undefined {
  if ("password" in credential) return ["password", credential.username, credential.password];
  if ("jwt" in credential) return ["jwt", credential.jwt];
  return "assertion" in credential ? ["assertion", credential.assertion] : undefined;
}

async function fingerprintOf(key: HolderKey): Promise<string> {
  // It takes more code than a caller with a password should have to load.
  const { toSigner } = await import("../../xml/signer.ts");
  return toSigner(key).certificate.fingerprint256;
}

/** Not verified: it is whose session the caller says it is, and the server looks at the token. */
function subjectOf(jwt: string): string | undefined {
  const payload = parseJson(Buffer.from(String(jwt).split(".")[1] ?? "", "base64url").toString("utf8"));
  return isObject(payload) ? nonEmpty(ownText(payload, "sub")) : undefined;
}

function nonEmpty(name: unknown): string | undefined {
  return typeof name === "string" && name.trim() !== "" ? name.trim() : undefined;
}
