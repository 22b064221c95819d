/** A server that answers vAPI's REST by route and keeps what it received; it ends with the test. */
import type { IncomingHttpHeaders } from "node:http";
import { onTestFinished } from "vitest";
import { VapiRest, type VapiRestOptions } from "../../src/session/vapi-rest.ts";
import { startPlainServer } from "../net/servers.ts";

export interface SeenRequest {
  readonly method: string;
  /** With query, as it came. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values as they came, one after the other. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  /** Text is sent as it is, all else as JSON; nothing where it is undefined. */
  readonly body?: unknown;
}

export type Route = Answer | ((request: SeenRequest) => Answer);

export interface VapiServer {
  readonly origin: string;
  readonly port: number;
  readonly requests: readonly SeenRequest[];
  /** A door to it over http, which loopback allows; it closes with the test. */
  rest(options?: VapiRestOptions): VapiRest;
}

/** @param routes by `METHOD /path`, without query; 404 with a page for all else. */
export async function startVapi(routes: Readonly<Record<string, Route>>): Promise<VapiServer> {
  const requests: SeenRequest[] = [];
  const { port } = await startPlainServer(async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const { method = "", url = "", headers, rawHeaders } = message;
    const seen = { method, target: url, headers, rawHeaders, body: Buffer.concat(chunks).toString() };
    requests.push(seen);
    const route = routes[`${method} ${url.replace(/\?.*$/, "")}`] ?? PAGE_404;
    const answer = typeof route === "function" ? route(seen) : route;
    const json = answer.body !== undefined && typeof answer.body !== "string";
    response.writeHead(answer.status ?? 200, {
      ...(json && { "content-type": "application/json" }),
      ...answer.headers,
    });
    response.end(json ? JSON.stringify(answer.body) : answer.body);
  });
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    port,
    requests,
    rest(options = {}) {
      const rest = new VapiRest("vc01.test", { baseUrl: origin, retry: false, ...options });
      onTestFinished(() => rest.close());
      return rest;
    },
  };
}

export const PAGE_404: Answer = {
  status: 404,
  headers: { "content-type": "text/html" },
  body: "<html><body>Not Found</body></html>",
};

/** An error as /api writes it. */
export function apiError(errorType: string, message: object = {}, more: object = {}): object {
  return {
    error_type: errorType,
    messages: [{ id: "m.1", default_message: "No.", args: [], ...message }],
    ...more,
  };
}

/** An error as /rest writes it. */
export function restError(name: string, message: object = {}, more: object = {}): object {
  return {
    type: `com.vmware.vapi.std.errors.${name}`,
    value: { messages: [{ id: "m.1", default_message: "No.", args: [], ...message }], ...more },
  };
}
