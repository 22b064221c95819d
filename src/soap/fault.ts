import { type ErrorCode, type QName, SoapFaultError } from "../errors.ts";
import type { XmlElement } from "../xml/reader.ts";
import type { SoapFault } from "./fault-reader.ts";

interface FaultMeaning {
  readonly code: ErrorCode;
  readonly hint: string;
}

/** Faults of VMOMI services, by the local name of their type. Lookup Service WSDL. */
const MEANINGS: Readonly<Record<string, FaultMeaning>> = {
  __proto__: null as never,
  LookupFaultEntryNotFoundFault: {
    code: "ENTRY_NOT_FOUND",
    hint: "list the registrations to find the service ID: vsso lookup list",
  },
  LookupFaultEntryExistsFault: {
    code: "ENTRY_EXISTS",
    hint: "a registration of that service ID exists; set it instead of creating it",
  },
  LookupFaultUnsupportedSiteFault: {
    code: "UNSUPPORTED_SITE",
    hint: "ask the Lookup Service of that site, or leave the site out of the filter",
  },
  InvalidArgument: { code: "INVALID_PROPERTY", hint: "correct the property that the server names" },
  SecurityError: {
    code: "SECURITY_ERROR",
    hint: "this operation needs a signed token of a member of the SSO administrators",
  },
  SystemError: { code: "SYSTEM_ERROR", hint: "see the reason the server gives, and its lookupservice log" },
  ManagedObjectNotFound: {
    code: "MANAGED_OBJECT_NOT_FOUND",
    hint: "the server has no such object: it may be of another version or product",
  },
  MethodNotFound: { code: "METHOD_NOT_FOUND", hint: "the server's version has no such operation" },
};

/** Namespaces in which the type names above have their meaning. */
const VMOMI_NAMESPACES: ReadonlySet<string> = new Set(["urn:lookup", "urn:vim25", "urn:sso"]);

/**
 * The error for a fault: its type decides, by namespace and local name of `xsi:type` or, where that names none, of
 * the detail's element; the text never does. Of several details the first counts whose type has a meaning here.
 */
export function faultError(
  fault: SoapFault,
  context: { readonly operation: string; readonly url?: string; readonly status?: number },
): SoapFaultError {
  const detail = fault.details.find((each) => meaningOf(typeOfFault(each))) ?? fault.detail;
  const faultType = detail && typeOfFault(detail);
  const meaning = faultType && meaningOf(faultType);
  const fields = simpleFields(detail);
  const said = [
    fault.faultString.trim(),
    fields.errorMessage,
    fields.reason,
    fields.name,
    fields.invalidProperty,
  ]
    .filter((text, index, all) => text && all.indexOf(text) === index)
    .join("; ");
  const name = faultType?.local || fault.faultCode.local || "SOAP fault";
  return new SoapFaultError(
    meaning?.code ?? "SOAP_FAULT",
    `${context.operation} was refused${context.url ? ` by ${context.url}` : ""}: ${name}${said ? `: ${said}` : ""}`,
    {
      hint: meaning?.hint ?? "the server's own words are above; its logs say more",
      faultCode: fault.faultCode,
      faultString: fault.faultString,
      faultType,
      fields,
      ...(context.url !== undefined && { url: context.url }),
      ...(context.status !== undefined && { status: context.status }),
    },
  );
}

function meaningOf(type: QName): FaultMeaning | undefined {
  return VMOMI_NAMESPACES.has(type.namespace) ? MEANINGS[type.local] : undefined;
}

function typeOfFault(detail: XmlElement): QName {
  // Without a namespace its prefix is bound to nothing.
  if (detail.xsiType && detail.xsiType.namespace !== "") return detail.xsiType;
  // VMOMI names the element after the type, with `Fault` behind it.
  return { namespace: detail.namespace, local: detail.local.replace(/Fault$/, "") };
}

function simpleFields(detail: XmlElement | undefined): Record<string, string> {
  const fields: Record<string, string> = Object.create(null);
  for (const child of detail?.children ?? []) {
    if (child.children.length === 0) fields[child.local] ??= child.text.trim();
  }
  return { ...fields };
}
