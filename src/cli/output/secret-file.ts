import { randomUUID } from "node:crypto";
import { type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { UsageError } from "../usage.ts";

/**
 * A file for a secret: only its owner can read it (mode 0600), and it appears as a whole or not at all. It is opened
 * before the secret is fetched, so that a secret is not lost to a file that cannot be written.
 */
export class SecretFile implements AsyncDisposable {
  readonly #path: string;
  /** Where it is written first; the path itself for what is no regular file, as a pipe. */
  readonly #draft: string;
  readonly #file: FileHandle;
  #done = false;

  private constructor(path: string, draft: string, file: FileHandle) {
    this.#path = path;
    this.#draft = draft;
    this.#file = file;
  }

  /** @throws UsageError when the file cannot be written. */
  static async open(path: string): Promise<SecretFile> {
    try {
      const target = await realpath(path).catch(() => path);
      const existing = await stat(target).catch(() => undefined);
      if (existing?.isDirectory()) throw new Error("it is a folder");
      if (existing && !existing.isFile()) return new SecretFile(target, target, await open(target, "w"));
      const draft = join(dirname(target), `.${basename(target)}.${randomUUID()}`);
      return new SecretFile(target, draft, await open(draft, "wx", 0o600));
    } catch (cause) {
      throw cannotWrite(path, cause);
    }
  }

  /** Puts the text in place of what the file held. */
  async write(text: string): Promise<void> {
    try {
      await this.#file.writeFile(text);
      if (this.#draft !== this.#path) {
        // The umask may have taken from the mode; nothing else may be added to it.
        await this.#file.chmod(0o600);
        await this.#file.sync();
        await rename(this.#draft, this.#path);
      }
      this.#done = true;
    } catch (cause) {
      throw cannotWrite(this.#path, cause);
    }
  }

  /** Closes it; what was not written is as if it had never been opened. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    if (!this.#done && this.#draft !== this.#path) await rm(this.#draft, { force: true });
  }
}

function cannotWrite(path: string, cause: unknown): UsageError {
  return new UsageError(`${path} cannot be written`, "give --out a file that may be written", { cause });
}
