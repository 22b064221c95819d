import { TokenError, VerificationError } from "../errors.ts";
import { SAML2_NAMESPACE } from "../xml/names.ts";
import { openSignedDocument, type SignedDocument } from "../xml/signed-document.ts";
import { readSignedPart } from "./assertion.ts";
import { asOf, checkForm } from "./claims.ts";
import type { AssertionInfo } from "./info.ts";
import { normalizeAssertion } from "./normalize.ts";
import { notVerified } from "./not-verified.ts";
import type { Candidate, CertificationPath, PathFinder } from "./path.ts";

/** An assertion whose signature leads to an anchor, and what it says. What depends on who asks is not judged. */
export interface AuthenticAssertion {
  readonly info: AssertionInfo;
  readonly path: CertificationPath;
}

/**
 * Verifies the signature by a path that is valid at a time, and reads the signed bytes.
 *
 * @throws VerificationError
 */
export async function authenticate(
  assertion: string | Uint8Array,
  finder: PathFinder,
  options: { readonly at: number; readonly maxLength: number },
): Promise<AuthenticAssertion> {
  const { at, maxLength } = options;
  const text = asVerification(() => normalizeAssertion(assertion, maxLength));
  // The canonical form leaves out attributes with such a prefix, as if they were declarations. Names have one spelling.
  if (text.includes("xmlns:xmlns")) {
    throw notVerified("malformed", "the assertion declares a prefix that begins with xmlns");
  }
  const document = await openSignedDocument(text, {
    root: { namespace: SAML2_NAMESPACE, local: "Assertion" },
    idAttribute: "ID",
    maxLength,
  });
  const { signed, path } = verifyByOne(document, await finder.find(document.certificates), at);
  const info = asVerification(() =>
    readSignedPart(signed, {
      bytes: Buffer.byteLength(text),
      signature: document.signature,
      chain: () => path.descriptions,
      unreadable: () => 0,
    }),
  );
  checkForm(info);
  return { info, path };
}

export function isValidAt(path: CertificationPath, at: number): boolean {
  return path.from <= at && at <= path.until;
}

/**
 * Verifies by the first candidate that can be the signer's: KeyInfo may be out of order. Where none is, what speaks
 * against the most likely one is told.
 */
function verifyByOne(
  document: SignedDocument,
  candidates: readonly Candidate[],
  at: number,
): { readonly signed: string; readonly path: CertificationPath } {
  let failure: VerificationError | undefined;
  for (const candidate of candidates) {
    const path = candidate.paths.find((p) => isValidAt(p, at));
    if (path === undefined) {
      failure ??= noPath(candidate, at);
      continue;
    }
    try {
      return { signed: document.verify(candidate.certificate.publicKey), path };
    } catch (error) {
      if (!(error instanceof VerificationError) || error.reason !== "signature-mismatch") throw error;
      failure ??= error;
    }
  }
  throw failure ?? notVerified("untrusted", "nothing leads to a trust anchor");
}

function noPath({ paths, problem }: Candidate, at: number): VerificationError {
  const [path] = paths;
  if (path === undefined && problem === undefined) {
    return notVerified("untrusted", "no path leads from the signer's certificate to a trust anchor", {
      hint: "The token is of another issuer, or the issuer's signing certificate was replaced: get its anchors anew.",
    });
  }
  const refused = "the signer's certificate is refused";
  if (path === undefined) return notVerified("certificate-invalid", `${refused}: ${problem}`);
  if (at < path.from) {
    const from = new Date(path.from).toISOString();
    return notVerified(
      "certificate-invalid",
      `${refused}: its chain is not valid before ${from}; ${asOf(at)}`,
      {
        hint: "Compare this machine's clock with the issuer's.",
      },
    );
  }
  const until = new Date(path.until).toISOString();
  return notVerified("certificate-invalid", `${refused}: its chain ended at ${until}; ${asOf(at)}`, {
    hint: "When the signing certificate of the Security Token Service has expired, it has to be replaced there.",
  });
}

/** What is no assertion does not verify either. */
function asVerification<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    throw notVerified("malformed", error.message, { hint: error.hint, cause: error });
  }
}
