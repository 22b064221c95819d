import { InvalidArgumentError } from "../../errors.ts";

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
  /** Whether vAPI wants tokens that can be delegated, as the documentation of `session.create` has it. Default true. */
  readonly vapiWantsDelegatable?: boolean;
  /** Whether sessions are made by `Authorization: Bearer` with a JWT of the group's own provider. Default false. */
  readonly sessionTakesJwt?: boolean;
  /** Seconds that clocks may differ for what is signed at vAPI. Default 600. */
  readonly vapiClockToleranceSeconds?: number;
  /** Whether identity providers are listed for anybody. Default true. */
  readonly providersAreAnonymous?: boolean;
  /** Characters of a session ID. Default 32 at vAPI alone, 40 at VIM and where sessions are shared. */
  readonly sessionIdLength?: number;
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

const YES_OR_NO: readonly unknown[] = [true, false];

/** Values that a behaviour can have; where a number is free, its least and its greatest. */
const VALUES: Readonly<
  Record<keyof ServerBehaviours, readonly unknown[] | { readonly least: number; readonly greatest: number }>
> = {
  deleteSessionStatus: [200, 204],
  signedPort: ["80-unless-given", "443-unless-given", "always-80"],
  signedQuery: YES_OR_NO,
  apiSessionTakesHolderOfKey: YES_OR_NO,
  vapiTakesBearer: YES_OR_NO,
  vapiWantsDelegatable: YES_OR_NO,
  sessionTakesJwt: YES_OR_NO,
  vapiClockToleranceSeconds: { least: 0, greatest: 86_400 },
  providersAreAnonymous: YES_OR_NO,
  sessionIdLength: { least: 16, greatest: 4096 },
  quotedCookie: YES_OR_NO,
  takesUnquotedCookie: YES_OR_NO,
  cookieBeforeLogin: YES_OR_NO,
  refusesSecondLogin: YES_OR_NO,
  jsonUnauthenticatedStatus: [401, 500],
  jsonUnknownReleaseStatus: [400, 404],
  jsonLoginByToken: YES_OR_NO,
  helloNeedsSession: YES_OR_NO,
  endsOnBothSides: YES_OR_NO,
};

/** @throws InvalidArgumentError for a behaviour that there is not, or a value that it cannot have. */
export function checkBehaviours(behaviours: ServerBehaviours): void {
  for (const [name, value] of Object.entries(behaviours)) {
    if (!Object.hasOwn(VALUES, name)) {
      throw new InvalidArgumentError(`the simulator has no behaviour ${JSON.stringify(name)}`, {
        hint: `Use ${Object.keys(VALUES).join(", ")}.`,
      });
    }
    const allowed = VALUES[name as keyof ServerBehaviours];
    if (value === undefined || isAllowed(value, allowed)) continue;
    throw new InvalidArgumentError(`the behaviour ${name} cannot be ${JSON.stringify(value)}`, {
      hint:
        "least" in allowed
          ? `Use a whole number from ${allowed.least} to ${allowed.greatest}.`
          : `Use ${allowed.join(" or ")}.`,
    });
  }
}

function isAllowed(value: unknown, allowed: (typeof VALUES)[keyof ServerBehaviours]): boolean {
  if (!("least" in allowed)) return allowed.includes(value);
  return Number.isInteger(value) && Number(value) >= allowed.least && Number(value) <= allowed.greatest;
}
