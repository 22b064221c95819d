import { createPublicKey, createSecretKey, generateKeyPairSync, verify, X509Certificate } from "node:crypto";
import { inspect } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import { type HolderKey, type KeyPair, type Signer, toSigner } from "../../src/xml/signer.ts";
import { type Identity, makeSelfSigned } from "../helpers/certificates.ts";
import { encryptedKey, makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";

const PASSPHRASE = "correct horse";
const DATA = Buffer.from("data");

let mine: RsaIdentity;
let other: RsaIdentity;
let ec: Identity;
beforeAll(async () => {
  [mine, other, ec] = await Promise.all([
    makeRsaSelfSigned("mine"),
    makeRsaSelfSigned("other"),
    makeSelfSigned("elliptic"),
  ]);
});

function refusal(key: HolderKey): InvalidArgumentError {
  try {
    toSigner(key);
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error;
    throw error;
  }
  throw new Error("accepted");
}

function traditional(identity: RsaIdentity): string {
  return identity.privateKey.export({ type: "pkcs1", format: "pem" }).toString();
}

describe("a signer", () => {
  const forms: readonly [string, () => KeyPair][] = [
    ["PEM", () => ({ certificate: mine.cert, key: mine.key })],
    ["PEM of PKCS #1", () => ({ certificate: mine.cert, key: traditional(mine) })],
    ["PEM in bytes", () => ({ certificate: Buffer.from(mine.cert), key: Buffer.from(mine.key) })],
    [
      "DER",
      () => ({
        certificate: mine.der,
        key: mine.privateKey.export({ type: "pkcs8", format: "der" }),
      }),
    ],
    [
      "DER of PKCS #1 in a plain Uint8Array",
      () => ({
        certificate: new Uint8Array(mine.der),
        key: new Uint8Array(mine.privateKey.export({ type: "pkcs1", format: "der" })),
      }),
    ],
    ["objects", () => ({ certificate: mine.certificate, key: mine.privateKey })],
    ["one PEM with both", () => ({ certificate: mine.cert + mine.key, key: mine.cert + mine.key })],
    ["a chain, its own certificate first", () => ({ certificate: mine.cert + other.cert, key: mine.key })],
    [
      "text around the PEM",
      () => ({ certificate: `\uFEFFsubject=x\r\n${mine.cert}`, key: `Bag\n${mine.key}` }),
    ],
    [
      "an encrypted key",
      () => ({ certificate: mine.cert, key: encryptedKey(mine, PASSPHRASE), passphrase: PASSPHRASE }),
    ],
    [
      "a key in the old way of encryption",
      () => ({
        certificate: mine.cert,
        key: encryptedKey(mine, PASSPHRASE, "pkcs1"),
        passphrase: PASSPHRASE,
      }),
    ],
    [
      "an encrypted key in DER",
      () => ({
        certificate: mine.cert,
        key: mine.privateKey.export({
          type: "pkcs8",
          format: "der",
          cipher: "aes-256-cbc",
          passphrase: PASSPHRASE,
        }),
        passphrase: PASSPHRASE,
      }),
    ],
    [
      "a passphrase for a key that needs none",
      () => ({ certificate: mine.cert, key: mine.key, passphrase: PASSPHRASE }),
    ],
  ];
  test.each(forms)("is made of %s", async (_name, pair) => {
    const signer = toSigner(pair());
    expect(signer.certificate.fingerprint256).toBe(mine.certificate.fingerprint256);
    expect(verify("sha256", DATA, mine.publicKey, await signer.sign(DATA, "rsa-sha256"))).toBe(true);
  });

  test("signs by every algorithm", async () => {
    const signer = toSigner({ certificate: mine.cert, key: mine.key });
    for (const size of [256, 384, 512] as const) {
      const value = await signer.sign(DATA, `rsa-sha${size}`);
      expect(verify(`sha${size}`, DATA, mine.publicKey, value)).toBe(true);
    }
  });

  test("of the caller's own is taken as it is", () => {
    const own: Signer = { certificate: mine.certificate, sign: async () => new Uint8Array() };
    expect(toSigner(own)).toBe(own);
    const made = toSigner({ certificate: mine.cert, key: mine.key });
    expect(toSigner(made)).toBe(made);
  });

  test("does not show its key", () => {
    const signer = toSigner({ certificate: mine.cert, key: mine.key });
    const { d } = mine.privateKey.export({ format: "jwk" });
    expect(d).toBeTruthy();
    for (const shown of [inspect(signer, { depth: 9, showHidden: true }), JSON.stringify(signer)]) {
      expect(shown).not.toContain("PRIVATE");
      expect(shown).not.toContain(String(d).slice(0, 20));
      expect(shown).not.toMatch(/PrivateKeyObject/);
    }
  });
});

describe("a key that cannot be used", () => {
  const pem = (text: string) => text.replace(/\n[^-]{20}/, "\n");
  const faults: readonly [string, RegExp, () => HolderKey][] = [
    [
      "encrypted, without passphrase",
      /encrypted, and no passphrase/,
      () => ({ certificate: mine.cert, key: encryptedKey(mine, PASSPHRASE) }),
    ],
    [
      "encrypted the old way, without passphrase",
      /encrypted, and no passphrase/,
      () => ({ certificate: mine.cert, key: encryptedKey(mine, PASSPHRASE, "pkcs1") }),
    ],
    [
      "encrypted in DER, without passphrase",
      /encrypted, and no passphrase/,
      () => ({
        certificate: mine.cert,
        key: mine.privateKey.export({
          type: "pkcs8",
          format: "der",
          cipher: "aes-256-cbc",
          passphrase: PASSPHRASE,
        }),
      }),
    ],
    [
      "encrypted, with a wrong passphrase",
      /cannot be decrypted/,
      () => ({ certificate: mine.cert, key: encryptedKey(mine, PASSPHRASE), passphrase: "battery staple" }),
    ],
    [
      "encrypted the old way, with a wrong passphrase",
      /cannot be decrypted/,
      () => ({
        certificate: mine.cert,
        key: encryptedKey(mine, PASSPHRASE, "pkcs1"),
        passphrase: "battery staple",
      }),
    ],
    [
      "encrypted in DER, with a wrong passphrase",
      /cannot be decrypted/,
      () => ({
        certificate: mine.cert,
        key: mine.privateKey.export({
          type: "pkcs8",
          format: "der",
          cipher: "aes-256-cbc",
          passphrase: PASSPHRASE,
        }),
        passphrase: "battery staple",
      }),
    ],
    [
      "encrypted, with an empty passphrase",
      /cannot be decrypted/,
      () => ({ certificate: mine.cert, key: encryptedKey(mine, PASSPHRASE), passphrase: "" }),
    ],
    [
      "encrypted, with an overlong passphrase",
      /cannot be decrypted/,
      () => ({ certificate: mine.cert, key: encryptedKey(mine, PASSPHRASE), passphrase: "x".repeat(5000) }),
    ],
    [
      "of an elliptic curve",
      /private key is of the type ec; only RSA/,
      () => ({ certificate: ec.cert, key: ec.key }),
    ],
    [
      "Ed25519",
      /of the type ed25519/,
      () => ({ certificate: mine.cert, key: generateKeyPairSync("ed25519").privateKey }),
    ],
    [
      "RSA-PSS",
      /of the type rsa-pss/,
      () => ({
        certificate: mine.cert,
        key: generateKeyPairSync("rsa-pss", { modulusLength: 1024 }).privateKey,
      }),
    ],
    [
      "RSA of 512 bits",
      /only 512 bits/,
      () => ({ certificate: mine.cert, key: generateKeyPairSync("rsa", { modulusLength: 512 }).privateKey }),
    ],
    [
      "a public key",
      /what was given for it is a public key/,
      () => ({ certificate: mine.cert, key: mine.publicKey.export({ type: "spki", format: "pem" }) }),
    ],
    [
      "a public KeyObject",
      /KeyObject given is a public key/,
      () => ({ certificate: mine.cert, key: createPublicKey(mine.privateKey) }),
    ],
    [
      "a secret KeyObject",
      /KeyObject given is a secret key/,
      () => ({ certificate: mine.cert, key: createSecretKey(DATA) }),
    ],
    [
      "a certificate",
      /what was given for it is a certificate/,
      () => ({ certificate: mine.cert, key: mine.cert }),
    ],
    [
      "swapped with its certificate",
      /what was given for it is a certificate/,
      () => ({ certificate: mine.key, key: mine.cert }),
    ],
    ["for a key", /certificate is missing: .* private key/, () => ({ certificate: mine.key, key: mine.key })],
    [
      "some other PEM",
      /something else/,
      () => ({ certificate: mine.cert, key: "-----BEGIN X-----\nAA==\n-----END X-----\n" }),
    ],
    [
      "of OpenSSH",
      /format of OpenSSH/,
      () => ({
        certificate: mine.cert,
        key: "-----BEGIN OPENSSH PRIVATE KEY-----\nAA==\n-----END OPENSSH PRIVATE KEY-----\n",
      }),
    ],
    ["a path", /key is not PEM/, () => ({ certificate: mine.cert, key: "/etc/ssl/private/solution.key" })],
    ["empty", /key is empty/, () => ({ certificate: mine.cert, key: "" })],
    ["cut short", /ends early/, () => ({ certificate: mine.cert, key: mine.key.slice(0, 300) })],
    ["damaged", /key cannot be read/, () => ({ certificate: mine.cert, key: pem(mine.key) })],
    [
      "bytes of something else",
      /key cannot be read/,
      () => ({ certificate: mine.cert, key: new Uint8Array([0x30, 0x82, 1, 2]) }),
    ],
    [
      "no key at all",
      /neither text, bytes nor a KeyObject/,
      () => ({ certificate: mine.cert, key: undefined }) as unknown as KeyPair,
    ],
    [
      "of another certificate",
      /certificate is of another key/,
      () => ({ certificate: other.cert, key: mine.key }),
    ],
    [
      "of a certificate with an elliptic curve",
      /certificate is of another key/,
      () => ({ certificate: ec.cert, key: mine.key }),
    ],
    [
      "of a damaged certificate",
      /certificate cannot be read/,
      () => ({ certificate: pem(mine.cert), key: mine.key }),
    ],
    [
      "of a certificate in bytes of something else",
      /certificate cannot be read/,
      () => ({ certificate: new Uint8Array([1, 2]), key: mine.key }),
    ],
    ["of a certificate's path", /certificate is not PEM/, () => ({ certificate: "cert.pem", key: mine.key })],
    ["of an empty certificate", /certificate is empty/, () => ({ certificate: "\n", key: mine.key })],
    [
      "of no certificate",
      /neither text, bytes nor an X509Certificate/,
      () => ({ key: mine.key }) as unknown as KeyPair,
    ],
    [
      "a signer without certificate",
      /signer has no certificate/,
      () => ({ sign: async () => DATA }) as unknown as Signer,
    ],
    [
      "a signer of an elliptic curve",
      /key of the certificate is of the type ec/,
      () => ({ certificate: new X509Certificate(ec.cert), sign: async () => DATA }),
    ],
  ];
  test.each(faults)("is refused: %s", (_name, message, key) => {
    const error = refusal(key());
    expect(error.message).toMatch(message);
    const shown = inspect(error, { depth: 9 }) + JSON.stringify(error);
    for (const secret of [PASSPHRASE, "battery staple", mine.key.slice(40, 80), "solution.key"]) {
      expect(shown).not.toContain(secret);
    }
  });

  test("is refused for its passphrase whatever that makes of the key", () => {
    const options = { type: "pkcs8", format: "der", cipher: "aes-256-cbc", passphrase: PASSPHRASE } as const;
    const key = mine.privateKey.export(options);
    // One wrong passphrase in 256 leaves sound padding.
    for (let i = 0; i < 600; i++) {
      const { message } = refusal({ certificate: mine.cert, key, passphrase: `battery staple ${i}` });
      expect(message).toMatch(/cannot be decrypted/);
    }
  });

  test("is refused with the place of the right certificate, where there is one", () => {
    expect(refusal({ certificate: other.cert + mine.cert, key: mine.key }).hint).toContain("Certificate 2 ");
  });

  test("is one whose certificate has a short key, too", async () => {
    const short = await makeRsaSelfSigned("short", { bits: 512, hash: "SHA-1" });
    const key = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey;
    expect(refusal({ certificate: short.certificate, sign: async () => DATA }).message).toContain("512 bits");
    expect(refusal({ certificate: short.cert, key }).message).toContain("of another key");
    expect(refusal({ certificate: short.cert, key: short.key }).message).toContain("512 bits");
    const weak = await makeRsaSelfSigned("weak", { bits: 1024 });
    expect(toSigner({ certificate: weak.cert, key: weak.key }).certificate.subject).toBe("CN=weak");
  });
});
