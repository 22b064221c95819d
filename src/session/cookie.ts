/** Name of the cookie by which `/sdk` knows a session. */
export const SESSION_COOKIE = "vmware_soap_session";

/** What a response says about the session cookie. */
export interface SetSessionCookie {
  /** The session's ID, without quotes; undefined where the response removes the cookie. */
  readonly id: string | undefined;
}

/**
 * Reads the session cookie out of `Set-Cookie`: one header or several, the value quoted or not, whatever the
 * attributes; of several session cookies the last counts. Undefined where none of them is the session's.
 */
export function parseSessionCookie(
  setCookie: string | readonly string[] | undefined,
): SetSessionCookie | undefined {
  const headers = typeof setCookie === "string" ? [setCookie] : (setCookie ?? []);
  return headers.map(parseOne).findLast((cookie) => cookie !== undefined);
}

// A value in quotes may hold what would end one without.
const COOKIE = new RegExp(`^\\s*${SESSION_COOKIE}\\s*=\\s*(?:"([^"]*)"|([^;]*))`);

function parseOne(header: string): SetSessionCookie | undefined {
  const match = COOKIE.exec(header);
  if (match === null) return undefined;
  const id = (match[1] ?? match[2] ?? "").trim();
  return { id: id === "" || isRemoval(header.slice(match[0].length)) ? undefined : id };
}

/** A cookie that has ended already: Max-Age counts before Expires (RFC 6265, 5.3). */
function isRemoval(attributes: string): boolean {
  const maxAge = /;\s*max-age\s*=\s*"?(-?\d+)/i.exec(attributes)?.[1];
  if (maxAge !== undefined) return Number(maxAge) <= 0;
  const expires = /;\s*expires\s*=\s*"?([^;"]+)/i.exec(attributes)?.[1];
  // Clocks differ; who removes a cookie writes 1970.
  return expires !== undefined && Date.parse(expires) < Date.now() - 86_400_000;
}

/** The value of the `Cookie` header for a session ID: in quotes, as servers send it, unless it has one of its own. */
export function cookieHeader(sessionId: string): string {
  return `${SESSION_COOKIE}=${sessionId.includes('"') ? sessionId : `"${sessionId}"`}`;
}

/** The one cookie of one server. */
export class SessionCookie {
  #id: string | undefined;
  #last: string | undefined;

  get id(): string | undefined {
    return this.#id;
  }

  /** The ID of the session that there is or was: an answer that removes the cookie does not end the session. */
  get last(): string | undefined {
    return this.#last;
  }

  set(id: string | undefined): void {
    this.#id = id;
    this.#last = id;
  }

  /**
   * Takes what a response sets. One to a request that was sent with another cookie than there is now is too late: a
   * login has happened in between, and is not to be undone.
   */
  note(sentWith: string | undefined, cookie: SetSessionCookie | undefined): void {
    if (cookie === undefined || sentWith !== this.#id) return;
    // What is set after a removal belongs to nobody.
    if (this.#id === this.#last) this.#last = cookie.id ?? this.#last;
    this.#id = cookie.id;
  }
}
