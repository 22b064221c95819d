import { InvalidArgumentError, type QName, UnsupportedError } from "../errors.ts";
import { XSD_NAMESPACE } from "../xml/names.ts";
import { schemasOf, WSDL_NAMESPACE, type WsdlNode } from "./wsdl-files.ts";
import { refuseReservedName } from "./wsdl-names.ts";

const WSDL_SOAP_NAMESPACE = "http://schemas.xmlsoap.org/wsdl/soap/";

/** A child element that a type allows. */
export interface ElementModel {
  readonly name: string;
  /** Empty for unqualified elements. */
  readonly namespace: string;
  readonly required: boolean;
  readonly many: boolean;
  /** Looked at only when needed: types may contain themselves. */
  type(): TypeModel;
}

/** What an element may hold. */
export interface TypeModel {
  /** Undefined for types without a name. */
  readonly name: QName | undefined;
  /** Local name of the XSD type that the text has (`string`, `long`, …), `anyType`; undefined where there is no text. */
  readonly text: string | undefined;
  /** Names of unqualified attributes. */
  readonly attributes: ReadonlySet<string>;
  /** In the order of the wire, the base's first. */
  readonly elements: readonly ElementModel[];
}

export interface OperationModel {
  readonly name: string;
  readonly action: string;
  readonly request: QName;
  readonly requestType: TypeModel;
  readonly response: QName;
  readonly responseType: TypeModel;
}

/** Looks for the namespace as well as the name. */
export function elementOf(type: TypeModel, namespace: string, name: string): ElementModel | undefined {
  return type.elements.find((element) => element.name === name && element.namespace === namespace);
}

const EMPTY: TypeModel = { name: undefined, text: undefined, attributes: new Set(), elements: [] };

/** Operations and types of a WSDL, document/literal. */
export class WsdlModel {
  /** Target namespaces of all schemas. */
  readonly namespaces: ReadonlySet<string>;
  readonly operations: ReadonlyMap<string, OperationModel>;
  readonly #declarations = new Map<string, WsdlNode>();
  /** Namespaces of the elements that schemas declare, local ones included. */
  readonly #elementNamespaces = new Map<WsdlNode, string>();
  readonly #types = new Map<WsdlNode, TypeModel>();

  /** @throws UnsupportedError for another style than document/literal, and for names that cannot be carried. */
  constructor(roots: readonly WsdlNode[]) {
    const schemas = roots.flatMap(schemasOf);
    this.namespaces = new Set(schemas.map(targetNamespace));
    for (const schema of schemas) {
      this.#noteElements(schema, targetNamespace(schema), schema.attributes.get("elementFormDefault") ?? "");
      for (const child of schema.children) {
        const kind = child.local === "simpleType" || child.local === "complexType" ? "type" : child.local;
        const name = child.attributes.get("name");
        if (name) this.#declarations.set(`${kind} {${targetNamespace(schema)}}${name}`, child);
      }
    }
    this.operations = this.#readOperations(roots.filter((root) => root.namespace === WSDL_NAMESPACE));
  }

  /**
   * The operation of that name.
   *
   * @throws InvalidArgumentError listing the operations when there is none.
   */
  operation(name: string): OperationModel {
    const operation = this.operations.get(name);
    if (!operation) {
      throw new InvalidArgumentError(`there is no operation ${name}`, {
        hint: `the operations are ${[...this.operations.keys()].join(", ")}`,
      });
    }
    return operation;
  }

  /** A named type, if the WSDL declares it and it is `base` or extends it. */
  derivedType(name: QName | undefined, base: TypeModel): TypeModel | undefined {
    let node = name && this.#find("type", name);
    if (!name || !node) return undefined;
    const type = this.#typeOf(node, name);
    if (base.text === "anyType" || same(name, base.name)) return type;
    for (let depth = 0; node && depth < 64; depth++) {
      const parent: QName | undefined = extensionOf(node)?.names.get("base");
      if (same(parent, base.name)) return type;
      node = parent && this.#find("type", parent);
    }
    return undefined;
  }

  #readOperations(roots: readonly WsdlNode[]): Map<string, OperationModel> {
    const messages = new Map<string, WsdlNode>();
    const portTypes = new Map<string, WsdlNode>();
    for (const root of roots) {
      for (const child of root.children) {
        const name = `{${targetNamespace(root)}}${child.attributes.get("name")}`;
        if (child.local === "message") messages.set(name, child);
        else if (child.local === "portType") portTypes.set(name, child);
      }
    }
    const elementOf = (operation: WsdlNode, direction: string): QName => {
      const message = named(wsdlChild(operation, direction)?.names.get("message"), messages);
      const part = message && wsdlChild(message, "part");
      const element = part?.names.get("element");
      if (!element) {
        throw new UnsupportedError(
          `the ${direction} of ${operation.attributes.get("name")} is not one element of a schema`,
          { hint: "only document/literal WSDLs with request and response can be bound" },
        );
      }
      return element;
    };

    const operations = new Map<string, OperationModel>();
    for (const binding of roots.flatMap((root) => root.children)) {
      if (binding.local !== "binding" || !soapChild(binding, "binding")) continue;
      const portType = named(binding.names.get("type"), portTypes);
      for (const bound of binding.children.filter((c) => isWsdl(c, "operation"))) {
        const name = bound.attributes.get("name") ?? "";
        const operation = portType?.children.find(
          (c) => isWsdl(c, "operation") && c.attributes.get("name") === name,
        );
        if (!operation || operations.has(name)) continue;
        const request = elementOf(operation, "input");
        const response = elementOf(operation, "output");
        operations.set(name, {
          name,
          action: soapChild(bound, "operation")?.attributes.get("soapAction") ?? "",
          request,
          requestType: this.#elementType(request),
          response,
          responseType: this.#elementType(response),
        });
      }
    }
    return operations;
  }

  #noteElements(node: WsdlNode, namespace: string, form: string): void {
    for (const child of node.children) {
      if (child.namespace === XSD_NAMESPACE) refuseReservedName(child);
      if (child.local === "element") {
        const qualified = (child.attributes.get("form") ?? form) === "qualified";
        this.#elementNamespaces.set(child, qualified ? namespace : "");
      }
      this.#noteElements(child, namespace, form);
    }
  }

  #find(kind: string, name: QName): WsdlNode | undefined {
    return this.#declarations.get(`${kind} {${name.namespace}}${name.local}`);
  }

  #elementType(name: QName): TypeModel {
    const element = this.#find("element", name);
    return element ? this.#typeOfElement(element) : EMPTY;
  }

  #typeOfElement(element: WsdlNode): TypeModel {
    const ref = element.names.get("ref");
    if (ref) return this.#elementType(ref);
    const name = element.names.get("type");
    if (name) return this.#namedType(name);
    const own = xsdChild(element, "complexType") ?? xsdChild(element, "simpleType");
    return own ? this.#typeOf(own, undefined) : { ...EMPTY, text: "anyType" };
  }

  #namedType(name: QName): TypeModel {
    if (name.namespace === XSD_NAMESPACE) return { ...EMPTY, name, text: name.local };
    const node = this.#find("type", name);
    return node ? this.#typeOf(node, name) : { ...EMPTY, name, text: "anyType" };
  }

  #typeOf(node: WsdlNode, name: QName | undefined): TypeModel {
    let type = this.#types.get(node);
    if (!type) {
      type = node.local === "simpleType" ? this.#simpleType(node, name) : this.#complexType(node, name);
      this.#types.set(node, type);
    }
    return type;
  }

  #simpleType(node: WsdlNode, name: QName | undefined): TypeModel {
    const base = xsdChild(node, "restriction")?.names.get("base");
    return { ...EMPTY, name, text: base ? this.#namedType(base).text : "string" };
  }

  #complexType(node: WsdlNode, name: QName | undefined): TypeModel {
    const derivation = extensionOf(node);
    const baseName = derivation?.names.get("base");
    const base = baseName ? this.#namedType(baseName) : EMPTY;
    const body = derivation ?? node;
    // A restriction says again what it keeps; an extension adds to what the base has.
    const inherited = derivation?.local === "extension" ? base.elements : [];
    return {
      name,
      text: xsdChild(node, "simpleContent") ? base.text : undefined,
      attributes: new Set([...base.attributes, ...attributeNames(body)]),
      elements: [...inherited, ...this.#particles(body, true, false)],
    };
  }

  /** Elements in sequences, choices and groups, in the order in which they stand. */
  #particles(holder: WsdlNode, required: boolean, many: boolean): ElementModel[] {
    return holder.children.flatMap((child) => {
      if (child.namespace !== XSD_NAMESPACE) return [];
      const needed = required && child.attributes.get("minOccurs") !== "0";
      const repeated = many || !["1", "0", undefined].includes(child.attributes.get("maxOccurs"));
      switch (child.local) {
        case "sequence":
        case "all":
          return this.#particles(child, needed, repeated);
        case "choice":
          return this.#particles(child, false, repeated);
        case "group": {
          const ref = child.names.get("ref");
          const group = ref && this.#find("group", ref);
          return group ? this.#particles(group, needed, repeated) : [];
        }
        case "element": {
          const ref = child.names.get("ref");
          return [
            {
              name: ref?.local ?? child.attributes.get("name") ?? "",
              namespace: ref?.namespace ?? this.#elementNamespaces.get(child) ?? "",
              required: needed,
              many: repeated,
              type: () => this.#typeOfElement(child),
            },
          ];
        }
        default:
          return [];
      }
    });
  }
}

function same(a: QName | undefined, b: QName | undefined): boolean {
  return a !== undefined && b !== undefined && a.local === b.local && a.namespace === b.namespace;
}

function targetNamespace(node: WsdlNode): string {
  return node.attributes.get("targetNamespace") ?? "";
}

function named(name: QName | undefined, among: ReadonlyMap<string, WsdlNode>): WsdlNode | undefined {
  return name && among.get(`{${name.namespace}}${name.local}`);
}

function isWsdl(node: WsdlNode, local: string): boolean {
  return node.local === local && node.namespace === WSDL_NAMESPACE;
}

function wsdlChild(node: WsdlNode, local: string): WsdlNode | undefined {
  return node.children.find((child) => isWsdl(child, local));
}

function soapChild(node: WsdlNode, local: string): WsdlNode | undefined {
  return node.children.find((child) => child.local === local && child.namespace === WSDL_SOAP_NAMESPACE);
}

function xsdChild(node: WsdlNode, local: string): WsdlNode | undefined {
  return node.children.find((child) => child.local === local && child.namespace === XSD_NAMESPACE);
}

/** The extension or restriction by which a complex type is made from its base. */
function extensionOf(node: WsdlNode): WsdlNode | undefined {
  const content = xsdChild(node, "complexContent") ?? xsdChild(node, "simpleContent");
  return content && (xsdChild(content, "extension") ?? xsdChild(content, "restriction"));
}

function attributeNames(body: WsdlNode): string[] {
  return body.children
    .filter((child) => child.local === "attribute" && child.namespace === XSD_NAMESPACE)
    .map((child) => child.attributes.get("name") ?? "")
    .filter((name) => name !== "");
}
