import { excerpt } from "../net/excerpt.ts";

const REDACTED = "[redacted]";
/** JWTs, and what is as long as a token and looks like one. */
const TOKEN_LIKE = /eyJ[\w-]+(?:\.[\w-]*)*|[\w+/=-]{48,}/g;
/** Shorter ones would blank out words of the message. */
const SHORTEST_SECRET = 4;

/** A server's own words, fit for a message: one line, short, and without what was sent to it in confidence. */
export function serverWords(text: string, secrets: readonly string[]): string {
  let clean = text;
  for (const secret of secrets) {
    if (secret.length >= SHORTEST_SECRET) clean = clean.replaceAll(secret, REDACTED);
  }
  return excerpt(clean.replace(TOKEN_LIKE, REDACTED));
}
