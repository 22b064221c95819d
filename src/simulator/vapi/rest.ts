import type { HttpAnswer, HttpRequest } from "../router.ts";
import { LoginRefused } from "../sessions/login.ts";
import { byAuthorization, callerOf, SESSION_HEADER, sessionIdOf, type VapiCaller } from "./authenticate.ts";
import { dispatch, fieldType } from "./dispatch.ts";
import type { VapiDoor } from "./door.ts";
import { invalidRequest, operationNotFound, unexpectedInput, VapiFault } from "./fault.ts";
import { isObject, type Json, JsonError, parseJson } from "./json.ts";
import type { Input } from "./operation.ts";
import { matchPath, ROUTES, type Route } from "./operations.ts";
import { createSession, deleteSession, RefusedFault, sessionInfo } from "./session-service.ts";

const JSON_TYPE = { "content-type": "application/json" };
const NEW_SESSION = "/api/session";
const OLD_SESSION = "/rest/com/vmware/cis/session";
const JSON_CONTENT = /^application\/json\s*(;|$)/i;
/** Members that a body of `/rest` is wrapped in. */
const WRAPPERS: readonly string[] = ["spec", "create_spec", "update_spec", "file_spec", "piece"];

/** Answers one request below `/api/` or `/rest/`. */
export function answerRest(request: HttpRequest, door: VapiDoor): HttpAnswer {
  const isOld = request.path.startsWith("/rest/");
  try {
    // The old service takes what comes in pieces, as govmomi sends even an empty body.
    if (!isOld && request.headers["transfer-encoding"] !== undefined) {
      return { status: 411, headers: {}, body: "" };
    }
    if (request.path === NEW_SESSION || request.path === OLD_SESSION) return session(request, door, isOld);
    return resource(request, door, isOld);
  } catch (error) {
    if (error instanceof VapiFault) return refusal(error, isOld);
    throw error;
  }
}

function refusal(fault: VapiFault, isOld: boolean): HttpAnswer {
  const challenge = fault.challenge === undefined ? {} : { "www-authenticate": fault.challenge };
  return {
    status: fault.status,
    headers: { ...JSON_TYPE, ...challenge },
    body: JSON.stringify(isOld ? fault.toRest() : fault.toApi()),
    ...(fault instanceof RefusedFault && { reason: fault.reason }),
  };
}

function session(request: HttpRequest, door: VapiDoor, isOld: boolean): HttpAnswer {
  const { method, headers } = request;
  const query = new URLSearchParams(request.query);
  if (isOld && method === "POST" && query.get("~action") === "get") {
    return success(sessionInfo(sessionIdOf(request), door), isOld, 200);
  }
  const action = query.get("action") ?? query.get("~action");
  if (action !== null) throw operationNotFound(`The operation ${action} does not exist.`);
  switch (method) {
    case "POST": {
      checkEmpty(request);
      const { id } = createSession(request, door, () =>
        request.authorizations.length === 0 ? undefined : byAuthorization(request, door),
      );
      const answer = success(id, isOld, 201);
      if (headers["vmware-use-header-authn"] !== undefined) return answer;
      const cookies = ["/rest", "/api"].map((path) => `${SESSION_HEADER}=${id};Path=${path};Secure;HttpOnly`);
      return { ...answer, headers: { ...answer.headers, "set-cookie": cookies } };
    }
    case "GET":
      return success(sessionInfo(sessionIdOf(request), door), isOld, 200);
    case "DELETE": {
      deleteSession(sessionIdOf(request), door);
      const status = isOld ? 200 : (door.view.behaviours.deleteSessionStatus ?? 204);
      return { status, headers: {}, body: "" };
    }
    default:
      return methodNotAllowed(["POST", "GET", "DELETE"], isOld);
  }
}

/** `session.create` takes nothing. */
function checkEmpty(request: HttpRequest): void {
  if (request.body.length === 0) return;
  const body = readBody(request);
  if (body.size > 0) throw invalidRequest("The operation create takes no fields.");
}

function resource(request: HttpRequest, door: VapiDoor, isOld: boolean): HttpAnswer {
  const { method, path } = request;
  const query = new URLSearchParams(request.query);
  const found = ROUTES.flatMap((route) => {
    const fields = servedAt(route, door) ? matchPath(route, path) : undefined;
    return fields ? [{ route, fields }] : [];
  });
  if (found.length === 0) throw new VapiFault("not_found", "com.vmware.vapi.rest.httpNotFound", "Not found.");
  const forMethod = found.filter(({ route }) => route.method === method);
  if (forMethod.length === 0) {
    return methodNotAllowed([...new Set(found.map(({ route }) => route.method))], isOld);
  }
  const action = query.get("action") ?? query.get("~action");
  const chosen = forMethod.find(({ route }) =>
    route.action ? query.get(route.action[0]) === route.action[1] : action === null,
  );
  if (!chosen) throw operationNotFound(`There is no operation ${action ?? "without an action"} at ${path}.`);
  const { route, fields } = chosen;
  const asTask = query.get("vmw-task") === "true";
  let refused: string | undefined;
  const caller = callerIfAny(request, door, (reason) => {
    refused = reason;
  });
  try {
    const value = dispatch({
      operation: route.operation,
      door,
      caller,
      input: () => inputOf(request, query, fields, route, isOld),
      asTask,
      reads: method === "GET",
    });
    return success(value, isOld, asTask ? 202 : route.operation.status);
  } catch (error) {
    const isRefusal = error instanceof VapiFault && error.kind === "unauthenticated";
    throw isRefusal && refused !== undefined ? new RefusedFault(door, refused) : error;
  }
}

function servedAt({ operation }: Route, { name }: VapiDoor): boolean {
  return (operation.doors ?? ["vcenter"]).includes(name);
}

/** A credential that is not good is as none, where an operation is for anybody. */
function callerIfAny(
  request: HttpRequest,
  door: VapiDoor,
  refused: (reason: string) => void,
): VapiCaller | undefined {
  try {
    return callerOf(request, door);
  } catch (error) {
    if (!(error instanceof LoginRefused)) throw error;
    refused(error.message);
    return undefined;
  }
}

/** Fields of the body, then those of the query, then those of the path, which nobody may write over. */
function inputOf(
  request: HttpRequest,
  query: URLSearchParams,
  fields: ReadonlyMap<string, string>,
  route: Route,
  isOld: boolean,
): Input {
  const input = new Map<string, Json>();
  if (request.method !== "GET" && request.body.length > 0) {
    for (const [name, value] of readBody(request)) {
      if (isOld && WRAPPERS.includes(name) && isObject(value)) {
        for (const [inner, content] of value) input.set(inner, content);
      } else input.set(name, value);
    }
  }
  const { fields: known = {} } = route.operation;
  for (const [name, values] of parametersOf(query, route, isOld)) {
    const [single = "", ...others] = values;
    const isList = known !== "any" && fieldType(known, name) === "list of strings";
    input.set(name, isList || others.length > 0 ? values : single);
  }
  for (const [name, value] of fields) input.set(name, value);
  return input;
}

/**
 * Under `/rest` a list is numbered, and what is filtered by has a prefix: `filter.names.1`.
 *
 * @throws VapiFault unexpected_input for a field without its prefix.
 */
function parametersOf(query: URLSearchParams, route: Route, isOld: boolean): Map<string, string[]> {
  const { action, operation, method } = route;
  const prefix = isOld && method === "GET" && operation.parameter ? `${operation.parameter}.` : "";
  const parameters = new Map<string, string[]>();
  for (const [key, value] of query) {
    if (key === action?.[0] || key === "vmw-task") continue;
    if (!key.startsWith(prefix)) throw unexpectedInput(key);
    const name = isOld ? key.slice(prefix.length).replace(/\.\d+$/, "") : key;
    parameters.set(name, [...(parameters.get(name) ?? []), value]);
  }
  return parameters;
}

/** @throws VapiFault invalid_request for what is no JSON object in UTF-8. */
function readBody({ headers, body }: HttpRequest): ReadonlyMap<string, Json> {
  if (!JSON_CONTENT.test(headers["content-type"] ?? "")) {
    throw invalidRequest(`The content type is "${headers["content-type"] ?? ""}", not application/json.`);
  }
  let value: Json;
  try {
    value = parseJson(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    if (error instanceof JsonError || error instanceof TypeError) {
      throw invalidRequest(`The body is not JSON: ${error.message}.`);
    }
    throw error;
  }
  if (!isObject(value)) throw invalidRequest("The body is not a JSON object.");
  return value;
}

/** Under `/rest` a value is in `value`; nothing is nothing. */
function success(value: unknown, isOld: boolean, status: number | undefined): HttpAnswer {
  if (value === undefined) return { status: isOld ? 200 : (status ?? 204), headers: {}, body: "" };
  return {
    status: isOld ? 200 : (status ?? 200),
    headers: JSON_TYPE,
    body: JSON.stringify(isOld ? { value } : value),
  };
}

function methodNotAllowed(methods: readonly string[], isOld: boolean): HttpAnswer {
  const fault = operationNotFound(`This resource takes ${methods.join(", ")}.`);
  const answer = refusal(fault, isOld);
  return { ...answer, status: 405, headers: { ...answer.headers, allow: methods.join(", ") } };
}
