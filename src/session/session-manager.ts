import { ProtocolError, VimFaultError } from "../errors.ts";
import { repeatsSecret } from "../net/secret-words.ts";
import { VIM_NAMESPACE } from "../xml/names.ts";
import { child, children, type XmlElement } from "../xml/reader.ts";
import type { SessionInfo } from "./door.ts";
import type { SoapFields } from "./soap-fields.ts";
import type { ManagedObjectReference } from "./vim-calls.ts";
import { faultTypeOf, vimFaultCode } from "./vim-fault-code.ts";

/** A session as the SessionManager lists it (`UserSession`). */
export interface UserSession {
  /** By which the SessionManager knows the session; at a vCenter not the ID by which a client has it. */
  readonly key: string;
  readonly userName: string;
  readonly fullName: string;
  readonly loginTime: Date | null;
  readonly lastActiveTime: Date | null;
  readonly locale: string;
  readonly messageLocale: string;
  /** Whether an extension made it with its certificate; null where the server does not say, as the next ones. */
  readonly extensionSession: boolean | null;
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly callCount: number | null;
}

/** @throws ProtocolError `RESPONSE_UNEXPECTED` when it has no key or no user. */
export function readUserSession(element: XmlElement | undefined, url: string): UserSession {
  const text = (name: string): string | null =>
    (element && child(element, VIM_NAMESPACE, name))?.text.trim() ?? null;
  const key = text("key");
  const userName = text("userName");
  if (!key || !userName) {
    throw new ProtocolError("RESPONSE_UNEXPECTED", `${url} answered with a session without key or user`, {
      url,
      hint: "check that the URL is a vCenter's or an ESXi host's",
    });
  }
  return {
    key,
    userName,
    fullName: text("fullName") ?? "",
    loginTime: dateOf(text("loginTime")),
    lastActiveTime: dateOf(text("lastActiveTime")),
    locale: text("locale") ?? "",
    messageLocale: text("messageLocale") ?? "",
    extensionSession: booleanOf(text("extensionSession")),
    ipAddress: text("ipAddress"),
    userAgent: text("userAgent"),
    callCount: countOf(text("callCount")),
  };
}

/** The elements of `sessionList`. */
export function readSessionList(list: XmlElement | undefined, url: string): UserSession[] {
  const rows = list ? children(list, VIM_NAMESPACE, "UserSession") : [];
  return rows.map((row) => readUserSession(row, url));
}

export function sessionInfo(session: UserSession): SessionInfo {
  return {
    user: session.userName,
    createdAt: session.loginTime,
    lastAccessedAt: session.lastActiveTime,
    key: session.key,
  };
}

/** Parameters of RetrieveProperties for one property of one object. */
export function propertyOf(object: ManagedObjectReference, property: string): SoapFields {
  return {
    specSet: { propSet: { type: object.type, pathSet: property }, objectSet: { obj: object } },
  };
}

/**
 * Reads the value of a property out of the answer to RetrieveProperties; undefined where it is not set.
 *
 * @throws VimFaultError when the server left the property out because the caller may not read it, or has no session.
 */
export function readProperty(
  objects: readonly XmlElement[],
  property: string,
  { url, secrets }: { readonly url: string; readonly secrets: readonly string[] },
): XmlElement | undefined {
  for (const object of objects) {
    const set = children(object, VIM_NAMESPACE, "propSet").find((each) => nameIs(each, "name", property));
    if (set) return child(set, VIM_NAMESPACE, "val");
    const missing = children(object, VIM_NAMESPACE, "missingSet").find((each) =>
      nameIs(each, "path", property),
    );
    if (missing) throw missingProperty(missing, property, url, secrets);
  }
  return undefined;
}

function nameIs(element: XmlElement, name: string, value: string): boolean {
  return child(element, VIM_NAMESPACE, name)?.text.trim() === value;
}

/** `LocalizedMethodFault`: the type of the fault is that of its inner element. */
function missingProperty(
  missing: XmlElement,
  property: string,
  url: string,
  secrets: readonly string[],
): VimFaultError {
  const outer = child(missing, VIM_NAMESPACE, "fault");
  const inner = outer && child(outer, VIM_NAMESPACE, "fault");
  const fault = faultTypeOf(inner?.xsiType?.local ?? "", secrets);
  const privilege = (inner && child(inner, VIM_NAMESPACE, "privilegeId"))?.text.trim();
  const named =
    privilege !== undefined && /^\w+(\.\w+)*$/.test(privilege) && !repeatsSecret(privilege, secrets);
  const code = vimFaultCode(fault);
  return new VimFaultError(code, `${url} does not tell ${property}: ${fault || "a fault"}`, {
    door: "vim-soap",
    url,
    fault,
    faultString: "",
    fields: named ? { privilegeId: privilege } : {},
    hint:
      code === "NOT_AUTHENTICATED"
        ? "the session has ended, or is not one of this server: log in again"
        : named
          ? `the user needs a role with the privilege ${privilege}`
          : "the user has no role that allows to read it",
  });
}

function dateOf(text: string | null): Date | null {
  const date = new Date(text ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? null : date;
}

function booleanOf(text: string | null): boolean | null {
  if (text === "true" || text === "1") return true;
  return text === "false" || text === "0" ? false : null;
}

function countOf(text: string | null): number | null {
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
