import { setMaxListeners } from "node:events";
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { TLSSocket } from "node:tls";
import type { FaultPlan, Mishap } from "./faults.ts";
import type { NodeCertificates } from "./pki.ts";
import { type HttpAnswer, type HttpRequest, operationOf, unavailable } from "./router.ts";
import type { NodeView } from "./view.ts";

const ADDRESS = "127.0.0.1";
const MAX_BODY = 4 * 1024 * 1024;
/** Room for tokens in `Authorization`. */
const MAX_HEADERS = 64 * 1024;
/** Between two looks for something to tell to a call that waits. */
const LOOK_MS = 50;

/** A request as it was received. */
export interface ReceivedRequest {
  /** Number of the node, from 1. */
  readonly node: number;
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** Name of the SOAP or JSON-RPC operation, where the request could be read that far. */
  readonly operation?: string;
  /** True on the port of the appliance's own management service. */
  readonly appliance?: true;
}

/** What a node's server asks of the group it belongs to. */
export interface ServerContext {
  readonly number: number;
  /** Undefined until every node listens. */
  readonly view: () => NodeView | undefined;
  readonly plan: () => FaultPlan;
  readonly route: (request: HttpRequest, view: NodeView) => HttpAnswer;
  /** What goes wrong with the next request. */
  readonly mishap: () => Mishap;
  readonly received: (request: ReceivedRequest) => void;
  readonly log: (line: string) => void;
}

/** The HTTPS server of one node. */
export class NodeServer {
  readonly #context: ServerContext;
  readonly #server: Server;
  /** By the client's port: a TLS socket does not hand out the connection below it, and only that can be reset. */
  readonly #connections = new Map<number, Socket>();
  readonly #closing = new AbortController();

  constructor(certificates: NodeCertificates, context: ServerContext) {
    this.#context = context;
    // Each answer that is delayed listens to it, and that may be many at once.
    setMaxListeners(0, this.#closing.signal);
    this.#server = createServer({
      key: certificates.key,
      cert: certificates.chain,
      minVersion: "TLSv1.2",
      keepAliveTimeout: 60_000,
      maxHeaderSize: MAX_HEADERS,
      // Extensions log in with one. Any is taken, and none: what it is worth is for the service to say.
      requestCert: true,
      rejectUnauthorized: false,
    });
    this.#server.on("connection", (socket: Socket) => this.#track(socket));
    this.#server.on("tlsClientError", (error) => context.log(`TLS handshake failed: ${error.message}`));
    this.#server.on("request", (request, response) => {
      this.#serve(request, response).catch((error: unknown) => {
        if (this.#closing.signal.aborted || request.errored) return;
        context.log(`request failed: ${String(error)}`);
        response.destroy();
      });
    });
  }

  /** Listens on the loopback address; port 0 lets the system choose. Resolves to the port. */
  listen(port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(port, ADDRESS, () => {
        this.#server.off("error", reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Stops listening and cuts every connection. */
  close(): Promise<void> {
    this.#closing.abort();
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      for (const socket of this.#connections.values()) socket.destroy();
      this.#server.closeAllConnections();
    });
  }

  #track(socket: Socket): void {
    const port = socket.remotePort;
    if (port === undefined) return;
    this.#connections.set(port, socket);
    socket.once("close", () => {
      if (this.#connections.get(port) === socket) this.#connections.delete(port);
    });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { number, received, log, route } = this.#context;
    const plan = this.#context.plan();
    const view = this.#context.view();
    const method = request.method ?? "";
    const [path = "", query = ""] = (request.url ?? "").replace(/#.*$/, "").split(/\?(.*)/s);
    const body = await readBody(request);
    const mishap = this.#context.mishap();
    let answer: HttpAnswer;
    let message: HttpRequest | undefined;
    if (!body) answer = { status: 413, headers: {}, body: "" };
    else if (!view) answer = unavailable(undefined);
    else {
      message = {
        method,
        path,
        query,
        headers: request.headers,
        authorizations: request.headersDistinct.authorization ?? [],
        body,
        remoteAddress: request.socket.remoteAddress ?? "",
        clientCertificate: certificateOf(request),
      };
      answer = mishap ? lost(operationOf(message), plan) : route(message, view);
    }
    const { operation } = answer;
    received({ node: number, method, path, ...(operation === undefined ? {} : { operation }) });
    if (message && answer.holdMs) answer = await this.#heldAnswer(answer, message, response);
    if (plan.faults.delayMs) await sleep(plan.faults.delayMs, undefined, { signal: this.#closing.signal });
    const what = operation === undefined ? `${method} ${path}` : `${method} ${path} ${operation}`;
    if (mishap === "reset") {
      log(`${what} reset`);
      const connection = this.#connections.get(request.socket.remotePort ?? 0);
      (connection ?? request.socket).resetAndDestroy();
      return;
    }
    log(`${what} ${answer.status}${answer.reason === undefined ? "" : ` (${answer.reason})`}`);
    send(response, answer, view?.now);
  }

  /** Looks at a request again and again, until there is something to tell, or nobody to tell it to. */
  async #heldAnswer(first: HttpAnswer, message: HttpRequest, response: ServerResponse): Promise<HttpAnswer> {
    let answer = first;
    for (let heldMs = 0; heldMs < (answer.holdMs ?? 0); heldMs += LOOK_MS) {
      await sleep(LOOK_MS);
      const view = this.#context.view();
      this.#closing.signal.throwIfAborted();
      if (!view || response.destroyed) break;
      answer = this.#context.route({ ...message, again: true }, view);
    }
    return answer;
  }
}

/** Certificate of the client, DER; undefined for a client that showed none. */
function certificateOf({ socket }: IncomingMessage): Buffer | undefined {
  return socket instanceof TLSSocket ? socket.getPeerCertificate().raw : undefined;
}

/** To a request that no service gets to see. */
function lost(operation: string | undefined, plan: FaultPlan): HttpAnswer {
  const answer = unavailable(plan.faults.retryAfterSeconds);
  return operation === undefined ? answer : { ...answer, operation };
}

/** The whole body, or undefined when it was larger than any request of ours. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  const pieces: Buffer[] = [];
  let length = 0;
  // Read to the end even then: the answer would not arrive while the client still writes.
  for await (const piece of request as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length <= MAX_BODY) pieces.push(piece);
    else pieces.length = 0;
  }
  return length > MAX_BODY ? undefined : Buffer.concat(pieces);
}

function send(response: ServerResponse, answer: HttpAnswer, now = Date.now()): void {
  const body = Buffer.from(answer.body);
  response.writeHead(answer.status, {
    date: new Date(now).toUTCString(),
    ...(answer.headers as OutgoingHttpHeaders),
    // A 204 has no body, so it has no length.
    ...(answer.status !== 204 && { "content-length": body.length }),
    server: "envoy",
  });
  response.end(body);
}
