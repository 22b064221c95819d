import { DS_NAMESPACE, SAML2_NAMESPACE, WSSE_NAMESPACE, WSU_NAMESPACE } from "../../xml/names.ts";
import { childOf, childrenOf, elementsOf, holdsText, textOf } from "../dom.ts";
import { type StsFault, wsse } from "./fault.ts";
import { checkHeaderSchema } from "./header-schema.ts";
import { PASSWORD_TEXT } from "./names.ts";
import { javaDate, parseTime } from "./time.ts";

export interface UsernameToken {
  readonly username: string;
  readonly password: string | undefined;
  readonly passcode: string | undefined;
}

/** Credentials of a smart card: a certificate, and a signature of its key, by SHA256withRSA, over a text. */
export interface UserCertificateToken {
  readonly certificate: string;
  readonly signedText: string;
  readonly signature: string;
}

/** A `wsse:Security` whose content has the right shape; nothing in it is verified. */
export interface SecurityHeader {
  readonly timestamp: Element;
  /** Milliseconds. */
  readonly created: number;
  /** Milliseconds. */
  readonly expires: number;
  readonly usernameToken: UsernameToken | undefined;
  readonly smartCard: UserCertificateToken | undefined;
  readonly binaryToken: Element | undefined;
  readonly assertion: Element | undefined;
  readonly signature: Element | undefined;
}

type Rule = readonly [namespace: string, local: string, least: 0 | 1];

const SECURITY: readonly Rule[] = [
  [WSU_NAMESPACE, "Timestamp", 1],
  [WSSE_NAMESPACE, "UsernameToken", 0],
  [WSSE_NAMESPACE, "UserCertificateToken", 0],
  [WSSE_NAMESPACE, "BinarySecurityToken", 0],
  [SAML2_NAMESPACE, "Assertion", 0],
  [DS_NAMESPACE, "Signature", 0],
];
const TIMESTAMP: readonly Rule[] = [
  [WSU_NAMESPACE, "Created", 1],
  [WSU_NAMESPACE, "Expires", 1],
];
const SMART_CARD: readonly Rule[] = [
  [WSSE_NAMESPACE, "UserCertificate", 1],
  [WSSE_NAMESPACE, "SignatureInfo", 1],
  [WSSE_NAMESPACE, "SignatureAlgorithm", 1],
  [WSSE_NAMESPACE, "SignatureValue", 1],
];

/**
 * Reads a security header, whose children may come in any order.
 *
 * @throws StsFault: InvalidSecurity for its schema, UnsupportedSecurityToken for a user name without one credential.
 */
export function readSecurityHeader(security: Element): SecurityHeader {
  checkContent(security, SECURITY);
  const timestamp = childOf(security, WSU_NAMESPACE, "Timestamp");
  if (!timestamp) throw occurrence([WSU_NAMESPACE, "Timestamp", 1], 0);
  checkContent(timestamp, TIMESTAMP);
  const usernameToken = childOf(security, WSSE_NAMESPACE, "UsernameToken");
  const card = childOf(security, WSSE_NAMESPACE, "UserCertificateToken");
  if (usernameToken) checkUsernameToken(usernameToken);
  if (card) checkContent(card, SMART_CARD);
  checkHeaderSchema(security);
  const created = timeIn(timestamp, "Created");
  const expires = timeIn(timestamp, "Expires");
  if (expires <= created) {
    throw wsse("InvalidSecurity", `Invalid request lifetime [${javaDate(created)}, ${javaDate(expires)})`);
  }
  return {
    timestamp,
    created,
    expires,
    usernameToken: usernameToken && readUsernameToken(usernameToken),
    smartCard: card && readSmartCard(card),
    binaryToken: childOf(security, WSSE_NAMESPACE, "BinarySecurityToken"),
    assertion: childOf(security, SAML2_NAMESPACE, "Assertion"),
    signature: childOf(security, DS_NAMESPACE, "Signature"),
  };
}

/**
 * The message has to be of now, give or take the tolerance.
 *
 * @throws StsFault MessageExpired.
 */
export function checkTimestamp(header: SecurityHeader, now: number, toleranceMs: number): void {
  const { created, expires } = header;
  if (now >= created - toleranceMs && now < expires + toleranceMs) return;
  throw wsse(
    "MessageExpired",
    `The time now ${javaDate(now)} does not fall in the request lifetime interval extended with clock ` +
      `tolerance of ${toleranceMs} ms: [ ${javaDate(created - toleranceMs)}; ` +
      `${javaDate(expires + toleranceMs)}). This might be due to a clock skew problem.`,
  );
}

function checkUsernameToken(token: Element): void {
  const { length } = childrenOf(token, WSSE_NAMESPACE, "Username");
  if (length !== 1) throw occurrence([WSSE_NAMESPACE, "Username", 1], length);
  // Whatever else stands there is let be, as the schema does: nonces and times of creation, for instance.
  if (holdsText(token)) throw unknownContent(token);
}

function readUsernameToken(token: Element): UsernameToken {
  const passwords = childrenOf(token, WSSE_NAMESPACE, "Password");
  const passcodes = childrenOf(token, WSSE_NAMESPACE, "Passcode");
  if (passwords.length + passcodes.length !== 1) {
    throw wsse("UnsupportedSecurityToken", "UsernameToken has to hold either one Password or one Passcode");
  }
  const type = passwords[0]?.getAttribute("Type");
  if (type && type !== PASSWORD_TEXT) {
    throw wsse("UnsupportedSecurityToken", `The password type ${type} is not supported`);
  }
  return {
    username: textOf(childOf(token, WSSE_NAMESPACE, "Username")),
    password: passwords[0] && textOf(passwords[0]),
    passcode: passcodes[0] && textOf(passcodes[0]),
  };
}

function readSmartCard(token: Element): UserCertificateToken {
  const text = (local: string): string => textOf(childOf(token, WSSE_NAMESPACE, local));
  return {
    certificate: text("UserCertificate").replace(/\s/g, ""),
    signedText: text("SignatureInfo"),
    signature: text("SignatureValue").replace(/\s/g, ""),
  };
}

function checkContent(parent: Element, rules: readonly Rule[]): void {
  let known = 0;
  for (const rule of rules) {
    const { length } = childrenOf(parent, rule[0], rule[1]);
    if (length > 1 || length < rule[2]) throw occurrence(rule, length);
    known += length;
  }
  if (known !== elementsOf(parent).length || holdsText(parent)) throw unknownContent(parent);
}

function timeIn(timestamp: Element, local: string): number {
  const text = textOf(childOf(timestamp, WSU_NAMESPACE, local));
  const time = parseTime(text);
  if (time === undefined) throw wsse("InvalidSecurity", `Unable to parse the time ${text.slice(0, 40)}`);
  return time;
}

function occurrence([namespace, local, least]: Rule, count: number): StsFault {
  return wsse(
    "InvalidSecurity",
    `Element {${namespace}}${local} occurance ${count} is not within [${least}, 1]`,
  );
}

function unknownContent(parent: Element): StsFault {
  return wsse("InvalidSecurity", `Invalid content was found in the element ${parent.localName}`);
}
