import { type ErrorCode, HttpStatusError, type QName, SoapFaultError, StsFaultError } from "../errors.ts";
import { LEFT_OUT, repeatsSecret } from "../net/secret-words.ts";
import { SOAP_NAMESPACE, WSSE_NAMESPACE, WST_NAMESPACE } from "../xml/names.ts";
import { domainOf } from "./address.ts";
import type { CredentialKind, StsOperation } from "./names.ts";
import { describeDuration } from "./time.ts";

/** What is known of a request that failed. */
export interface FailureContext {
  readonly operation: StsOperation;
  readonly url: string;
  readonly credential: CredentialKind;
  /** Whether a token to act as was sent along. */
  readonly actAs: boolean;
  /** Milliseconds the server's clock is ahead of ours, as of this answer. */
  readonly skewMs: number | undefined;
  /** What was put to this machine's clock. */
  readonly clockOffsetMs: number;
  /** Whether that is what the server's clock differs, not what the caller said. */
  readonly followsServer: boolean;
  readonly messageLifetimeMs: number;
  /** Texts that must not be in an error, though the server may quote them. */
  readonly secrets: readonly string[];
}

interface Meaning {
  readonly code: ErrorCode;
  readonly hint: string | ((context: FailureContext, said: string) => string);
}

/** The `Date` of an answer is exact to a second, and as old as the answer took. */
const CLOCKS_AGREE_MS = 5_000;

/** A certificate is renewed in time; a clock that is off by more than this is the likelier cause. */
const CLOCK_IS_WRONG_MS = 86_400_000;

/** Characters of the server's words that a message repeats; the error has them all. */
const MAX_WORDS = 1000;

const LOGS = "the vCenter's log of the STS says more: /var/log/vmware/sso/tokenservice.log";

/** Codes of WS-Trust (1.3, section 11). */
const WST_FAULTS: Readonly<Record<string, Meaning>> = {
  __proto__: null as never,
  FailedAuthentication: { code: "AUTHENTICATION_FAILED", hint: authenticationHint },
  InvalidRequest: { code: "INVALID_REQUEST", hint: invalidRequestHint },
  BadRequest: { code: "INVALID_REQUEST", hint: invalidRequestHint },
  InvalidScope: { code: "INVALID_REQUEST", hint: invalidRequestHint },
  InvalidTimeRange: { code: "INVALID_TIME_RANGE", hint: timeHint },
  ExpiredData: { code: "MESSAGE_EXPIRED", hint: timeHint },
  RenewNeeded: { code: "TOKEN_EXPIRED", hint: "the token has expired: issue a new one" },
  UnableToRenew: {
    code: "UNABLE_TO_RENEW",
    hint: "the token has no renewals left, or never had: issue a new one, and ask for a renewable one",
  },
  RequestFailed: { code: "REQUEST_FAILED", hint: LOGS },
  InvalidSecurityToken: { code: "INVALID_SECURITY_TOKEN", hint: "check the certificate that was given" },
  AuthenticationBadElements: { code: "INVALID_SECURITY", hint: LOGS },
};

/** Codes of WS-Security (1.1, section 12), and `MessageExpired` of its error table. */
const WSSE_FAULTS: Readonly<Record<string, Meaning>> = {
  __proto__: null as never,
  FailedAuthentication: { code: "AUTHENTICATION_FAILED", hint: authenticationHint },
  MessageExpired: { code: "MESSAGE_EXPIRED", hint: timeHint },
  InvalidSecurity: {
    code: "INVALID_SECURITY",
    hint: "the server wants the message otherwise, see its words; a kind of token that contradicts the credential is refused this way too",
  },
  FailedCheck: {
    code: "FAILED_CHECK",
    hint: "key and certificate may not belong together, or something on the way changed the message: try without a proxy that inspects TLS, or sign the message by another algorithm (a program sets messageSignatureAlgorithm)",
  },
  SecurityTokenUnavailable: {
    code: "SECURITY_TOKEN_UNAVAILABLE",
    hint: "the certificate or assertion that the signature refers to did not arrive: look for a proxy that changes messages",
  },
  InvalidSecurityToken: {
    code: "INVALID_SECURITY_TOKEN",
    hint: "the server cannot read the certificate: give an X.509 v3 certificate with an RSA key",
  },
  UnsupportedSecurityToken: {
    code: "UNSUPPORTED_SECURITY_TOKEN",
    hint: "the STS does not take this credential: bearer tokens never, others only where they are enabled",
  },
  UnsupportedAlgorithm: {
    code: "UNSUPPORTED_ALGORITHM",
    hint: "sign by another algorithm: a program sets messageSignatureAlgorithm to rsa-sha256 or rsa-sha512",
  },
};

/**
 * Explains why a request to the STS failed: a fault becomes an StsFaultError that says what is wrong and what to do,
 * by namespace and local name of its code; other errors pass, but for 404, which tells of an unknown SSO domain.
 */
export function explainFailure(error: unknown, context: FailureContext): unknown {
  if (error instanceof SoapFaultError) return stsFault(error, context);
  if (error instanceof HttpStatusError && error.status === 404) {
    const domain = domainOf(context.url);
    const what = domain === undefined ? "" : `no SSO domain ${JSON.stringify(domain)}, or `;
    return new HttpStatusError(
      `${context.url} answered ${context.operation} with HTTP status 404: there is ${what}no Security Token Service`,
      {
        status: 404,
        url: error.url,
        cause: error,
        hint: "check the SSO domain, which the issuer of existing tokens ends with, and that the host is a vCenter or PSC",
      },
    );
  }
  return error;
}

function stsFault(fault: SoapFaultError, context: FailureContext): StsFaultError {
  const { code, hint } = meaningOf(fault, context, fault.faultString);
  const { faultCode, faultString, faultType, fields } = tellable(fault, context.secrets);
  const said = faultString.trim();
  const { host } = new URL(context.url);
  const told = isAboutTime(code, context.skewMs) ? `; ${describeSkew(context.skewMs)}` : "";
  const name = faultCode.local || "a fault without a code";
  const words = said.length > MAX_WORDS ? `${said.slice(0, MAX_WORDS)}…` : said;
  return new StsFaultError(
    code,
    `The STS at ${host} refused ${context.operation}: ${name}${words === "" ? "" : `: ${words}`}${told}`,
    {
      hint,
      faultCode,
      faultString,
      faultType,
      fields,
      url: fault.url,
      status: fault.status,
      skewMs: context.skewMs,
    },
  );
}

/** What a fault says, as far as it repeats no secret. */
function tellable(
  { faultCode, faultString, faultType, fields }: SoapFaultError,
  secrets: readonly string[],
): Pick<SoapFaultError, "faultCode" | "faultString" | "faultType" | "fields"> {
  const tells = (...words: readonly (string | undefined)[]): boolean =>
    words.some((each) => each !== undefined && repeatsSecret(each, secrets));
  const { namespace, local } = faultCode;
  // The codes of the standards are not the server's own words.
  const isStandard = meaningOfCode(faultCode) !== undefined;
  const code = isStandard || !tells(namespace, local) ? faultCode : { namespace: "", local: "" };
  return tells(faultString, faultType?.namespace, faultType?.local, ...Object.entries(fields).flat())
    ? { faultCode: code, faultString: LEFT_OUT, faultType: undefined, fields: {} }
    : { faultCode: code, faultString, faultType, fields };
}

function meaningOfCode({ namespace, local }: QName): Meaning | undefined {
  // A code without a prefix, or with one that is declared nowhere, counts by its name, as in VMware's own clients.
  // None of SOAP's own codes has a meaning here: that namespace is a default one, declared for the envelope.
  if (namespace === "" || namespace === SOAP_NAMESPACE) return WST_FAULTS[local] ?? WSSE_FAULTS[local];
  if (namespace === WST_NAMESPACE) return WST_FAULTS[local];
  return namespace === WSSE_NAMESPACE ? WSSE_FAULTS[local] : undefined;
}

function meaningOf(
  { faultCode, code }: SoapFaultError,
  context: FailureContext,
  said: string,
): { readonly code: ErrorCode; readonly hint: string } {
  const meaning = meaningOfCode(faultCode);
  if (meaning === undefined) return { code, hint: `the server's own words are above; ${LOGS}` };
  // An account says why in words only: all other reasons are masked by the server.
  if (meaning.code === "AUTHENTICATION_FAILED" && /\blocked\b/i.test(said)) {
    return {
      code: "ACCOUNT_LOCKED",
      hint: "wait until the lock-out ends, or have an administrator unlock the account; further attempts prolong it",
    };
  }
  if (meaning.code === "AUTHENTICATION_FAILED" && /\bexpired\b/i.test(said) && isOfPassword(context, said)) {
    return {
      code: "PASSWORD_EXPIRED",
      hint: "change the password (vSphere Client, or dir-cli), then try again",
    };
  }
  // The STS reports it as a bad time of the request, which it is not.
  if (meaning.code === "INVALID_TIME_RANGE" && /signing certificate is not valid/i.test(said)) {
    return {
      code: "SIGNING_CERTIFICATE_EXPIRED",
      hint: signingCertificateHint(context),
    };
  }
  return {
    code: meaning.code,
    hint: typeof meaning.hint === "string" ? meaning.hint : meaning.hint(context, said),
  };
}

function isOfPassword({ credential }: FailureContext, said: string): boolean {
  return credential === "password" || /password/i.test(said);
}

function signingCertificateHint({ skewMs }: FailureContext): string {
  const replace =
    "the vCenter's STS signing certificate is out of its validity, so nobody can log in: replace it on the vCenter as in Broadcom KB 316619";
  if (skewMs === undefined || Math.abs(skewMs) <= CLOCK_IS_WRONG_MS) return replace;
  return `first look at the server's clock, which differs from this machine's by ${describeDuration(skewMs)}: if it is wrong, correct it (NTP). If it is right, ${replace}`;
}

function authenticationHint(context: FailureContext, said: string): string {
  const hint = credentialHint(context, said);
  return context.actAs
    ? `${hint}. Or the token to act as was not accepted: it must be of this SSO domain, valid, and its subject must still exist`
    : hint;
}

function credentialHint({ credential }: FailureContext, said: string): string {
  switch (credential) {
    case "password":
      return "check user name (name@domain) and password: the server does not tell which is wrong, or whether the account is disabled, and locks accounts after some attempts";
    case "passcode":
      return /pin/i.test(said)
        ? "the SecurID server wants a new PIN: set it where it is administered"
        : "check user name and passcode; a code is valid once, and for a minute";
    case "certificate":
      return "the STS looks for a solution user by the certificate's subject and wants the very certificate that is stored with it, valid, and the user enabled: dir-cli service list";
    case "token":
      return "the token was not accepted: it must be of this SSO domain, valid, and its subject must still exist";
    case "spnego":
      return "check the ticket or session of the operating system, and that the vCenter is joined to the domain";
    case "smart-card":
      return "check that smart card login is enabled and the card's issuer is trusted by the vCenter";
    default:
      return LOGS;
  }
}

function invalidRequestHint(_context: FailureContext, said: string): string {
  if (/not authorized/i.test(said)) {
    return "who asks in the name of others must be a member of the SSO group ActAsUsers, and no delegate itself";
  }
  if (/delegation chain/i.test(said)) {
    return "the token to act as has no delegations left, or never had: ask for a delegatable token of that user (--delegatable; in a program, delegatable)";
  }
  if (/different principals/i.test(said)) {
    return "the certificate belongs to a solution user, who is another one than the user of the password: give another certificate with it (a self-signed one will do)";
  }
  return "the server's words say which part of the request it refuses";
}

/** Of a certificate the server's clock decides alone, so it is named only where it may be the one that is wrong. */
function isAboutTime(code: ErrorCode, skewMs: number | undefined): skewMs is number {
  if (skewMs === undefined) return false;
  if (code === "SIGNING_CERTIFICATE_EXPIRED") return Math.abs(skewMs) > CLOCKS_AGREE_MS;
  return code === "INVALID_TIME_RANGE" || code === "MESSAGE_EXPIRED";
}

/** Which clock is ahead, and by how much. */
function describeSkew(skewMs: number): string {
  if (Math.abs(skewMs) <= CLOCKS_AGREE_MS) return "this machine's clock agrees with the server's";
  return `this machine's clock is ${describeDuration(skewMs)} ${skewMs > 0 ? "behind" : "ahead of"} the server's`;
}

function timeHint(context: FailureContext): string {
  const { skewMs, clockOffsetMs, followsServer, messageLifetimeMs } = context;
  if (skewMs === undefined) {
    return "compare this machine's clock with the server's (NTP); the server allows 10 min of difference as shipped";
  }
  if (Math.abs(skewMs) > CLOCKS_AGREE_MS) {
    return followsServer
      ? "messages follow the server's clock already, and are refused all the same: correct the clock that is wrong (NTP), and look for a proxy that answers with a time of its own"
      : "correct the clock that is wrong (NTP); a program can follow the server's clock (clockOffsetMs)";
  }
  if (clockOffsetMs !== 0 && !followsServer)
    return `leave clockOffsetMs out: the clocks agree without its ${clockOffsetMs} ms`;
  return `a message is valid for ${describeDuration(messageLifetimeMs)}, and was longer under way or refused for the lifetime asked: ask for another lifetime; a program can have messages be valid for longer (messageLifetimeSeconds)`;
}
