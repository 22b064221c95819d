import { randomBytes } from "node:crypto";
import { VIM_NAMESPACE } from "../../xml/names.ts";
import { vimVersions } from "../release.ts";
import type { HttpAnswer, HttpRequest } from "../router.ts";
import { SessionCapReached } from "../sessions/table.ts";
import { readEnvelope, readSoapText, type SoapRequest, writeFault, writeResponse } from "../soap.ts";
import type { NodeView } from "../view.ts";
import { invalidRequest, nameOf, readReceiver, VmomiFault } from "../vmomi.ts";
import type { Call } from "./call.ts";
import { sessionCookie, setCookie } from "./cookie.ts";
import { InvalidLogin, VimFault } from "./fault.ts";
import { invoke } from "./invoke.ts";
import { REFERENCE_ATTRIBUTES, readXmlArguments } from "./read-xml.ts";
import { fieldsXml, fieldXml } from "./write-xml.ts";

const XML = { "content-type": "text/xml; charset=utf-8" };
/** govmomi's tunnel for extensions writes the scheme twice, and no version. */
const ACTION = /^"?(?:(?:urn:)?urn:(?:internal)?vim25(?:\/([^"]*))?)?"?$/;

const PATHS: ReadonlySet<string> = new Set(["/sdk", "/sdk/", "/sdk/vimService"]);

export function isVimSoapPath(path: string): boolean {
  return PATHS.has(path);
}

/** Answers one call to `/sdk`. */
export function answerVimSoap(request: HttpRequest, view: NodeView): HttpAnswer {
  if (request.method !== "POST") return { status: 405, headers: { allow: "POST" }, body: "" };
  let operation: string | undefined;
  const named = (): { operation?: string } => (operation === undefined ? {} : { operation });
  const { cookie } = request.headers;
  const anonymousCookie =
    view.behaviours.cookieBeforeLogin && cookie === undefined
      ? { "set-cookie": setCookie(randomBytes(20).toString("hex"), view.behaviours) }
      : {};
  try {
    const envelope = readEnvelope(readSoapText(request));
    operation = envelope.call.local;
    const call = callOf(envelope, request, view);
    checkVersion(operation, request, view);
    const value = invoke(operation, call, (parameters) => readXmlArguments(envelope.call, parameters));
    return {
      status: 200,
      headers: {
        ...XML,
        ...anonymousCookie,
        ...(call.opened && { "set-cookie": setCookie(call.opened.id, view.behaviours) }),
      },
      body: writeResponse(operation, VIM_NAMESPACE, fieldXml("returnval", value)),
      holdMs: call.holdMs,
      ...named(),
    };
  } catch (error) {
    if (error instanceof SessionCapReached) return { ...tooManySessions(error), ...named() };
    const fault = error instanceof VimFault ? soapFault(error) : error;
    if (!(fault instanceof VmomiFault)) throw error;
    return {
      status: 500,
      headers: { ...XML, ...anonymousCookie },
      body: writeFault(fault, VIM_NAMESPACE),
      ...named(),
      ...(error instanceof InvalidLogin && { reason: error.reason }),
    };
  }
}

/** @throws VmomiFault for what is no call of this interface. */
function callOf({ call, text }: SoapRequest, request: HttpRequest, view: NodeView): Call {
  // A signed login of govmomi is in no namespace, and real servers take it.
  if (call.namespace !== VIM_NAMESPACE && call.namespace !== "") {
    throw invalidRequest(`The namespace of ${nameOf(call)} is not ${VIM_NAMESPACE}`);
  }
  const id = sessionCookie(request.headers.cookie, view.behaviours);
  return {
    view,
    request,
    message: text,
    receiver: readReceiver(call, REFERENCE_ATTRIBUTES),
    session: view.sessions.use(id, "vim", view.now, request.again),
  };
}

/**
 * Versions that the server does not know are taken for its own, except that a login by token wants one of those it
 * lists.
 */
function checkVersion(operation: string, { headers }: HttpRequest, { group }: NodeView): void {
  const { soapaction } = headers;
  const action = (Array.isArray(soapaction) ? soapaction.join(", ") : (soapaction ?? "")).trim();
  const match = ACTION.exec(action);
  const version = match?.[1];
  const known = !version || vimVersions(group.release).includes(version);
  if (match && (known || operation !== "LoginByToken")) return;
  throw new VmomiFault("InvalidRequest", `Unsupported version URI ${action}`, {
    faultCode: "VersionMismatchFaultCode",
  });
}

/** A fault as a SOAP message carries it, its fields in the namespace of the service. */
export function soapFault({ type, message, fields, faultCode }: VimFault): VmomiFault {
  return new VmomiFault(type, message, { fields: fieldsXml(fields), faultCode });
}

/** The HTTP server in front of VIM turns callers away before VIM gets to see them. */
export function tooManySessions({ message }: SessionCapReached): HttpAnswer {
  return {
    status: 503,
    headers: { "content-type": "text/plain; charset=utf-8" },
    body: `Service Unavailable: too many sessions (${message})\n`,
  };
}
