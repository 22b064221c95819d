import { X509Certificate } from "node:crypto";
import { InvalidArgumentError, type VerificationError } from "../errors.ts";
import { parseCertificates } from "../net/x509.ts";
import { type HolderKey, toSigner } from "../xml/signer.ts";
import type { AssertionInfo } from "./info.ts";
import { notVerified as refuse } from "./not-verified.ts";
import { IS_SOLUTION_ATTRIBUTE } from "./statements.ts";
import type { CertificateSource } from "./trust-anchors.ts";

/** What an assertion is held to beside its signature. */
export interface ClaimOptions {
  /** Time it has to be valid at. Default now. */
  readonly at?: Date | undefined;
  /** Seconds that the issuer's clock may differ from ours. Default 60. */
  readonly toleranceSeconds?: number | undefined;
  /**
   * Who we are, by one name or several: the assertion must be restricted to audiences that include us. Without it
   * restrictions are shown (`info.audiences`), not enforced.
   */
  readonly audience?: string | readonly string[] | undefined;
  /**
   * Key or certificate that whoever presented the assertion proved to hold: it must be a holder-of-key assertion
   * of exactly this certificate. Without it, whether the holder has the key is for the caller to check.
   */
  readonly holderOfKey?: HolderKey | CertificateSource | undefined;
  /** Accepts conditions that are not known here; SAML leaves such an assertion's validity open. Default false. */
  readonly allowUnknownConditions?: boolean | undefined;
}

/** `ClaimOptions`, checked and with defaults. */
export interface Expectations {
  /** Milliseconds of the epoch. */
  readonly at: number;
  readonly toleranceMs: number;
  readonly audiences: readonly string[] | undefined;
  /** SHA-256 fingerprint of the holder's certificate. */
  readonly holder: string | undefined;
  readonly allowUnknownConditions: boolean;
}

const UPN_FORMAT = "http://schemas.xmlsoap.org/claims/UPN";
const UPN = /^[^@]+@[^@]+$/;

/** @throws InvalidArgumentError for an option that cannot be used. */
export function resolveExpectations(options: ClaimOptions): Expectations {
  const { at, toleranceSeconds = 60, audience, holderOfKey } = options;
  const time = at === undefined ? Date.now() : at.getTime();
  if (Number.isNaN(time)) throw new InvalidArgumentError("at is not a date");
  if (!(toleranceSeconds >= 0 && toleranceSeconds < Number.POSITIVE_INFINITY)) {
    throw new InvalidArgumentError("toleranceSeconds must be a number of seconds, 0 or more");
  }
  const audiences = typeof audience === "string" ? [audience] : audience;
  if (audiences?.length === 0 || audiences?.includes("")) {
    throw new InvalidArgumentError("audience must not be empty");
  }
  return {
    at: time,
    toleranceMs: toleranceSeconds * 1000,
    audiences,
    holder: holderOfKey === undefined ? undefined : holderFingerprint(holderOfKey),
    allowUnknownConditions: options.allowUnknownConditions ?? false,
  };
}

function holderFingerprint(holder: HolderKey | CertificateSource): string {
  if (holder instanceof X509Certificate) return holder.fingerprint256;
  if (typeof holder !== "string" && !(holder instanceof Uint8Array)) {
    return toSigner(holder).certificate.fingerprint256;
  }
  const [certificate] = parseCertificates(holder, "holderOfKey");
  if (certificate === undefined) throw new InvalidArgumentError("holderOfKey holds no certificate");
  return certificate.fingerprint256;
}

/**
 * Holds what an authentic assertion of good form says to what is expected.
 *
 * @throws VerificationError
 */
export function checkClaims(info: AssertionInfo, expected: Expectations): void {
  checkTimes(info, expected);
  if (!expected.allowUnknownConditions && info.unknownConditions.length > 0) {
    const names = info.unknownConditions.map((c) => c.type ?? `{${c.namespace}}${c.name}`);
    throw refuse(
      "conditions-invalid",
      `the assertion has a condition that is not known here: ${quoted(names)}`,
      {
        hint: "Accept it by allowUnknownConditions only when you know that it does not concern you.",
      },
    );
  }
  checkAudience(info, expected.audiences);
  checkHolder(info, expected.holder);
}

/**
 * Whether an authentic assertion contradicts itself, whatever is expected of it.
 *
 * @throws VerificationError
 */
export function checkForm(info: AssertionInfo): void {
  const invalid = (message: string): VerificationError => refuse("conditions-invalid", message);
  if (info.otherConfirmations.length > 0) {
    throw invalid("the assertion has several confirmations of its subject; one is issued");
  }
  if (info.notOnOrAfter <= info.notBefore) throw invalid("the assertion ends before it begins");
  const { notOnOrAfter } = info.confirmation;
  if (notOnOrAfter !== null && notOnOrAfter > info.notOnOrAfter) {
    throw invalid("the assertion's confirmation outlives the assertion");
  }
  const names = [{ subject: info.subject, format: info.subjectFormat }, ...info.delegates];
  if (names.some(({ subject, format }) => format === UPN_FORMAT && !UPN.test(subject))) {
    throw invalid("the assertion names someone by a UPN that is none: name@domain, with exactly one @");
  }
  if (info.isSolution === null && info.attributes.some((a) => a.name === IS_SOLUTION_ATTRIBUTE)) {
    throw invalid("the assertion does not say clearly whether its subject is a service");
  }
}

function checkTimes(info: AssertionInfo, { at, toleranceMs }: Expectations): void {
  const { confirmation } = info;
  const from = Math.max(info.notBefore.getTime(), confirmation.notBefore?.getTime() ?? 0);
  const until = Math.min(
    info.notOnOrAfter.getTime(),
    confirmation.notOnOrAfter?.getTime() ?? Number.POSITIVE_INFINITY,
  );
  if (at < from - toleranceMs) {
    throw refuse(
      "not-yet-valid",
      `the assertion is not valid before ${new Date(from).toISOString()}; ${asOf(at)}`,
      { hint: "Compare this machine's clock with the issuer's." },
    );
  }
  if (at >= until + toleranceMs) {
    throw refuse("expired", `the assertion ended at ${new Date(until).toISOString()}; ${asOf(at)}`, {
      hint: "Ask for a new token; if this one is new, compare this machine's clock with the issuer's.",
    });
  }
}

/** Every restriction must include us (SAML 2.0 core, 2.5.1.4). */
function checkAudience(info: AssertionInfo, audiences: readonly string[] | undefined): void {
  if (audiences === undefined) return;
  if (info.audienceRestrictions.length === 0) {
    throw refuse("audience-mismatch", "the assertion is not restricted to any audience", {
      hint: "Ask the Security Token Service for a token with this audience.",
    });
  }
  if (!info.audienceRestrictions.every((names) => names.some((name) => audiences.includes(name)))) {
    throw refuse(
      "audience-mismatch",
      `the assertion is meant for another audience: ${quoted(info.audiences)}`,
    );
  }
}

function checkHolder(info: AssertionInfo, holder: string | undefined): void {
  if (holder === undefined) return;
  if (info.kind === "bearer") {
    throw refuse("holder-mismatch", "the assertion is a bearer token: it is bound to no key");
  }
  if (info.confirmation.certificate?.sha256 !== holder) {
    throw refuse("holder-mismatch", "the assertion is bound to the key of another certificate");
  }
}

export function asOf(at: number): string {
  return `it was judged as of ${new Date(at).toISOString()}`;
}

/** Names out of a token, which may be of any length and hold what a terminal would act on. */
function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name.slice(0, 120)));
  return names.length > 5 ? `${shown.join(", ")}, …` : shown.join(", ");
}
