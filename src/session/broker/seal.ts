import { createCipheriv, createDecipheriv, hkdfSync, randomBytes, scrypt } from "node:crypto";
import { InvalidArgumentError, StoreError } from "../../errors.ts";
import { isObject, own, ownText, parseJson } from "../json-text.ts";
import { DamagedEntryError } from "../stores/damaged-entry.ts";
import { MAX_ENTRY } from "./record.ts";

const FORMAT = "vsphere-sso-sealed";
const VERSION = 1;
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
/** A text may be guessed: about 50 ms and 32 MB for each attempt (RFC 7914). */
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
/** Sealed and in base64 an entry is larger. */
const MAX_SEALED = 2 * MAX_ENTRY;
/** Keys that were derived, by salt: as many as there are likely to be writers. */
const MAX_KEYS = 64;

const GIVE_KEY = "give the key it was encrypted with (encryptionKey; VSSO_STORE_KEY for the command)";

/** Makes entries unreadable to whoever has the store alone, and shows when they were changed or moved. */
export interface Seal {
  seal(key: string, text: string): Promise<string>;
  /** Does what takes time, so that `seal` takes none. */
  prepare(): Promise<void>;
  /** @throws DamagedEntryError; StoreError `STORE_UNREADABLE` where the key of encryption is another one. */
  open(key: string, text: string): Promise<string>;
}

/** Leaves entries as they are. */
export const noSeal: Seal = {
  prepare: async () => undefined,
  seal: async (_key, text) => text,
  open: async (_key, text) => {
    if (!isSealed(text)) return text;
    throw new StoreError("STORE_UNREADABLE", "An entry of the session store is encrypted", {
      hint: GIVE_KEY,
    });
  },
};

/**
 * Seals entries by AES-256-GCM, bound to the key they are stored by.
 *
 * @param secret at least 32 random bytes, which HKDF (RFC 5869) makes the key of; or a text, which scrypt makes it of.
 * @throws InvalidArgumentError for an empty text and for fewer bytes.
 */
export function sealWith(secret: string | Uint8Array): Seal {
  if (typeof secret === "string" ? secret === "" : secret.length < KEY_BYTES) {
    throw new InvalidArgumentError("The key of encryption is empty or too short", {
      hint: `give a text that nobody guesses, or at least ${KEY_BYTES} random bytes`,
    });
  }
  return new AesSeal(secret);
}

class AesSeal implements Seal {
  readonly #secret: string | Uint8Array;
  readonly #keys = new Map<string, Promise<Buffer>>();
  /** That of the entry read last: processes that share a store come to share one, which is derived once. */
  #salt: Buffer = randomBytes(SALT_BYTES);

  constructor(secret: string | Uint8Array) {
    this.#secret = secret;
  }

  async seal(key: string, text: string): Promise<string> {
    const salt = this.#salt;
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv("aes-256-gcm", await this.#keyOf(salt), nonce);
    cipher.setAAD(boundTo(key));
    const data = Buffer.concat([cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
    const [saltText, nonceText, dataText] = [salt, nonce, data].map((each) => each.toString("base64"));
    return JSON.stringify({
      format: FORMAT,
      version: VERSION,
      salt: saltText,
      nonce: nonceText,
      data: dataText,
    });
  }

  async prepare(): Promise<void> {
    await this.#keyOf(this.#salt);
  }

  async open(key: string, text: string): Promise<string> {
    if (text.length > MAX_SEALED) throw new DamagedEntryError("it is too large");
    const value = parseJson(text);
    if (!isObject(value)) throw new DamagedEntryError("it is no JSON object");
    if (own(value, "format") !== FORMAT) {
      throw unreadable(
        "is not encrypted, and might be anybody's",
        "log out without the key, or remove the entry",
      );
    }
    if (own(value, "version") !== VERSION) {
      throw unreadable(
        "is encrypted in a way that this program does not know",
        "use the release that wrote it",
      );
    }
    const [salt, nonce, data] = ["salt", "nonce", "data"].map((name) =>
      Buffer.from(ownText(value, name) ?? "", "base64"),
    ) as [Buffer, Buffer, Buffer];
    if (salt.length !== SALT_BYTES || nonce.length !== NONCE_BYTES || data.length < TAG_BYTES) {
      throw new DamagedEntryError("what is encrypted is not whole");
    }
    const decipher = createDecipheriv("aes-256-gcm", await this.#keyOf(salt), nonce);
    decipher.setAAD(boundTo(key));
    decipher.setAuthTag(data.subarray(-TAG_BYTES));
    try {
      const opened = Buffer.concat([decipher.update(data.subarray(0, -TAG_BYTES)), decipher.final()]);
      this.#salt = salt;
      return opened.toString("utf8");
    } catch (cause) {
      const what = "was encrypted with another key, or changed since";
      throw unreadable(what, `${GIVE_KEY}, or remove the entry`, cause);
    }
  }

  #keyOf(salt: Buffer): Promise<Buffer> {
    const name = salt.toString("base64");
    let key = this.#keys.get(name);
    if (key === undefined) {
      if (this.#keys.size >= MAX_KEYS) this.#keys.clear();
      key = derive(this.#secret, salt);
      this.#keys.set(name, key);
    }
    return key;
  }
}

function derive(secret: string | Uint8Array, salt: Buffer): Promise<Buffer> {
  if (typeof secret !== "string") {
    return Promise.resolve(Buffer.from(hkdfSync("sha256", secret, salt, FORMAT, KEY_BYTES)));
  }
  return new Promise((resolve, reject) => {
    scrypt(secret.normalize(), salt, KEY_BYTES, SCRYPT, (error, key) =>
      error ? reject(error) : resolve(key),
    );
  });
}

function boundTo(key: string): Buffer {
  return Buffer.from(`${FORMAT}/${VERSION}/${key}`);
}

function isSealed(text: string): boolean {
  if (!text.includes(FORMAT)) return false;
  const value = parseJson(text);
  return isObject(value) && own(value, "format") === FORMAT;
}

function unreadable(what: string, hint: string, cause?: unknown): StoreError {
  return new StoreError("STORE_UNREADABLE", `An entry of the session store ${what}`, { hint, cause });
}
