import { beforeAll, describe, expect, test } from "vitest";
import { InvalidArgumentError, VerificationError } from "../../src/errors.ts";
import {
  AssertionVerifier,
  type AssertionVerifierOptions,
  type VerifiedAssertion,
} from "../../src/saml/index.ts";
import { makeRsaCertificate, makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { issueAssertion, later, makeSts, NOW, type Sts, VALID } from "./assertions.ts";

let sts: Sts;
let other: Sts;
let holder: RsaIdentity;
let token: string;

beforeAll(async () => {
  [sts, other] = await Promise.all([makeSts(), makeSts("Other")]);
  holder = await makeRsaSelfSigned("client");
  token = issueAssertion(sts, { audiences: ["urn:us"], holder: holder.der });
});

function verifier(options: Partial<AssertionVerifierOptions> = {}) {
  return new AssertionVerifier({ anchors: sts.root.cert, ...options });
}

async function reason(outcome: Promise<VerifiedAssertion>) {
  const error = await outcome.then(
    () => undefined,
    (e: unknown) => e,
  );
  if (!(error instanceof VerificationError)) throw new Error("accepted, or failed otherwise");
  return error.reason;
}

describe("AssertionVerifier", () => {
  test("knows an assertion again", async () => {
    const known = verifier();
    const first = await known.verify(token, { at: NOW });
    expect(first.info.subject).toBe("Administrator@VSPHERE.LOCAL");
    expect(await known.verify(token, { at: NOW })).toBe(first);
    expect(await known.verify(Buffer.from(token), { at: NOW })).toBe(first);
    expect(await verifier().verify(token, { at: NOW })).not.toBe(first);
    expect(await verifier({ cacheSize: 0 }).verify(token, { at: NOW })).toEqual(first);
  });

  test("checks again what may have changed", async () => {
    const known = verifier();
    await known.verify(token, { at: NOW });
    expect(await reason(known.verify(token, { at: later(300) }))).toBe("expired");
    expect(await reason(known.verify(token, { at: later(-121) }))).toBe("not-yet-valid");
    expect(await reason(known.verify(token))).toBe("expired");
    expect(await reason(known.verify(token, { at: NOW, audience: "urn:them" }))).toBe("audience-mismatch");
    expect(await reason(known.verify(token, { at: NOW, holderOfKey: sts.root.cert }))).toBe(
      "holder-mismatch",
    );
    expect((await known.verify(token, { at: NOW, audience: "urn:us", holderOfKey: holder.cert })).trust).toBe(
      "anchor",
    );
    expect((await known.verify(token, { at: later(300), toleranceSeconds: 61 })).trust).toBe("anchor");
  });

  test("checks the certificates' validity again", async () => {
    const signing = await makeRsaCertificate(sts.root, "ssoserverSign", { ...VALID, notAfter: later(100) });
    const short = issueAssertion({ ...sts, signing, chain: [signing.der, sts.root.der] });
    const known = verifier();
    expect((await known.verify(short, { at: later(100) })).trust).toBe("anchor");
    expect(await reason(known.verify(short, { at: later(101) }))).toBe("certificate-invalid");
    expect((await known.verify(short, { at: later(99) })).trust).toBe("anchor");
  });

  test("verifies anew, and refuses, what differs by one byte", async () => {
    const known = verifier();
    await known.verify(token, { at: NOW });
    expect(await reason(known.verify(token.replace("Administrator@", "Bdministrator@"), { at: NOW }))).toBe(
      "digest-mismatch",
    );
    expect(
      await reason(
        known.verify(token.replace("<ds:SignatureValue>", "<ds:SignatureValue>AAAA"), { at: NOW }),
      ),
    ).toBe("signature-mismatch");
  });

  test("forgets what it knew when the anchors change", async () => {
    const known = verifier();
    const first = await known.verify(token, { at: NOW });
    known.setAnchors(other.root.cert);
    expect(await reason(known.verify(token, { at: NOW }))).toBe("untrusted");
    known.setAnchors([other.root.cert, sts.signing.cert]);
    const again = await known.verify(token, { at: NOW });
    expect([again === first, again.chain.length]).toEqual([false, 1]);
    expect(() => known.setAnchors([])).toThrow(InvalidArgumentError);
    expect(await known.verify(token, { at: NOW })).toBe(again);
  });

  test("does not remember what was verified by anchors that were changed meanwhile", async () => {
    const known = verifier();
    const pending = known.verify(token, { at: NOW });
    known.setAnchors(other.root.cert);
    await pending;
    expect(await reason(known.verify(token, { at: NOW }))).toBe("untrusted");
  });

  test("remembers no more than it was told to, and forgets the least used", async () => {
    const known = verifier({ cacheSize: 2 });
    const [a, b, c] = [1, 2, 3].map((n) => issueAssertion(sts, { id: `_${n}` })) as [string, string, string];
    const first = await known.verify(a, { at: NOW });
    const second = await known.verify(b, { at: NOW });
    expect(await known.verify(a, { at: NOW })).toBe(first);
    await known.verify(c, { at: NOW });
    expect(await known.verify(a, { at: NOW })).toBe(first);
    expect(await known.verify(b, { at: NOW })).not.toBe(second);
  });

  test("remembers an assertion that was genuine but not for us, and still refuses it", async () => {
    const known = verifier({ audience: "urn:them" });
    for (let time = 0; time < 2; time++) {
      expect(await reason(known.verify(token, { at: NOW }))).toBe("audience-mismatch");
    }
    expect((await known.verify(token, { at: NOW, audience: "urn:us" })).trust).toBe("anchor");
    // An option that is there but undefined does not lift the constructor's.
    expect(await reason(known.verify(token, { at: NOW, audience: undefined }))).toBe("audience-mismatch");
  });

  test("is not held up by what is too long", async () => {
    const known = verifier({ maxLength: 10_000 });
    expect(await reason(known.verify(Buffer.alloc(50 * 1024 * 1024, "x"), { at: NOW }))).toBe("malformed");
    expect(await reason(known.verify(`${token}${" ".repeat(10_000)}`, { at: NOW }))).toBe("malformed");
    expect((await known.verify(token, { at: NOW })).trust).toBe("anchor");
  });

  test("cannot use anchors or options that make no sense", () => {
    for (const options of [
      { anchors: [] },
      { anchors: "x" },
      { cacheSize: -1 },
      { cacheSize: 1.5 },
      { toleranceSeconds: Number.NaN },
      { audience: "" },
    ]) {
      expect(() => verifier(options)).toThrow(InvalidArgumentError);
    }
  });
});
