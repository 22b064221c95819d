/**
 * How real servers behave where no source tells: each may be set, and a client has to work with either. The defaults
 * are what is likely.
 */
export interface ServerBehaviours {
  /** Status of `DELETE /api/session`. Default 204. */
  readonly deleteSessionStatus?: 200 | 204;
  /** Port in the base string of `Authorization: SIGN`. Default `80-unless-given`, as clients of the field sign it. */
  readonly signedPort?: "80-unless-given" | "443-unless-given" | "always-80";
  /** Whether the base string has the query behind the path. Default false. */
  readonly signedQuery?: boolean;
  /** Whether `/api/session` takes a holder-of-key token by SIGN; `/rest` does in any case. Default true. */
  readonly apiSessionTakesHolderOfKey?: boolean;
  /** Whether bearer tokens are taken at vAPI ("configured to accept bearer"). Default true. */
  readonly vapiTakesBearer?: boolean;
  /** Whether sessions are made by `Authorization: Bearer` with a JWT of the group's own provider. Default false. */
  readonly sessionTakesJwt?: boolean;
  /** Seconds that clocks may differ for what is signed at vAPI. Default 600. */
  readonly vapiClockToleranceSeconds?: number;
  /** Whether the cookie's value is between quotes. Default true. */
  readonly quotedCookie?: boolean;
  /** Whether a cookie without quotes is taken. Default true. */
  readonly takesUnquotedCookie?: boolean;
  /** Whether anonymous SOAP calls are answered with a cookie. Default false. */
  readonly cookieBeforeLogin?: boolean;
  /** Whether a login on a connection that has a session is refused (InvalidLogin). Default true. */
  readonly refusesSecondLogin?: boolean;
  /** Status of a VI/JSON call without a session. Default 500, with the fault. */
  readonly jsonUnauthenticatedStatus?: 401 | 500;
  /** Status of a VI/JSON call under a release that the server does not know. Default 404. */
  readonly jsonUnknownReleaseStatus?: 400 | 404;
  /** Whether VI/JSON takes LoginByToken, the token in `Authorization: SIGN`. Default false. */
  readonly jsonLoginByToken?: boolean;
  /** Whether `hello` wants a session. Default false. */
  readonly helloNeedsSession?: boolean;
  /** Whether the end of a shared session at one side ends it at the other. Default true. */
  readonly endsOnBothSides?: boolean;
}
