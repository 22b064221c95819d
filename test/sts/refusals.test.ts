import { beforeAll, describe, expect, test } from "vitest";
import { SamlToken } from "../../src/saml/index.ts";
import { type IssueOptions, SecurityTokenService } from "../../src/sts/index.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { assertionXml } from "./assertions.ts";
import { alice, failure, granted, keyPair, makeKey, startSts } from "./sts-server.ts";

let holder: RsaIdentity;
let other: RsaIdentity;
let expired: RsaIdentity;
let early: RsaIdentity;

beforeAll(async () => {
  const day = 86_400_000;
  [holder, other] = await Promise.all([makeKey("holder"), makeKey("other")]);
  const { keys } = holder;
  expired = await makeRsaSelfSigned("expired", {
    keys,
    notBefore: new Date(Date.now() - 9 * day),
    notAfter: new Date(Date.now() - day),
  });
  early = await makeRsaSelfSigned("early", { keys, notBefore: new Date(Date.now() + day) });
});

const bearer = (): string => assertionXml({ delegationCount: 1 });
const bound = (facts = {}): string => assertionXml({ holder, ...facts });
const held = (facts = {}): SamlToken => SamlToken.from(bound(facts), { holderOfKey: keyPair(holder) });

describe("what no server would accept is refused before anything is sent", () => {
  const cases: readonly (readonly [string, () => object, string, RegExp])[] = [
    [
      "no user",
      () => ({ credential: { username: "  ", password: "p" } }),
      "INVALID_ARGUMENT",
      /user name is empty/,
    ],
    [
      "no password",
      () => ({ credential: { username: "u", password: "" } }),
      "INVALID_ARGUMENT",
      /password is empty/,
    ],
    [
      "no passcode",
      () => ({ credential: { username: "u", passcode: "" } }),
      "INVALID_ARGUMENT",
      /passcode is empty/,
    ],
    ["no credential", () => ({ credential: undefined }), "INVALID_ARGUMENT", /no known kind/],
    ["an empty credential", () => ({ credential: {} }), "INVALID_ARGUMENT", /no known kind/],
    [
      "a mechanism without steps",
      () => ({ credential: { spnego: {} } }),
      "INVALID_ARGUMENT",
      /no known kind/,
    ],
    [
      "a character that XML lacks",
      () => ({ credential: { username: "u", password: "secret\u0000" } }),
      "INVALID_ARGUMENT",
      /U\+0000/,
    ],
    [
      "an expired certificate",
      () => ({ credential: keyPair(expired) }),
      "INVALID_ARGUMENT",
      /solution user expired/,
    ],
    ["an early certificate", () => ({ credential: keyPair(early) }), "INVALID_ARGUMENT", /not valid before/],
    [
      "an expired holder",
      () => ({ credential: alice, holderOfKey: keyPair(expired) }),
      "INVALID_ARGUMENT",
      /holder of the key expired/,
    ],
    [
      "an expired card",
      () => ({ credential: { smartCard: keyPair(expired) } }),
      "INVALID_ARGUMENT",
      /smart card expired/,
    ],
    [
      "a certificate of another key",
      () => ({ credential: { certificate: other.cert, key: holder.key } }),
      "INVALID_ARGUMENT",
      /another key/,
    ],
    [
      "a bearer token",
      () => ({ credential: SamlToken.from(bearer()) }),
      "TOKEN_UNUSABLE",
      /bearer token cannot/,
    ],
    [
      "a token without its key",
      () => ({ credential: SamlToken.from(bound()) }),
      "TOKEN_UNUSABLE",
      /is missing/,
    ],
    [
      "an expired token",
      () => ({ credential: held({ issuedAt: new Date("2026-01-01T00:00:00Z") }) }),
      "TOKEN_EXPIRED",
      /expired at 2026-01-01T00:10:00/,
    ],
    [
      "two keys",
      () => ({ credential: keyPair(holder), holderOfKey: keyPair(other) }),
      "INVALID_ARGUMENT",
      /credential's own key/,
    ],
    [
      "actAs without a key",
      () => ({ credential: alice, actAs: bearer() }),
      "INVALID_ARGUMENT",
      /actAs needs a key/,
    ],
    [
      "actAs for a bearer token",
      () => ({ credential: keyPair(holder), actAs: bearer(), kind: "bearer" }),
      "INVALID_ARGUMENT",
      /delegated token cannot be a bearer/,
    ],
    [
      "actAs of a token that may not be",
      () => ({ credential: keyPair(holder), actAs: assertionXml({ delegationCount: 0 }) }),
      "TOKEN_UNUSABLE",
      /not delegatable/,
    ],
    [
      "actAs of an expired token",
      () => ({
        credential: keyPair(holder),
        actAs: assertionXml({ delegationCount: 1, issuedAt: new Date("2026-01-01T00:00:00Z") }),
      }),
      "TOKEN_EXPIRED",
      /expired/,
    ],
    ["actAs of no token", () => ({ credential: keyPair(holder), actAs: "<a/>" }), "TOKEN_MALFORMED", /./],
    [
      "actAs with delegateTo",
      () => ({ credential: keyPair(holder), actAs: bearer(), delegateTo: "s" }),
      "INVALID_ARGUMENT",
      /exclude each other/,
    ],
    [
      "delegateTo nobody",
      () => ({ credential: alice, delegateTo: " " }),
      "INVALID_ARGUMENT",
      /delegateTo is empty/,
    ],
    [
      "delegateTo for a bearer token",
      () => ({ credential: alice, delegateTo: "s", kind: "bearer" }),
      "INVALID_ARGUMENT",
      /cannot be a bearer/,
    ],
    [
      "a bearer token with a key",
      () => ({ credential: alice, holderOfKey: keyPair(holder), kind: "bearer" }),
      "INVALID_ARGUMENT",
      /contradicts/,
    ],
    [
      "a holder-of-key token without one",
      () => ({ credential: alice, kind: "holder-of-key" }),
      "INVALID_ARGUMENT",
      /needs a key/,
    ],
    ["another kind", () => ({ credential: alice, kind: "hok" }), "INVALID_ARGUMENT", /kind must be/],
    ["an empty audience", () => ({ credential: alice, audience: "" }), "INVALID_ARGUMENT", /audience/],
    ["a claim with a space", () => ({ credential: alice, claims: ["a b"] }), "INVALID_ARGUMENT", /claims/],
    ...[0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e12, "60"].map(
      (lifetimeSeconds) =>
        [
          `a lifetime of ${lifetimeSeconds}`,
          () => ({ credential: alice, lifetimeSeconds }),
          "INVALID_ARGUMENT",
          /lifetimeSeconds must be/,
        ] as const,
    ),
    [
      "a message that is never valid",
      () => ({ credential: alice, messageLifetimeSeconds: 0 }),
      "INVALID_ARGUMENT",
      /messageLifetimeSeconds/,
    ],
    [
      "an unknown algorithm",
      () => ({ credential: keyPair(holder), messageSignatureAlgorithm: "rsa-sha1" }),
      "INVALID_ARGUMENT",
      /algorithm/,
    ],
    [
      "an unknown algorithm of the token",
      () => ({ credential: alice, tokenSignatureAlgorithm: "rsa-md5" }),
      "INVALID_ARGUMENT",
      /algorithm/,
    ],
  ];

  test.each(cases)("%s", async (_name, options, code, text) => {
    const sts = await startSts(() => granted(bound()));
    const error = await failure(sts.client.issue(options() as IssueOptions));
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(text);
    expect(error.message + (error.stack ?? "")).not.toContain("secret\u0000");
    expect(sts.server.requests).toHaveLength(0);
  });
});

test("a certificate that is out of its time says which clock to look at", async () => {
  const hintOf = async (credential: { certificate: string; key: string }, clockOffsetMs: number) => {
    const sts = await startSts(() => granted(bound()), { clockOffsetMs });
    const error = await failure(sts.client.issue({ credential }));
    expect(sts.server.requests).toHaveLength(0);
    return String(error.hint);
  };
  expect(await hintOf(keyPair(early), 0)).toMatch(/^check this machine's clock, which says 20/);
  expect(await hintOf(keyPair(expired), 0)).toMatch(/replace it, or check this machine's clock/);
  const year = 365 * 86_400_000;
  // Valid now, by this machine's clock.
  expect(await hintOf(keyPair(holder), -20 * year)).toMatch(
    /^check the server's clock, or the offset .* are dated 7300 days behind it$/,
  );
  expect(await hintOf(keyPair(holder), 25 * year)).toMatch(/or check the server's clock, .* ahead of it$/);
});

describe("the address of the STS", () => {
  test.each([
    ["vc01.corp.example", undefined, "https://vc01.corp.example/sts/STSService/vsphere.local"],
    ["https://VC01.corp.example", undefined, "https://vc01.corp.example/sts/STSService/vsphere.local"],
    ["https://vc01.corp.example/", "corp", "https://vc01.corp.example/sts/STSService/corp"],
    ["psc:7444", "corp.local", "https://psc:7444/sts/STSService/corp.local"],
    ["[2001:db8::1]:7444", undefined, "https://[2001:db8::1]:7444/sts/STSService/vsphere.local"],
    ["https://vc/sts/STSService/corp.local", undefined, "https://vc/sts/STSService/corp.local"],
    ["https://vc:7444/sts/STSService", undefined, "https://vc:7444/sts/STSService"],
    ["https://vc/sts/STSService", "corp.local", "https://vc/sts/STSService/corp.local"],
    ["https://vc/sts/STSService/", "corp.local", "https://vc/sts/STSService/corp.local"],
    ["https://vc/sts/STSService/vsphere.local", "corp.local", "https://vc/sts/STSService/corp.local"],
    ["https://vc/sts/STSService/vsphere.local/", "corp.local", "https://vc/sts/STSService/corp.local"],
    ["https://vc/sts/system-STSService/sdk", undefined, "https://vc/sts/system-STSService/sdk"],
    ["http://127.0.0.1:7080/sts/STSService", "a_b-c", "http://127.0.0.1:7080/sts/STSService/a_b-c"],
    ["vc", "münchen.example", "https://vc/sts/STSService/m%C3%BCnchen.example"],
  ])("of %s with the domain %s is %s", (endpoint, ssoDomain, url) => {
    expect(new SecurityTokenService(endpoint, { ssoDomain }).url).toBe(url);
  });

  test("is that of an endpoint", () => {
    const url = "https://vc/sts/STSService/corp.local";
    expect(new SecurityTokenService({ url }).url).toBe(url);
  });

  test.each([
    ["a slash in the domain", "vc", "a/b"],
    ["a backslash in the domain", "vc", "a\\b"],
    ["a step up", "vc", ".."],
    ["an empty domain", "vc", ""],
    ["a query in the domain", "vc", "a?b"],
    ["white space in the domain", "vc", "a b"],
    ["NUL in the domain", "vc", "a\0b"],
    ["a parameter in the domain", "vc", "a;b"],
    ["a comma in the domain", "vc", "a,b"],
    ["an ampersand in the domain", "vc", "a&b"],
    ["an unseen character in the domain", "vc", "a\u200bb"],
    ["half a character in the domain", "vc", "a\ud800"],
    ["a line break behind the domain", "vc", "corp.local\n"],
    ["something else than a domain", "vc", 7 as unknown as string],
    ["a user in the URL", "https://u:p@vc/sts/STSService", undefined],
    ["a user in the name", "u:p@vc", undefined],
    ["no server", "", undefined],
    ["another scheme", "ldap://vc/sts", undefined],
    ["no URL", { url: null }, undefined],
    ["a query", "https://vc/sts/STSService?wsdl", undefined],
    ["a fragment", "https://vc/sts/STSService#x", undefined],
    ["no place for the domain", "https://vc/sts/system-STSService/sdk", "corp.local"],
  ])("is refused with %s", (_name, endpoint, ssoDomain) => {
    const make = (): SecurityTokenService => new SecurityTokenService(endpoint, { ssoDomain });
    expect(make).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    expect(make).not.toThrow(/u:p/);
  });

  test.each([
    ["messageLifetimeSeconds", { messageLifetimeSeconds: -1 }],
    ["clockOffsetMs", { clockOffsetMs: Number.NaN }],
    ["clockOffsetMs", { clockOffsetMs: "ntp" as "server" }],
  ])("is not all that is checked: %s", (name, options) => {
    expect(() => new SecurityTokenService("vc", options)).toThrow(name);
  });
});
