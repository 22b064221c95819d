import { createHash, sign, verify } from "node:crypto";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { SignedXml } from "xml-crypto";
import { InvalidArgumentError } from "../../src/errors.ts";
import { canonicalize } from "../../src/xml/canonical.ts";
import { createSignature, type SignatureRequest } from "../../src/xml/signature.ts";
import { type SignatureAlgorithm, type Signer, toSigner } from "../../src/xml/signer.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { plainDocument } from "./documents.ts";
import { KINDS, message } from "./messages.ts";

const ALGORITHMS: readonly SignatureAlgorithm[] = ["rsa-sha256", "rsa-sha384", "rsa-sha512"];

let mine: RsaIdentity;
let other: RsaIdentity;
let signer: Signer;
beforeAll(async () => {
  [mine, other] = await Promise.all([makeRsaSelfSigned("mine"), makeRsaSelfSigned("other")]);
  signer = toSigner({ certificate: mine.cert, key: mine.key });
});

/** The message's own signature: the assertion in the header has another, before it. */
function messageSignature(envelope: string): string {
  return envelope.slice(envelope.lastIndexOf("<ds:Signature "), envelope.lastIndexOf("</ds:Signature>") + 15);
}

/** xml-crypto as it comes, but for the algorithms of 384 bits, which it does not know. */
function check(envelope: string, identity: RsaIdentity): readonly string[] {
  const checker = new SignedXml({ publicCert: identity.cert, idMode: "wssecurity" });
  const uri = "http://www.w3.org/2001/04/xmldsig-more#";
  checker.SignatureAlgorithms[`${uri}rsa-sha384`] = class {
    getAlgorithmName = () => `${uri}rsa-sha384`;
    getSignature = () => "";
    verifySignature = (data: string, _key: unknown, value: string) =>
      verify("sha384", Buffer.from(data), identity.publicKey, Buffer.from(value, "base64"));
  };
  checker.HashAlgorithms[`${uri}sha384`] = class {
    getAlgorithmName = () => `${uri}sha384`;
    getHash = (xml: string) => createHash("sha384").update(xml).digest("base64");
  };
  checker.loadSignature(messageSignature(envelope));
  if (!checker.checkSignature(envelope)) throw new Error("a digest does not match");
  return checker.getSignedReferences();
}

describe("a signature", () => {
  test.each(KINDS.flatMap((kind) => ALGORITHMS.map((algorithm) => [kind.name, algorithm, kind] as const)))(
    "%s by %s is verified by xml-crypto",
    async (_name, algorithm, kind) => {
      const envelope = await message(kind, mine, signer, { algorithm, canonicalBody: canonicalize });
      const signed = check(envelope, mine);
      expect(signed).toHaveLength(kind.parts === "body" ? 1 : kind.parts === "three" ? 3 : 2);
      expect(signed.join()).toContain("RequestSecurityToken");
      expect(() => check(envelope, other)).toThrow(/signature value/);
      expect(() =>
        check(envelope.replace("RequestSecurityToken ", "RequestSecurityToken a='1' "), mine),
      ).toThrow("a digest does not match");
      const text = messageSignature(envelope);
      expect(text.includes(`Id="${kind.id}"`)).toBe(kind.id !== undefined);
      expect(text).toContain(`xmldsig-more#${algorithm}"`);
      expect(text.match(/<ds:Transform /g)).toHaveLength(signed.length);
    },
  );

  test("is by rsa-sha256 where nothing else is said, and in canonical form itself", async () => {
    const text = messageSignature(await message(KINDS[0]!, mine, signer));
    expect(text).toContain("xmldsig-more#rsa-sha256");
    expect(await canonicalize(text)).toBe(text);
  });

  test("covers the canonical form of any document", async () => {
    await fc.assert(
      fc.asyncProperty(plainDocument, async ({ tidy: content }) => {
        const envelope = await message({ name: "", key: "certificate", content }, mine, signer, {
          canonicalBody: canonicalize,
        });
        expect(check(envelope, mine)).toHaveLength(2);
      }),
      { numRuns: 50 },
    );
  });

  test("is made by a signer elsewhere", async () => {
    const far: Signer = {
      certificate: mine.certificate,
      sign: async (data, algorithm) => {
        await new Promise((resolve) => setImmediate(resolve));
        return new Uint8Array(sign(algorithm.replace("rsa-", ""), data, mine.privateKey));
      },
    };
    for (const algorithm of ALGORITHMS) {
      expect(check(await message(KINDS[2]!, mine, far, { algorithm }), mine)).toHaveLength(2);
    }
  });
});

describe("a signature that cannot be made", () => {
  const part = { id: "_a", canonical: '<a Id="_a"></a>' };
  const attempt = (request: Partial<SignatureRequest>): Promise<string> =>
    createSignature({ parts: [part], signer, keyInfoXml: "", ...request });
  const returning = (value: unknown, identity = mine): Signer => ({
    certificate: identity.certificate,
    sign: async () => value as Uint8Array,
  });

  test.each<[string, RegExp, () => Partial<SignatureRequest>]>([
    ["of nothing", /nothing to sign/, () => ({ parts: [] })],
    ["of two parts with one ID", /_a is used twice/, () => ({ parts: [part, part] })],
    ["with the ID of a part", /_a is used twice/, () => ({ id: "_a" })],
    ["of an ID that is no NCName", /"1a" cannot be the ID/, () => ({ parts: [{ ...part, id: "1a" }] })],
    ["of an ID with markup", /cannot be the ID/, () => ({ parts: [{ ...part, id: 'a"><x y="' }] })],
    ["of an ID with a colon", /cannot be the ID/, () => ({ id: "a:b" })],
    ["of an empty ID", /cannot be the ID/, () => ({ id: "" })],
    [
      "of an unknown algorithm",
      /no signature algorithm "rsa-sha1"/,
      () => ({ algorithm: "rsa-sha1" as "rsa-sha256" }),
    ],
    [
      "of an inherited name",
      /no signature algorithm "toString"/,
      () => ({ algorithm: "toString" as "rsa-sha256" }),
    ],
    ["by a signer that returns base64", /returned no bytes/, () => ({ signer: returning("AAAA") })],
    ["by a signer that returns nothing", /returned no bytes/, () => ({ signer: returning(undefined) })],
    [
      "by a signer that returns too little",
      /returned 64 bytes; .* has 256/,
      () => ({ signer: returning(Buffer.alloc(64)) }),
    ],
    [
      "by a signer with another key",
      /does not verify with its own certificate/,
      () => ({ signer: returning(sign("sha256", Buffer.from(part.canonical), other.privateKey)) }),
    ],
  ])("%s", async (_name, words, request) => {
    const error = await attempt(request()).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect((error as Error).message).toMatch(words);
  });

  test("by a signer that signs what it should hash", async () => {
    const prehashed: Signer = {
      certificate: mine.certificate,
      sign: async (data) => sign("sha256", createHash("sha256").update(data).digest(), mine.privateKey),
    };
    await expect(attempt({ signer: prehashed })).rejects.toThrow(/does not verify/);
  });

  test("when the signer fails, with what it threw as the cause", async () => {
    const failure = new Error("the token was removed");
    const gone: Signer = { certificate: mine.certificate, sign: () => Promise.reject(failure) };
    const error = await attempt({ signer: gone }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "SignerError", code: "SIGNER_FAILED", cause: failure });
  });

  test("with an error of ours as it is", async () => {
    const failure = new InvalidArgumentError("no such key");
    const picky: Signer = { certificate: mine.certificate, sign: () => Promise.reject(failure) };
    await expect(attempt({ signer: picky })).rejects.toBe(failure);
  });
});
