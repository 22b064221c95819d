import { verify, X509Certificate } from "node:crypto";
import type { NodeView } from "../view.ts";
import { type OwnAssertion, readOwnAssertion } from "./assertion-reader.ts";
import { isDisabled, type Principal, type SolutionUser } from "./directory.ts";
import { invalidCredentials, wsse, wst } from "./fault.ts";
import type { MessageSigner } from "./message-signature.ts";
import { AUTHN_PASSWORD, AUTHN_PREVIOUS, AUTHN_SMARTCARD, AUTHN_XMLDSIG } from "./names.ts";
import type { SecurityHeader, UserCertificateToken } from "./security-header.ts";
import { activeSubject } from "./validate.ts";

/** Who calls, and how that was shown. */
export interface Caller {
  readonly principal: Principal;
  /** Class of the authentication context. */
  readonly method: string;
  /** Token that the caller showed. */
  readonly token: OwnAssertion | undefined;
}

/**
 * Finds out who sent a message by every credential in its header, which all have to mean the same account.
 *
 * @throws StsFault
 */
export function authenticate(
  header: SecurityHeader,
  signer: MessageSigner | undefined,
  view: NodeView,
): Caller {
  const callers = [
    byPassword(header, view),
    bySmartCard(header.smartCard, view),
    byToken(header, signer, view),
    byCertificate(header, signer, view),
  ].filter((caller) => caller !== undefined);
  const [first, ...others] = callers;
  if (!first) throw wsse("UnsupportedSecurityToken", "There is no credential in the Security header");
  for (const other of others) checkSame(first.principal, other.principal);
  return first;
}

/** @throws StsFault where two credentials are of two accounts. */
function checkSame(one: Principal, other: Principal): void {
  if (one.upn.toLowerCase() === other.upn.toLowerCase()) return;
  throw wst("InvalidRequest", `Successfully authenticated different principals: ${one.upn} and ${other.upn}`);
}

function byPassword({ usernameToken }: SecurityHeader, view: NodeView): Caller | undefined {
  if (usernameToken?.password === undefined) return undefined;
  const { username, password } = usernameToken;
  const principal = view.sso.directory.authenticate(username, password, view.faults);
  return { principal, method: AUTHN_PASSWORD, token: undefined };
}

/** A token proves nothing by itself here: the message has to be signed by the key it names. */
function byToken(
  { assertion }: SecurityHeader,
  signer: MessageSigner | undefined,
  view: NodeView,
): Caller | undefined {
  if (!assertion) return undefined;
  const token = readOwnAssertion(assertion, view);
  if (!token) throw invalidCredentials();
  if (!token.holder)
    throw wsse("UnsupportedSecurityToken", "Only HoK tokens are supported for authentication!");
  if (!signer) throw wsse("InvalidSecurity", "The message with a holder-of-key token is not signed");
  const principal = activeSubject(token, view);
  if (!token.holder.raw.equals(signer.certificate.raw) || !principal) throw invalidCredentials();
  return { principal, method: AUTHN_PREVIOUS, token };
}

/**
 * The certificate that signed is a credential where nothing else is given, or where its subject is that of a
 * solution user; any other is only a key.
 */
function byCertificate(
  header: SecurityHeader,
  signer: MessageSigner | undefined,
  view: NodeView,
): Caller | undefined {
  if (signer?.by !== "certificate") return undefined;
  const found = view.sso.directory.solutionUserOf(signer.certificate);
  if (!found) {
    if (header.usernameToken || header.smartCard || header.assertion) return undefined;
    throw invalidCredentials();
  }
  checkCertificate(found, signer.certificate, view);
  return { principal: found, method: AUTHN_XMLDSIG, token: undefined };
}

function checkCertificate(found: SolutionUser, certificate: X509Certificate, view: NodeView): void {
  const inForce =
    view.now >= Date.parse(certificate.validFrom) && view.now <= Date.parse(certificate.validTo);
  if (isDisabled(found, view.faults) || !inForce || !found.certificate.raw.equals(certificate.raw)) {
    throw invalidCredentials();
  }
}

function bySmartCard(card: UserCertificateToken | undefined, view: NodeView): Caller | undefined {
  if (!card) return undefined;
  const certificate = parseCertificate(card.certificate);
  const principal = view.sso.directory.person(view.sso.smartCards.get(card.certificate) ?? "");
  const inForce =
    view.now >= Date.parse(certificate.validFrom) && view.now <= Date.parse(certificate.validTo);
  const signed = verify(
    "sha256",
    Buffer.from(card.signedText),
    certificate.publicKey,
    Buffer.from(card.signature, "base64"),
  );
  if (!principal || !inForce || !signed || isDisabled(principal, view.faults)) throw invalidCredentials();
  return { principal, method: AUTHN_SMARTCARD, token: undefined };
}

function parseCertificate(base64: string): X509Certificate {
  try {
    return new X509Certificate(Buffer.from(base64, "base64"));
  } catch {
    throw wsse("InvalidSecurityToken", "Error while parsing the certificate");
  }
}
