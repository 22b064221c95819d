/**
 * Every error the toolkit throws. Each has a stable `code`, says what happened in `message`, keeps what lay
 * below it in `cause`, and says what to do next in `hint`. No message ever holds a secret.
 *
 * @module
 */

/** Stable identifiers of failures; scripts and `switch` statements may depend on them. */
export type ErrorCode =
  | "INVALID_ARGUMENT"
  | "TRUST_REFUSED"
  | "DNS_NOT_FOUND"
  | "CONNECTION_FAILED"
  | "PROXY_REFUSED"
  | "TIMEOUT"
  | "ABORTED"
  | "HTTP_STATUS"
  | "RESPONSE_TOO_LARGE"
  | "XML_DOCTYPE"
  | "XML_LIMIT"
  | "XML_MALFORMED"
  | "RESPONSE_EMPTY"
  | "RESPONSE_TRUNCATED"
  | "RESPONSE_HTML"
  | "RESPONSE_NOT_SOAP"
  | "RESPONSE_UNEXPECTED"
  | "SOAP_FAULT"
  | "ENTRY_NOT_FOUND"
  | "ENTRY_EXISTS"
  | "UNSUPPORTED_SITE"
  | "INVALID_PROPERTY"
  | "SECURITY_ERROR"
  | "SYSTEM_ERROR"
  | "MANAGED_OBJECT_NOT_FOUND"
  | "METHOD_NOT_FOUND"
  | "NODE_NOT_FOUND"
  | "NODE_AMBIGUOUS"
  | "ENDPOINT_NOT_FOUND"
  | "UNSUPPORTED"
  | "AUTHENTICATION_FAILED"
  | "ACCOUNT_LOCKED"
  | "PASSWORD_EXPIRED"
  | "INVALID_REQUEST"
  | "INVALID_TIME_RANGE"
  | "SIGNING_CERTIFICATE_EXPIRED"
  | "UNABLE_TO_RENEW"
  | "REQUEST_FAILED"
  | "MESSAGE_EXPIRED"
  | "INVALID_SECURITY"
  | "FAILED_CHECK"
  | "SECURITY_TOKEN_UNAVAILABLE"
  | "INVALID_SECURITY_TOKEN"
  | "UNSUPPORTED_SECURITY_TOKEN"
  | "UNSUPPORTED_ALGORITHM"
  | "TOKEN_MALFORMED"
  | "TOKEN_EXPIRED"
  | "TOKEN_NOT_RENEWABLE"
  | "TOKEN_UNUSABLE"
  | "TOKEN_NOT_VERIFIED"
  | "SIGNER_FAILED"
  | "GRANT_REFUSED"
  | "OAUTH_ERROR"
  | "NOT_AUTHENTICATED"
  | "NO_PERMISSION"
  | "SESSION_LIMIT"
  | "SERVICE_UNAVAILABLE"
  | "VERSION_MISMATCH"
  | "VAPI_ERROR"
  | "JSON_RPC_ERROR"
  | "VIM_FAULT"
  | "TASK_FAILED"
  | "TASK_CANCELED"
  | "STORE_UNAVAILABLE"
  | "STORE_BUSY"
  | "STORE_LOCK_LOST"
  | "STORE_UNREADABLE"
  | "LOGIN_SUSPENDED";

export interface ErrorDetails {
  /** What to do next, one sentence, ready to print. */
  readonly hint?: string | undefined;
  readonly cause?: unknown;
}

/** Base class of all errors of this package. */
export class VsphereSsoError extends Error {
  readonly code: ErrorCode;
  /** What to do next; absent where nothing useful can be said. */
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = details.hint;
  }
}

/** A value given by the caller cannot be used: a malformed server name, pin, PEM, filter or option. */
export class InvalidArgumentError extends VsphereSsoError {
  constructor(message: string, details?: ErrorDetails) {
    super("INVALID_ARGUMENT", message, details);
  }
}

/** Why a served certificate was refused. */
export type TrustFailure =
  | "self-signed"
  | "unknown-issuer"
  | "expired"
  | "not-yet-valid"
  | "name-mismatch"
  | "pin-mismatch"
  | "known-hosts-mismatch"
  | "no-certificate"
  | "rejected";

/** The leaf certificate a server presented. */
export interface ServedCertificate {
  /** SHA-256 fingerprint of the DER, upper-case hex with colons. */
  readonly sha256: string;
  readonly subject: string;
  readonly issuer: string;
  /** RFC 3339 UTC. */
  readonly notBefore: string;
  /** RFC 3339 UTC. */
  readonly notAfter: string;
}

/** The TLS certificate of a server was refused; nothing of the request was sent. */
export class TrustError extends VsphereSsoError {
  /** Authority (`host:port`) that was meant to be reached. */
  readonly host: string;
  readonly reason: TrustFailure;
  /** The leaf served, where one was. */
  readonly certificate: ServedCertificate | undefined;

  constructor(
    message: string,
    details: ErrorDetails & {
      readonly host: string;
      readonly reason: TrustFailure;
      readonly certificate?: ServedCertificate | undefined;
    },
  ) {
    super("TRUST_REFUSED", message, details);
    this.host = details.host;
    this.reason = details.reason;
    this.certificate = details.certificate;
  }
}

/** No reply: the name did not resolve, the connection failed or broke, or a proxy refused it. */
export class ConnectionError extends VsphereSsoError {
  /** Authority (`host:port`) that was meant to be reached. */
  readonly host: string;
  /** The operating system's or undici's code, as `ECONNREFUSED`. */
  readonly systemCode: string | undefined;

  constructor(
    code: "DNS_NOT_FOUND" | "CONNECTION_FAILED" | "PROXY_REFUSED",
    message: string,
    details: ErrorDetails & { readonly host: string; readonly systemCode?: string | undefined },
  ) {
    super(code, message, details);
    this.host = details.host;
    this.systemCode = details.systemCode;
  }
}

/** A limit in time passed: connecting, waiting for headers or body, or the whole call. */
export class TimeoutError extends VsphereSsoError {
  readonly host: string;
  readonly phase: "connect" | "headers" | "body" | "total";

  constructor(
    message: string,
    details: ErrorDetails & { readonly host: string; readonly phase: TimeoutError["phase"] },
  ) {
    super("TIMEOUT", message, details);
    this.host = details.host;
    this.phase = details.phase;
  }
}

/** The caller's `AbortSignal` fired; `cause` is its reason. */
export class AbortedError extends VsphereSsoError {
  constructor(message: string, details?: ErrorDetails) {
    super("ABORTED", message, details);
  }
}

/** The server answered with an HTTP status that carries no protocol answer. */
export class HttpStatusError extends VsphereSsoError {
  readonly status: number;
  readonly url: string;

  constructor(message: string, details: ErrorDetails & { readonly status: number; readonly url: string }) {
    super("HTTP_STATUS", message, details);
    this.status = details.status;
    this.url = details.url;
  }
}

/** The server answered with something that is not the protocol's answer. */
export class ProtocolError extends VsphereSsoError {
  readonly url: string | undefined;

  constructor(
    code:
      | "RESPONSE_EMPTY"
      | "RESPONSE_TRUNCATED"
      | "RESPONSE_HTML"
      | "RESPONSE_NOT_SOAP"
      | "RESPONSE_UNEXPECTED"
      | "RESPONSE_TOO_LARGE",
    message: string,
    details: ErrorDetails & { readonly url?: string | undefined } = {},
  ) {
    super(code, message, details);
    this.url = details.url;
  }
}

/** XML that is refused: a DOCTYPE, a limit passed, or not well formed. */
export class XmlError extends VsphereSsoError {
  /** 1-based; 0 where unknown. */
  readonly line: number;
  /** True when the text ended before the root element did. */
  readonly truncated: boolean;

  constructor(
    code: "XML_DOCTYPE" | "XML_LIMIT" | "XML_MALFORMED",
    message: string,
    details: ErrorDetails & { readonly line?: number; readonly truncated?: boolean } = {},
  ) {
    super(code, message, details);
    this.line = details.line ?? 0;
    this.truncated = details.truncated ?? false;
  }
}

/** A qualified name: namespace URI and local name. */
export interface QName {
  readonly namespace: string;
  readonly local: string;
}

/** The server said no, as a SOAP fault. */
export class SoapFaultError extends VsphereSsoError {
  readonly url: string | undefined;
  /** HTTP status that carried the fault. */
  readonly status: number | undefined;
  readonly faultCode: QName;
  /** The server's own words. */
  readonly faultString: string;
  /** Type of the fault: `xsi:type` of the detail's child where given, else the child's name; undefined without detail. */
  readonly faultType: QName | undefined;
  /** Simple fields of the typed fault (`name`, `reason`, `invalidProperty`, …). */
  readonly fields: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    details: ErrorDetails & {
      readonly faultCode: QName;
      readonly faultString: string;
      readonly faultType?: QName | undefined;
      readonly fields?: Readonly<Record<string, string>>;
      readonly url?: string | undefined;
      readonly status?: number | undefined;
    },
  ) {
    super(code, message, details);
    this.faultCode = details.faultCode;
    this.faultString = details.faultString;
    this.faultType = details.faultType;
    this.fields = details.fields ?? {};
    this.url = details.url;
    this.status = details.status;
  }
}

/** A node was asked for by a name that none, or more than one, of the nodes answers to. */
export class NodeMatchError extends VsphereSsoError {
  /** The nodes to choose from: all of them when none matched, those that matched when several did. */
  readonly candidates: readonly {
    readonly nodeId: string | null;
    readonly instanceName: string;
    readonly host: string;
  }[];

  constructor(
    code: "NODE_NOT_FOUND" | "NODE_AMBIGUOUS",
    message: string,
    details: ErrorDetails & { readonly candidates: NodeMatchError["candidates"] },
  ) {
    super(code, message, details);
    this.candidates = details.candidates;
  }
}

/** The group has no such endpoint. */
export class EndpointNotFoundError extends VsphereSsoError {
  constructor(message: string, details?: ErrorDetails) {
    super("ENDPOINT_NOT_FOUND", message, details);
  }
}

/** Where a session is made and used: vAPI by REST or JSON-RPC, VIM by SOAP or JSON. */
export type DoorName = "vapi-rest" | "vapi-jsonrpc" | "vim-soap" | "vim-json";

/** The server is not of the kind that could answer, e.g. an ESXi host asked for its Lookup Service. */
export class UnsupportedError extends VsphereSsoError {
  /** The door of this server that works in its place, where there is one. */
  readonly worksAt: DoorName | undefined;

  constructor(message: string, details: ErrorDetails & { readonly worksAt?: DoorName | undefined } = {}) {
    super("UNSUPPORTED", message, details);
    this.worksAt = details.worksAt;
  }
}

/** The Security Token Service said no, as a SOAP fault without detail: its code tells what is wrong. */
export class StsFaultError extends SoapFaultError {
  /**
   * Milliseconds the server's clock is ahead of ours, from the `Date` header of the answer (negative: behind);
   * undefined where the server told no time.
   */
  readonly skewMs: number | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    details: ConstructorParameters<typeof SoapFaultError>[2] & { readonly skewMs?: number | undefined },
  ) {
    super(code, message, details);
    this.skewMs = details.skewMs;
  }
}

/** A token that cannot be used for what was asked: not an assertion, expired, not renewable, of the wrong kind. */
export class TokenError extends VsphereSsoError {
  constructor(
    code: "TOKEN_MALFORMED" | "TOKEN_EXPIRED" | "TOKEN_NOT_RENEWABLE" | "TOKEN_UNUSABLE",
    message: string,
    details?: ErrorDetails,
  ) {
    super(code, message, details);
  }
}

/** A `Signer` of the caller failed; `cause` is what it threw. */
export class SignerError extends VsphereSsoError {
  constructor(message: string, details?: ErrorDetails) {
    super("SIGNER_FAILED", message, details);
  }
}

/** Why an assertion was not accepted. */
export type VerificationFailure =
  | "malformed"
  | "unsigned"
  | "several-signatures"
  | "signature-misplaced"
  | "reference-mismatch"
  | "duplicate-id"
  | "algorithm-refused"
  | "digest-mismatch"
  | "signature-mismatch"
  | "no-certificate"
  | "untrusted"
  | "certificate-invalid"
  | "expired"
  | "not-yet-valid"
  | "conditions-invalid"
  | "audience-mismatch"
  | "holder-mismatch";

/** An assertion that did not verify; nothing of it is to be believed. */
export class VerificationError extends VsphereSsoError {
  readonly reason: VerificationFailure;

  constructor(message: string, details: ErrorDetails & { readonly reason: VerificationFailure }) {
    super("TOKEN_NOT_VERIFIED", message, details);
    this.reason = details.reason;
  }
}

/** An authorization server or token exchange said no. `GRANT_REFUSED` when what was presented is not accepted. */
export class OAuthError extends VsphereSsoError {
  /** The protocol's own code, as `invalid_grant` (RFC 6749, 5.2), or the vAPI error type. */
  readonly error: string;
  readonly url: string | undefined;
  readonly status: number | undefined;

  constructor(
    code: "GRANT_REFUSED" | "OAUTH_ERROR",
    message: string,
    details: ErrorDetails & {
      readonly error: string;
      readonly url?: string | undefined;
      readonly status?: number | undefined;
    },
  ) {
    super(code, message, details);
    this.error = details.error;
    this.url = details.url;
    this.status = details.status;
  }
}

/** One way to authenticate that a server offers, as in `WWW-Authenticate` (RFC 9110, 11.3). */
export interface AuthenticationChallenge {
  /** As the server spelled it: `Basic`, `SIGN`. */
  readonly scheme: string;
  /** By name in lower case: `realm`, `service`, `sts`. */
  readonly parameters: Readonly<Record<string, string>>;
}

/** A message of the server's, as vAPI gives them. */
export interface VapiMessage {
  /** As `com.vmware.vapi.endpoint.method.authentication.required`. */
  readonly id: string;
  /** In the language that was asked for, else in English; its arguments filled in. */
  readonly text: string;
  readonly args: readonly string[];
}

interface AnsweredDetails extends ErrorDetails {
  readonly door: DoorName;
  readonly url?: string | undefined;
  readonly status?: number | undefined;
  readonly body?: string | undefined;
}

/** The server's answer to a call at one of its doors was an error of that door's protocol. */
export abstract class AnsweredError extends VsphereSsoError {
  readonly door: DoorName;
  readonly url: string | undefined;
  /** HTTP status. */
  readonly status: number | undefined;
  /** The error as the server sent it; not shown with the error, for it may repeat what was sent. */
  declare readonly body: string | undefined;

  constructor(code: ErrorCode, message: string, details: AnsweredDetails) {
    super(code, message, details);
    this.door = details.door;
    this.url = details.url;
    this.status = details.status;
    Object.defineProperty(this, "body", { value: details.body, enumerable: false });
  }
}

/**
 * A vAPI service said no. `code` is `AUTHENTICATION_FAILED` for a login, `NOT_AUTHENTICATED` for a call without a
 * session, `NO_PERMISSION`, `SERVICE_UNAVAILABLE`, `JSON_RPC_ERROR` for one of the envelope, else `VAPI_ERROR`.
 */
export class VapiError extends AnsweredError {
  /** Last part of the error's name, upper case: `NOT_FOUND` of `com.vmware.vapi.std.errors.not_found`. */
  readonly errorType: string;
  readonly messages: readonly VapiMessage[];
  /** How to authenticate, for UNAUTHENTICATED. */
  readonly challenges: readonly AuthenticationChallenge[];

  constructor(
    code: ErrorCode,
    message: string,
    details: AnsweredDetails & {
      readonly errorType: string;
      readonly messages?: readonly VapiMessage[];
      readonly challenges?: readonly AuthenticationChallenge[];
    },
  ) {
    super(code, message, details);
    this.errorType = details.errorType;
    this.messages = details.messages ?? [];
    this.challenges = details.challenges ?? [];
  }
}

/**
 * A VIM method ended with a fault. `code` is `AUTHENTICATION_FAILED` for InvalidLogin, `NOT_AUTHENTICATED`,
 * `NO_PERMISSION`, `VERSION_MISMATCH`, else `VIM_FAULT`.
 */
export class VimFaultError extends AnsweredError {
  /** Type of the fault: `NotAuthenticated`, `InvalidLogin`; empty where the server gave none. */
  readonly fault: string;
  /** The server's own words. */
  readonly faultString: string;
  /** Simple fields of the fault (`privilegeId`, `name`, …). */
  readonly fields: Readonly<Record<string, string>>;

  constructor(
    code: ErrorCode,
    message: string,
    details: AnsweredDetails & {
      readonly fault: string;
      readonly faultString: string;
      readonly fields?: Readonly<Record<string, string>>;
    },
  ) {
    super(code, message, details);
    this.fault = details.fault;
    this.faultString = details.faultString;
    this.fields = details.fields ?? {};
  }
}

/** The server, or the user, has all the sessions that are allowed; trying again at once makes it worse. */
export class SessionLimitError extends AnsweredError {
  /** How many are allowed, where the server says so. */
  readonly limit: number | undefined;
  /** How many there are, where the server says so. */
  readonly current: number | undefined;
  /** Whose sessions are counted, where the limit is of one user and the server names it. */
  readonly user: string | undefined;

  constructor(
    message: string,
    details: AnsweredDetails & {
      readonly limit?: number | undefined;
      readonly current?: number | undefined;
      readonly user?: string | undefined;
    },
  ) {
    super("SESSION_LIMIT", message, details);
    this.limit = details.limit;
    this.current = details.current;
    this.user = details.user;
  }
}

/** A task of the server ended without success; `cause` is the error it ended with, where it has one. */
export class TaskError extends VsphereSsoError {
  /** ID of the task. */
  readonly task: string;

  constructor(
    code: "TASK_FAILED" | "TASK_CANCELED",
    message: string,
    details: ErrorDetails & { readonly task: string },
  ) {
    super(code, message, details);
    this.task = details.task;
  }
}

/**
 * The store of sessions failed. `STORE_UNAVAILABLE` when it cannot be reached, read or written, `STORE_BUSY` when
 * somebody else kept an entry locked for too long, `STORE_LOCK_LOST` when a lock was lost before the write it was
 * for, `STORE_UNREADABLE` for an entry that is damaged, sealed with another key, or of a newer version.
 */
export class StoreError extends VsphereSsoError {
  constructor(
    code: "STORE_UNAVAILABLE" | "STORE_BUSY" | "STORE_LOCK_LOST" | "STORE_UNREADABLE",
    message: string,
    details?: ErrorDetails,
  ) {
    super(code, message, details);
  }
}

/**
 * No login was tried: so many were refused to this principal lately, here or in other processes of the same store,
 * that another one could lock the account.
 */
export class LoginSuspendedError extends VsphereSsoError {
  readonly principal: string;
  /** From then on a login is tried again. */
  readonly until: Date;

  constructor(message: string, details: ErrorDetails & { readonly principal: string; readonly until: Date }) {
    super("LOGIN_SUSPENDED", message, details);
    this.principal = details.principal;
    this.until = details.until;
  }
}
