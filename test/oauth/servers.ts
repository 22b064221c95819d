/** A vCenter and an identity provider of a few lines each; they end with the test. */
import type { IncomingMessage, RequestListener } from "node:http";
import type { Transport } from "../../src/net/transport.ts";
import { type Identity, makeSelfSigned } from "../helpers/certificates.ts";
import { makeTransport, startPlainServer, startSecureServer } from "../net/servers.ts";

export interface SeenRequest {
  readonly method: string;
  /** With query. */
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** The body as a form. */
  readonly form: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: unknown;
}

export type Route = Answer | ((request: SeenRequest) => Answer | Promise<Answer>);

/** What is answered, by path; 404 for all else. */
export type Routes = Readonly<Record<string, Route>>;

export interface TestVcenter {
  /** `127.0.0.1:port` */
  readonly server: string;
  readonly requests: readonly SeenRequest[];
  readonly transport: Transport;
  readonly identity: Identity;
}

export interface TestProvider {
  /** Without a slash at the end. */
  readonly issuer: string;
  readonly requests: readonly SeenRequest[];
  readonly transport: Transport;
}

export async function startVcenter(routes: Routes): Promise<TestVcenter> {
  const identity = await makeSelfSigned("vc01");
  const requests: SeenRequest[] = [];
  const { port } = await startSecureServer(identity, { handler: handlerOf(routes, requests) });
  const transport = makeTransport({ trust: { pins: [`SHA256:${identity.sha256}`] } });
  return { server: `127.0.0.1:${port}`, requests, transport, identity };
}

/** An identity provider over http, which loopback allows. `routes` is given the issuer. */
export async function startProvider(routes: (issuer: string) => Routes): Promise<TestProvider> {
  const requests: SeenRequest[] = [];
  let known: Routes = {};
  const { port } = await startPlainServer((request, response) =>
    handlerOf(known, requests)(request, response),
  );
  const issuer = `http://127.0.0.1:${port}`;
  known = routes(issuer);
  return { issuer, requests, transport: makeTransport() };
}

/** The description of a provider, with every endpoint. */
export function discovery(issuer: string, extra: object = {}): Routes {
  return {
    "/.well-known/openid-configuration": {
      body: {
        issuer,
        token_endpoint: `${issuer}/token`,
        authorization_endpoint: `${issuer}/authorize`,
        device_authorization_endpoint: `${issuer}/device`,
        jwks_uri: `${issuer}/jwks`,
        ...extra,
      },
    },
  };
}

/** An ID token; its signature is not real: over TLS from the token endpoint it need not be (OpenID Connect, 3.1.3.7). */
export function idToken(claims: object): string {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const all = { sub: "user", iat: now, exp: now + 300, ...claims };
  return `${part({ alg: "RS256", typ: "JWT" })}.${part(all)}.${Buffer.from("signature").toString("base64url")}`;
}

function handlerOf(routes: Routes, requests: SeenRequest[]): RequestListener {
  return async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString("utf8");
    const { method = "", url = "", headers } = request;
    const form = Object.fromEntries(new URLSearchParams(body));
    const seen: SeenRequest = { method, path: url, headers, body, form };
    requests.push(seen);
    const route = routes[url.replace(/\?.*$/, "")] ?? { status: 404 };
    const answer = typeof route === "function" ? await route(seen) : route;
    const { body: content = "" } = answer;
    const json = typeof content !== "string";
    response.writeHead(answer.status ?? 200, {
      ...(json && { "content-type": "application/json" }),
      ...answer.headers,
    });
    response.end(json ? JSON.stringify(content) : content);
  };
}
