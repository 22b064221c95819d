import { inspect } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { InvalidArgumentError, TokenError } from "../../src/errors.ts";
import { normalizeAssertion, SamlToken } from "../../src/saml/index.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { assertionXml, ISSUER, issueAssertion, later, makeSts, NOW, type Sts } from "./assertions.ts";

let sts: Sts;
let holder: RsaIdentity;
let other: RsaIdentity;

beforeAll(async () => {
  sts = await makeSts();
  holder = await makeRsaSelfSigned("client");
  other = await makeRsaSelfSigned("client");
});

function refusal(make: () => unknown): TokenError {
  try {
    make();
  } catch (error) {
    if (error instanceof TokenError) return error;
    throw error;
  }
  throw new Error("accepted");
}

describe("SamlToken", () => {
  test("keeps the assertion to the byte, without what a file adds around it", () => {
    const text = issueAssertion(sts).replaceAll("><saml2:", ">\r\n\t<saml2:");
    for (const given of [
      text,
      `${text}\n`,
      `\uFEFF${text}`,
      `<?xml version='1.0' encoding='utf-8'?>\n${text}\r\n`,
      Buffer.from(`\uFEFF<?xml version="1.0"?>${text}\n\n`),
    ]) {
      expect(SamlToken.from(given).assertion).toBe(text);
      expect(normalizeAssertion(given)).toBe(text);
    }
  });

  test("says what was granted beside what was asked", () => {
    const token = SamlToken.from(assertionXml(), { requestedLifetimeSeconds: 3600 });
    expect([token.requestedLifetimeSeconds, token.grantedLifetimeSeconds]).toEqual([3600, 300]);
    expect(SamlToken.from(assertionXml()).requestedLifetimeSeconds).toBeUndefined();
    expect(() => SamlToken.from(assertionXml(), { requestedLifetimeSeconds: 0 })).toThrow(
      InvalidArgumentError,
    );
  });

  test("tells what is left of its life", () => {
    const token = SamlToken.from(assertionXml());
    expect(token.remainingSeconds(NOW)).toBe(240);
    expect(token.remainingSeconds(later(239.5))).toBe(0.5);
    expect(token.remainingSeconds(later(240))).toBe(0);
    expect(token.remainingSeconds(later(9999))).toBe(0);
  });

  test("shows everything but itself", () => {
    const text = issueAssertion(sts, { renewCount: 3, holder: holder.der });
    const token = SamlToken.from(text, { holderOfKey: { certificate: holder.cert, key: holder.key } });
    const shown = {
      kind: "holder-of-key",
      subject: "Administrator@VSPHERE.LOCAL",
      issuer: ISSUER,
      issuedAt: NOW.toISOString(),
      notBefore: later(-60).toISOString(),
      notOnOrAfter: later(240).toISOString(),
      renewable: true,
      delegatable: true,
      renewCount: 3,
      delegationCount: 10,
    };
    expect(JSON.parse(JSON.stringify(token))).toEqual(shown);
    expect(String(token)).toBe(
      "holder-of-key token of Administrator@VSPHERE.LOCAL, valid until 2026-03-04T12:04:00.000Z",
    );
    const signature = /<ds:SignatureValue>([^<]{40})/.exec(text)?.[1] ?? "";
    const printed = [
      inspect(token, { depth: 9, showHidden: true }),
      inspect({ token }, { depth: 9 }),
      inspect(new Error("x", { cause: token }), { depth: 9 }),
      String(token),
      JSON.stringify({ token }),
      JSON.stringify(Object.entries(token)),
      JSON.stringify({ ...token }),
    ];
    for (const each of printed) {
      expect(each).not.toContain("saml2:");
      expect(each).not.toContain(signature);
    }
    expect(inspect(token)).toContain("Administrator@VSPHERE.LOCAL");
  });

  test("goes with its key, and no other", () => {
    const text = issueAssertion(sts, { holder: holder.der });
    const pair = { certificate: holder.cert, key: holder.key };
    const token = SamlToken.from(text, { holderOfKey: pair });
    expect(token.signer?.certificate.fingerprint256).toBe(holder.certificate.fingerprint256);
    const signer = {
      certificate: holder.certificate,
      sign: () => Promise.reject(new Error("not asked to sign yet")),
    };
    expect(SamlToken.from(text, { holderOfKey: signer }).signer).toBe(signer);
    expect(SamlToken.from(text).signer).toBeUndefined();

    const wrong = refusal(() =>
      SamlToken.from(text, { holderOfKey: { certificate: other.cert, key: other.key } }),
    );
    expect([wrong.code, wrong.message]).toEqual([
      "TOKEN_UNUSABLE",
      "the token is bound to the key of another certificate",
    ]);
    expect(() => SamlToken.from(text, { holderOfKey: { certificate: holder.cert, key: other.key } })).toThrow(
      InvalidArgumentError,
    );
  });

  test("takes no key for a bearer token, nor for one that does not show its certificate", () => {
    const holderOfKey = { certificate: holder.cert, key: holder.key };
    const bearer = refusal(() => SamlToken.from(assertionXml(), { holderOfKey }));
    expect([bearer.code, bearer.message]).toEqual(["TOKEN_UNUSABLE", expect.stringContaining("bearer")]);
    const blank = refusal(() => SamlToken.from(assertionXml({ holder: Buffer.from("x") }), { holderOfKey }));
    expect([blank.code, blank.message]).toEqual(["TOKEN_UNUSABLE", expect.stringContaining("certificate")]);
  });

  test("is none without an assertion", () => {
    expect(refusal(() => SamlToken.from("")).code).toBe("TOKEN_MALFORMED");
    expect(refusal(() => SamlToken.from(Buffer.from("token\n"))).code).toBe("TOKEN_MALFORMED");
  });
});
