import { fileURLToPath } from "node:url";
import fc, { type Arbitrary } from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { LOOKUP_SCHEMA, type LookupOperations } from "../../src/lookup/wsdl-tables.ts";
import { decodeEnvelope } from "../../src/soap/decode.ts";
import { encodeOperation } from "../../src/soap/encode.ts";
import type { FieldTable, ServiceSchema } from "../../src/soap/schema.ts";
import type { SoapTransport, SoapTransportRequest } from "../../src/soap/transport.ts";
import { createWsdlClient, type WsdlClient } from "../../src/soap/wsdl-client.ts";
import { parseXml, type XmlElement } from "../../src/xml/reader.ts";

const WSDL = fileURLToPath(new URL("../../wsdl/lookup-service.wsdl", import.meta.url));
const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
const schema: ServiceSchema = LOOKUP_SCHEMA;
const operations = Object.keys(LOOKUP_SCHEMA.operations) as (keyof LookupOperations)[];

/** Keeps what was sent, and answers with what it was told to. */
class Recorder implements SoapTransport {
  sent = "";
  answer = "";

  async request(url: string, { body }: SoapTransportRequest) {
    this.sent = typeof body === "string" ? body : await body();
    return { status: 200, headers: {}, body: Buffer.from(this.answer), url };
  }
}

const recorder = new Recorder();
let client: WsdlClient;
beforeAll(async () => {
  client = await createWsdlClient(WSDL, {
    transport: recorder,
    endpoint: "https://vc.example/lookupservice/sdk",
  });
});

/** Text without white space at its ends, which a reader of answers drops. */
const text: Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: "grapheme" }),
    fc.string({
      unit: fc.constantFrom(
        "a",
        "<",
        "&",
        ">",
        '"',
        "'",
        "]]>",
        "<![CDATA[",
        "<!--",
        " ",
        "\n",
        "\r",
        "é",
        "𝄞",
      ),
    }),
  )
  .map((value) => value.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "").trim())
  .filter((value) => !/\p{Surrogate}/u.test(value));

/** Keys in any order. */
function shuffled(object: Arbitrary<Record<string, unknown>>): Arbitrary<Record<string, unknown>> {
  return object.chain((value) =>
    fc
      .shuffledSubarray(Object.keys(value), { minLength: Object.keys(value).length })
      .map((keys) => Object.fromEntries(keys.map((key) => [key, value[key]]))),
  );
}

function valueFor(type: string): Arbitrary<unknown> {
  switch (type) {
    case "xsd:string":
      return text;
    case "xsd:boolean":
      return fc.boolean();
    case "xsd:int":
      return fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    case "moref":
      return fc.record({ type: text.filter((t) => t !== ""), value: text });
    default:
      return objectOf(fieldsOf(type));
  }
}

function objectOf(fields: readonly FieldTable[]): Arbitrary<Record<string, unknown>> {
  const keys = fields.map(([name, type, occurs]): [string, Arbitrary<unknown>] => [
    name,
    occurs === "*" ? fc.array(valueFor(type), { maxLength: 3 }) : valueFor(type),
  ]);
  const requiredKeys = fields.filter(([, , occurs]) => occurs !== "?").map(([name]) => name);
  return shuffled(fc.record(Object.fromEntries(keys), { requiredKeys }));
}

function fieldsOf(type: string): FieldTable[] {
  const table = schema.types[type]!;
  return [...(table.base ? fieldsOf(table.base) : []), ...table.fields];
}

/** Names, attributes, text and order, without prefixes. */
function bodyOf(envelope: string): XmlElement {
  return parseXml(envelope).children.at(-1)!.children[0]!;
}

const answerTo = (operation: string, content: string) =>
  `<s:Envelope xmlns:s="${SOAP}"><s:Body><${operation}Response xmlns="urn:lookup">${content}</${operation}Response></s:Body></s:Envelope>`;

describe.each(operations)("%s", (operation) => {
  const { request, response } = schema.operations[operation]!;

  test("is sent the same by the codec and by the soap package", async () => {
    recorder.answer = answerTo(operation, minimal(response));
    await fc.assert(
      fc.asyncProperty(objectOf(request), async (input) => {
        await client.call(operation, input);
        const ours = encodeOperation(schema, operation, input);
        expect(bodyOf(recorder.sent)).toEqual(parseXml(ours));
        expect(recorder.sent).toContain(ours);
      }),
      { numRuns: 60 },
    );
  });

  test("is read the same by the codec and by the soap package", async () => {
    const values = !response
      ? fc.constant(undefined)
      : response[2] === "*"
        ? fc.array(valueFor(response[1]), { maxLength: 4 })
        : valueFor(response[1]);
    await fc.assert(
      fc.asyncProperty(values, fc.infiniteStream(fc.nat()), async (value, stream) => {
        const choose = (n: number): number => (stream.next().value as number) % n;
        const content = response ? new AnswerWriter(choose).fields([response], { returnval: value }) : "";
        recorder.answer = new AnswerWriter(choose).envelope(operation, content);
        const decoded = decodeEnvelope(recorder.answer, schema, operation);
        expect(decoded).toEqual({ kind: "result", value, issues: [] });
        expect(await client.call(operation, requestOf(operation))).toEqual(value);
      }),
      { numRuns: 60 },
    );
  });
});

/** Any valid input; what is asked is of no matter when answers are read. */
function requestOf(operation: keyof LookupOperations): Record<string, unknown> {
  return fc.sample(objectOf(schema.operations[operation]!.request), { numRuns: 1, seed: 1 })[0]!;
}

function minimal(response: FieldTable | undefined): string {
  if (!response || response[2] === "*") return "";
  const [sample] = fc.sample(valueFor(response[1]), { numRuns: 1, seed: 1 });
  return new AnswerWriter(() => 0).fields([response], { returnval: sample });
}

/** Writes answers in the many ways in which servers write the same thing. */
class AnswerWriter {
  readonly #choose: (n: number) => number;

  constructor(choose: (n: number) => number) {
    this.#choose = choose;
  }

  envelope(operation: string, content: string): string {
    const s = ["s", "soapenv", "a", "l"][this.#choose(4)]!;
    const space = this.#space();
    const header = ["", `<${s}:Header/>`, `<${s}:Header><h xmlns="urn:h">x</h></${s}:Header>`][
      this.#choose(3)
    ]!;
    const xml = this.#element(`${operation}Response`, "", content);
    return `<${s}:Envelope xmlns:${s}="${SOAP}">${space}${header}<${s}:Body>${space}${xml}${space}</${s}:Body></${s}:Envelope>`;
  }

  fields(fields: readonly FieldTable[], value: Readonly<Record<string, unknown>>): string {
    return fields
      .map(([name, type, occurs]) => {
        if (!Object.hasOwn(value, name)) return "";
        const items = occurs === "*" ? (value[name] as unknown[]) : [value[name]];
        return items.map((item) => this.#space() + this.#value(name, type, item)).join("") + this.#space();
      })
      .join("");
  }

  #value(name: string, type: string, value: unknown): string {
    if (type === "moref") {
      const { type: of, value: id } = value as { type: string; value: string };
      return this.#element(name, ` type="${this.#escape(of, true)}"`, this.#text(id));
    }
    if (type.startsWith("xsd:")) return this.#element(name, "", this.#text(String(value)));
    const table = fieldsOf(type);
    return this.#element(name, this.#xsiType(type), this.fields(table, value as Record<string, unknown>));
  }

  #element(name: string, attributes: string, content: string): string {
    const prefix = ["", "l", "ns1", "_x-1."][this.#choose(4)]!;
    const [qname, declaration] = prefix
      ? [`${prefix}:${name}`, ` xmlns:${prefix}="urn:lookup"`]
      : [name, ' xmlns="urn:lookup"'];
    if (content === "" && this.#choose(2)) return `<${qname}${attributes}${declaration}/>`;
    return `<${qname}${declaration}${attributes} >${content}</${qname}>`;
  }

  #xsiType(type: string): string {
    if (this.#choose(4) > 0) return "";
    return ` xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:t="urn:lookup" i:type="t:${type}"`;
  }

  #text(value: string): string {
    const comment = this.#choose(4) === 0 ? "<!-- x -->" : "";
    const half = Math.floor(value.length / 2);
    const whole = /[\ud800-\udbff]$/.test(value.slice(0, half)) ? value.length : half;
    const pieces = [value.slice(0, whole), value.slice(whole)].map((piece) =>
      this.#choose(3) === 0 && !/[\r]/.test(piece)
        ? `<![CDATA[${piece.replaceAll("]]>", "]]]]><![CDATA[>")}]]>`
        : this.#escape(piece, false),
    );
    return this.#space() + pieces.join(comment) + this.#space();
  }

  #escape(value: string, attribute: boolean): string {
    const escaped = value.replace(/[&<>\r]/g, (c) => `&#${c.charCodeAt(0)};`);
    return attribute ? escaped.replace(/["\t\n]/g, (c) => `&#x${c.charCodeAt(0).toString(16)};`) : escaped;
  }

  #space(): string {
    return ["", "", " ", "\n\t", "<!-- -->"][this.#choose(5)]!;
  }
}
