import { beforeAll, describe, expect, test } from "vitest";
import { InvalidArgumentError, VerificationError } from "../../src/errors.ts";
import { type TrustAnchors, verifyAssertion } from "../../src/saml/index.ts";
import { PathFinder } from "../../src/saml/path.ts";
import {
  KeyUsageFlags,
  makeRsaAuthority,
  makeRsaCertificate,
  makeRsaKeys,
  makeRsaSelfSigned,
  type RsaCertificateOptions,
  type RsaIdentity,
  unknownCriticalExtension,
} from "../helpers/rsa.ts";
import { assertionXml, later, NOW, signXml, VALID } from "./assertions.ts";

/** Keys take most of the time: they are made once, one for each part in a chain. */
let keys: Record<"root" | "middle" | "inner" | "signer" | "evil", CryptoKeyPair>;
type CryptoKeyPair = Awaited<ReturnType<typeof makeRsaKeys>>;

let root: RsaIdentity;
let middle: RsaIdentity;
let signer: RsaIdentity;
let direct: RsaIdentity;

beforeAll(async () => {
  const made = await Promise.all(Array.from({ length: 5 }, () => makeRsaKeys()));
  const [a, b, c, d, e] = made as [CryptoKeyPair, CryptoKeyPair, CryptoKeyPair, CryptoKeyPair, CryptoKeyPair];
  keys = { root: a, middle: b, inner: c, signer: d, evil: e };
  root = await makeRsaAuthority("Root", { ...VALID, keys: keys.root });
  middle = await authority(root, "Middle", keys.middle);
  signer = await leaf(middle);
  direct = await leaf(root);
});

function authority(
  issuer: RsaIdentity,
  name: string,
  pair: CryptoKeyPair,
  options: RsaCertificateOptions = {},
) {
  return makeRsaCertificate(issuer, name, { ...VALID, ca: true, keys: pair, ...options });
}

function leaf(issuer: RsaIdentity, options: RsaCertificateOptions = {}) {
  return makeRsaCertificate(issuer, "ssoserverSign", { ...VALID, keys: keys.signer, ...options });
}

interface Attempt {
  /** Certificates of KeyInfo. */
  readonly sent: readonly RsaIdentity[];
  readonly anchors: readonly RsaIdentity[];
  /** Default the first sent. */
  readonly by?: RsaIdentity;
  readonly at?: Date;
}

async function verify({ sent, anchors, by = sent[0], at = NOW }: Attempt) {
  const key = by?.privateKey;
  if (!key) throw new Error("nobody signs");
  const token = signXml(
    assertionXml({ notBefore: new Date(at), notOnOrAfter: new Date(at.getTime() + 1000) }),
    {
      key,
      certificates: sent.map((s) => s.der),
    },
  );
  const trusted: TrustAnchors = anchors.map((a) => a.cert);
  return verifyAssertion(token, { anchors: trusted, at });
}

async function refusal(attempt: Attempt): Promise<[string, string]> {
  try {
    await verify(attempt);
  } catch (error) {
    if (error instanceof VerificationError) return [error.reason, error.message];
    throw error;
  }
  throw new Error("accepted");
}

const INVALID = "certificate-invalid";

describe("a path is accepted", () => {
  test("from the signer through an intermediate to a root", async () => {
    const { chain } = await verify({ sent: [signer, middle, root], anchors: [root] });
    expect(chain.map((c) => c.subject)).toEqual(["CN=ssoserverSign", "CN=Middle", "CN=Root"]);
    expect((await verify({ sent: [signer, middle], anchors: [root] })).chain).toHaveLength(3);
  });

  test("to an intermediate as anchor, and to the signer's own certificate", async () => {
    expect((await verify({ sent: [signer, middle, root], anchors: [middle] })).chain).toHaveLength(2);
    expect((await verify({ sent: [signer, middle, root], anchors: [signer] })).chain).toHaveLength(1);
    const alone = await makeRsaSelfSigned("alone", { ...VALID, keys: keys.evil });
    expect((await verify({ sent: [alone], anchors: [alone] })).chain[0]?.subject).toBe("CN=alone");
  });

  test("with the certificates in any order, and with others among them", async () => {
    const stranger = await makeRsaAuthority("Stranger", { ...VALID, keys: keys.evil });
    for (const sent of [
      [root, middle, signer],
      [middle, signer, root],
      [stranger, middle, root, signer, stranger],
    ]) {
      const { chain } = await verify({ sent, anchors: [root], by: signer });
      expect(chain.map((c) => c.subject)).toEqual(["CN=ssoserverSign", "CN=Middle", "CN=Root"]);
    }
  });

  test("when another certificate that could be the signer's comes before it", async () => {
    const second = await makeRsaCertificate(middle, "machine", { ...VALID, keys: keys.inner });
    const { chain } = await verify({ sent: [second, signer, middle], anchors: [root], by: signer });
    expect(chain[0]?.subject).toBe("CN=ssoserverSign");
  });

  test("without any certificate in the signature, when the only anchor is the signer's", async () => {
    expect((await verify({ sent: [], anchors: [signer], by: signer })).chain).toHaveLength(1);
    expect((await refusal({ sent: [], anchors: [signer, root], by: signer }))[0]).toBe("no-certificate");
    expect((await refusal({ sent: [], anchors: [direct], by: root }))[0]).toBe("signature-mismatch");
    // A root of authorities does not sign tokens.
    expect((await refusal({ sent: [], anchors: [root], by: root }))[0]).toBe(INVALID);
  });

  test("by either of two roots that certify the same authority", async () => {
    const old = await makeRsaAuthority("Old", { ...VALID, keys: keys.evil });
    const cross = await authority(old, "Middle", keys.middle);
    for (const anchor of [root, old]) {
      const { chain } = await verify({ sent: [signer, middle, cross], anchors: [anchor] });
      expect(chain.at(-1)?.subject).toBe(anchor.subject);
    }
  });

  test("when one of two ways has expired", async () => {
    const expired = await authority(root, "Middle", keys.middle, { notAfter: later(-60) });
    expect((await verify({ sent: [signer, expired, middle], anchors: [root] })).chain).toHaveLength(3);
  });

  test("with key usage nonRepudiation, or none at all", async () => {
    for (const keyUsage of [KeyUsageFlags.nonRepudiation, null]) {
      const made = await leaf(root, { keyUsage, withoutBasicConstraints: true });
      expect((await verify({ sent: [made], anchors: [root] })).chain).toHaveLength(2);
    }
  });

  test("by an authority that certified its own new key, which does not lengthen the path", async () => {
    const short = await makeRsaAuthority("Short", { ...VALID, keys: keys.root, pathLength: 0 });
    const renewed = await authority(short, "Short", keys.middle);
    expect((await verify({ sent: [await leaf(renewed), renewed], anchors: [short] })).chain).toHaveLength(3);
  });

  test("as long as every certificate of it is valid, to the second", async () => {
    for (const at of [VALID.notBefore, VALID.notAfter]) {
      expect((await verify({ sent: [direct], anchors: [root], at })).chain).toHaveLength(2);
    }
  });
});

describe("a key is judged once", () => {
  test("however often its certificate is brought", async () => {
    const finder = new PathFinder([root.certificate]);
    const found = await finder.find(Array.from({ length: 10 }, () => direct.der));
    expect(found.map((c) => [c.certificate.fingerprint256, c.paths.length])).toEqual([
      [direct.certificate.fingerprint256, 1],
    ]);
    const copies = [direct, direct, middle, middle, direct];
    expect(await finder.find(copies.map((c) => c.der))).toHaveLength(2);
    expect((await verify({ sent: [direct, direct, root, root], anchors: [root] })).chain).toHaveLength(2);
    expect((await refusal({ sent: [direct, direct], anchors: [root], by: root }))[0]).toBe(
      "signature-mismatch",
    );
  });

  test("however many certificates it has, by the ways of all of them", async () => {
    const expired = await leaf(root, { notAfter: later(-60) });
    const found = await new PathFinder([root.certificate]).find(
      [expired, signer, middle, direct].map((c) => c.der),
    );
    // The authority in between may not sign anything but certificates.
    expect(found.map((c) => c.paths.map((p) => p.chain.length))).toEqual([[2, 3, 2], []]);
    const { chain } = await verify({ sent: [expired, signer, middle], anchors: [root] });
    expect(chain[0]?.sha256).toBe(signer.certificate.fingerprint256);
  });

  test("and a certificate that was changed is named by its place, after copies too", async () => {
    const der = Buffer.from(middle.der);
    const last = der.length - 1;
    der[last] = (der[last] ?? 0) ^ 1;
    const sent = [direct, direct, direct, { ...middle, der }];
    expect(await refusal({ sent, anchors: [root] })).toEqual([
      INVALID,
      expect.stringContaining("certificate 4 of the signature was changed"),
    ]);
  });
});

describe("a path is refused", () => {
  test("that leads nowhere", async () => {
    const other = await makeRsaAuthority("Other", { ...VALID, keys: keys.evil });
    expect((await refusal({ sent: [signer, middle, root], anchors: [other] }))[0]).toBe("untrusted");
    expect((await refusal({ sent: [signer, root], anchors: [root] }))[0]).toBe("untrusted");
    const alone = await makeRsaSelfSigned("alone", { ...VALID, keys: keys.evil });
    expect((await refusal({ sent: [alone], anchors: [root] }))[0]).toBe("untrusted");
  });

  test("of an attacker who brings the real anchor along", async () => {
    const evilRoot = await makeRsaAuthority("Evil", { ...VALID, keys: keys.evil });
    const evil = await makeRsaCertificate(evilRoot, "ssoserverSign", { ...VALID, keys: keys.inner });
    const sent = [evil, evilRoot, root];
    expect((await refusal({ sent, anchors: [root] }))[0]).toBe("untrusted");
    // And with the real signer's certificate as well, whose key did not sign this.
    const [reason] = await refusal({
      sent: [evil, evilRoot, signer, middle, root],
      anchors: [root],
      by: evil,
    });
    expect(reason).toBe("untrusted");
    expect((await refusal({ sent: [signer, middle, root], anchors: [root], by: evil }))[0]).toBe(
      "signature-mismatch",
    );
  });

  test("to an authority that has only the anchor's name, or its name and key identifier", async () => {
    const namesake = await makeRsaAuthority("Root", { ...VALID, keys: keys.evil });
    for (const withoutAuthorityKeyId of [true, false]) {
      const forged = await leaf(namesake, { withoutAuthorityKeyId });
      expect((await refusal({ sent: [forged, namesake], anchors: [root] }))[0]).toBe("untrusted");
      expect((await refusal({ sent: [forged], anchors: [root] }))[0]).toBe("untrusted");
    }
  });

  test("of a certificate with the signer's name and another key", async () => {
    const forged = await makeRsaSelfSigned("ssoserverSign", { ...VALID, keys: keys.evil });
    expect((await refusal({ sent: [forged], anchors: [signer] }))[0]).toBe("untrusted");
  });

  test("with a name that is not the issuer's", async () => {
    const renamed = await leaf(middle, { issuerName: "CN=Someone" });
    expect((await refusal({ sent: [renamed, middle, root], anchors: [root] }))[0]).toBe("untrusted");
  });

  test("whose intermediate is no authority", async () => {
    const plain: RsaCertificateOptions[] = [
      { ca: false },
      { ca: false, keyUsage: null },
      { ca: false, keyUsage: KeyUsageFlags.keyCertSign },
      { ca: false, keyUsage: null, withoutBasicConstraints: true },
    ];
    for (const options of plain) {
      const user = await authority(root, "User", keys.middle, options);
      const [reason] = await refusal({ sent: [await leaf(user), user, root], anchors: [root] });
      expect(["untrusted", INVALID]).toContain(reason);
      // As an anchor it would be the signer's, not its issuer's.
      expect(["untrusted", INVALID]).toContain(
        (await refusal({ sent: [await leaf(user)], anchors: [user] }))[0],
      );
    }
  });

  test("whose intermediate may not sign certificates", async () => {
    const mute = await authority(root, "Mute", keys.middle, { keyUsage: KeyUsageFlags.digitalSignature });
    const [reason] = await refusal({ sent: [await leaf(mute), mute, root], anchors: [root] });
    expect(["untrusted", INVALID]).toContain(reason);
  });

  test("longer than an authority of it allows", async () => {
    const short = await makeRsaAuthority("Short", { ...VALID, keys: keys.root, pathLength: 0 });
    const below = await authority(short, "Below", keys.middle);
    expect(await refusal({ sent: [await leaf(below), below, short], anchors: [short] })).toEqual([
      INVALID,
      expect.stringContaining("1 intermediate authorities where 0 are allowed"),
    ]);
    expect((await verify({ sent: [await leaf(short), short], anchors: [short] })).chain).toHaveLength(2);

    const one = await authority(root, "One", keys.middle, { pathLength: 0 });
    const two = await authority(one, "Two", keys.inner);
    expect((await refusal({ sent: [await leaf(two), two, one, root], anchors: [root] }))[0]).toBe(INVALID);
  });

  test("not valid at the time, in any part of it", async () => {
    const expired = { notAfter: later(-1) };
    const oldMiddle = await authority(root, "Middle", keys.middle, expired);
    const oldRoot = await makeRsaAuthority("Root", { ...VALID, keys: keys.root, ...expired });
    const young = await leaf(middle, { notBefore: later(1) });
    for (const attempt of [
      { sent: [await leaf(middle, expired), middle], anchors: [root] },
      { sent: [signer, oldMiddle], anchors: [root] },
      { sent: [signer, middle], anchors: [oldRoot] },
      { sent: [direct], anchors: [oldRoot] },
      { sent: [young, middle], anchors: [root] },
      { sent: [direct], anchors: [root], at: new Date(VALID.notAfter.getTime() + 1000) },
      { sent: [direct], anchors: [direct], at: new Date(VALID.notAfter.getTime() + 1000) },
      { sent: [direct], anchors: [direct], at: new Date(VALID.notBefore.getTime() - 1000) },
    ]) {
      expect((await refusal(attempt))[0]).toBe(INVALID);
    }
    expect((await refusal({ sent: [signer, oldMiddle], anchors: [root] }))[1]).toContain(
      "its chain ended at 2026-03-04T11:59:59.000Z; it was judged as of 2026-03-04T12:00:00.000Z",
    );
  });

  test("whose parts are at no time valid together", async () => {
    const past = await authority(root, "Middle", keys.middle, { notAfter: later(-3600) });
    const future = await leaf(past, { notBefore: later(3600) });
    expect(await refusal({ sent: [future, past], anchors: [root] })).toEqual([
      INVALID,
      expect.stringContaining("at no time valid"),
    ]);
  });

  test("with a signature by MD5 or SHA-1", async () => {
    const weak = await leaf(middle, { hash: "SHA-1" });
    expect(await refusal({ sent: [weak, middle], anchors: [root] })).toEqual([
      INVALID,
      expect.stringContaining("too weak"),
    ]);
    const weakMiddle = await authority(root, "Middle", keys.middle, { hash: "SHA-1" });
    expect((await refusal({ sent: [signer, weakMiddle], anchors: [root] }))[0]).toBe(INVALID);
    // What an anchor says of itself proves nothing anyway.
    const weakRoot = await makeRsaAuthority("Root", { ...VALID, keys: keys.root, hash: "SHA-1" });
    expect((await verify({ sent: [signer, middle, weakRoot], anchors: [weakRoot] })).chain).toHaveLength(3);
    expect((await verify({ sent: [weak, middle], anchors: [weak] })).chain).toHaveLength(1);
  });

  test("with a key that is too short", async () => {
    const short = await leaf(root, { keys: await makeRsaKeys(1024) });
    expect(await refusal({ sent: [short], anchors: [root] })).toEqual([
      INVALID,
      expect.stringContaining("1024 bits"),
    ]);
  });

  test("with a critical extension that nobody knows", async () => {
    const extensions = [unknownCriticalExtension()];
    const strange = await leaf(middle, { extensions });
    expect((await refusal({ sent: [strange, middle], anchors: [root] }))[1]).toContain("1.3.6.1.4.1.55555.1");
    const strangeMiddle = await authority(root, "Middle", keys.middle, { extensions });
    expect((await refusal({ sent: [signer, strangeMiddle], anchors: [root] }))[0]).toBe(INVALID);
  });

  test("whose first certificate may not sign", async () => {
    const tls = await leaf(root, { keyUsage: KeyUsageFlags.keyEncipherment });
    expect(await refusal({ sent: [tls], anchors: [root] })).toEqual([
      INVALID,
      expect.stringContaining("key usage"),
    ]);
    expect((await refusal({ sent: [tls], anchors: [tls] }))[0]).toBe(INVALID);
    expect((await refusal({ sent: [middle, root], anchors: [root] }))[0]).toBe(INVALID);
  });

  test("with more certificates than anyone needs, or one that is none", async () => {
    const many = Array.from({ length: 11 }, () => signer);
    expect(await refusal({ sent: many, anchors: [root] })).toEqual([
      "malformed",
      expect.stringContaining("11 certificates"),
    ]);
    const broken = { ...middle, der: middle.der.subarray(0, 300) };
    expect((await refusal({ sent: [signer, broken], anchors: [root] }))[0]).toBe(INVALID);
  });

  test("with a public key or a time that cannot be read", async () => {
    const edited = (from: RsaIdentity, search: Buffer, at: number): RsaIdentity => {
      const der = Buffer.from(from.der);
      const place = der.indexOf(search) + at;
      der[place] = (der[place] ?? 0) ^ 8;
      const cert = `-----BEGIN CERTIFICATE-----\n${der.toString("base64")}\n-----END CERTIFICATE-----\n`;
      return { ...from, der, cert };
    };
    const rsaEncryption = Buffer.from("06092a864886f70d010101", "hex");
    const keyless = edited(middle, rsaEncryption, rsaEncryption.length - 1);
    expect((await refusal({ sent: [signer, keyless], anchors: [root] }))[0]).toBe(INVALID);
    await expect(verify({ sent: [signer, middle], anchors: [keyless] })).rejects.toThrow(
      InvalidArgumentError,
    );
    // In the 81st month of 2026.
    const undated = edited(signer, Buffer.from("260101000000Z"), 2);
    expect(await refusal({ sent: [undated], anchors: [undated] })).toEqual([
      INVALID,
      expect.stringContaining("at no time valid"),
    ]);
  });

  test("in circles, at once", async () => {
    const there = await authority(root, "There", keys.inner);
    const back = await authority({ ...there, subject: "CN=There" }, "Back", keys.evil);
    const again = await authority(back, "There", keys.inner);
    const end = await leaf(again);
    expect((await refusal({ sent: [end, again, back], anchors: [root] }))[0]).toBe("untrusted");
  });
});
