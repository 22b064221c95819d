import type { HttpAnswer, HttpRequest } from "../router.ts";
import { byJwt, byToken, LoginRefused } from "../sessions/login.ts";
import {
  callerByBearer,
  callerBySession,
  callerByToken,
  SESSION_HEADER,
  userByPassword,
  type VapiCaller,
} from "./authenticate.ts";
import { dispatch } from "./dispatch.ts";
import type { VapiDoor } from "./door.ts";
import { invalidArgument, operationNotFound, unexpectedInput, VapiFault } from "./fault.ts";
import { isObject, type Json, JsonError, JsonNumber, type JsonObject, parseJson } from "./json.ts";
import type { Input, Operation } from "./operation.ts";
import { RPC_OPERATIONS } from "./operations.ts";
import { checkSignedRequest, readSignedContext } from "./rpc-signature.ts";
import { decodeInput, encodeValue } from "./rpc-value.ts";
import { createSession, deleteSession, RefusedFault, sessionInfo } from "./session-service.ts";

const SECURITY = "com.vmware.vapi.std.security.";
const SESSION_SERVICE = "com.vmware.cis.session";
const JSON_CONTENT = /^application\/json\s*(;|$)/i;
const MISMATCH = -31001;
const PARSE_ERROR = -32700;
const INVALID_REQUEST = -32600;
const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;
/** Operations that only read: those of every name, in all services. */
const READING: ReadonlySet<string> = new Set(["get", "list", "query"]);

/** An error of the protocol, not of the operation. */
class RpcError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** What a request asks for. */
interface Invoke {
  readonly whole: JsonObject;
  readonly service: string;
  readonly operation: string;
  readonly security: JsonObject | undefined;
  readonly input: Json | undefined;
}

/** Answers one request to `/api`, JSON-RPC 2.0. */
export function answerRpc(request: HttpRequest, door: VapiDoor): HttpAnswer {
  if (request.method !== "POST") return { status: 405, headers: { allow: "POST" }, body: "" };
  if (!JSON_CONTENT.test(request.headers["content-type"] ?? ""))
    return { status: 415, headers: {}, body: "" };
  let id: Json = null;
  let operation: string | undefined;
  try {
    const message = readMessage(request.body);
    id = idOf(message);
    const call = readInvoke(message);
    operation = `${call.service}.${call.operation}`;
    checkHeaders(request, call);
    const output = invoke(call, request, door);
    return reply(id, { result: { output } }, operation);
  } catch (error) {
    if (error instanceof RpcError) {
      return reply(id, { error: { code: error.code, message: error.message, data: null } }, operation);
    }
    if (!(error instanceof VapiFault)) throw error;
    const answer = reply(id, { result: { error: error.toRpc() } }, operation);
    return {
      ...answer,
      headers: { ...answer.headers, "vapi-error": error.canonicalName },
      ...(error instanceof RefusedFault && { reason: error.reason }),
    };
  }
}

function reply(id: Json, content: object, operation: string | undefined): HttpAnswer {
  // The number as it was written: a large one would not be the same after a look at its value.
  const idText = id instanceof JsonNumber ? id.text : JSON.stringify(id);
  return {
    status: 200,
    headers: { "content-type": "application/json" },
    body: `{"jsonrpc":"2.0","id":${idText},${JSON.stringify(content).slice(1)}`,
    ...(operation !== undefined && { operation }),
  };
}

function readMessage(body: Buffer): JsonObject {
  let message: Json;
  try {
    message = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    if (error instanceof JsonError || error instanceof TypeError) {
      throw new RpcError(PARSE_ERROR, `Parse error: ${error.message}`);
    }
    throw error;
  }
  if (!isObject(message)) throw new RpcError(INVALID_REQUEST, "The request is not one JSON object");
  return message;
}

/** A text or a whole number. */
function idOf(message: JsonObject): Json {
  const id = message.get("id");
  if (typeof id === "string" || (id instanceof JsonNumber && id.isInteger)) return id;
  throw new RpcError(INVALID_REQUEST, "The request has no id that is a string or an integer");
}

function readInvoke(whole: JsonObject): Invoke {
  if (whole.get("jsonrpc") !== "2.0") throw new RpcError(INVALID_REQUEST, "jsonrpc is not 2.0");
  const method = whole.get("method");
  if (typeof method !== "string") throw new RpcError(INVALID_REQUEST, "The request has no method");
  if (method !== "invoke") throw new RpcError(METHOD_NOT_FOUND, `There is no method ${method}`);
  const params = whole.get("params");
  const context = isObject(params) ? params.get("ctx") : undefined;
  if (!isObject(params) || !isObject(context)) throw new RpcError(INVALID_PARAMS, "params has no ctx");
  const [service, operation] = [params.get("serviceId"), params.get("operationId")];
  if (typeof service !== "string" || typeof operation !== "string") {
    throw new RpcError(INVALID_PARAMS, "serviceId and operationId have to be strings");
  }
  const application = context.get("appCtx") ?? null;
  if (application !== null && !(isObject(application) && [...application.values()].every(isTextOrNull))) {
    throw new RpcError(INVALID_PARAMS, "appCtx has to be an object of strings");
  }
  const security = context.get("securityCtx") ?? undefined;
  if (security !== undefined && !isObject(security)) {
    throw new RpcError(INVALID_PARAMS, "securityCtx has to be an object");
  }
  return { whole, service, operation, security, input: params.get("input") };
}

function isTextOrNull(value: Json): boolean {
  return value === null || typeof value === "string";
}

/** Both headers or none, and what they say is what the body says. */
function checkHeaders({ headers }: HttpRequest, { service, operation }: Invoke): void {
  const named = [headers["vapi-service"], headers["vapi-operation"]];
  if (named[0] === undefined && named[1] === undefined) return;
  if (named[0] === service && named[1] === operation) return;
  throw new RpcError(MISMATCH, "Mismatching operation identifier in HTTP header and payload");
}

function invoke(call: Invoke, request: HttpRequest, door: VapiDoor): unknown {
  const { service, operation } = call;
  if (service === SESSION_SERVICE && ["create", "get", "delete"].includes(operation)) {
    return session(call, request, door);
  }
  const found = RPC_OPERATIONS.get(`${service}/${operation}`);
  if (!found || !(found.doors ?? ["vcenter"]).includes(door.name)) {
    throw operationNotFound(`The operation ${operation} of ${service} does not exist.`);
  }
  const value = dispatch({
    operation: found,
    door,
    caller: callerIfAny(call, request, door),
    input: () => inputOf(call, found),
    asTask: false,
    reads: READING.has(operation),
  });
  return encodeValue(value, found.rpc ?? "plain");
}

/** The fields of an operation: those of its one parameter, where it has one. */
function inputOf(call: Invoke, { parameter }: Operation): Input {
  const input = decodeInput(call.input);
  if (parameter === undefined) return input;
  for (const name of input.keys()) if (name !== parameter) throw unexpectedInput(name);
  const fields = input.get(parameter) ?? new Map<string, Json>();
  if (!isObject(fields)) throw invalidArgument(`The field ${parameter} is not a structure.`);
  return fields;
}

function session(call: Invoke, request: HttpRequest, door: VapiDoor): unknown {
  if (decodeInput(call.input).size > 0) {
    throw new VapiFault(
      "unexpected_input",
      "vapi.data.structure.field.unexpected",
      "The operation takes no fields.",
    );
  }
  switch (call.operation) {
    case "create": {
      // A session makes no session: only a credential does.
      const made = createSession(request, door, () => byScheme(call, door));
      return encodeValue(made.id, "secret");
    }
    case "get":
      return encodeValue(sessionInfo(sessionIdIn(call, request), door), {
        structure: "com.vmware.cis.session.info",
        fields: { user: "plain", created_time: "plain", last_accessed_time: "plain" },
      });
    default:
      deleteSession(sessionIdIn(call, request), door);
      return null;
  }
}

/** The header goes before the body. */
function sessionIdIn({ security }: Invoke, { headers }: HttpRequest): string | undefined {
  const header = headers[SESSION_HEADER];
  if (header !== undefined) return String(header);
  if (security?.get("schemeId") !== `${SECURITY}session_id`) return undefined;
  const id = security.get("sessionId");
  return typeof id === "string" ? id : undefined;
}

function callerIfAny(call: Invoke, request: HttpRequest, door: VapiDoor): VapiCaller | undefined {
  const id = sessionIdIn(call, request);
  if (id !== undefined) return callerBySession(id, door);
  try {
    return byScheme(call, door);
  } catch (error) {
    if (error instanceof LoginRefused) return undefined;
    throw error;
  }
}

/**
 * Who the credential in a security context is of; undefined where there is none.
 *
 * @throws LoginRefused
 */
function byScheme({ security, whole }: Invoke, door: VapiDoor): VapiCaller | undefined {
  const { view } = door;
  const scheme = security?.get("schemeId");
  if (!security || scheme === `${SECURITY}no_authentication`) return undefined;
  const text = (name: string): string => {
    const value = security.get(name);
    if (typeof value === "string") return value;
    throw new LoginRefused(`${name} is missing`);
  };
  if (scheme === `${SECURITY}user_pass`) return userByPassword(text("userName"), text("password"), door);
  if (door.name === "appliance") throw new LoginRefused("the appliance takes root and its password alone");
  switch (scheme) {
    case `${SECURITY}saml_bearer_token`:
      return callerByBearer(byToken(text("samlToken"), view), door);
    case `${SECURITY}saml_hok_token`: {
      const signed = readSignedContext(security);
      const found = byToken(signed.assertion, view);
      const { holder } = found.token;
      if (!holder) throw new LoginRefused("the token is not a holder-of-key token");
      const tolerance = (view.behaviours.vapiClockToleranceSeconds ?? 600) * 1000;
      checkSignedRequest(whole, signed, holder, view.now, tolerance);
      return callerByToken(found, door);
    }
    case `${SECURITY}oauth`:
      return { user: byJwt(text("accessToken"), view), endsAt: undefined };
    default:
      throw new LoginRefused("the scheme is not known, or makes no session");
  }
}
