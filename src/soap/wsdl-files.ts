import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { InvalidArgumentError, type QName, XmlError } from "../errors.ts";
import { XSD_NAMESPACE } from "../xml/names.ts";
import { readXml, type StartTag, type XmlSink } from "../xml/reader.ts";

export const WSDL_NAMESPACE = "http://schemas.xmlsoap.org/wsdl/";

/** An element of a WSDL or an XML schema: unqualified attributes, those that are names resolved where they stand. */
export interface WsdlNode {
  readonly namespace: string;
  readonly local: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly names: ReadonlyMap<string, QName>;
  readonly children: readonly WsdlNode[];
}

/** Attributes of WSDL and XML schema whose values are qualified names. */
const NAME_ATTRIBUTES: ReadonlySet<string> = new Set([
  "type",
  "base",
  "ref",
  "element",
  "message",
  "binding",
  "itemType",
]);

class WsdlSink implements XmlSink {
  root: WsdlNode | undefined;
  readonly #open: (WsdlNode & { readonly children: WsdlNode[] })[] = [];

  open(namespace: string, local: string, tag: StartTag): void {
    const attributes = new Map<string, string>();
    const names = new Map<string, QName>();
    for (const attribute of tag.attributes()) {
      if (attribute.namespace !== "") continue;
      const value = attribute.value.trim();
      attributes.set(attribute.local, value);
      if (NAME_ATTRIBUTES.has(attribute.local)) {
        const colon = value.indexOf(":");
        const prefix = colon < 0 ? "" : value.slice(0, colon);
        names.set(attribute.local, {
          namespace: tag.resolve(prefix) ?? "",
          local: value.slice(colon + 1),
        });
      }
    }
    const node = { namespace, local, attributes, names, children: [] };
    const parent = this.#open.at(-1);
    if (parent) parent.children.push(node);
    else this.root = node;
    this.#open.push(node);
  }

  text(): void {}

  close(): void {
    this.#open.pop();
  }
}

/**
 * Reads a WSDL and every file that it and its schemas import or include; each file comes once, in no order that
 * matters.
 *
 * @throws InvalidArgumentError when a file cannot be read, is no WSDL or schema, or would come from the network.
 */
export async function readWsdlFiles(path: string): Promise<WsdlNode[]> {
  const roots: WsdlNode[] = [];
  const seen = new Set<string>();
  const visit = async (file: string, from: string | undefined): Promise<void> => {
    if (seen.has(file)) return;
    seen.add(file);
    const root = parseFile(file, await readText(file, from));
    roots.push(root);
    refuseRemoteImports(root, file);
    for (const location of importsOf(root)) {
      await visit(resolve(dirname(file), location), file);
    }
  };
  await visit(resolve(path), undefined);
  return roots;
}

async function readText(file: string, from: string | undefined): Promise<string> {
  try {
    return (await readFile(file, "utf8")).replace(/^\uFEFF/, "");
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    throw new InvalidArgumentError(
      `${from === undefined ? "the WSDL" : "a file that the WSDL imports"} cannot be read: ${file}${reason}`,
      {
        cause: error,
        hint:
          from === undefined ? "give the path of a WSDL file" : `it is named by ${from}; put it in its place`,
      },
    );
  }
}

function parseFile(file: string, text: string): WsdlNode {
  const sink = new WsdlSink();
  try {
    readXml(text, sink);
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    throw new InvalidArgumentError(`${file} is not usable XML: ${error.message} (line ${error.line})`, {
      cause: error,
      hint: "get the file again from its vendor's SDK",
    });
  }
  const { root } = sink;
  const isWsdl = root?.namespace === WSDL_NAMESPACE && root.local === "definitions";
  const isSchema = root?.namespace === XSD_NAMESPACE && root.local === "schema";
  if (!root || !(isWsdl || isSchema)) {
    throw new InvalidArgumentError(`${file} is neither a WSDL 1.1 nor an XML schema`, {
      hint: "give the path of a WSDL file",
    });
  }
  return root;
}

/**
 * Looks at imports of whatever namespace, wherever they stand and whichever attribute names the file: the `soap`
 * package follows more of them than WSDL and XML schema allow.
 */
function refuseRemoteImports(node: WsdlNode, file: string): void {
  if (/^(?:import|include|redefine|override)$/.test(node.local)) {
    for (const name of ["location", "schemaLocation"]) {
      const location = node.attributes.get(name) ?? "";
      if (/^[a-z][a-z0-9+.-]+:|^\/\//i.test(location)) {
        throw new InvalidArgumentError(`${file} imports ${location}, and nothing is fetched from elsewhere`, {
          hint: "save what it imports beside it and let the location name that file",
        });
      }
    }
  }
  for (const child of node.children) refuseRemoteImports(child, file);
}

function importsOf(root: WsdlNode): string[] {
  const locations: string[] = [];
  const schemas = schemasOf(root);
  const holders = schemas.includes(root) ? schemas : [root, ...schemas];
  for (const { children } of holders) {
    for (const { namespace, local, attributes } of children) {
      const name =
        namespace === WSDL_NAMESPACE && local === "import"
          ? "location"
          : namespace === XSD_NAMESPACE && (local === "import" || local === "include")
            ? "schemaLocation"
            : undefined;
      const location = name && attributes.get(name);
      if (location) locations.push(location);
    }
  }
  return locations;
}

/** The schemas of a file: itself, or those within its `types`. */
export function schemasOf(root: WsdlNode): WsdlNode[] {
  if (root.namespace === XSD_NAMESPACE) return [root];
  return root.children
    .filter((child) => child.namespace === WSDL_NAMESPACE && child.local === "types")
    .flatMap((types) => types.children)
    .filter((child) => child.namespace === XSD_NAMESPACE && child.local === "schema");
}
