import { excerpt } from "../net/excerpt.ts";
import { LEFT_OUT, repeatsSecret } from "../net/secret-words.ts";

const REDACTED = "[redacted]";
/** JWTs, and what is as long as a token and looks like one. */
const TOKEN_LIKE = /eyJ[\w-]+(?:\.[\w-]*)*|[\w+/=-]{48,}/g;
/** More is never shown. */
const MAX_READ = 16_384;
/**
 * A server's own words, fit for a message: one line, and short; left out when they repeat what was sent to it in
 * confidence, as to blank that out would still tell its place and length.
 */
export function serverWords(text: string, secrets: readonly string[]): string {
  return repeatsSecret(text, secrets)
    ? LEFT_OUT
    : excerpt(text.slice(0, MAX_READ).replace(TOKEN_LIKE, REDACTED));
}
