import { createHmac, randomBytes, randomUUID, timingSafeEqual } from "node:crypto";
import type { NodeView } from "../view.ts";
import type { Person } from "./directory.ts";
import { isDisabled } from "./directory.ts";
import { invalidCredentials, wsse, wst } from "./fault.ts";
import { issue } from "./issue.ts";
import type { MessageSigner } from "./message-signature.ts";
import { AUTHN_KERBEROS, AUTHN_TIME_SYNC } from "./names.ts";
import type { ChallengeResponse, TokenRequest } from "./request.ts";
import { continueResponse, issueResponse } from "./response.ts";
import type { SecurityHeader } from "./security-header.ts";

/** A login that goes on: what was asked for, and what the next message has to show. */
interface Pending {
  readonly request: TokenRequest;
  readonly signer: MessageSigner | undefined;
  readonly person: Person;
  /** Secret of the last challenge, of a SPNEGO login. */
  readonly nonce?: string;
  /** Passcodes still to come, of a SecurID login. */
  readonly passcodes?: readonly string[];
}

/**
 * First leg of the stand-in for Kerberos: `NEGOTIATE user@domain`. The answer is `CHALLENGE <nonce>`, to which
 * belongs `RESPONSE <hex HMAC-SHA256 of the nonce, keyed with the password>`; `ACCEPT` comes with the token.
 *
 * @throws StsFault
 */
export function beginSpnego(
  request: TokenRequest,
  leg: string,
  signer: MessageSigner | undefined,
  view: NodeView,
): string {
  if (!request.context) throw wst("InvalidRequest", "A request with BinaryExchange needs a Context");
  const login = /^NEGOTIATE (.+)$/.exec(decode(leg))?.[1];
  const person = login === undefined ? undefined : view.sso.directory.person(login);
  if (!person || isDisabled(person, view.faults)) throw invalidCredentials();
  const nonce = randomBytes(16).toString("hex");
  view.sso.conversations.begin(request.context, { request, signer, person, nonce } satisfies Pending);
  return continueResponse({ context: request.context, binaryExchange: encode(`CHALLENGE ${nonce}`) });
}

/** @throws StsFault */
export function beginSecurId(
  request: TokenRequest,
  username: string,
  passcode: string,
  signer: MessageSigner | undefined,
  view: NodeView,
): string {
  const person = view.sso.directory.person(username);
  const passcodes = person && view.sso.passcodes.get(person.upn.toLowerCase());
  if (!person || !passcodes || isDisabled(person, view.faults)) throw invalidCredentials();
  return nextPasscode({ request, signer, person, passcodes }, passcode, view);
}

/**
 * Goes on with a login.
 *
 * @throws StsFault
 */
export function challenge(response: ChallengeResponse, header: SecurityHeader, view: NodeView): string {
  const passcode = header.usernameToken?.passcode;
  if (response.binaryExchange === undefined && passcode === undefined) {
    throw wsse("InvalidSecurity", "A challenge needs a BinaryExchange");
  }
  const pending = view.sso.conversations.take(response.context ?? "") as Pending | undefined;
  if (!pending) throw invalidCredentials();
  if (response.binaryExchange !== undefined && pending.nonce !== undefined) {
    return endSpnego(pending, pending.nonce, response, view);
  }
  const named = view.sso.directory.person(header.usernameToken?.username ?? "");
  if (passcode === undefined || !pending.passcodes || named !== pending.person) throw invalidCredentials();
  return nextPasscode(pending, passcode, view);
}

function endSpnego(pending: Pending, nonce: string, response: ChallengeResponse, view: NodeView): string {
  const { request, signer, person } = pending;
  const expected = createHmac("sha256", person.password).update(nonce).digest();
  const proof = /^RESPONSE ([0-9a-f]{64})$/i.exec(decode(response.binaryExchange ?? ""))?.[1] ?? "";
  const given = Buffer.from(proof, "hex");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw invalidCredentials();
  const caller = { principal: person, method: AUTHN_KERBEROS, token: undefined };
  const { context } = response;
  return issueResponse(issue(request, caller, signer, view), { context, binaryExchange: encode("ACCEPT") });
}

function nextPasscode(pending: Pending, passcode: string, view: NodeView): string {
  const { request, signer, person, passcodes = [] } = pending;
  const [expected, ...rest] = passcodes;
  if (expected === undefined || passcode !== expected) throw invalidCredentials();
  if (rest.length > 0) {
    const context = randomUUID();
    view.sso.conversations.begin(context, { ...pending, passcodes: rest } satisfies Pending);
    return continueResponse({ context });
  }
  const caller = { principal: person, method: AUTHN_TIME_SYNC, token: undefined };
  return issueResponse(issue(request, caller, signer, view), { context: request.context });
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64");
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString();
}
