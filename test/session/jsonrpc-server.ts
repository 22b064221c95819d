/** vAPI's JSON-RPC in a few lines, written from the fact sheet and not from the client; it ends with the test. */
import { randomUUID, verify, X509Certificate } from "node:crypto";
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import { VapiJsonRpc, type VapiJsonRpcOptions } from "../../src/session/vapi-jsonrpc.ts";
import { startPlainServer } from "../net/servers.ts";

export const USER = { username: "alice@vsphere.local", password: "pa$$w0rd-of-alice" };
export const JWT = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2ln";
const ERRORS = "com.vmware.vapi.std.errors.";
const SECURITY = "com.vmware.vapi.std.security.";

export interface RpcMessage {
  readonly jsonrpc: string;
  readonly method: string;
  readonly id: unknown;
  readonly params: {
    readonly serviceId: string;
    readonly operationId: string;
    readonly ctx: {
      readonly appCtx: Record<string, string>;
      readonly securityCtx?: Record<string, unknown> & {
        schemeId?: string;
        signature?: Record<string, string>;
      };
    };
    readonly input: unknown;
  };
}

export interface SeenCall {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly message: RpcMessage;
}

/** Answers one operation with the `result`, or writes the whole response itself. */
export type Operation = (call: SeenCall, response: ServerResponse) => object | undefined;

export interface RpcServer {
  readonly port: number;
  readonly calls: readonly SeenCall[];
  /** IDs of the sessions that exist. */
  readonly sessions: Set<string>;
  door(options?: VapiJsonRpcOptions): VapiJsonRpc;
}

/** @param operations by `service/operation`, in front of those of the session service. */
export async function startRpc(operations: Readonly<Record<string, Operation>> = {}): Promise<RpcServer> {
  const calls: SeenCall[] = [];
  const sessions = new Set<string>();
  const { port } = await startPlainServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString("utf8");
    const message = JSON.parse(text) as RpcMessage;
    const { serviceId, operationId } = message.params;
    const call = { path: request.url ?? "", headers: request.headers, text, message };
    calls.push(call);
    const { headers } = request;
    const result =
      headers["vapi-service"] !== serviceId || headers["vapi-operation"] !== operationId
        ? undefined
        : (operations[`${serviceId}/${operationId}`] ?? ((each: SeenCall) => session(each, sessions)))(
            call,
            response,
          );
    if (response.writableEnded) return;
    const envelope = result
      ? { result }
      : { error: { code: -31001, message: "Mismatching operation identifier in HTTP header and payload" } };
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ jsonrpc: "2.0", id: message.id, ...envelope }));
  });
  return {
    port,
    calls,
    sessions,
    door(options = {}) {
      const door = new VapiJsonRpc("vc01.test", {
        baseUrl: `http://127.0.0.1:${port}`,
        retry: false,
        ...options,
      });
      onTestFinished(() => door.close());
      return door;
    },
  };
}

/** An error of an operation as the wire has it. */
export function rpcError(name: string, message: object = {}, more: object = {}): object {
  const fields = {
    messages: [
      {
        STRUCTURE: {
          "com.vmware.vapi.std.localizable_message": {
            id: "m.1",
            default_message: "No.",
            args: [],
            ...message,
          },
        },
      },
    ],
    data: { OPTIONAL: null },
    error_type: { OPTIONAL: name.toUpperCase() },
    ...more,
  };
  return { error: { ERROR: { [`${ERRORS}${name}`]: fields } } };
}

function session({ message, headers }: SeenCall, sessions: Set<string>): object {
  const { serviceId, operationId, ctx, input } = message.params;
  if (serviceId !== "com.vmware.cis.session") return rpcError("operation_not_found");
  if (JSON.stringify(input) !== '{"STRUCTURE":{"operation-input":{}}}') return rpcError("unexpected_input");
  const security = ctx.securityCtx ?? {};
  if (operationId === "create") {
    if (!accepts(message, security)) return rpcError("unauthenticated");
    const id = randomUUID();
    sessions.add(id);
    return { output: { SECRET: id } };
  }
  const id = String(headers["vmware-api-session-id"]);
  const same = security.schemeId === `${SECURITY}session_id` && security.sessionId === id;
  if (!same || !sessions.has(id)) return rpcError("unauthenticated");
  if (operationId === "delete") return sessions.delete(id) ? { output: null } : rpcError("unauthenticated");
  const time = "2026-11-21T15:00:00.123Z";
  const info = { user: USER.username, created_time: time, last_accessed_time: time };
  return { output: { STRUCTURE: { "com.vmware.cis.session.info": info } } };
}

function accepts(
  message: RpcMessage,
  security: NonNullable<RpcMessage["params"]["ctx"]["securityCtx"]>,
): boolean {
  const members = Object.keys(security).sort().join();
  switch (security.schemeId?.slice(SECURITY.length)) {
    case "user_pass":
      return (
        members === "password,schemeId,userName" &&
        security.userName === USER.username &&
        security.password === USER.password
      );
    case "oauth":
      return members === "accessToken,schemeId" && security.accessToken === JWT;
    case "saml_bearer_token":
      return members === "samlToken,schemeId" && /cm:bearer/.test(String(security.samlToken));
    case "saml_hok_token":
      return members === "schemeId,signature,signatureAlgorithm,timestamp" && signatureVerifies(message);
    default:
      return false;
  }
}

/** Takes the signature out of the message, and checks it with the key that the token names. */
export function signatureVerifies(message: RpcMessage): boolean {
  const copy = structuredClone(message);
  const security = copy.params.ctx.securityCtx;
  const { samlToken = "", value = "" } = security?.signature ?? {};
  delete security?.signature;
  const der = /<ds:X509Certificate>([^<]*)/.exec(samlToken)?.[1] ?? "";
  const { publicKey } = new X509Certificate(Buffer.from(der, "base64"));
  const hash = String(security?.signatureAlgorithm).replace("RS", "sha");
  return verify(hash, Buffer.from(sorted(copy)), publicKey, Buffer.from(value, "base64"));
}

/** Enough of the canonical form for a login: ASCII names and no fractions. */
function sorted(value: unknown): string {
  return JSON.stringify(value, (_name, each: unknown) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );
}
