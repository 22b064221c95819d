import type { Release } from "../release.ts";
import type { MoRef } from "../vmomi.ts";
import { list, object, refer, text, texts, type VimField } from "./value.ts";

/** Thrown to answer with a fault of this VIM type, at whichever door. */
export class VimFault extends Error {
  readonly type: string;
  readonly fields: readonly VimField[];
  readonly faultCode: string;

  constructor(
    type: string,
    message: string,
    fields: readonly VimField[] = [],
    faultCode: string = "ServerFaultCode",
  ) {
    super(message);
    this.type = type;
    this.fields = fields;
    this.faultCode = faultCode;
  }
}

/** Thrown where a request is not one of the interface at all: JSON that is none, or arguments of other types. */
export class MalformedRequest extends VimFault {}

export function malformed(message: string): MalformedRequest {
  return new MalformedRequest("InvalidRequest", message);
}

export function notAuthenticated(target: MoRef, privilege: string): VimFault {
  return new VimFault("NotAuthenticated", "The session is not authenticated.", [
    ["object", refer(target)],
    ["privilegeId", text(privilege)],
  ]);
}

export function noPermission(target: MoRef, privilege: string, release: Release): VimFault {
  const missing = object("NoPermissionEntityPrivileges", [
    ["entity", refer(target)],
    ["privilegeIds", texts([privilege])],
  ]);
  return new VimFault("NoPermission", "Permission to perform this operation was denied.", [
    ["object", refer(target)],
    ["privilegeId", text(privilege)],
    // A field of the versions after 7.0.3.0.
    [
      "missingPrivileges",
      release.version.startsWith("7.") ? undefined : list("NoPermissionEntityPrivileges", [missing]),
    ],
  ]);
}

/** Clients are told the same whatever the reason. */
export class InvalidLogin extends VimFault {
  /** For the log. */
  readonly reason: string;

  constructor(reason: string) {
    super("InvalidLogin", "Cannot complete login due to an incorrect user name or password.");
    this.reason = reason;
  }
}

export function managedObjectNotFound(target: MoRef): VimFault {
  return new VimFault(
    "ManagedObjectNotFound",
    `The object '${target.type}:${target.value}' has already been deleted or has not been completely created`,
    [["obj", refer(target)]],
  );
}

export function methodNotFound(receiver: MoRef, method: string): VimFault {
  return new VimFault("MethodNotFound", `The method ${method} is not one of ${receiver.type}`, [
    ["receiver", refer(receiver)],
    ["method", text(method)],
  ]);
}

export function invalidProperty(name: string): VimFault {
  return new VimFault("InvalidProperty", `There is no property ${name}`, [["name", text(name)]]);
}

export function invalidArgument(property: string): VimFault {
  return new VimFault("InvalidArgument", `A specified parameter was not correct: ${property}`, [
    ["invalidProperty", text(property)],
  ]);
}
