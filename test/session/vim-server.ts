/** A strict `/sdk`: sessions by cookie, faults as vCenter words them. It ends with the test. */
import { randomBytes, randomUUID } from "node:crypto";
import { onTestFinished } from "vitest";
import { VimSoap, type VimSoapOptions } from "../../src/session/vim-soap.ts";
import { attribute, parseXml, type XmlElement } from "../../src/xml/reader.ts";
import { envelope, type SoapReply, type SoapRequest, soapServer } from "../helpers/soap-server.ts";

export const VIM = "urn:vim25";
const XSI = "http://www.w3.org/2001/XMLSchema-instance";
export const PASSWORD = "Pa55 & <word>";

export interface VimCall {
  readonly operation: string;
  readonly target: string;
  readonly element: XmlElement;
  readonly header: XmlElement | undefined;
  /** Version of SOAPAction. */
  readonly version: string;
  /** ID in the cookie. */
  readonly cookie: string | undefined;
  readonly request: SoapRequest;
}

export interface VimServerOptions {
  /** Versions in `vimServiceVersions.xml`, newest first; undefined serves 404. */
  readonly versions?: readonly string[] | undefined;
  readonly apiType?: "VirtualCenter" | "HostAgent";
  readonly apiVersion?: string;
  /** Ties a login to a cookie that an anonymous call was given. */
  readonly earlyCookie?: boolean;
  /** Writes the cookie's value without quotes. */
  readonly bareCookie?: boolean;
  /** In the place of an answer. */
  readonly intercept?: (call: VimCall) => SoapReply | undefined;
}

export interface VimServer {
  readonly url: string;
  readonly authority: string;
  readonly calls: readonly VimCall[];
  readonly requests: readonly SoapRequest[];
  /** IDs of sessions that are logged in, with their keys and users. */
  readonly sessions: Map<string, { readonly key: string; readonly user: string }>;
  /** Operations that were called, in order. */
  operations(): string[];
  /** A door that closes with the test. */
  door(options?: VimSoapOptions): VimSoap;
}

export async function startVim(options: VimServerOptions = {}): Promise<VimServer> {
  const { versions = ["8.0.3.0", "8.0.2.0", "7.0.0.0", "6.5"], intercept, earlyCookie, bareCookie } = options;
  const { apiType = "VirtualCenter", apiVersion = "8.0.3.0" } = options;
  const esxi = apiType === "HostAgent";
  const manager = esxi ? "ha-sessionmgr" : "SessionManager";
  const collector = esxi ? "ha-property-collector" : "propertyCollector";
  const sessions: VimServer["sessions"] = new Map();
  const tickets = new Map<string, string>();
  const calls: VimCall[] = [];

  const setCookie = (id: string) => ({
    "set-cookie": bareCookie
      ? `vmware_soap_session=${id}; HttpOnly`
      : `vmware_soap_session="${id}"; Path=/; HttpOnly; Secure`,
  });
  const open = (call: VimCall, user: string): SoapReply => {
    if (earlyCookie && call.cookie === undefined) return vimFault("InvalidLogin", "no cookie");
    const id = earlyCookie ? (call.cookie as string) : randomBytes(20).toString("hex");
    const key = randomUUID();
    sessions.set(id, { key, user });
    return {
      ...answer(call, session("returnval", key, user)),
      ...(!earlyCookie && { headers: setCookie(id) }),
    };
  };

  const perform = (call: VimCall): SoapReply => {
    const own = call.cookie === undefined ? undefined : sessions.get(call.cookie);
    const text = (name: string) => fieldOf(call.element, name)?.text;
    switch (call.operation) {
      case "RetrieveServiceContent":
        return {
          ...answer(call, content(apiType, apiVersion, manager, collector)),
          ...(earlyCookie && { headers: setCookie(`early-${randomUUID()}`) }),
        };
      case "Login":
        if (call.target !== manager) return vimFault("ManagedObjectNotFound", "no such object");
        if (own || text("password") !== PASSWORD) return invalidLogin();
        return open(call, text("userName") ?? "");
      case "LoginByToken": {
        if (call.request.headers.authorization) {
          return call.request.headers.authorization === "Bearer the.good.jwt"
            ? open(call, "jwt@corp")
            : invalidLogin();
        }
        const assertion = call.header?.children
          .find((each) => each.local === "Security")
          ?.children.find((each) => each.local === "Assertion");
        return assertion && !own ? open(call, "token@vsphere.local") : invalidLogin();
      }
      case "CloneSession": {
        const ticket = text("cloneTicket") ?? "";
        const user = tickets.get(ticket);
        tickets.delete(ticket);
        return own || user === undefined ? invalidLogin() : open(call, user);
      }
    }
    if (!own) return notAuthenticated(call);
    switch (call.operation) {
      case "RetrieveProperties": {
        const path = call.element.children[1]?.children[0]?.children[1]?.text;
        const rows = [...sessions.values()].map(({ key, user }) => session("UserSession", key, user));
        const value =
          path === "currentSession"
            ? session(`val xmlns:xsi="${XSI}" xsi:type="UserSession"`, own.key, own.user)
            : `<val xmlns:xsi="${XSI}" xsi:type="ArrayOfUserSession">${rows.join("")}</val>`;
        return answer(
          call,
          `<returnval><obj type="SessionManager">${manager}</obj><propSet><name>${path}</name>${value}</propSet></returnval>`,
        );
      }
      case "SessionIsActive": {
        const row = [...sessions.values()].find(({ key }) => key === text("sessionID"));
        return answer(call, `<returnval>${row?.user === text("userName")}</returnval>`);
      }
      case "AcquireCloneTicket": {
        const ticket = `cst-VCT-${randomUUID()}`;
        tickets.set(ticket, own.user);
        return answer(call, `<returnval>${ticket}</returnval>`);
      }
      case "ImpersonateUser":
        sessions.set(call.cookie as string, { ...own, user: text("userName") ?? "" });
        return answer(call, session("returnval", own.key, text("userName") ?? ""));
      case "TerminateSession": {
        for (const { text: key } of call.element.children.slice(1)) {
          if (key === own.key) return vimFault("InvalidArgument", "A specified parameter was not correct");
          const id = [...sessions].find(([, row]) => row.key === key)?.[0];
          if (id === undefined) return vimFault("NotFound", "The object or item could not be found.");
          sessions.delete(id);
        }
        return answer(call, "");
      }
      case "Logout":
        sessions.delete(call.cookie as string);
        return answer(call, "");
      case "CurrentTime":
        return answer(call, "<returnval>2026-01-02T03:04:05.678Z</returnval>");
      default:
        return vimFault("MethodNotFound", `no method ${call.operation}`);
    }
  };

  const server = await soapServer((request) => {
    if (request.path === "/sdk/vimServiceVersions.xml") {
      if (versions.length === 0) return { status: 404, body: "not found" };
      const [current, ...prior] = versions;
      return {
        body: `<?xml version="1.0" encoding="UTF-8" ?><namespaces version="1.0"><namespace><name>urn:vim25</name><version>${current}</version><priorVersions>${prior.map((v) => `<version>${v}</version>`).join("")}</priorVersions></namespace></namespaces>`,
      };
    }
    if (request.path !== "/sdk") return { status: 404, body: "not found" };
    const call = readCall(request);
    calls.push(call);
    const known = versions.length === 0 || versions.includes(call.version);
    if (!known) return versionMismatch(call.version);
    return intercept?.(call) ?? perform(call);
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return {
    url: `${server.url}/sdk`,
    authority: server.authority,
    calls,
    requests: server.requests,
    sessions,
    operations: () => calls.map(({ operation }) => operation),
    door: (doorOptions = {}) => {
      const door = new VimSoap(server.authority, {
        baseUrl: server.url,
        retry: { baseDelayMs: 1 },
        ...doorOptions,
      });
      onTestFinished(() => door.close());
      return door;
    },
  };
}

/** Reads a message as strictly as a server may: form, headers, the receiver first. */
function readCall(request: SoapRequest): VimCall {
  const { headers, body } = request;
  if (headers["content-type"] !== "text/xml; charset=utf-8") throw new Error("content type");
  const action = /^"urn:vim25\/([\w.]+)"$/.exec(String(headers.soapaction));
  if (action === null) throw new Error(`SOAPAction ${headers.soapaction}`);
  const root = parseXml(body);
  const part = (local: string) => root.children.find((each) => each.local === local);
  const element = part("Body")?.children[0];
  const receiver = element?.children[0];
  if (element?.namespace !== VIM || receiver?.local !== "_this" || !attribute(receiver, "", "type")) {
    throw new Error("no receiver");
  }
  const cookie = /^vmware_soap_session="([^"]*)"$/.exec(headers.cookie ?? "");
  if (headers.cookie !== undefined && cookie === null) throw new Error("cookie");
  return {
    operation: element.local,
    target: receiver.text,
    element,
    header: part("Header"),
    version: action[1] ?? "",
    cookie: cookie?.[1],
    request,
  };
}

export function fieldOf(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((each) => each.local === name && each.namespace === VIM);
}

export function answer(call: Pick<VimCall, "operation">, returnvals: string): SoapReply {
  return {
    body: envelope(`<${call.operation}Response xmlns="${VIM}">${returnvals}</${call.operation}Response>`),
  };
}

export function vimFault(type: string, text: string, fields = "", code = "ServerFaultCode"): SoapReply {
  return {
    status: 500,
    body: envelope(
      `<S:Fault><faultcode>${code}</faultcode><faultstring>${text}</faultstring><detail><${type}Fault xmlns="${VIM}" xmlns:xsi="${XSI}" xsi:type="${type}">${fields}</${type}Fault></detail></S:Fault>`,
    ),
  };
}

export function invalidLogin(): SoapReply {
  return vimFault("InvalidLogin", "Cannot complete login due to an incorrect user name or password.");
}

export function notAuthenticated(call: Pick<VimCall, "target">): SoapReply {
  return vimFault(
    "NotAuthenticated",
    "The session is not authenticated.",
    `<object type="Folder">${call.target}</object><privilegeId>System.View</privilegeId>`,
  );
}

export function versionMismatch(version: string): SoapReply {
  return {
    status: 500,
    body: envelope(
      `<S:Fault><faultcode>S:VersionMismatchFaultCode</faultcode><faultstring>Unsupported version URI "urn:vim25/${version}"</faultstring><detail><FaultDetail xmlns="${VIM}"></FaultDetail></detail></S:Fault>`,
    ),
  };
}

export function session(element: string, key: string, user: string): string {
  return `<${element}><key>${key}</key><userName>${user}</userName><fullName>Full ${user}</fullName><loginTime>2026-01-02T03:04:05.678901Z</loginTime><lastActiveTime>2026-01-02T04:04:05Z</lastActiveTime><locale>en</locale><messageLocale>en</messageLocale><extensionSession>false</extensionSession><ipAddress>192.0.2.7</ipAddress><userAgent>test/1</userAgent><callCount>7</callCount></${element.split(" ")[0]}>`;
}

function content(apiType: string, apiVersion: string, manager: string, collector: string): string {
  return (
    `<returnval><rootFolder type="Folder">group-d1</rootFolder><propertyCollector type="PropertyCollector">${collector}</propertyCollector>` +
    `<about><name>n</name><fullName>VMware ${apiType} ${apiVersion}</fullName><version>${apiVersion.slice(0, 5)}</version><build>1</build><apiType>${apiType}</apiType><apiVersion>${apiVersion}</apiVersion></about>` +
    `<setting type="OptionManager">VpxSettings</setting><sessionManager type="SessionManager">${manager}</sessionManager></returnval>`
  );
}
