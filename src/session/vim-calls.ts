import type { CallOptions } from "./door.ts";

/** Type and ID of a managed object, as VIM gives them. */
export interface ManagedObjectReference {
  readonly type: string;
  readonly value: string;
}

export interface VimRequestOptions extends CallOptions {
  /** Whether the call may reach the server twice. Default: reads of properties may. */
  readonly repeatable?: boolean | undefined;
}

export interface VimRequest extends VimRequestOptions {
  /** GET reads a property, POST calls a method. */
  readonly method: "GET" | "POST";
  /** As `SessionManager`. */
  readonly type: string;
  /** ID of the managed object. */
  readonly moId: string;
  /** Name of the property or method. */
  readonly member: string;
  /** Parameters of the method by name, without `_this`; undefined sends no body. */
  readonly params?: object | undefined;
}

export interface VimResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The body as the server sent it. */
  readonly text: string;
  /** The body read; null when it is empty. */
  readonly value: unknown;
}

/** VI/JSON calls, whoever sends them. Every answer that is not 2xx is a typed error. */
export class VimCalls {
  readonly #send: (request: VimRequest) => Promise<VimResponse>;

  constructor(send: (request: VimRequest) => Promise<VimResponse>) {
    this.#send = send;
  }

  /** Sends any request and gives the whole reply. */
  request(request: VimRequest): Promise<VimResponse> {
    return this.#send(request);
  }

  /** Reads a property; null when it has no value. */
  async get<Value = unknown>(
    type: string,
    moId: string,
    property: string,
    options: VimRequestOptions = {},
  ): Promise<Value> {
    const response = await this.#send({ ...options, method: "GET", type, moId, member: property });
    return response.value as Value;
  }

  /** Calls a method; null when it returns nothing. */
  async invoke<Value = unknown>(
    type: string,
    moId: string,
    method: string,
    params?: object,
    options: VimRequestOptions = {},
  ): Promise<Value> {
    const response = await this.#send({ ...options, method: "POST", type, moId, member: method, params });
    return response.value as Value;
  }
}
