import { InvalidArgumentError, UnsupportedError, VimFaultError } from "../errors.ts";
import type { TransportResponse } from "../net/transport.ts";
import { redactError } from "../sts/secrets.ts";
import { SESSION_HEADER } from "./header-value.ts";
import { isHtml } from "./json-text.ts";
import type { DoorTransport } from "./transport.ts";
import { replyText } from "./vapi-reply.ts";
import type { VimRequest, VimResponse } from "./vim-calls.ts";
import { readValue } from "./vim-json-answer.ts";
import { readVimJsonError, tellsNoVimJson } from "./vim-json-fault.ts";
import { writeParams } from "./vim-json-value.ts";
import { secretsInParameters } from "./vim-secrets.ts";

/** A call of VI/JSON, ready to be sent. */
export interface VimJsonCall {
  readonly release: string;
  readonly request: VimRequest;
  readonly login?: boolean;
  /** Session to send along; undefined sends none. */
  readonly session: string | undefined;
  /** What is sent in confidence beside the session. */
  readonly secrets?: readonly string[];
}

/** The one property that everybody may read. */
export const CONTENT = {
  method: "GET",
  type: "ServiceInstance",
  moId: "ServiceInstance",
  member: "content",
} as const;

/** Sends calls to one server and reads what it answers. */
export class VimJsonWire {
  readonly origin: string;
  readonly #transport: DoorTransport;
  /** Whether the server has answered anything in VI/JSON. */
  #answers = false;

  constructor(origin: string, transport: DoorTransport) {
    this.origin = origin;
    this.#transport = transport;
  }

  async exchange(call: VimJsonCall): Promise<VimResponse> {
    return this.read(call, await this.send(call));
  }

  async send(call: VimJsonCall): Promise<TransportResponse> {
    const { release, request, session } = call;
    const { method, params, repeatable, signal } = request;
    if (method !== "GET" && method !== "POST")
      throw new InvalidArgumentError("VI/JSON has GET and POST only");
    if (method === "GET" && params !== undefined) {
      throw new InvalidArgumentError("A property is read without parameters", {
        hint: "Call a method by POST.",
      });
    }
    const url = this.#url(release, request);
    const body = params === undefined ? undefined : writeParams(params);
    try {
      return await this.#transport.request(url, {
        method,
        headers: {
          accept: "application/json",
          ...(body !== undefined && { "content-type": "application/json" }),
          ...(session !== undefined && { [SESSION_HEADER]: session }),
        },
        ...(body !== undefined && { body }),
        idempotent: repeatable ?? method === "GET",
        signal,
      });
    } catch (error) {
      redactError(error, secretsOf(call), { operation: whatOf(request, this.origin), url });
      throw error;
    }
  }

  /**
   * @throws VimFaultError, SessionLimitError, VapiError, HttpStatusError; UnsupportedError where it turns out that
   *   the server has no VI/JSON; ProtocolError.
   */
  async read(call: VimJsonCall, reply: TransportResponse): Promise<VimResponse> {
    const { status, headers, url } = reply;
    const text = replyText(reply);
    const what = whatOf(call.request, this.origin);
    if (status < 200 || status > 299) {
      const answer = { status, headers, text, url };
      if (!this.#answers && tellsNoVimJson(answer)) await this.#requireVimJson(call.release);
      const error = readVimJsonError(answer, { what, secrets: secretsOf(call), login: call.login });
      if (error instanceof VimFaultError && error.fault !== "") this.#answers = true;
      throw error;
    }
    const value = readValue(text, { what, url, headers });
    this.#answers = true;
    return { status, headers, text, value };
  }

  /**
   * The content of the ServiceInstance; undefined where the server does not answer under the release, null where it
   * answers to nobody without a session.
   */
  async content(release: string, session: string | undefined): Promise<unknown> {
    const call: VimJsonCall = { release, request: CONTENT, session };
    const reply = await this.send(call);
    const { status, headers, url } = reply;
    const text = replyText(reply);
    const what = whatOf(call.request, this.origin);
    if (status < 200 || status > 299) {
      const answer = { status, headers, text, url };
      if (tellsNoVimJson(answer)) return undefined;
      const error = readVimJsonError(answer, { what, secrets: secretsOf(call) });
      if (!(error instanceof VimFaultError) || error.fault === "") throw error;
      // Somebody there knows the release, and whom it lets read.
      return error.code === "NOT_AUTHENTICATED" || error.code === "NO_PERMISSION" ? null : undefined;
    }
    return isHtml(text, headers) ? undefined : readValue(text, { what, url, headers });
  }

  /** @throws UnsupportedError where the server turns out not to answer under the release. */
  async #requireVimJson(release: string): Promise<void> {
    // Where that cannot be found out either, the answer at hand says more.
    const content = await this.content(release, undefined).catch(() => null);
    if (content === undefined) throw noVimJson(this.origin, release);
  }

  #url(release: string, { type, moId, member }: VimRequest): string {
    const path = [
      segment("release", release),
      segment("type", type),
      segment("moId", moId),
      segment("member", member),
    ];
    return `${this.origin}/sdk/vim25/${path.join("/")}`;
  }
}

/** One segment of a path, whatever the name holds; `.` and `..` would be others. */
export function segment(name: string, text: string): string {
  if (typeof text === "string" && text !== "" && text !== "." && text !== ".." && text.length <= 1024) {
    try {
      return encodeURIComponent(text);
    } catch {
      // Half a surrogate pair.
    }
  }
  throw new InvalidArgumentError(`${name} cannot be part of the path of a managed object`, {
    hint: "Give type, ID and member as in SessionManager, SessionManager and currentSession.",
  });
}

/** On failure only: to look for them takes time. */
function secretsOf({ session, secrets = [], request }: VimJsonCall): string[] {
  return [...(session === undefined ? [] : [session]), ...secrets, ...secretsInParameters(request.params)];
}

function whatOf({ method, type, moId, member }: VimRequest, origin: string): string {
  return `${method} ${type}/${moId}/${member} of ${new URL(origin).host}`;
}

export function noVimJson(origin: string, release?: string): UnsupportedError {
  const under = release === undefined ? "" : ` under release ${release}`;
  return new UnsupportedError(`${new URL(origin).host} has no VI/JSON${under}`, {
    worksAt: "vim-soap",
    hint: "it came with vCenter 8.0 U1, and ESXi hosts have none: use SOAP, or check the release that was given",
  });
}
