/** Documents of any kind, written carelessly, with the exclusive canonical form that they have by definition. */
import fc from "fast-check";

interface Element {
  readonly prefix: string;
  readonly local: string;
  readonly declared: Readonly<Record<string, string>>;
  readonly attributes: readonly { readonly prefix: string; readonly local: string; readonly value: string }[];
  readonly children: readonly (Element | string)[];
}

export interface AnyDocument {
  readonly xml: string;
  readonly canonical: string;
  /** The form with the prefixes `p` and `Q` kept as declared. */
  readonly inclusive: string;
  /** The document without what xmldom misreads: CDATA, comments, spaces in end tags. */
  readonly tidy: string;
}

export const KEPT: readonly string[] = ["p", "Q"];

const CHARACTERS = [
  "&",
  "<",
  ">",
  '"',
  "'",
  "\t",
  "\n",
  "\r",
  " ",
  "]]>",
  "a",
  "b",
  "Z",
  "0",
  "é",
  "\u{1F511}",
];

function documents(
  root: Readonly<Record<string, string>>,
  characters: readonly string[],
): fc.Arbitrary<AnyDocument> {
  const prefix = fc.constantFrom("", ...Object.keys(root));
  const text = fc.string({ unit: fc.constantFrom(...characters), maxLength: 8 });
  const local = fc.constantFrom("a", "b", "Ab", "aB", "c-1", "_d", "é");
  const { element } = fc.letrec<{ element: Element }>((tie) => ({
    element: fc.record({
      prefix,
      local,
      declared: fc.dictionary(prefix, fc.constantFrom("urn:p", "urn:x", "urn:10"), { maxKeys: 2 }),
      attributes: fc.uniqueArray(
        fc.record({ prefix, local, value: text }),
        // Two prefixes may mean the same namespace: then the local names must differ.
        { selector: (a) => a.local, maxLength: 3 },
      ),
      children: fc.array(fc.oneof({ depthSize: "small" }, text, tie("element")), { maxLength: 3 }),
    }),
  }));
  return fc.tuple(element, fc.infiniteStream(fc.nat(5))).map(([inner, dice]) => {
    const whole: Element = { ...inner, declared: { ...root, ...inner.declared } };
    return {
      xml: carelessly(whole, () => dice.next().value ?? 0),
      canonical: exclusive(whole, {}, {}, []),
      inclusive: exclusive(whole, {}, {}, KEPT),
      tidy: carelessly(whole, () => 5),
    };
  });
}

export const anyDocument: fc.Arbitrary<AnyDocument> = documents(
  { p: "urn:p", Q: "urn:q", ns10: "urn:10", ns2: "urn:2", _u: "urn:u" },
  [...CHARACTERS, "\u0085", "\u2028"],
);

/** Without prefixes that xml-crypto does not sort as it should, and characters that xmldom takes for line ends. */
export const plainDocument: fc.Arbitrary<AnyDocument> = documents(
  { p: "urn:p", q: "urn:q", ns10: "urn:r", ns2: "urn:s" },
  CHARACTERS,
);

function qualified(of: { readonly prefix: string; readonly local: string }): string {
  return of.prefix === "" ? of.local : `${of.prefix}:${of.local}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function exclusive(
  element: Element,
  outer: Readonly<Record<string, string>>,
  shown: Readonly<Record<string, string>>,
  kept: readonly string[],
): string {
  const scope: Record<string, string> = { ...outer, ...element.declared };
  const used = new Set([
    element.prefix,
    ...element.attributes.map((a) => a.prefix).filter((prefix) => prefix !== ""),
    ...kept.filter((prefix) => prefix in scope),
  ]);
  const rendered = { ...shown };
  const namespaces = [...used].sort(compare).flatMap((prefix) => {
    const uri = scope[prefix] ?? "";
    if ((shown[prefix] ?? "") === uri) return [];
    rendered[prefix] = uri;
    return [` xmlns${prefix === "" ? "" : `:${prefix}`}="${uri}"`];
  });
  const uriOf = (prefix: string): string => (prefix === "" ? "" : (scope[prefix] ?? ""));
  const attributes = [...element.attributes]
    .sort((a, b) => compare(uriOf(a.prefix), uriOf(b.prefix)) || compare(a.local, b.local))
    .map((a) => ` ${qualified(a)}="${escaped(a.value, /[&<"\t\n\r]/g)}"`);
  const content = element.children.map((each) =>
    typeof each === "string" ? escaped(each, /[&<>\r]/g) : exclusive(each, scope, rendered, kept),
  );
  return `<${qualified(element)}${namespaces.join("")}${attributes.join("")}>${content.join("")}</${qualified(element)}>`;
}

const NAMED: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

function escaped(value: string, what: RegExp): string {
  return value.replace(what, (c) => NAMED[c] ?? `&#x${c.charCodeAt(0).toString(16).toUpperCase()};`);
}

/** The same document with whatever XML leaves to the writer decided by dice. */
function carelessly(element: Element, roll: () => number): string {
  const space = (): string => [" ", "  ", "\n", "\t", "\r\n", " "][roll()] ?? " ";
  const tags = [
    ...Object.entries(element.declared).map(([prefix, uri]) => [
      prefix === "" ? "xmlns" : `xmlns:${prefix}`,
      uri,
    ]),
    ...element.attributes.map((a) => [qualified(a), a.value]),
  ]
    .map(([name = "", value = ""]) => {
      const quote = roll() < 3 ? '"' : "'";
      const rare = roll();
      const written = [...value].map((c) =>
        /[&<"'\t\n\r]/.test(c) || roll() < rare - 3 ? `&#${c.codePointAt(0)};` : c,
      );
      return `${space()}${name}${roll() === 0 ? " = " : "="}${quote}${written.join("")}${quote}`;
    })
    .sort(() => roll() - 3);
  const content = element.children.map((each) => {
    if (typeof each !== "string") return carelessly(each, roll);
    if (roll() === 0 && !/[\r\u0085\u2028]|\]\]>|^$/.test(each)) return `<![CDATA[${each}]]>`;
    const comment = roll() === 0 ? "<!-- no part of it -->" : "";
    return `${comment}${[...each].map((c) => (/[&<>\r]/.test(c) || roll() === 0 ? `&#x${c.codePointAt(0)?.toString(16)};` : c === "\n" && roll() === 0 ? "\r\n" : c)).join("")}`;
  });
  const name = qualified(element);
  if (content.length === 0 && roll() < 3) return `<${name}${tags.join("")}${roll() === 0 ? " " : ""}/>`;
  return `<${name}${tags.join("")}>${content.join("")}</${name}${roll() === 0 ? "\n" : ""}>`;
}
