import { randomUUID } from "node:crypto";
import { InvalidArgumentError, ProtocolError } from "../errors.ts";
import { redactError } from "../sts/secrets.ts";
import { SESSION_HEADER } from "./header-value.ts";
import { readOutput } from "./jsonrpc-answer.ts";
import type { JsonRpcRequest } from "./jsonrpc-security.ts";
import type { DoorTransport } from "./transport.ts";
import { decodeValue, type VapiValue } from "./vapi-value.ts";

const DOOR = "vapi-jsonrpc";
/** Names of services and operations, as `com.vmware.cis.session` and `import$task`. */
const NAME = /^[\w.$-]{1,512}$/;

/** A call that is ready to be sent. */
export interface JsonRpcCall {
  readonly serviceId: string;
  readonly operationId: string;
  readonly input: VapiValue;
  readonly opId?: string | undefined;
  readonly session?: string | undefined;
  /** Writes the request; asked anew for every attempt. */
  readonly write: (request: JsonRpcRequest) => string | Promise<string>;
  /** What is sent in confidence; asked for when a call has failed. */
  readonly secrets: () => readonly string[];
  readonly login?: boolean;
  readonly authenticationHint?: string | undefined;
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** What an operation gave. */
export interface JsonRpcOutput {
  /** As the wire has it. */
  readonly raw: unknown;
  readonly url: string;
  readonly what: string;
}

/** Sends calls to one endpoint and reads what it answers. */
export class JsonRpcWire {
  readonly url: string;
  readonly #transport: DoorTransport;

  constructor(url: string, transport: DoorTransport) {
    this.url = url;
    this.#transport = transport;
  }

  async send(call: JsonRpcCall): Promise<JsonRpcOutput> {
    const { serviceId, operationId, input, session, secrets } = call;
    if (!NAME.test(serviceId) || !NAME.test(operationId)) {
      throw new InvalidArgumentError(
        "The name of a service or operation is empty or holds a character that none has",
        {
          hint: "Give names as com.vmware.cis.session and list.",
        },
      );
    }
    const opId = call.opId ?? randomUUID();
    if (!/^[\x21-\x7e]{1,256}$/.test(opId)) throw new InvalidArgumentError("opId must be visible ASCII");
    const request: JsonRpcRequest = { id: randomUUID(), serviceId, operationId, opId, input };
    const what = `${serviceId} ${operationId} of ${new URL(this.url).host}`;
    // Before anything is sent, and only once where nothing of it changes.
    const signed = call.login === true;
    const body = signed ? () => call.write(request) : await call.write(request);
    const response = await this.#transport
      .request(this.url, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          accept: "application/json",
          "vapi-service": serviceId,
          "vapi-operation": operationId,
          "vapi-ctx-opid": opId,
          ...(session !== undefined && { [SESSION_HEADER]: session }),
        },
        body,
        idempotent: call.repeatable,
        signal: call.signal,
      })
      .catch((error: unknown) => {
        redactError(error, secrets(), { operation: what, url: this.url });
        throw error;
      });
    const { login = false, authenticationHint } = call;
    const raw = readOutput(response, {
      id: request.id,
      context: {
        door: DOOR,
        what,
        login,
        get secrets() {
          return secrets();
        },
        authenticationHint,
      },
    });
    return { raw, url: response.url, what };
  }
}

/** @throws ProtocolError for what is no value of vAPI. */
export function decodeOutput({ raw, url, what }: JsonRpcOutput): unknown {
  try {
    return decodeValue(raw);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new ProtocolError("RESPONSE_UNEXPECTED", `${url} answered ${what}: ${cause.message}`, {
      url,
      cause,
      hint: "ask for the output as it is on the wire (raw) to see what it holds",
    });
  }
}
