import { hash } from "node:crypto";
import { InvalidArgumentError } from "../errors.ts";
import type { CertificateDescription } from "../net/x509.ts";
import { type ClaimOptions, checkClaims, resolveExpectations } from "./claims.ts";
import { type FirstUseAnchors, firstUseCertificate } from "./first-use.ts";
import type { AssertionInfo } from "./info.ts";
import { type AuthenticAssertion, authenticate, isValidAt } from "./judge.ts";
import { LruMap } from "./lru.ts";
import { MAX_ASSERTION_LENGTH } from "./normalize.ts";
import { ownCopy } from "./own-copy.ts";
import { PathFinder } from "./path.ts";
import { readTrustAnchors, type TrustAnchors } from "./trust-anchors.ts";

declare const verdict: unique symbol;

/**
 * An assertion that was found to be what its issuer signed. Only the functions of this module make one, a new one
 * each time: what is done to it has no effect on later ones.
 */
interface Verdict<Trust extends string> {
  /** `anchor`: by a certificate the caller trusts. `first-use`: by one the assertion brought itself. */
  readonly trust: Trust;
  /**
   * What ends the chain: the certificate of the signer itself, or an authority. Whoever has the key of any
   * certificate that an authority issued, and that may sign, could have signed the assertion. vCenter's own (VMCA)
   * also issues those of solution users and ESXi hosts; where these are not to be believed, give the signing
   * certificate as the anchor, or accept `signing-certificate` only.
   */
  readonly anchoredBy: "signing-certificate" | "authority";
  /**
   * What the assertion says, read from the signed bytes alone. `signature` and `certificates` describe what it was
   * verified with.
   */
  readonly info: AssertionInfo;
  /** From the signer's certificate to the anchor; one certificate where the signer's is the anchor. */
  readonly chain: readonly CertificateDescription[];
  readonly [verdict]: Trust;
}

/** An assertion that a trust anchor vouches for. */
export type VerifiedAssertion = Verdict<"anchor">;

/** An assertion that nobody vouches for: whole, and signed by the certificate it brings. Not verified. */
export type FirstUseAssertion = Verdict<"first-use">;

export interface VerifyOptions extends ClaimOptions {
  readonly anchors: TrustAnchors;
  /** Longest assertion read, in UTF-16 units. Default 256 Ki. */
  readonly maxLength?: number | undefined;
}

export interface FirstUseOptions extends Omit<VerifyOptions, "anchors"> {
  readonly anchors: FirstUseAnchors;
}

export interface AssertionVerifierOptions extends Omit<VerifyOptions, "at" | "holderOfKey"> {
  /** Assertions remembered, so that they need not be verified again; 0 for none. Default 1,000. */
  readonly cacheSize?: number | undefined;
}

/**
 * Verifies an assertion: exactly one signature, over the whole of it, by accepted algorithms, with the key of a
 * certificate from which a valid path leads to a trust anchor; then its times, conditions, audience and holder.
 * What is returned was read from the signed bytes.
 *
 * @throws VerificationError, whose `reason` says what is wrong; InvalidArgumentError for options that cannot be
 *   used.
 * @example
 * const { info } = await verifyAssertion(text, { anchors: await readFile("sts-signing.pem"), audience: "urn:me" });
 */
export function verifyAssertion(
  assertion: string | Uint8Array,
  options: FirstUseOptions,
): Promise<FirstUseAssertion>;
export function verifyAssertion(
  assertion: string | Uint8Array,
  options: VerifyOptions,
): Promise<VerifiedAssertion>;
export async function verifyAssertion(
  assertion: string | Uint8Array,
  options: FirstUseOptions | VerifyOptions,
): Promise<FirstUseAssertion | VerifiedAssertion> {
  const firstUse = firstUseCertificate(options.anchors);
  const anchors = firstUse ? [firstUse] : readTrustAnchors(options.anchors as TrustAnchors);
  const { at, ...expected } = resolveExpectations(options);
  const authentic = await authenticate(assertion, new PathFinder(anchors), {
    at,
    maxLength: options.maxLength ?? MAX_ASSERTION_LENGTH,
  });
  checkClaims(authentic.info, { at, ...expected });
  return firstUse ? judge(authentic, "first-use") : judge(authentic, "anchor");
}

/**
 * Verifies many assertions by the same anchors. One that was verified before is known by the SHA-256 of its bytes,
 * and only what may have changed is checked again: times, those of the certificates too, audience and holder.
 *
 * @example
 * const verifier = new AssertionVerifier({ anchors });
 * const { info } = await verifier.verify(text, { holderOfKey: clientCertificate });
 */
export class AssertionVerifier {
  readonly #options: Omit<AssertionVerifierOptions, "anchors">;
  readonly #maxLength: number;
  /** Given to nobody: verdicts hold copies. */
  readonly #known: LruMap<AuthenticAssertion>;
  #finder: PathFinder;

  /** @throws InvalidArgumentError for anchors or options that cannot be used. */
  constructor(options: AssertionVerifierOptions) {
    const { anchors, cacheSize = 1000, ...rest } = options;
    if (!Number.isInteger(cacheSize) || cacheSize < 0) {
      throw new InvalidArgumentError("cacheSize must be a whole number, 0 or more");
    }
    resolveExpectations(rest);
    this.#options = rest;
    this.#maxLength = rest.maxLength ?? MAX_ASSERTION_LENGTH;
    this.#known = new LruMap(cacheSize);
    this.#finder = new PathFinder(readTrustAnchors(anchors));
  }

  /**
   * Trusts other anchors from now on, as after a change of the signing certificate, and forgets what was verified.
   *
   * @throws InvalidArgumentError; then the anchors stay as they were.
   */
  setAnchors(anchors: TrustAnchors): void {
    this.#finder = new PathFinder(readTrustAnchors(anchors));
    this.#known.clear();
  }

  /**
   * As `verifyAssertion`. Options given here go before those of the constructor.
   *
   * @throws VerificationError; InvalidArgumentError for options that cannot be used.
   */
  async verify(assertion: string | Uint8Array, options: ClaimOptions = {}): Promise<VerifiedAssertion> {
    const expected = resolveExpectations({ ...this.#options, ...defined(options) });
    const finder = this.#finder;
    // What is too long to be read is not worth a hash.
    const key = assertion.length > 4 * this.#maxLength ? undefined : hash("sha256", assertion, "base64");
    const known = key === undefined ? undefined : this.#known.get(key);
    if (known !== undefined && isValidAt(known.path, expected.at)) {
      checkClaims(known.info, expected);
      return judge(known, "anchor");
    }
    const authentic = await authenticate(assertion, finder, {
      at: expected.at,
      maxLength: this.#maxLength,
    });
    // Not when the anchors were changed meanwhile.
    if (key !== undefined && finder === this.#finder) this.#known.set(key, authentic);
    checkClaims(authentic.info, expected);
    return judge(authentic, "anchor");
  }
}

function judge<Trust extends string>(authentic: AuthenticAssertion, trust: Trust): Verdict<Trust> {
  const { path } = authentic;
  let info: AssertionInfo | undefined;
  let chain: readonly CertificateDescription[] | undefined;
  const made: Omit<Verdict<Trust>, typeof verdict> = {
    trust,
    anchoredBy: path.chain.length === 1 ? "signing-certificate" : "authority",
    // Of an assertion that is known to be good often nothing is read: copied only when asked for.
    get info() {
      info ??= ownCopy(authentic.info);
      return info;
    },
    get chain() {
      chain ??= ownCopy(path.descriptions);
      return chain;
    },
  };
  // The mark is for the compiler: it keeps other objects from being taken for a verdict.
  return made as Verdict<Trust>;
}

/** An option that is there but undefined must not do away with the constructor's. */
function defined(options: ClaimOptions): ClaimOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}
