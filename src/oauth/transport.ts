import type { ResponseHeaders } from "../net/transport.ts";

/** What OAuth needs of a transport; `Transport` of `src/net` is one. */
export interface HttpTransport {
  request(url: string, request: HttpRequest): Promise<HttpReply>;
}

export interface HttpRequest {
  readonly method: "GET" | "POST";
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** True for a read that may be repeated when the server is briefly unavailable. */
  readonly idempotent: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: ResponseHeaders;
  readonly body: Buffer;
  /** The URL asked for, without query. */
  readonly url: string;
}
