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

/** Whether an assertion is known: then there is nothing to wait for, as there is when a signature is verified. */
async function isKnown(to: AssertionVerifier, assertion: string | Uint8Array): Promise<boolean> {
  let settled = false;
  const outcome = to.verify(assertion, { at: NOW }).then(() => {
    settled = true;
  });
  await Promise.resolve();
  const atOnce = settled;
  await outcome;
  return atOnce;
}

/** Changes whatever can be changed in a value, and all in it. */
function spoil(value: unknown): void {
  if (value instanceof Date) value.setUTCFullYear(2999);
  else if (typeof value === "object" && value !== null) {
    for (const key of Object.keys(value)) {
      spoil(Reflect.get(value, key));
      Reflect.set(value, key, "evil");
    }
    if (Array.isArray(value)) value.push("evil");
    else for (const key of Object.keys(value)) Reflect.deleteProperty(value, key);
  }
}

describe("AssertionVerifier", () => {
  test("knows an assertion again", async () => {
    const known = verifier();
    expect(await isKnown(known, token)).toBe(false);
    expect(await isKnown(known, token)).toBe(true);
    expect(await isKnown(known, Buffer.from(token))).toBe(true);
    expect(await isKnown(verifier(), token)).toBe(false);
    const first = await verifier().verify(token, { at: NOW });
    expect(first.info.subject).toBe("Administrator@VSPHERE.LOCAL");
    expect(await known.verify(token, { at: NOW })).toEqual(first);
    const forgetful = verifier({ cacheSize: 0 });
    expect(await forgetful.verify(token, { at: NOW })).toEqual(first);
    expect(await isKnown(forgetful, token)).toBe(false);
  });

  test("is not misled by what is done to an earlier verdict", async () => {
    const known = verifier();
    const rich = issueAssertion(sts, {
      audiences: ["urn:us"],
      holder: holder.der,
      delegates: ["svc@vsphere.local"],
      renewCount: 3,
      conditions: '<saml2:Condition xmlns:n="urn:new" Level="3" xsi:type="n:NewType"></saml2:Condition>',
    });
    const options = { at: NOW, allowUnknownConditions: true };
    const expected = await verifier().verify(rich, options);
    const before = JSON.stringify(expected);
    // The first verdict, which the verifier made when it got to know the assertion, and a later one.
    for (let time = 0; time < 2; time++) {
      const verdict = await known.verify(rich, options);
      expect(JSON.stringify(verdict)).toBe(before);
      const { info, chain } = verdict;
      expect([info.notOnOrAfter, info.audiences, info.certificates, chain]).toEqual([
        expected.info.notOnOrAfter,
        ["urn:us"],
        expected.chain,
        expected.chain,
      ]);
      spoil(info);
      spoil(chain);
      spoil(verdict);
      expect(JSON.stringify(info)).not.toContain("urn:us");
    }
    // Nor is one of another assertion by the same certificates.
    const other = await known.verify(issueAssertion(sts, { id: "_other" }), { at: NOW });
    expect(other.chain).toEqual(expected.chain);
    const far = { ...options, at: later(86_400) };
    expect(await reason(known.verify(rich, far))).toBe("expired");
    expect(await reason(known.verify(rich, { ...options, audience: "evil" }))).toBe("audience-mismatch");
    expect(await reason(known.verify(rich, { at: NOW }))).toBe("conditions-invalid");
    expect(await reason(known.verify(rich, { ...options, holderOfKey: sts.root.cert }))).toBe(
      "holder-mismatch",
    );
    const again = await known.verify(rich, { ...options, audience: "urn:us", holderOfKey: holder.cert });
    expect(JSON.stringify(again)).toBe(before);
  });

  test("gives out the same content of one verdict every time it is read", async () => {
    const { info, chain, ...verdict } = await verifier().verify(token, { at: NOW });
    expect(verdict).toEqual({ trust: "anchor", anchoredBy: "authority" });
    expect(info.confirmation.certificate).toBe(info.confirmation.certificate);
    expect(info.certificates).toBe(info.certificates);
    const whole = await verifier().verify(token, { at: NOW });
    expect([whole.info, whole.chain]).toEqual([info, chain]);
    expect(whole.info).toBe(whole.info);
    expect(whole.chain).toBe(whole.chain);
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
    expect([first.chain.length, again.chain.length]).toEqual([2, 1]);
    expect([first.anchoredBy, again.anchoredBy]).toEqual(["authority", "signing-certificate"]);
    expect(() => known.setAnchors([])).toThrow(InvalidArgumentError);
    expect(await isKnown(known, token)).toBe(true);
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
    await known.verify(a, { at: NOW });
    await known.verify(b, { at: NOW });
    expect(await isKnown(known, a)).toBe(true);
    await known.verify(c, { at: NOW });
    expect(await isKnown(known, a)).toBe(true);
    expect(await isKnown(known, b)).toBe(false);
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
