import { fstatSync, writeSync } from "node:fs";
import { OutputError } from "./output-error.ts";

/** As `process.stdout`. */
export type OutputStream = NodeJS.WritableStream & { readonly fd: number };

/** Stdout, and whether all that was written to it is out. */
export class StandardOutput {
  readonly #stream: OutputStream;
  readonly #isFile: boolean;
  #written: Promise<unknown> = Promise.resolve();

  /** @param onFailure Told of the first write that fails. */
  constructor(stream: OutputStream, onFailure: (error: OutputError) => void) {
    this.#stream = stream;
    this.#isFile = isFile(stream.fd);
    stream.on("error", (error) => onFailure(new OutputError(error)));
  }

  write(data: string | Uint8Array): void {
    const done = new Promise<void>((resolve, reject) => {
      const end = (error?: Error | null): void => (error ? reject(new OutputError(error)) : resolve());
      if (!this.#isFile) {
        this.#stream.write(data, end);
        return;
      }
      try {
        writeWhole(this.#stream.fd, Buffer.from(data));
        end();
      } catch (error) {
        reject(new OutputError(error));
      }
    });
    this.#written = Promise.all([this.#written, done]);
    this.#written.catch(() => undefined);
  }

  /** Resolves when all is out. @throws OutputError */
  async written(): Promise<void> {
    await this.#written;
  }
}

/** Node.js takes a write to a file that the system cut short, for want of room, for a whole one. */
function writeWhole(fd: number, data: Uint8Array): void {
  for (let rest = data; rest.length > 0; ) rest = rest.subarray(writeSync(fd, rest));
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    return false;
  }
}
