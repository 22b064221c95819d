import { WST_NAMESPACE } from "../../xml/names.ts";
import { is } from "../dom.ts";
import type { HttpAnswer, HttpRequest } from "../router.ts";
import type { NodeView } from "../view.ts";
import { authenticate } from "./authenticate.ts";
import { beginSecurId, beginSpnego, challenge } from "./challenge.ts";
import { readMessage, securedMessage } from "./envelope.ts";
import { StsFault, soap, writeStsFault, wst } from "./fault.ts";
import { checkIssueRequest, issue } from "./issue.ts";
import { checkMessageSignature, type MessageSigner } from "./message-signature.ts";
import { renew } from "./renew.ts";
import { readChallengeResponse, readTokenRequest, type TokenRequest } from "./request.ts";
import { issueResponse, renewResponse, validateResponse } from "./response.ts";
import { checkTimestamp, readSecurityHeader, type SecurityHeader } from "./security-header.ts";
import { isValid } from "./validate.ts";

type Operation = "Issue" | "Renew" | "Validate" | "Challenge";

const ACTIONS: ReadonlyMap<string, Operation> = new Map([
  [`${WST_NAMESPACE}/RST/Issue`, "Issue"],
  [`${WST_NAMESPACE}/RST/Renew`, "Renew"],
  [`${WST_NAMESPACE}/RST/Validate`, "Validate"],
  [`${WST_NAMESPACE}/RSTR/Issue`, "Challenge"],
]);
const PATH = /^\/sts\/STSService(?:\/([^/]*))?(?:\/|$)/;
const XML = { "content-type": "text/xml; charset=utf-8" };
const CONTENT_TYPE = /^text\/xml\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?;?\s*$/i;
/** The tenant of a path that names none, whatever the domain of the server. */
const DEFAULT_TENANT = "vsphere.local";

/** Whether a path is one of the security token service. */
export function isStsPath(path: string): boolean {
  return PATH.test(path);
}

/** Operation that a request is for, by its SOAPAction. */
export function stsOperation(soapAction: string | undefined): Operation | undefined {
  return ACTIONS.get((soapAction ?? "").trim().replace(/^"(.*)"$/, "$1"));
}

/** Answers one request to the security token service. */
export function answerSts(request: HttpRequest, view: NodeView): HttpAnswer {
  const tenant = PATH.exec(request.path)?.[1] || DEFAULT_TENANT;
  if (decodeTenant(tenant).toLowerCase() !== view.sso.domain.toLowerCase()) {
    return { status: 404, headers: {}, body: "" };
  }
  if (request.method !== "POST") return { status: 405, headers: { allow: "POST" }, body: "" };
  if (!CONTENT_TYPE.test(request.headers["content-type"] ?? "")) {
    return { status: 415, headers: {}, body: "" };
  }
  const { soapaction } = request.headers;
  const action = Array.isArray(soapaction) ? soapaction.join(", ") : soapaction;
  const operation = stsOperation(action);
  const named = operation ? { operation } : {};
  try {
    return { status: 200, headers: XML, body: perform(request, operation, action, view), ...named };
  } catch (error) {
    if (!(error instanceof StsFault)) throw error;
    return { status: 500, headers: XML, body: writeStsFault(error), ...named };
  }
}

function perform(
  { body }: HttpRequest,
  operation: Operation | undefined,
  action: string | undefined,
  view: NodeView,
): string {
  const message = readMessage(readUtf8(body));
  const element = operation === "Challenge" ? "RequestSecurityTokenResponse" : "RequestSecurityToken";
  if (!operation || !is(message.request, WST_NAMESPACE, element)) {
    throw soap(
      "Client",
      `Cannot find dispatch method for Request=[SOAPAction=${action ?? ""},` +
        `Payload={${message.request.namespaceURI ?? ""}}${message.request.localName}]`,
    );
  }
  // What its schema says about the body comes before all that the service itself looks at.
  const request = operation === "Challenge" ? undefined : readTokenRequest(message.request);
  const response = request ? undefined : readChallengeResponse(message.request);
  const secured = securedMessage(message);
  if (secured.action !== undefined && ACTIONS.get(secured.action) !== operation) {
    throw wst("InvalidRequest", "The addressing action is different than operation executed.");
  }
  if (request && request.requestType !== `${WST_NAMESPACE}/${operation}`) {
    throw wst("InvalidRequest", "RequestType is different than operation executed.");
  }
  const header = readSecurityHeader(secured.security);
  checkTimestamp(header, view.now, view.sso.limits.clockToleranceMs);
  const signer = checkMessageSignature(secured, header);
  if (response) return challenge(response, header, view);
  return request ? answerRequest(operation, request, header, signer, view) : "";
}

function answerRequest(
  operation: Operation,
  request: TokenRequest,
  header: SecurityHeader,
  signer: MessageSigner | undefined,
  view: NodeView,
): string {
  const { context } = request;
  switch (operation) {
    case "Renew":
      return renewResponse(renew(request, header, signer, view), { context });
    case "Validate":
      return validateResponse(isValid(request, view), { context });
    default: {
      checkIssueRequest(request, signer);
      const { usernameToken } = header;
      if (request.binaryExchange !== undefined) {
        return beginSpnego(request, request.binaryExchange, signer, view);
      }
      if (usernameToken?.passcode !== undefined) {
        return beginSecurId(request, usernameToken.username, usernameToken.passcode, signer, view);
      }
      return issueResponse(issue(request, authenticate(header, signer, view), signer, view), { context });
    }
  }
}

function readUtf8(body: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(body);
  } catch {
    throw soap("Client", "Couldn't create SOAP message: the request is not UTF-8");
  }
}

function decodeTenant(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
