import { randomUUID } from "node:crypto";
import { ProtocolError, UnsupportedError } from "../errors.ts";
import type { TransportRequest, TransportResponse } from "../net/transport.ts";
import { redactError } from "../sts/secrets.ts";
import { parseJson } from "./json-text.ts";
import type { DoorTransport } from "./transport.ts";
import { readVapiError, type VapiErrorContext } from "./vapi-error.ts";
import { isSuccess, replyText } from "./vapi-reply.ts";
import { withoutQuery } from "./vapi-request.ts";
import { isMissing, sessionIdIn } from "./vapi-session.ts";

const DOOR = "vapi-rest";

type Context = Omit<VapiErrorContext, "door" | "what">;

/** Headers of every request, to put others to. */
export function defaultHeaders(): Record<string, string> {
  return { accept: "application/json", "x-request-id": randomUUID() };
}

/** Requests of vAPI's REST to one server, and what their failures are called. */
export class RestWire {
  readonly base: URL;
  /** Of `base`: a getter of URL makes it anew each time. */
  readonly #origin: string;
  readonly #transport: DoorTransport;

  constructor(base: URL, transport: DoorTransport) {
    this.base = base;
    this.#origin = base.origin;
    this.#transport = transport;
  }

  /**
   * @param secrets what was sent in confidence; asked for after a failure only.
   * @throws every error of the transport, none of which repeats a secret.
   */
  async send(
    target: string,
    request: TransportRequest,
    secrets: () => readonly string[],
  ): Promise<TransportResponse> {
    try {
      return await this.#transport.request(`${this.#origin}${target}`, request);
    } catch (error) {
      const path = withoutQuery(target);
      const operation = `${request.method} ${path}`;
      redactError(error, secrets(), { operation, url: `${this.#origin}${path}` });
      throw error;
    }
  }

  /** The error for an answer that is no success. */
  failure(reply: TransportResponse, what: string, context: Context = {}): Error {
    return readVapiError(
      { ...reply, text: replyText(reply) },
      { ...context, door: DOOR, what: `${what} at ${this.base.host}` },
    );
  }

  /** The error for a server where sessions should be and are not. */
  unsupported(reply: TransportResponse, secrets: readonly string[]): UnsupportedError {
    return new UnsupportedError(`${this.base.host} has no sessions of vAPI's REST`, {
      worksAt: "vim-soap",
      hint: "an ESXi host, and a server that is no vCenter, has none: log in over SOAP (vim-soap)",
      cause: isSuccess(reply) ? undefined : this.failure(reply, "The request for a session", { secrets }),
    });
  }

  /** The session ID in an answer to a login. */
  sessionId(
    reply: TransportResponse,
    path: string,
    context: Context & { readonly secrets: string[] },
  ): string {
    if (isMissing(reply)) throw this.unsupported(reply, context.secrets);
    if (!isSuccess(reply)) throw this.failure(reply, `The login by ${path}`, { ...context, login: true });
    const text = replyText(reply);
    const id = sessionIdIn(parseJson(text));
    if (id !== undefined) return id;
    const empty = text.trim() === "";
    throw new ProtocolError(
      empty ? "RESPONSE_EMPTY" : "RESPONSE_UNEXPECTED",
      `${reply.url} answered the login ${empty ? "with an empty body" : "without a session ID"}`,
      {
        url: reply.url,
        hint: "check that the server is a vCenter, and whether a proxy answers in its place",
      },
    );
  }
}
