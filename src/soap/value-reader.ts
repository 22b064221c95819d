import { XSD_NAMESPACE, XSI_NAMESPACE } from "../xml/names.ts";
import { isXmlSpace, type StartTag, TreeSink, type XmlElement, type XmlSink } from "../xml/reader.ts";
import type { ComplexType, Field, TypeRegistry } from "./schema.ts";

/** Something in an answer that is not as the schema says; the rest of the answer was read all the same. */
export interface DecodeIssue {
  /** Where, as `returnval[3].serviceType`; empty for the response element itself. */
  readonly path: string;
  readonly message: string;
}

/** Elements and attributes that one value of any type may have. */
const MAX_ANY = 10_000;

/** A peer can make any number of mistakes; this many are told. */
const MAX_ISSUES = 1000;

class Frame {
  type: ComplexType;
  /** The field of the frame above that this one fills; undefined for the outermost. */
  field: Field | undefined;
  readonly values: unknown[] = [];

  constructor(type: ComplexType, field: Field | undefined) {
    this.type = type;
    this.field = field;
    this.clear();
  }

  clear(): void {
    for (let i = 0; i < this.type.fields.length; i++) this.values[i] = undefined;
  }
}

/**
 * Reads the content of an element of complex type into plain objects, straight from the parser. What does not fit
 * the schema is left out and told in `issues`: unknown elements, repetitions of a single field (the first counts),
 * values not of their type. Required fields that are missing become `""`, `0`, `false` or an object of such; lists
 * are always there. White space at both ends of a value is dropped, since servers indent their answers.
 */
export class ValueReader implements XmlSink {
  readonly issues: DecodeIssue[] = [];
  readonly #namespace: string;
  readonly #types: TypeRegistry;
  /** Frames are kept for reuse; those in use are 0 to `#top`. */
  readonly #frames: Frame[];
  #top = 0;
  /** The scalar field being read, its text so far, and the `type` of a reference. */
  #scalar: Field | undefined;
  #text = "";
  #referenceType = "";
  /** Depth within an element that is left out. */
  #skipped = 0;
  /** A value of any type being read, and the depth within it. */
  #tree: TreeSink | undefined;
  #treeDepth = 0;

  constructor(namespace: string, types: TypeRegistry, root: ComplexType) {
    this.#namespace = namespace;
    this.#types = types;
    this.#frames = [new Frame(root, undefined)];
  }

  /** What was read for a field of the outermost element; undefined when nothing was. */
  value(index: number): unknown {
    return this.#frames[0]?.values[index];
  }

  open(namespace: string, local: string, tag: StartTag): void {
    if (this.#skipped > 0) {
      this.#skipped++;
      return;
    }
    if (this.#tree) {
      this.#treeDepth++;
      this.#tree.open(namespace, local, tag);
      return;
    }
    const frame = this.#frame();
    if (this.#scalar) {
      this.#leaveOut(this.#scalar, `holds the element ${local}, which was left out`);
      return;
    }
    const field = namespace === this.#namespace ? frame.type.byName.get(local) : undefined;
    if (!field) {
      const name = namespace === this.#namespace ? local : `{${namespace}}${local}`;
      this.#leaveOut(undefined, `unknown element ${name}, left out`);
    } else if (!field.many && frame.values[field.index] !== undefined) {
      this.#leaveOut(field, "occurs more than once; the first counts");
    } else {
      const nil = tag.attribute(XSI_NAMESPACE, "nil")?.trim();
      if (nil === "true" || nil === "1") this.#skipped = 1;
      else this.#begin(field, tag);
    }
  }

  text(piece: string): void {
    if (this.#skipped > 0) return;
    if (this.#tree) this.#tree.text(piece);
    else if (this.#scalar) this.#text += piece;
    else if (!isXmlSpace(piece)) this.#issue(undefined, "holds text between its elements, left out");
  }

  /** Not to be called for the end of the outermost element. */
  close(): void {
    if (this.#skipped > 0) {
      this.#skipped--;
    } else if (this.#tree) {
      this.#tree.close();
      if (--this.#treeDepth === 0) {
        const { root } = this.#tree;
        this.#tree = undefined;
        this.#store(this.#scalar, root);
        this.#scalar = undefined;
      }
    } else if (this.#scalar) {
      const field = this.#scalar;
      this.#store(field, this.#scalarValue(field, trimXmlSpace(this.#text)));
      this.#scalar = undefined;
    } else {
      const frame = this.#frame();
      const value = this.#build(frame.type, frame.values);
      this.#top--;
      this.#store(frame.field, value);
    }
  }

  #frame(): Frame {
    return this.#frames[this.#top] as Frame;
  }

  #begin(field: Field, tag: StartTag): void {
    if (field.scalar === undefined) {
      this.#push(this.#actualType(field, tag), field);
      return;
    }
    this.#scalar = field;
    this.#text = "";
    if (field.scalar === "moref") {
      this.#referenceType = tag.attribute("", "type") ?? "";
      if (this.#referenceType === "") this.#issue(field, "a reference without a type");
    } else if (field.scalar === "xsd:anyType") {
      this.#tree = new TreeSink(MAX_ANY);
      this.#treeDepth = 1;
      this.#tree.open(this.#namespace, field.name, tag);
    } else {
      const type = tag.xsiType();
      if (type && !(type.namespace === XSD_NAMESPACE && SAME_VALUES[field.scalar].has(type.local))) {
        this.#issue(field, `is said to be a ${type.local}; read as ${field.scalar}`);
      }
    }
  }

  #push(type: ComplexType, field: Field): void {
    this.#top++;
    const frame = this.#frames[this.#top];
    if (frame) {
      frame.type = type;
      frame.field = field;
      frame.clear();
    } else {
      this.#frames.push(new Frame(type, field));
    }
  }

  #actualType(field: Field, tag: StartTag): ComplexType {
    const said = tag.xsiType();
    if (said && (said.namespace !== this.#namespace || said.local !== field.type)) {
      if (said.namespace === this.#namespace && this.#types.extends(said.local, field.type)) {
        return this.#types.get(said.local);
      }
      this.#issue(field, `is said to be a ${said.local}; read as ${field.type}`);
    }
    return this.#types.get(field.type);
  }

  #scalarValue(field: Field, text: string): unknown {
    switch (field.scalar) {
      case "moref":
        return { type: this.#referenceType, value: text };
      case "xsd:boolean":
        if (text === "true" || text === "1") return true;
        if (text === "false" || text === "0") return false;
        this.#issue(field, "is neither true nor false, left out");
        return undefined;
      case "xsd:int": {
        const value = Number(text);
        if (/^[+-]?[0-9]+$/.test(text) && (value | 0) === value) return value | 0;
        this.#issue(field, "is not a whole number of 32 bits, left out");
        return undefined;
      }
      default:
        return text;
    }
  }

  #store(field: Field | undefined, value: unknown): void {
    if (!field || value === undefined) return;
    const { values } = this.#frame();
    if (!field.many) {
      values[field.index] = value;
      return;
    }
    const list = values[field.index] as unknown[] | undefined;
    if (list) list.push(value);
    else values[field.index] = [value];
  }

  /** An object whose keys stand in the schema's order. `values` undefined: one where all is missing, unmentioned. */
  #build(type: ComplexType, values: readonly unknown[] | undefined): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (const field of type.fields) {
      const value = values?.[field.index];
      if (value !== undefined) {
        result[field.name] = value;
      } else {
        if (field.required && values) this.#issue(field, "missing");
        if (field.many) result[field.name] = [];
        else if (field.required) result[field.name] = this.#zero(field);
      }
    }
    return result;
  }

  #zero(field: Field): unknown {
    switch (field.scalar) {
      case undefined:
        return this.#build(this.#types.get(field.type), undefined);
      case "xsd:boolean":
        return false;
      case "xsd:int":
        return 0;
      case "moref":
        return { type: "", value: "" };
      case "xsd:anyType":
        return {
          namespace: this.#namespace,
          local: field.name,
          attributes: [],
          xsiType: undefined,
          children: [],
          text: "",
        } satisfies XmlElement;
      case "xsd:string":
        return "";
    }
  }

  #leaveOut(field: Field | undefined, message: string): void {
    this.#issue(field, message);
    this.#skipped = 1;
  }

  /** `field` is one of the current frame; undefined for what is wrong with the element itself. */
  #issue(field: Field | undefined, message: string): void {
    if (this.issues.length < MAX_ISSUES) this.issues.push({ path: this.#path(field), message });
    else if (this.issues.length === MAX_ISSUES)
      this.issues.push({ path: "", message: "more issues, not told" });
  }

  /** Where the reader stands, with a field of the current frame at the end. */
  #path(last?: Field): string {
    const steps: string[] = [];
    for (let i = 1; i <= this.#top + 1; i++) {
      const field = i <= this.#top ? this.#frames[i]?.field : last;
      if (!field) break;
      const list = this.#frames[i - 1]?.values[field.index];
      steps.push(field.many ? `${field.name}[${Array.isArray(list) ? list.length : 0}]` : field.name);
    }
    return steps.join(".");
  }
}

/** Names of XSD types whose values a scalar takes without complaint. */
const SAME_VALUES: Readonly<Record<"xsd:string" | "xsd:boolean" | "xsd:int", ReadonlySet<string>>> = {
  "xsd:string": new Set(["string", "anyURI", "normalizedString", "token"]),
  "xsd:boolean": new Set(["boolean"]),
  "xsd:int": new Set(["int", "short", "byte"]),
};

/** Drops the white space of XML, and no other, at both ends. */
function trimXmlSpace(text: string): string {
  if (!(isSpaceAt(text, 0) || isSpaceAt(text, text.length - 1))) return text;
  let start = 0;
  let end = text.length;
  while (start < end && isSpaceAt(text, start)) start++;
  while (end > start && isSpaceAt(text, end - 1)) end--;
  return text.slice(start, end);
}

function isSpaceAt(text: string, index: number): boolean {
  const code = text.charCodeAt(index);
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
