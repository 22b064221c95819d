import { type FileHandle, open } from "node:fs/promises";
import type { CommandTransport } from "../reach.ts";
import { UsageError } from "../usage.ts";
import { isSecretHeader, redactBody, redactUrl, secretsOfHeader } from "./redact.ts";
import { printableLines } from "./text.ts";

/** A file that every exchange of a command is written to (mode 0600), secrets left out. */
export class Trace implements AsyncDisposable {
  readonly #path: string;
  readonly #file: FileHandle;
  /** What was sent as a credential or as a session: hidden wherever a server repeats it. */
  readonly #secrets = new Set<string>();
  #last: Promise<unknown> = Promise.resolve();

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** @throws UsageError when the file cannot be written. */
  static async open(path: string): Promise<Trace> {
    try {
      const file = await open(path, "w", 0o600);
      // The mode given counts for new files alone.
      if ((await file.stat()).isFile()) await file.chmod(0o600);
      return new Trace(path, file);
    } catch (cause) {
      throw cannotWrite(path, cause);
    }
  }

  /** The same transport, its exchanges written down. */
  of(transport: CommandTransport): CommandTransport {
    return {
      serverTime: (authority) => transport.serverTime(authority),
      servedCertificate: (authority) => transport.servedCertificate(authority),
      request: async (url, request) => {
        const { body } = request;
        const shown = redactUrl(String(url));
        for (const [name, value] of Object.entries(request.headers ?? {})) {
          for (const secret of secretsOfHeader(name, value)) this.#secrets.add(secret);
        }
        const sent = async <Body extends string | Uint8Array | undefined>(content: Body): Promise<Body> => {
          await this.#write(">", `${request.method} ${shown}`, request.headers ?? {}, content, String(url));
          return content;
        };
        // A body that is made anew for every attempt is written down as often.
        const traced = typeof body === "function" ? async () => sent(await body()) : await sent(body);
        try {
          const response = await transport.request(url, {
            ...request,
            ...(traced !== undefined && { body: traced }),
          });
          const { status, headers, body: answer } = response;
          // A refusal holds no session, and is what a trace is read for.
          const from = status < 400 ? String(url) : undefined;
          await this.#write("<", `${status} ${redactUrl(response.url)}`, headers, answer, from);
          return response;
        } catch (error) {
          if (!(error instanceof UsageError)) {
            await this.#write("!", `${shown} ${error instanceof Error ? error.message : error}`, {}, "");
          }
          throw error;
        }
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#last.catch(() => undefined);
    await this.#file.close();
  }

  /** One block at a time, so that exchanges in parallel do not mix. */
  #write(
    mark: string,
    what: string,
    headers: Readonly<Record<string, string | string[] | undefined>>,
    body: string | Uint8Array | undefined,
    url?: string,
  ): Promise<void> {
    const lines = [`${new Date().toISOString()} ${mark} ${what}`];
    for (const [name, value] of Object.entries(headers)) {
      for (const text of [value ?? []].flat()) {
        lines.push(`${mark} ${name}: ${isSecretHeader(name) ? "[redacted]" : redactUrl(text)}`);
      }
    }
    lines.push(
      redactBody(typeof body === "string" ? body : Buffer.from(body ?? "").toString("utf8"), url),
      "",
      "",
    );
    let text = lines.join("\n");
    for (const secret of this.#secrets) text = text.replaceAll(secret, "[redacted]");
    const written = this.#last.then(() => this.#file.appendFile(printableLines(text)));
    this.#last = written;
    return written.catch((cause: unknown) => {
      throw cannotWrite(this.#path, cause);
    });
  }
}

function cannotWrite(path: string, cause: unknown): UsageError {
  return new UsageError(`the trace cannot be written to ${path}`, "give --trace a file that may be written", {
    cause,
  });
}
