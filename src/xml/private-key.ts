import { createPrivateKey, KeyObject } from "node:crypto";
import { InvalidArgumentError } from "../errors.ts";
import { MIN_RSA_BITS } from "./algorithms.ts";

const KEY_BLOCK = /-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----[\s\S]*?-----END \1PRIVATE KEY-----/;

/**
 * The RSA private key of PEM (PKCS #8, PKCS #1; other blocks of the text are passed over), DER or a `KeyObject`.
 *
 * @throws InvalidArgumentError for everything else; no message holds anything of the key or the passphrase.
 */
export function readPrivateKey(
  key: string | Uint8Array | KeyObject,
  passphrase: string | undefined,
): KeyObject {
  return requireRsa(key instanceof KeyObject ? key : parse(key, passphrase));
}

function parse(key: unknown, passphrase: string | undefined): KeyObject {
  if (typeof key !== "string" && !(key instanceof Uint8Array)) {
    throw new InvalidArgumentError("The private key is neither text, bytes nor a KeyObject");
  }
  const text = typeof key === "string" ? key : Buffer.from(key).toString("latin1");
  if (text.trim() === "") throw new InvalidArgumentError("The private key is empty");
  if (text.includes("-----BEGIN ")) return parsePem(text, passphrase);
  if (typeof key === "string") {
    throw new InvalidArgumentError("The private key is not PEM", {
      hint: "Give the content of the key file, not its path.",
    });
  }
  return parseDer(Buffer.from(key), passphrase);
}

function parsePem(text: string, passphrase: string | undefined): KeyObject {
  const [block, label = ""] = KEY_BLOCK.exec(text) ?? [];
  if (block === undefined) throw notAKey(text);
  if (label.startsWith("OPENSSH")) {
    throw new InvalidArgumentError("The private key is in the format of OpenSSH", {
      hint: "Convert a copy of it: ssh-keygen -p -m PEM -f FILE.",
    });
  }
  const encrypted = label.startsWith("ENCRYPTED") || /^Proc-Type:.*ENCRYPTED/m.test(block);
  if (encrypted && passphrase === undefined) throw passphraseMissing();
  try {
    return createPrivateKey({ key: block, format: "pem", ...(encrypted ? { passphrase } : {}) });
  } catch (error) {
    throw encrypted ? passphraseWrong(error) : unreadable(error);
  }
}

function notAKey(text: string): InvalidArgumentError {
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) {
    return new InvalidArgumentError("The private key ends early: its END line is missing", {
      hint: "Copy the whole block of the key file, from BEGIN to END.",
    });
  }
  const found = text.includes("CERTIFICATE-----")
    ? "a certificate"
    : text.includes("PUBLIC KEY-----")
      ? "a public key"
      : "something else";
  return new InvalidArgumentError(`The private key is missing: what was given for it is ${found}`, {
    hint: "A PEM block BEGIN PRIVATE KEY is needed; key and certificate may have been swapped.",
  });
}

function parseDer(der: Buffer, passphrase: string | undefined): KeyObject {
  let failure: unknown;
  for (const type of ["pkcs8", "pkcs1"] as const) {
    try {
      return createPrivateKey({ key: der, format: "der", type });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_MISSING_PASSPHRASE") {
        return decryptDer(der, passphrase);
      }
      failure ??= error;
    }
  }
  throw unreadable(failure);
}

/** What a wrong passphrase makes of a key may have sound padding by chance: any failure is the passphrase's. */
function decryptDer(der: Buffer, passphrase: string | undefined): KeyObject {
  if (passphrase === undefined) throw passphraseMissing();
  try {
    return createPrivateKey({ key: der, format: "der", type: "pkcs8", passphrase });
  } catch (error) {
    throw passphraseWrong(error);
  }
}

function requireRsa(key: KeyObject): KeyObject {
  if (key.type !== "private") {
    throw new InvalidArgumentError(`The private key is missing: the KeyObject given is a ${key.type} key`);
  }
  if (key.asymmetricKeyType !== "rsa") throw notRsa("private key", key.asymmetricKeyType);
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < MIN_RSA_BITS) throw tooShort("private key", bits);
  return key;
}

export function notRsa(what: string, type: string | undefined): InvalidArgumentError {
  return new InvalidArgumentError(
    `The ${what} is ${type === undefined ? "of an unknown type" : `of the type ${type}`}; only RSA can be used`,
    { hint: "The Security Token Service verifies RSA signatures; make an RSA key with its certificate." },
  );
}

export function tooShort(what: string, bits: number): InvalidArgumentError {
  return new InvalidArgumentError(
    `The ${what} has only ${bits} bits; RSA below ${MIN_RSA_BITS} bits is refused`,
    { hint: "Make a key of 2048 bits or more." },
  );
}

function passphraseMissing(): InvalidArgumentError {
  return new InvalidArgumentError("The private key is encrypted, and no passphrase was given", {
    hint: "Give the passphrase, or a decrypted copy of the key.",
  });
}

function passphraseWrong(error: unknown): InvalidArgumentError {
  return new InvalidArgumentError("The private key cannot be decrypted with the passphrase given", {
    hint: "Check the passphrase; a cipher that this OpenSSL no longer knows fails the same way.",
    ...below(error),
  });
}

function unreadable(error: unknown): InvalidArgumentError {
  return new InvalidArgumentError("The private key cannot be read: it is no PKCS #8 or PKCS #1 key", {
    hint: "Check that it was not cut or re-encoded on its way; of a PKCS #12 file, extract the key first.",
    ...below(error),
  });
}

/** OpenSSL's own errors say nothing of the input; those of Node about arguments may quote it. */
function below(error: unknown): { cause?: unknown } {
  return String((error as NodeJS.ErrnoException).code).startsWith("ERR_OSSL_") ? { cause: error } : {};
}
