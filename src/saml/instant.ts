import { malformed } from "./malformed.ts";

/** `xs:dateTime` in UTC; the fraction has as many digits as the writer liked. */
const INSTANT = /^\d{4}-\d{2}-(\d{2})T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]00:00)$/;

/**
 * Reads a time of SAML, which is in UTC. Digits below the millisecond are dropped.
 *
 * @throws TokenError `TOKEN_MALFORMED`; `what` names the value in the message.
 */
export function parseInstant(value: string, what: string): Date {
  const text = value.trim();
  const match = INSTANT.exec(text);
  const date = new Date(match === null ? Number.NaN : text);
  // `Date` takes the 30th of February for the 1st or 2nd of March; but 24:00 is a time of the next day.
  const isDay = (at: number): boolean => new Date(at).getUTCDate() === Number(match?.[1]);
  if (Number.isNaN(date.getTime()) || !(isDay(date.getTime()) || isDay(date.getTime() - 1))) {
    throw malformed(`${what} is not a time in UTC: ${JSON.stringify(value.slice(0, 40))}`);
  }
  return date;
}
