import { XSD_NAMESPACE } from "../../xml/names.ts";
import { attribute, type XmlElement } from "../../xml/reader.ts";
import { checkAttributes, nameOf, refuseText } from "../vmomi.ts";
import { malformed, VimFault } from "./fault.ts";
import { type Argument, Arguments, extendsType, fieldsOf, type Parameter } from "./parameters.ts";
import { text } from "./value.ts";

/** Attributes of a reference; pyVmomi names the version of whatever it passes. */
export const REFERENCE_ATTRIBUTES: readonly string[] = ["type", "serverGuid", "versionId"];
const INT = /^[+-]?[0-9]{1,10}$/;
const BOOLEAN = /^(?:true|false|1|0)$/;

/**
 * Reads what follows `_this` in a call: every element known, in the order of the schema, and no more often than it
 * may stand there.
 *
 * @throws VimFault
 */
export function readXmlArguments(call: XmlElement, parameters: readonly Parameter[]): Arguments {
  refuseText(call);
  return new Arguments(call.local, readFields(call, call.children.slice(1), parameters));
}

function readFields(
  parent: XmlElement,
  elements: readonly XmlElement[],
  fields: readonly Parameter[],
): ReadonlyMap<string, Argument> {
  const values = new Map<string, Argument>();
  let next = 0;
  for (const field of fields) {
    const found: Argument[] = [];
    for (let element = elements[next]; element; element = elements[next]) {
      if (element.local !== field.name || element.namespace !== parent.namespace) break;
      if (found.length > 0 && !field.many) throw malformed(`${parent.local} has ${field.name} twice`);
      found.push(readValue(element, field.type));
      next++;
    }
    const [first] = found;
    if (field.many) values.set(field.name, found);
    else if (first !== undefined) values.set(field.name, first);
    if (first === undefined && !field.optional) throw malformed(`${parent.local} has no ${field.name}`);
  }
  const unknown = elements[next];
  if (unknown) throw malformed(`${parent.local} does not take ${nameOf(unknown)} there`);
  return values;
}

function readValue(element: XmlElement, declared: string): Argument {
  checkAttributes(element, declared === "ManagedObjectReference" ? REFERENCE_ATTRIBUTES : ["versionId"]);
  const fields = fieldsOf(declared);
  if (!fields) return readSimple(element, declared);
  const type = element.xsiType;
  const actual = type?.local ?? declared;
  const own = actual === declared ? fields : fieldsOf(actual);
  if ((type && type.namespace !== element.namespace) || !own || !extendsType(actual, declared)) {
    throw invalidType(element.local);
  }
  refuseText(element);
  return new Arguments(actual, readFields(element, element.children, own));
}

function readSimple(element: XmlElement, declared: string): Argument {
  if (element.children.length > 0) throw malformed(`${element.local} holds elements`);
  const { text: content, xsiType: type } = element;
  const isReference = declared === "ManagedObjectReference";
  if (type) {
    const namespace = isReference ? element.namespace : XSD_NAMESPACE;
    if (type.namespace !== namespace || type.local !== declared) throw invalidType(element.local);
  }
  if (isReference) {
    const target = attribute(element, "", "type");
    if (!target || content === "") throw malformed(`${element.local} is no reference`);
    return { type: target, value: content };
  }
  if (declared === "string") return content;
  const trimmed = content.trim();
  if (declared === "boolean" && BOOLEAN.test(trimmed)) return trimmed === "true" || trimmed === "1";
  if (declared === "int" && INT.test(trimmed)) return Number(trimmed);
  throw invalidType(element.local);
}

function invalidType(argument: string): VimFault {
  return new VimFault("InvalidType", `The value of ${argument} is not of the declared type`, [
    ["argument", text(argument)],
  ]);
}
