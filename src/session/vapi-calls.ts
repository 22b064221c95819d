import type { Method } from "../net/transport.ts";
import type { CallOptions } from "./door.ts";

/** A value that JSON can hold. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

export interface VapiRequestOptions extends CallOptions {
  /** Put to the path's own query; a list repeats its name. */
  readonly query?: Readonly<Record<string, string | number | boolean | readonly string[]>> | undefined;
  /** Put to those of the door; undefined stands for none. Those that belong to the connection are refused. */
  readonly headers?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Whether the request may reach the server twice. Default: GET, HEAD, PUT and DELETE may. A call that the server
   * refused before it began is repeated in any case.
   */
  readonly repeatable?: boolean | undefined;
  /**
   * Texts of the request that no error may quote. Credentials, and values whose names tell (`password`, `token`, …),
   * are among them in any case.
   */
  readonly secrets?: readonly string[] | undefined;
}

export interface VapiRequest extends VapiRequestOptions {
  readonly method: Method;
  /** As `/api/vcenter/vm` or `/rest/vcenter/vm`, with or without a query. */
  readonly path: string;
  /** JSON to send; undefined sends no body. Text and bytes are sent as they are, with a content type of the caller. */
  readonly body?: unknown;
}

export interface VapiResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body as the server sent it. */
  readonly text: string;
  /** The body read, under `/rest` without its `value` wrapper; null when it is empty. */
  readonly value: unknown;
}

/** REST calls, whoever sends them. Every answer that is not 2xx is a typed error. */
export class VapiCalls {
  readonly #send: (request: VapiRequest) => Promise<VapiResponse>;

  constructor(send: (request: VapiRequest) => Promise<VapiResponse>) {
    this.#send = send;
  }

  /** Sends any request and gives the whole reply. */
  request(request: VapiRequest): Promise<VapiResponse> {
    return this.#send(request);
  }

  async get<Value = unknown>(path: string, options: VapiRequestOptions = {}): Promise<Value> {
    return (await this.#send({ ...options, method: "GET", path })).value as Value;
  }

  async post<Value = unknown>(
    path: string,
    body?: unknown,
    options: VapiRequestOptions = {},
  ): Promise<Value> {
    return (await this.#send({ ...options, method: "POST", path, body })).value as Value;
  }

  async put<Value = unknown>(path: string, body?: unknown, options: VapiRequestOptions = {}): Promise<Value> {
    return (await this.#send({ ...options, method: "PUT", path, body })).value as Value;
  }

  async patch<Value = unknown>(
    path: string,
    body?: unknown,
    options: VapiRequestOptions = {},
  ): Promise<Value> {
    return (await this.#send({ ...options, method: "PATCH", path, body })).value as Value;
  }

  async delete<Value = unknown>(path: string, options: VapiRequestOptions = {}): Promise<Value> {
    return (await this.#send({ ...options, method: "DELETE", path })).value as Value;
  }
}
