import type { HttpAnswer, HttpRequest } from "../router.ts";
import type { SimulatedSession } from "../sessions/table.ts";
import { readEnvelope, readSoapText, type SoapRequest, writeFault, writeResponse } from "../soap.ts";
import type { NodeView } from "../view.ts";
import { invalidRequest, nameOf, readReceiver, VmomiFault } from "../vmomi.ts";
import { sessionCookie } from "./cookie.ts";
import { managedObjectNotFound, methodNotFound, notAuthenticated, VimFault } from "./fault.ts";
import { REFERENCE_ATTRIBUTES, readXmlArguments } from "./read-xml.ts";
import { type Sibling, siblingAt } from "./sibling-services.ts";
import { soapFault } from "./soap.ts";
import { fieldXml } from "./write-xml.ts";

const XML = { "content-type": "text/xml; charset=utf-8" };
const SESSION_HEADER = "vcSessionCookie";

/** Answers one call to a service that lives by the sessions of VIM; undefined where there is none at the path. */
export function answerSibling(request: HttpRequest, view: NodeView): HttpAnswer | undefined {
  const service = siblingAt(request.path);
  if (!service) return undefined;
  if (request.method !== "POST") return { status: 405, headers: { allow: "POST" }, body: "" };
  let operation: string | undefined;
  const named = (): { operation?: string } => (operation === undefined ? {} : { operation });
  try {
    const envelope = readEnvelope(readSoapText(request));
    operation = envelope.call.local;
    return { status: 200, headers: XML, body: perform(service, envelope, request, view), ...named() };
  } catch (error) {
    const fault = error instanceof VimFault ? soapFault(error) : error;
    if (!(fault instanceof VmomiFault)) throw error;
    return { status: 500, headers: XML, body: writeFault(fault, service.namespace), ...named() };
  }
}

function perform(service: Sibling, envelope: SoapRequest, request: HttpRequest, view: NodeView): string {
  const { call } = envelope;
  if (call.namespace !== service.namespace) {
    throw invalidRequest(`The namespace of ${nameOf(call)} is not ${service.namespace}`);
  }
  const receiver = readReceiver(call, REFERENCE_ATTRIBUTES);
  const operation = Object.hasOwn(service.operations, call.local)
    ? service.operations[call.local]
    : undefined;
  if (!operation?.anonymous && !sessionOf(service, envelope, request, view)) {
    throw notAuthenticated(receiver, "System.View");
  }
  if (!operation) throw methodNotFound(receiver, call.local);
  const { type, value } = operation.receiver;
  if (receiver.type !== type || receiver.value !== value) throw managedObjectNotFound(receiver);
  readXmlArguments(call, operation.parameters ?? []);
  return writeResponse(call.local, service.namespace, fieldXml("returnval", operation.run(view)));
}

/**
 * The session by the service's own carrier, and by no other. The SOAP header goes by its local name: clients of the
 * field put it into different namespaces.
 */
function sessionOf(
  { carrier }: Sibling,
  { header }: SoapRequest,
  { headers }: HttpRequest,
  { sessions, behaviours, now }: NodeView,
): SimulatedSession | undefined {
  if (carrier === "cookie") return sessions.use(sessionCookie(headers.cookie, behaviours), "vim", now);
  const entries = header?.children.filter(({ local }) => local === SESSION_HEADER) ?? [];
  return entries.length === 1 ? sessions.use(entries[0]?.text, "vim", now) : undefined;
}
