import type { ServerBehaviours } from "../sessions/behaviours.ts";

const NAME = "vmware_soap_session";
/** What RFC 6265 lets a value consist of. */
const OCTETS = /^[!#-+\--:<-[\]-~]+$/;

/** The session ID in a `Cookie` header; undefined where there is none, or several that differ. */
export function sessionCookie(
  header: string | undefined,
  { takesUnquotedCookie = true }: ServerBehaviours,
): string | undefined {
  const ids = new Set<string>();
  for (const pair of header?.split(";") ?? []) {
    const equals = pair.indexOf("=");
    if (equals < 0 || pair.slice(0, equals).trim() !== NAME) continue;
    const value = pair.slice(equals + 1).trim();
    const quoted = /^"(.*)"$/.exec(value)?.[1];
    const id = quoted ?? (takesUnquotedCookie ? value : "");
    if (OCTETS.test(id)) ids.add(id);
  }
  return ids.size === 1 ? [...ids][0] : undefined;
}

/** Value of `Set-Cookie` that gives a client its session ID. */
export function setCookie(id: string, { quotedCookie = true }: ServerBehaviours): string {
  return `${NAME}=${quotedCookie ? `"${id}"` : id}; Path=/; HttpOnly; Secure`;
}
