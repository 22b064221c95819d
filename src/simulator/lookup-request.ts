import { LOOKUP_NAMESPACE, XSD_NAMESPACE } from "../xml/names.ts";
import type { XmlElement } from "../xml/reader.ts";
import {
  COMPLEX_TYPES,
  type FieldRule,
  type LookupVersion,
  OBJECTS,
  OPERATIONS,
  type OperationRule,
} from "./lookup-schema.ts";
import {
  checkAttributes,
  checkType,
  invalidRequest,
  invalidType,
  moRefField,
  nameOf,
  readReceiver,
  refuseText,
  VmomiFault,
} from "./vmomi.ts";

/** Types of XML Schema that a simple field may be declared with on the wire. */
const XSD_TYPES: Readonly<Record<string, readonly string[]>> = {
  string: ["string", "anyURI"],
  boolean: ["boolean"],
};
const BOOLEAN = /^\s*(true|false|1|0)\s*$/;

/**
 * The interface version a SOAPAction asks for: `urn:lookup/<version>` or `lookup/<version>`, quoted or not. Without
 * one the oldest is meant, as VMOMI servers read it.
 *
 * @throws VmomiFault for any other action.
 */
export function lookupVersion(soapAction: string | undefined): LookupVersion {
  const action = (soapAction ?? "").trim().replace(/^"(.*)"$/, "$1");
  if (action === "") return 2;
  const version = /^(?:urn:)?lookup\/(\d+)(\.\d+)*$/.exec(action)?.[1];
  if (version !== undefined) return Number(version) >= 3 ? 3 : 2;
  throw new VmomiFault("InvalidRequest", `Unsupported version URI "${action}"`, {
    faultCode: "VersionMismatchFaultCode",
  });
}

/**
 * Checks a call against the WSDL, the way a server that binds it to types would.
 *
 * @throws VmomiFault: InvalidRequest, InvalidType, ManagedObjectNotFound or MethodNotFound.
 */
export function checkCall(call: XmlElement, version: LookupVersion): OperationRule {
  if (call.namespace !== LOOKUP_NAMESPACE) {
    throw invalidRequest(`The namespace of ${nameOf(call)} is not ${LOOKUP_NAMESPACE}`);
  }
  const receiver = readReceiver(call);
  if (OBJECTS.get(receiver.value) !== receiver.type) {
    throw new VmomiFault(
      "ManagedObjectNotFound",
      `There is no object ${receiver.type}:${receiver.value} on this server`,
      { fields: moRefField("obj", receiver) },
    );
  }
  const rule = OPERATIONS.get(call.local);
  if (!rule || rule.receiver !== receiver.type || (rule.since ?? 2) > version) {
    throw new VmomiFault("MethodNotFound", `${receiver.type} has no method ${call.local} in this version`, {
      fields: `${moRefField("receiver", receiver)}<method>${call.local}</method>`,
    });
  }
  refuseText(call);
  checkAttributes(call, []);
  checkSequence(call, call.children.slice(1), rule.parameters, version);
  return rule;
}

function checkSequence(
  parent: XmlElement,
  elements: readonly XmlElement[],
  rules: readonly FieldRule[],
  version: LookupVersion,
): void {
  let position = 0;
  for (const rule of rules) {
    if ((rule.since ?? 2) > version) continue;
    let found = 0;
    for (let next = elements[position]; isNamed(next, rule.name); next = elements[++position]) {
      if (++found > 1 && !rule.many) throw invalidRequest(`${rule.name} of ${parent.local} is repeated`);
      checkValue(next, rule, version);
    }
    if (found === 0 && !rule.optional) {
      throw invalidRequest(`${rule.name} of ${parent.local} is missing or out of order`);
    }
  }
  const rest = elements[position];
  if (rest) throw invalidRequest(`${nameOf(rest)} is unknown or out of order in ${parent.local}`);
}

function isNamed(element: XmlElement | undefined, local: string): element is XmlElement {
  return element?.namespace === LOOKUP_NAMESPACE && element.local === local;
}

function checkValue(element: XmlElement, rule: FieldRule, version: LookupVersion): void {
  checkAttributes(element, []);
  const simple = XSD_TYPES[rule.type];
  if (!simple) {
    checkType(element, LOOKUP_NAMESPACE, [rule.type]);
    refuseText(element);
    checkSequence(element, element.children, COMPLEX_TYPES.get(rule.type) ?? [], version);
    return;
  }
  checkType(element, XSD_NAMESPACE, simple);
  if (element.children.length > 0) throw invalidRequest(`${rule.name} holds elements, not a ${rule.type}`);
  if (rule.type === "boolean" && !BOOLEAN.test(element.text)) throw invalidType(rule.name);
}
