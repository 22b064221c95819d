import type { X509Certificate } from "node:crypto";
import { RSA_SHA256, SIGNATURE_HASHES } from "../signature.ts";
import type { NodeView } from "../view.ts";
import { type AssertionContent, type SamlAttribute, writeAssertion } from "./assertion-writer.ts";
import { currentGroups, type Principal } from "./directory.ts";
import { wst } from "./fault.ts";
import {
  ATTR_EMAIL,
  ATTR_GIVEN_NAME,
  ATTR_GROUPS,
  ATTR_IS_SOLUTION,
  ATTR_SURNAME,
  ATTR_UPN,
  ATTRNAME_URI,
} from "./names.ts";
import type { TokenRequest } from "./request.ts";
import { signingLeaf } from "./signing.ts";
import { javaDate, timePeriod } from "./time.ts";

/** A token that was issued. */
export interface Granted {
  readonly assertion: string;
  readonly content: AssertionContent;
  /** Identifier of the algorithm it is signed by. */
  readonly algorithm: string;
}

export interface Lifetime {
  readonly notBefore: number;
  readonly notOnOrAfter: number;
}

/**
 * The time a token is for: as asked, cut to what is allowed, to the certificates it depends on, and to `limit`.
 *
 * @throws StsFault InvalidTimeRange.
 */
export function grantLifetime(
  request: Pick<TokenRequest, "created" | "expires">,
  holder: X509Certificate | undefined,
  limit: number | undefined,
  view: NodeView,
): Lifetime {
  const { now, sso, faults } = view;
  const { clockToleranceMs, maxBearerMs, maxHolderOfKeyMs } = sso.limits;
  const longest = holder ? maxHolderOfKeyMs : maxBearerMs;
  const notBefore = request.created ?? now;
  const wanted = request.expires ?? notBefore + longest;
  if (wanted <= notBefore) throw wst("InvalidTimeRange", "Invalid token lifetime");
  const refuse = (cause: string) =>
    wst(
      "InvalidTimeRange",
      `The token authority rejected an issue request for ${timePeriod(notBefore, wanted)}`,
      cause,
    );
  if (Math.abs(notBefore - now) > clockToleranceMs) {
    throw refuse(
      "The requested token start time differs from the issue instant more than the acceptable deviation " +
        `(clock tolerance) of ${clockToleranceMs} ms. Requested token start time=${javaDate(notBefore)}, ` +
        `issue instant time=${javaDate(now)}. This might be due to a clock skew problem.`,
    );
  }
  const leaf = signingLeaf(sso.signing, faults);
  const [from, to] = [Date.parse(leaf.validFrom), Date.parse(leaf.validTo)];
  if (now < from || now > to) {
    throw refuse(
      `Signing certificate is not valid at ${javaDate(now)}, cert validity: ${timePeriod(from, to)}`,
    );
  }
  const notOnOrAfter = Math.min(
    notBefore + longest,
    wanted,
    to + 1,
    holder ? Date.parse(holder.validTo) + 1 : Number.POSITIVE_INFINITY,
    limit ?? Number.POSITIVE_INFINITY,
  );
  if (notOnOrAfter <= notBefore) throw wst("InvalidTimeRange", "Invalid token lifetime");
  return { notBefore, notOnOrAfter };
}

/** Writes the token, signed as the policy or else the request has it. */
export function grant(
  content: Omit<AssertionContent, "issuer" | "issuedAt">,
  wantedAlgorithm: string | undefined,
  view: NodeView,
): Granted {
  const { node, sso, faults, now } = view;
  const algorithm = signatureAlgorithm(wantedAlgorithm, sso.limits.signatureAlgorithm);
  const complete = {
    ...content,
    issuer: `https://127.0.0.1:${node.port}/websso/SAML2/Metadata/${sso.domain}`,
    issuedAt: now,
  };
  const chain = [signingLeaf(sso.signing, faults), sso.signing.authority];
  const assertion = writeAssertion(complete, { key: sso.signing.key, chain, algorithm });
  return { assertion, content: complete, algorithm };
}

/** An algorithm nobody knows is not refused, only ignored. */
function signatureAlgorithm(wanted: string | undefined, forced: string | undefined): string {
  const byName = (name: string) =>
    [...SIGNATURE_HASHES.keys()].find((uri) => uri.endsWith(`#${name}`)) ?? RSA_SHA256;
  if (forced) return byName(forced);
  return wanted !== undefined && SIGNATURE_HASHES.has(wanted) ? wanted : RSA_SHA256;
}

/** Attributes about an account: the usual ones, or those asked for by name. */
export function attributesOf(
  principal: Principal,
  claims: readonly string[] | undefined,
  view: NodeView,
): SamlAttribute[] {
  const attribute = (name: string, friendlyName: string, ...values: string[]): SamlAttribute => ({
    name,
    friendlyName,
    format: ATTRNAME_URI,
    values,
  });
  const known = [
    attribute(ATTR_GIVEN_NAME, "givenName", principal.givenName),
    attribute(ATTR_GROUPS, "Groups", ...currentGroups(principal, view.faults)),
    attribute(ATTR_IS_SOLUTION, "Subject Type", String(principal.kind === "solution")),
    attribute(ATTR_SURNAME, "surname", principal.surname),
    attribute(ATTR_UPN, "userPrincipalName", principal.upn),
    attribute(ATTR_EMAIL, "email", principal.email),
  ];
  const wanted = claims ?? [ATTR_GROUPS, ATTR_GIVEN_NAME, ATTR_SURNAME, ATTR_IS_SOLUTION];
  return known.filter(({ name }) => wanted.includes(name));
}
