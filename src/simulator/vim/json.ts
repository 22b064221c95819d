import { vimVersions } from "../release.ts";
import type { HttpAnswer, HttpRequest } from "../router.ts";
import { SessionCapReached } from "../sessions/table.ts";
import { SESSION_HEADER } from "../vapi/authenticate.ts";
import type { NodeView } from "../view.ts";
import { type Call, checkPrivilege } from "./call.ts";
import { sessionCookie } from "./cookie.ts";
import { InvalidLogin, MalformedRequest, malformed, methodNotFound, VimFault } from "./fault.ts";
import { invoke } from "./invoke.ts";
import { fetchProperty } from "./property-operations.ts";
import { readJsonArguments } from "./read-json.ts";
import { tooManySessions } from "./soap.ts";
import type { VimValue } from "./value.ts";
import { jsonFields, jsonOf } from "./write-json.ts";

const PREFIX = "/sdk/vim25/";
const JSON_TYPE = { "content-type": "application/json" };
/** First release with this interface. */
const FIRST = "8.0.1.0";
const CONTENT_TYPE = /^application\/json\s*(;.*)?$/i;

/** Answers one call to `/sdk/vim25/{release}/{type}/{id}/{member}`; undefined for other paths. */
export function answerVimJson(request: HttpRequest, view: NodeView): HttpAnswer | undefined {
  const target = targetOf(request.path);
  if (!target) return undefined;
  const versions = vimVersions(view.group.release);
  if (!versions.includes(FIRST)) return { status: 404, headers: {}, body: "" };
  const { release, type, id, member } = target;
  if (!versions.slice(0, versions.indexOf(FIRST) + 1).includes(release)) {
    return { status: view.behaviours.jsonUnknownReleaseStatus ?? 404, headers: {}, body: "" };
  }
  if (type === undefined || id === undefined || member === undefined) {
    return { status: 404, headers: {}, body: "" };
  }
  const call = callOf({ type, value: id }, request, view);
  const answer = perform(member, call);
  return { ...answer, operation: member };
}

interface Target {
  readonly release: string;
  readonly type: string | undefined;
  readonly id: string | undefined;
  readonly member: string | undefined;
}

function targetOf(path: string): Target | undefined {
  if (!path.startsWith(PREFIX)) return undefined;
  const parts = path.slice(PREFIX.length).split("/");
  let decoded: readonly string[];
  try {
    decoded = parts.map(decodeURIComponent);
  } catch {
    decoded = [];
  }
  const [release = "", type, id, member, further] = decoded;
  const whole = type && id && member && further === undefined;
  return whole
    ? { release, type, id, member }
    : { release, type: undefined, id: undefined, member: undefined };
}

function callOf(receiver: Call["receiver"], request: HttpRequest, view: NodeView): Call {
  const { headers } = request;
  const given = headers[SESSION_HEADER];
  const id = given === undefined ? sessionCookie(headers.cookie, view.behaviours) : String(given);
  const session = view.sessions.use(id, "vim", view.now, request.again);
  return { view, request, message: undefined, receiver, session };
}

function perform(member: string, call: Call): HttpAnswer {
  try {
    // Methods are named in upper case, properties in lower case.
    const isMethod = /^[A-Z]/.test(member);
    const method = isMethod ? "POST" : "GET";
    if (call.request.method !== method) return { status: 405, headers: { allow: method }, body: "" };
    const value = isMethod ? callMethod(member, call) : fetchProperty(member, call);
    return answer(value, call);
  } catch (error) {
    if (error instanceof SessionCapReached) return tooManySessions(error);
    if (error instanceof VimFault) return faultAnswer(error, call);
    throw error;
  }
}

function callMethod(name: string, call: Call): VimValue | undefined {
  const { headers, body } = call.request;
  // Properties are read by GET here; the method for it is one of SOAP alone.
  if (name === "Fetch") {
    checkPrivilege("System.View", call.receiver, call);
    throw methodNotFound(call.receiver, name);
  }
  return invoke(name, call, (parameters) => {
    const type = headers["content-type"];
    if (body.length > 0 && type !== undefined && !CONTENT_TYPE.test(type)) {
      throw malformed(`The content type is "${type}", not application/json`);
    }
    return readJsonArguments(name, body, parameters);
  });
}

function answer(value: VimValue | undefined, { opened, holdMs }: Call): HttpAnswer {
  const session = opened ? { [SESSION_HEADER]: opened.id } : {};
  if (value === undefined) return { status: 204, headers: session, body: "", holdMs };
  return { status: 200, headers: { ...JSON_TYPE, ...session }, body: JSON.stringify(jsonOf(value)) };
}

function faultAnswer(fault: VimFault, { view }: Call): HttpAnswer {
  const body = { _typeName: fault.type, faultstring: fault.message, ...jsonFields(fault.fields) };
  let status = 500;
  if (fault instanceof MalformedRequest) status = 400;
  else if (fault.type === "NotAuthenticated") status = view.behaviours.jsonUnauthenticatedStatus ?? 500;
  return {
    status,
    headers: JSON_TYPE,
    body: JSON.stringify(body),
    ...(fault instanceof InvalidLogin && { reason: fault.reason }),
  };
}
