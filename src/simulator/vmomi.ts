import { escapeAttribute, escapeText } from "../xml/escape.ts";
import { XSI_NAMESPACE } from "../xml/names.ts";
import { attribute, isXmlSpace, type XmlElement } from "../xml/reader.ts";

/** A managed object reference as it travels. */
export interface MoRef {
  readonly type: string;
  readonly value: string;
}

/** Thrown to answer with a SOAP fault whose detail is of this VMOMI type. */
export class VmomiFault extends Error {
  /** Name of the fault type, e.g. `InvalidRequest`. */
  readonly type: string;
  /** The type's own elements, as XML in the namespace of the service. */
  readonly fields: string;
  readonly faultCode: string;

  constructor(
    type: string,
    message: string,
    details: { readonly fields?: string; readonly faultCode?: string } = {},
  ) {
    super(message);
    this.type = type;
    this.fields = details.fields ?? "";
    this.faultCode = details.faultCode ?? "ServerFaultCode";
  }
}

export function invalidRequest(message: string): VmomiFault {
  return new VmomiFault("InvalidRequest", message);
}

/** Only attributes of XML Schema instances and of other namespaces may stand beside those named. */
export function checkAttributes(element: XmlElement, allowed: readonly string[]): void {
  for (const { namespace, local, value } of element.attributes) {
    if (namespace === "" && !allowed.includes(local)) {
      throw invalidRequest(`${element.local} has an unknown attribute ${local}`);
    }
    if (namespace === XSI_NAMESPACE && local === "nil" && /^(true|1)$/.test(value)) {
      throw invalidRequest(`${element.local} is nil, which is not allowed`);
    }
  }
}

/** `xsi:type` may be absent; where given it has to be the declared type. */
export function checkType(element: XmlElement, namespace: string, locals: readonly string[]): void {
  const type = element.xsiType;
  if (type && (type.namespace !== namespace || !locals.includes(type.local)))
    throw invalidType(element.local);
}

export function invalidType(argument: string): VmomiFault {
  return new VmomiFault("InvalidType", `The value of ${argument} is not of the declared type`, {
    fields: `<argument>${argument}</argument>`,
  });
}

/** The reference in `_this`, which has to come first and name its type; `allowed` are its attributes. */
export function readReceiver(call: XmlElement, allowed: readonly string[] = ["type"]): MoRef {
  const self = call.children[0];
  if (self?.local !== "_this" || self.namespace !== call.namespace) {
    throw invalidRequest(`${call.local} does not begin with _this`);
  }
  const type = attribute(self, "", "type");
  if (!type) throw invalidRequest("_this has no type attribute");
  if (self.children.length > 0 || self.text === "") throw invalidRequest("_this holds no reference");
  checkAttributes(self, allowed);
  checkType(self, call.namespace, ["ManagedObjectReference"]);
  return { type, value: self.text };
}

/** Refuses text between the children of a structure. */
export function refuseText(element: XmlElement): void {
  if (!isXmlSpace(element.text))
    throw invalidRequest(`There is text between the elements of ${nameOf(element)}`);
}

export function nameOf(element: XmlElement): string {
  return element.namespace ? `{${element.namespace}}${element.local}` : element.local;
}

/** `<name>value</name>`, or nothing for an absent value. */
export function field(name: string, value: string | undefined): string {
  return value === undefined ? "" : `<${name}>${escapeText(value)}</${name}>`;
}

export function moRefField(name: string, reference: MoRef): string {
  return `<${name} type="${escapeAttribute(reference.type)}">${escapeText(reference.value)}</${name}>`;
}
