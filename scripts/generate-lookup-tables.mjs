// Turns wsdl/lookup.wsdl into src/lookup/wsdl-tables.ts: interfaces for the compiler, tables for the codec.
// With --check it writes nothing and fails when the file is out of date.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { SaxesParser } from "saxes";

const WSDL = fileURLToPath(new URL("../wsdl/lookup.wsdl", import.meta.url));
const OUTPUT = fileURLToPath(new URL("../src/lookup/wsdl-tables.ts", import.meta.url));
const XSD = "http://www.w3.org/2001/XMLSchema";
const WSDL_NS = "http://schemas.xmlsoap.org/wsdl/";
const SOAP_NS = "http://schemas.xmlsoap.org/wsdl/soap/";

const SCALARS = {
  string: { table: "xsd:string", ts: "string" },
  anyURI: { table: "xsd:string", ts: "string" },
  boolean: { table: "xsd:boolean", ts: "boolean" },
  int: { table: "xsd:int", ts: "number" },
  anyType: { table: "xsd:anyType", ts: "XmlElement" },
};

function readTree(text) {
  const parser = new SaxesParser({ xmlns: true });
  const stack = [{ children: [] }];
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", (tag) => {
    const element = {
      namespace: tag.uri,
      local: tag.local,
      attributes: Object.fromEntries(Object.values(tag.attributes).map((a) => [a.name, a.value])),
      qname: (value) => {
        const [local, prefix = ""] = value.split(":").reverse();
        return { namespace: parser.resolve(prefix), local };
      },
      children: [],
    };
    for (const name of ["type", "base", "element", "message"]) {
      if (element.attributes[name]?.includes(":")) element[name] = element.qname(element.attributes[name]);
    }
    stack.at(-1).children.push(element);
    stack.push(element);
  });
  parser.on("closetag", () => stack.pop());
  parser.write(text).close();
  return stack[0].children[0];
}

const all = (element, namespace, local) =>
  element.children.filter((c) => c.namespace === namespace && c.local === local);
const one = (element, namespace, ...path) =>
  path.reduce((at, local) => at && all(at, namespace, local)[0], element);
const fail = (message) => {
  throw new Error(`wsdl/lookup.wsdl: ${message}`);
};

/** Fields of an xsd:sequence of plain elements; anything else is more than the tables can say. */
function readSequence(where, holder) {
  const sequence = one(holder, XSD, "sequence");
  for (const child of holder.children) {
    if (child !== sequence) fail(`${where} uses xsd:${child.local}, which the tables cannot express`);
  }
  return (sequence?.children ?? []).map((element) => {
    if (element.local !== "element" || !element.type) fail(`${where} has something beside typed elements`);
    const { name, minOccurs = "1", maxOccurs = "1" } = element.attributes;
    const occurs = { "1,1": "1", "0,1": "?", "0,unbounded": "*", "1,unbounded": "+" }[
      `${minOccurs},${maxOccurs}`
    ];
    if (!occurs) fail(`${where}.${name} occurs ${minOccurs} to ${maxOccurs} times`);
    return { name, type: element.type, occurs };
  });
}

function readType(element) {
  const { name } = element.attributes;
  const simple = one(element, XSD, "simpleContent", "extension");
  if (simple) {
    const attributes = all(simple, XSD, "attribute").map((a) => a.attributes.name);
    if (attributes.join() !== "type") fail(`${name} has simple content, but is no reference`);
    return { name, reference: true };
  }
  const extension = one(element, XSD, "complexContent", "extension");
  return { name, base: extension?.base.local, own: readSequence(name, extension ?? element) };
}

function readSchema(root) {
  const namespace = root.attributes.targetNamespace;
  const schema = one(root, WSDL_NS, "types", "schema") ?? one(one(root, WSDL_NS, "types"), XSD, "schema");
  const types = new Map();
  const elements = new Map();
  for (const child of schema.children) {
    if (child.local === "complexType") types.set(child.attributes.name, readType(child));
    else if (child.local === "element") elements.set(child.attributes.name, child);
    else if (child.local !== "simpleType") fail(`the schema holds xsd:${child.local}`);
  }
  return { namespace, types, elements };
}

function readOperations(root, { types, elements }) {
  const parts = new Map(
    all(root, WSDL_NS, "message").map((m) => [m.attributes.name, one(m, WSDL_NS, "part").element.local]),
  );
  const fieldsOf = (elementName) => {
    const element = elements.get(elementName) ?? fail(`no element ${elementName}`);
    return element.type
      ? flatten(types, element.type.local)
      : readSequence(elementName, one(element, XSD, "complexType"));
  };
  return all(one(root, WSDL_NS, "portType"), WSDL_NS, "operation").map((operation) => {
    const { name } = operation.attributes;
    const part = (local) => parts.get(one(operation, WSDL_NS, local).message.local);
    if (part("input") !== name || part("output") !== `${name}Response`) {
      fail(`the elements of ${name} are not named ${name} and ${name}Response`);
    }
    const response = fieldsOf(part("output"));
    if (response.length > 1) fail(`${name} returns more than one element`);
    return {
      name,
      request: fieldsOf(part("input")),
      response: response[0],
      faults: all(operation, WSDL_NS, "fault").map(
        (f) => elements.get(parts.get(f.message.local)).type.local,
      ),
    };
  });
}

function soapAction(root) {
  const operations = all(one(root, WSDL_NS, "binding"), WSDL_NS, "operation");
  const actions = new Set(operations.map((o) => one(o, SOAP_NS, "operation").attributes.soapAction));
  if (actions.size !== 1) fail("the operations have different SOAPActions");
  return [...actions][0];
}

/** All fields of a type, base first. */
function flatten(types, name) {
  const type = types.get(name) ?? fail(`no type ${name}`);
  return [...(type.base ? flatten(types, type.base) : []), ...type.own];
}

/** Types that a request, an answer or a fault can hold, their bases and those that extend one of them. */
function reachable(namespace, types, operations) {
  const found = new Set();
  const visit = ({ namespace: uri, local }) => {
    if (uri !== namespace || found.has(local)) return;
    found.add(local);
    const type = types.get(local) ?? fail(`no type ${local}`);
    if (type.reference) return;
    for (const field of type.own) visit(field.type);
    // Every type has the empty DynamicData for its base; following it would reach them all.
    if (local === "DynamicData") return;
    if (type.base) visit({ namespace, local: type.base });
    for (const other of types.values()) if (other.base === local) visit({ namespace, local: other.name });
  };
  for (const { request, response, faults } of operations) {
    for (const field of [...request, ...(response ? [response] : [])]) visit(field.type);
    for (const fault of faults) visit({ namespace, local: fault });
  }
  // Every fault of the interface may arrive, whatever an operation declares.
  visit({ namespace, local: "MethodFault" });
  found.delete("DynamicData");
  return [...types.values()].filter((type) => found.has(type.name));
}

function generate(text) {
  const root = readTree(text);
  const schema = readSchema(root);
  const { namespace, types } = schema;
  const operations = readOperations(root, schema);

  const scalar = (type) => {
    if (type.namespace === XSD) return SCALARS[type.local] ?? fail(`xsd:${type.local} is not known here`);
    return types.get(type.local)?.reference ? { table: "moref", ts: type.local } : undefined;
  };
  const tsType = (type) => scalar(type)?.ts ?? type.local;
  const isMany = (field) => field.occurs === "*" || field.occurs === "+";
  const tsField = (f) =>
    `  readonly ${f.name}${f.occurs === "?" ? "?" : ""}: ${isMany(f) ? `readonly ${tsType(f.type)}[]` : tsType(f.type)};`;
  const tableField = (f) =>
    `[${JSON.stringify(f.name)}, ${JSON.stringify(scalar(f.type)?.table ?? f.type.local)}, "${f.occurs}"]`;
  const baseOf = (type) => (type.base === "DynamicData" ? undefined : type.base);
  const resultType = (field) =>
    field ? (isMany(field) ? `readonly ${tsType(field.type)}[]` : tsType(field.type)) : "undefined";

  const lines = [
    "// Generated from wsdl/lookup.wsdl by scripts/generate-lookup-tables.mjs (npm run generate). Do not edit.",
    "",
    'import type { SoapSchema } from "../soap/schema.ts";',
    'import type { XmlElement } from "../xml/reader.ts";',
    "",
    "/** SOAPAction of every operation. */",
    `export const LOOKUP_SOAP_ACTION = ${JSON.stringify(soapAction(root))};`,
  ];
  const used = reachable(namespace, types, operations);
  for (const type of used) {
    lines.push("");
    if (type.reference) {
      lines.push("/** A managed object: its ID and the name of its type. */");
      lines.push(
        `export interface ${type.name} {`,
        "  readonly type: string;",
        "  readonly value: string;",
        "}",
      );
      continue;
    }
    const base = baseOf(type);
    if (type.own.length === 0) lines.push(`export type ${type.name} = ${base};`);
    else {
      const heritage = base ? ` extends ${base}` : "";
      lines.push(`export interface ${type.name}${heritage} {`, ...type.own.map(tsField), "}");
    }
  }
  for (const { name, request } of operations) {
    lines.push("", `export interface ${name}Request {`, ...request.map(tsField), "}");
  }
  lines.push("", "/** Request and result of each operation. */", "export interface LookupOperations {");
  for (const { name, response } of operations) {
    lines.push(
      `  readonly ${name}: {`,
      `    readonly request: ${name}Request;`,
      `    readonly result: ${resultType(response)};`,
      "  };",
    );
  }
  lines.push("}", "", "export const LOOKUP_SCHEMA: SoapSchema<LookupOperations> = {");
  lines.push(`  namespace: ${JSON.stringify(namespace)},`, "  types: {");
  for (const type of used) {
    if (type.reference) continue;
    const base = baseOf(type);
    lines.push(
      `    ${type.name}: {`,
      ...(base ? [`      base: ${JSON.stringify(base)},`] : []),
      ...(type.own.length
        ? ["      fields: [", ...type.own.map((f) => `        ${tableField(f)},`), "      ],"]
        : ["      fields: [],"]),
      "    },",
    );
  }
  lines.push("  },", "  operations: {");
  for (const { name, request, response } of operations) {
    lines.push(
      `    ${name}: {`,
      `      request: [${request.map(tableField).join(", ")}],`,
      ...(response ? [`      response: ${tableField(response)},`] : []),
      "    },",
    );
  }
  lines.push("  },", "};", "");
  return lines.join("\n");
}

const text = generate(readFileSync(WSDL, "utf8"));
if (process.argv.includes("--check")) {
  if (readFileSync(OUTPUT, "utf8") !== text) {
    console.error("src/lookup/wsdl-tables.ts is out of date: run npm run generate");
    process.exitCode = 1;
  }
} else {
  writeFileSync(OUTPUT, text);
}
