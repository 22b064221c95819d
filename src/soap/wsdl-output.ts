import { ProtocolError, type QName } from "../errors.ts";
import { escapeAttribute, escapeText } from "../xml/escape.ts";
import { SOAP_NAMESPACE, XSD_NAMESPACE, XSI_NAMESPACE } from "../xml/names.ts";
import type { XmlElement } from "../xml/reader.ts";
import { elementOf, type TypeModel, type WsdlModel } from "./wsdl-model.ts";

/** Namespaces of an answer by the prefixes that `rewriteAnswer` gave them. */
export type Prefixes = ReadonlyMap<string, string>;

/**
 * Writes the answer anew for the `soap` package, which looks at local names only, keeps prefixes in one flat map,
 * lets a comment cut text short, reads CDATA as XML and follows `href`: one prefix for each namespace, declared
 * once; no comments, no CDATA, no element that the schema does not have at its place, no name that every JavaScript
 * object has.
 */
export function rewriteAnswer(
  model: WsdlModel,
  type: TypeModel,
  answer: XmlElement,
): { readonly xml: string; readonly prefixes: Prefixes } {
  const byNamespace = new Map<string, string>([["", ""]]);
  const prefixOf = (namespace: string): string => {
    let prefix = byNamespace.get(namespace);
    if (prefix === undefined) {
      prefix = `n${byNamespace.size}:`;
      byNamespace.set(namespace, prefix);
    }
    return prefix;
  };
  const attributesOf = (element: XmlElement): string => {
    let xml = "";
    for (const { namespace, local, value } of element.attributes) {
      if (local in {}) continue;
      if (namespace === XSI_NAMESPACE && local === "nil") xml += ` xsi:nil="${escapeAttribute(value)}"`;
      else if (namespace === "" && local !== "href" && local !== "id") {
        xml += ` ${local}="${escapeAttribute(value)}"`;
      }
    }
    // Only names of types that there are: this is text of the server.
    const { xsiType } = element;
    if (!xsiType || !isKnownType(model, xsiType)) return xml;
    return `${xml} xsi:type="${escapeAttribute(prefixOf(xsiType.namespace) + xsiType.local)}"`;
  };
  const write = (element: XmlElement, declared: TypeModel): string => {
    const name = prefixOf(element.namespace) + element.local;
    const actual = model.derivedType(element.xsiType, declared) ?? declared;
    const content = element.children
      .map((child) => {
        const known = elementOf(actual, child.namespace, child.local)?.type();
        if (known) return write(child, known);
        return actual.text === "anyType" && !(child.local in {}) ? write(child, ANY) : "";
      })
      .join("");
    return `<${name}${attributesOf(element)}>${content === "" ? escapeText(element.text) : content}</${name}>`;
  };
  const body = write(answer, type);
  const declarations = [...byNamespace]
    .filter(([namespace]) => namespace !== "")
    .map(([namespace, prefix]) => ` xmlns:${prefix.slice(0, -1)}="${escapeAttribute(namespace)}"`)
    .join("");
  return {
    xml: `<soap:Envelope xmlns:soap="${SOAP_NAMESPACE}" xmlns:xsi="${XSI_NAMESPACE}"${declarations}><soap:Body>${body}</soap:Body></soap:Envelope>`,
    prefixes: new Map([...byNamespace].map(([namespace, prefix]) => [prefix.slice(0, -1), namespace])),
  };
}

/**
 * Brings what the `soap` package read into the shape of `toSoapInput`: lists always there, a list where the schema
 * has one and a single value where it has not, references as `{ type, value }`, `$type` where `xsi:type` names a
 * type derived from the declared one.
 *
 * @throws ProtocolError naming the path of a simple value that is not of its type.
 */
export class AnswerShaper {
  readonly #model: WsdlModel;
  readonly #prefixes: Prefixes;

  constructor(model: WsdlModel, prefixes: Prefixes) {
    this.#model = model;
    this.#prefixes = prefixes;
  }

  shape(declared: TypeModel, raw: unknown, path: string): unknown {
    const object = typeof raw === "object" && raw !== null ? (raw as Readonly<Record<string, unknown>>) : {};
    const attributes = (object.attributes ?? {}) as Readonly<Record<string, unknown>>;
    const said = this.#xsiType(attributes);
    if (declared.text === "anyType") return this.#any(said, raw, object, path);
    const type = this.#model.derivedType(said, declared) ?? declared;
    const text = typeof raw === "string" ? raw : typeof object.$value === "string" ? object.$value : "";
    if (type.text !== undefined && type.attributes.size === 0) return scalar(type.text, text, path);

    const result: Record<string, unknown> = {};
    if (said && type !== declared && type.name) result.$type = type.name.local;
    for (const name of type.attributes) {
      const value = attributes[name];
      if (typeof value === "string" && Object.hasOwn(attributes, name)) result[name] = value;
    }
    if (type.text !== undefined) result.value = scalar(type.text, text, path);
    for (const element of type.elements) {
      const at = `${path}.${element.name}`;
      const value = Object.hasOwn(object, element.name) ? object[element.name] : undefined;
      if (element.many) {
        const items = value === undefined ? [] : Array.isArray(value) ? value : [value];
        result[element.name] = items.map((item, i) => this.shape(element.type(), item, `${at}[${i}]`));
      } else if (value !== undefined) {
        result[element.name] = this.shape(element.type(), Array.isArray(value) ? value[0] : value, at);
      }
    }
    return result;
  }

  #any(
    said: QName | undefined,
    raw: unknown,
    object: Readonly<Record<string, unknown>>,
    path: string,
  ): unknown {
    if (said?.namespace === XSD_NAMESPACE) {
      return scalar(said.local, typeof object.$value === "string" ? object.$value : "", path);
    }
    const type = this.#model.derivedType(said, ANY);
    if (said && type) {
      const value = this.shape(type, raw, path);
      return typeof value === "object" && value !== null ? { $type: said.local, ...value } : value;
    }
    return plain(raw);
  }

  #xsiType(attributes: Readonly<Record<string, unknown>>): QName | undefined {
    const value = attributes["xsi:type"];
    if (typeof value !== "string") return undefined;
    const colon = value.indexOf(":");
    const namespace = this.#prefixes.get(colon < 0 ? "" : value.slice(0, colon));
    return namespace === undefined ? undefined : { namespace, local: value.slice(colon + 1) };
  }
}

const ANY: TypeModel = { name: undefined, text: "anyType", attributes: new Set(), elements: [] };

/** A value of which no type is known, without its attributes. */
function plain(raw: unknown): unknown {
  if (Array.isArray(raw)) return raw.map(plain);
  if (typeof raw !== "object" || raw === null) return raw ?? "";
  if ("$value" in raw) return raw.$value;
  return Object.fromEntries(
    Object.entries(raw)
      .filter(([name]) => name !== "attributes")
      .map(([name, value]) => [name, plain(value)]),
  );
}

/** A type of the WSDL, or one of the simple types of XML Schema. */
function isKnownType(model: WsdlModel, name: QName): boolean {
  if (name.namespace === XSD_NAMESPACE) return /^[A-Za-z]{1,30}$/.test(name.local) && !(name.local in {});
  return model.derivedType(name, ANY) !== undefined;
}

const SPECIAL_NUMBERS: ReadonlyMap<string, number> = new Map([
  ["INF", Number.POSITIVE_INFINITY],
  ["-INF", Number.NEGATIVE_INFINITY],
  ["NaN", Number.NaN],
]);

/** Values of whole numbers are numbers where these are exact, else bigints. */
function scalar(type: string, raw: string, path: string): unknown {
  const text = raw.replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
  if (type === "boolean") {
    if (text === "true" || text === "1") return true;
    if (text === "false" || text === "0") return false;
    return refuse(path, type);
  }
  if (/^(?:unsigned)?(?:byte|short|int|long)$|integer$/i.test(type)) {
    if (!/^[+-]?[0-9]{1,40}$/.test(text)) refuse(path, type);
    const value = Number(text);
    return Number.isSafeInteger(value) ? value : BigInt(text.replace(/^\+/, ""));
  }
  if (type === "double" || type === "float" || type === "decimal") {
    const special = SPECIAL_NUMBERS.get(text);
    if (special !== undefined) return special;
    if (!/^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/.test(text)) refuse(path, type);
    return Number(text);
  }
  return text;
}

function refuse(path: string, type: string): never {
  throw new ProtocolError("RESPONSE_UNEXPECTED", `${path} is not a value of the type ${type}`, {
    hint: "check that the WSDL is that of the server's version",
  });
}
