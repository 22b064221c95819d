import { hash, type KeyObject, verify } from "node:crypto";
import { InvalidArgumentError, SignerError, VsphereSsoError } from "../errors.ts";
import { type AlgorithmNames, SIGNATURES } from "./algorithms.ts";
import { DS_NAMESPACE, EXC_C14N } from "./names.ts";
import { isKeySigner, type SignatureAlgorithm, type Signer } from "./signer.ts";

/** An element that is signed: how it is referred to, and its bytes. */
export interface SignedPart {
  /** Value of the element's ID attribute. */
  readonly id: string;
  /** The element in exclusive canonical form, without InclusiveNamespaces. */
  readonly canonical: string;
}

export interface SignatureRequest {
  /** At least one, in the order in which they are referred to. */
  readonly parts: readonly SignedPart[];
  readonly signer: Signer;
  /** Default `rsa-sha256`. The digests are of the same size. */
  readonly algorithm?: SignatureAlgorithm | undefined;
  /** `Id` of the Signature element, for requests that refer to it. */
  readonly id?: string | undefined;
  /** Content of `ds:KeyInfo`: XML that declares every namespace it uses but the prefix `ds`. */
  readonly keyInfoXml: string;
}

const NCNAME = /^[\p{L}_][\p{L}\p{N}\p{M}._·-]*$/u;

/** Whether a text can be the value of an ID attribute. */
export function isNcName(text: string): boolean {
  return NCNAME.test(text);
}

/**
 * The `ds:Signature` element over parts of a message (XML Signature, 4.1): SignedInfo is written in its canonical
 * form, so that nothing has to be parsed to sign it. One exc-c14n transform a reference, as the server demands.
 *
 * @throws InvalidArgumentError for no parts, IDs that are no NCName or occur twice, and when what the signer
 *   returns does not verify with its own certificate; SignerError when the signer fails.
 */
export async function createSignature(request: SignatureRequest): Promise<string> {
  const { parts, signer, algorithm = "rsa-sha256", id, keyInfoXml } = request;
  const names = namesOf(algorithm);
  checkIds(parts, id);
  const references = parts.map(
    (part) =>
      `<ds:Reference URI="#${part.id}">` +
      `<ds:Transforms><ds:Transform Algorithm="${EXC_C14N}"></ds:Transform></ds:Transforms>` +
      `<ds:DigestMethod Algorithm="${names.digestUri}"></ds:DigestMethod>` +
      `<ds:DigestValue>${hash(names.hash, part.canonical, "base64")}</ds:DigestValue>` +
      `</ds:Reference>`,
  );
  const content =
    `<ds:CanonicalizationMethod Algorithm="${EXC_C14N}"></ds:CanonicalizationMethod>` +
    `<ds:SignatureMethod Algorithm="${names.uri}"></ds:SignatureMethod>` +
    `${references.join("")}</ds:SignedInfo>`;
  const data = Buffer.from(`<ds:SignedInfo xmlns:ds="${DS_NAMESPACE}">${content}`);
  const value = await signData(signer, data, algorithm);
  return (
    `<ds:Signature xmlns:ds="${DS_NAMESPACE}"${id === undefined ? "" : ` Id="${id}"`}>` +
    `<ds:SignedInfo>${content}` +
    `<ds:SignatureValue>${Buffer.from(value).toString("base64")}</ds:SignatureValue>` +
    `<ds:KeyInfo>${keyInfoXml}</ds:KeyInfo></ds:Signature>`
  );
}

/**
 * What a signer makes of the data, looked at before it is sent.
 *
 * @throws InvalidArgumentError when what the signer returns does not verify with its own certificate; SignerError
 *   when the signer fails.
 */
export async function signData(
  signer: Signer,
  data: Buffer,
  algorithm: SignatureAlgorithm,
): Promise<Uint8Array> {
  const { hash: hashName } = namesOf(algorithm);
  const value = await signed(signer, data, algorithm);
  if (!isKeySigner(signer)) checkValue(value, data, hashName, signer.certificate.publicKey);
  return value;
}

function namesOf(algorithm: SignatureAlgorithm): AlgorithmNames {
  if (Object.hasOwn(SIGNATURES, algorithm)) return SIGNATURES[algorithm];
  throw new InvalidArgumentError(`There is no signature algorithm ${JSON.stringify(algorithm)}`, {
    hint: `Choose one of ${Object.keys(SIGNATURES).join(", ")}.`,
  });
}

/** What a KMS or a token says is its own affair: it is kept as the cause. */
async function signed(signer: Signer, data: Uint8Array, algorithm: SignatureAlgorithm): Promise<Uint8Array> {
  try {
    return await signer.sign(data, algorithm);
  } catch (cause) {
    if (cause instanceof VsphereSsoError) throw cause;
    throw new SignerError("The signer failed: it returned no signature", {
      cause,
      hint: "The cause has its own words; check that the key store can be reached and holds the key.",
    });
  }
}

function checkIds(parts: readonly SignedPart[], id: string | undefined): void {
  if (parts.length === 0) throw new InvalidArgumentError("There is nothing to sign: no part was given");
  const seen = new Set<string>();
  for (const each of id === undefined ? parts : [...parts, { id }]) {
    if (!isNcName(each.id)) {
      throw new InvalidArgumentError(`${JSON.stringify(each.id)} cannot be the ID of an element`, {
        hint: "An ID begins with a letter or an underscore and holds letters, digits, '.', '-' and '_'.",
      });
    }
    if (seen.has(each.id)) throw new InvalidArgumentError(`The ID ${each.id} is used twice`);
    seen.add(each.id);
  }
}

/** A wrong key in a token or a KMS would otherwise show as the server's "signature is invalid". */
function checkValue(value: unknown, data: Buffer, algorithm: string, key: KeyObject): void {
  if (!(value instanceof Uint8Array)) {
    throw new InvalidArgumentError("The signer returned no bytes", {
      hint: "sign() resolves to the bytes of the signature, not to their base64.",
    });
  }
  const expected = (key.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  if (value.length !== Math.ceil(expected)) {
    throw new InvalidArgumentError(
      `The signer returned ${value.length} bytes; a signature by the key of its certificate has ${Math.ceil(expected)}`,
      { hint: "The signer uses another key than its certificate's, or encodes the signature." },
    );
  }
  if (!verify(algorithm, data, key, value)) {
    throw new InvalidArgumentError("The signer's signature does not verify with its own certificate", {
      hint: "The signer uses another key than its certificate's, another padding than PKCS #1 v1.5, or signs a digest where it is given the data.",
    });
  }
}
