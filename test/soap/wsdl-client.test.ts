import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import {
  AbortedError,
  HttpStatusError,
  InvalidArgumentError,
  ProtocolError,
  SoapFaultError,
  UnsupportedError,
  XmlError,
} from "../../src/errors.ts";
import {
  createWsdlClient,
  type SoapTransport,
  type UnsecuredEnvelope,
  type WsdlClient,
} from "../../src/soap/index.ts";
import { parseXml, type XmlElement } from "../../src/xml/reader.ts";

const fixture = (name: string) => fileURLToPath(new URL(`../../fixtures/wsdl/${name}`, import.meta.url));
const INVENTORY = fixture("inventory.wsdl");
const LOOKUP = fileURLToPath(new URL("../../wsdl/lookup-service.wsdl", import.meta.url));
const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
const XSI = "http://www.w3.org/2001/XMLSchema-instance";

let server: Server;
let endpoint: string;
let requests: { body: string; headers: IncomingHttpHeaders }[];
let answer: { status: number; type: string; body: string };

const transport: SoapTransport = {
  async request(url, { method, headers, body, signal }) {
    const text = typeof body === "string" ? body : await body();
    const response = await fetch(url, { method, headers, body: text, ...(signal && { signal }) });
    return {
      status: response.status,
      headers: Object.fromEntries(response.headers),
      body: Buffer.from(await response.arrayBuffer()),
      url,
    };
  },
};

beforeAll(async () => {
  server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    requests.push({ body: Buffer.concat(chunks).toString(), headers: request.headers });
    response.writeHead(answer.status, { "content-type": answer.type }).end(answer.body);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sdk`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

beforeEach(() => {
  requests = [];
  respond("");
});

function respond(content: string, status = 200, element = "StoreResponse"): void {
  answer = {
    status,
    type: "text/xml; charset=utf-8",
    body: envelope(
      `<${element} xmlns="urn:test:inventory" xmlns:t="urn:test:inventory:types" xmlns:xsi="${XSI}" xmlns:xsd="http://www.w3.org/2001/XMLSchema">${content}</${element}>`,
    ),
  };
}

function envelope(body: string): string {
  return `<s:Envelope xmlns:s="${SOAP}"><s:Body>${body}</s:Body></s:Envelope>`;
}

const bind = (options = {}): Promise<WsdlClient> =>
  createWsdlClient(INVENTORY, { transport, endpoint, ...options });

function sentBody(): XmlElement {
  return parseXml(requests.at(-1)!.body).children.at(-1)!.children[0]!;
}

/** Names, text and attributes, with namespaces cut to their last word. */
function outline({ namespace, local, attributes, text, children }: XmlElement): string {
  const short = (uri: string) => uri.slice(uri.lastIndexOf(":") + 1);
  const written = attributes.map((a) => ` ${a.namespace ? "xsi:" : ""}${a.local}=${a.value}`).join("");
  return `${short(namespace)}:${local}${written}(${children.map(outline).join(" ") || text})`;
}

async function failure(promise: Promise<unknown>): Promise<Error & { hint?: string }> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("did not fail with an error");
}

const REFERENCE = { type: "Store", value: "store-1" };

describe("a request", () => {
  test("has its elements in the order of the schema, each in the namespace that its schema gives it", async () => {
    const client = await bind();
    await client.call("Store", {
      note: "n",
      item: [
        {
          mark: [true, false],
          path: "/a",
          label: ["x", "y"],
          id: "1",
          owner: { value: "o", type: "Owner" },
          size: 5,
        },
      ],
      Context: "c",
      _this: REFERENCE,
    });
    expect(outline(sentBody())).toBe(
      "inventory:Store Context=c(inventory:_this type=Store(store-1) " +
        "inventory:item(types:id(1) types:label(x) types:label(y) types:size(5) types:owner type=Owner(o) " +
        "types:path(/a) types:mark(true) types:mark(false)) inventory:note(n))",
    );
  });

  test("carries a derived type as xsi:type, the fields of its bases first", async () => {
    const client = await bind();
    await client.call("Store", {
      _this: REFERENCE,
      item: [
        {
          $type: "Box",
          value: 7,
          content: [
            { id: "2", uri: "u" },
            { $type: "Box", id: "3", value: "text" },
          ],
          id: "1",
        },
      ],
    });
    const [, item] = sentBody().children;
    expect(item?.xsiType).toEqual({ namespace: "urn:test:inventory:types", local: "Box" });
    expect(item?.children.map((c) => c.local)).toEqual(["id", "content", "content", "value"]);
    expect(item?.children[2]?.xsiType?.local).toBe("Box");
    expect(item?.children[3]?.xsiType).toEqual({
      namespace: "http://www.w3.org/2001/XMLSchema",
      local: "int",
    });
  });

  test.each(["]]><evil/>", "<![CDATA[]]><evil/><![CDATA[]]>", '"/><evil a="', "a & b\r\n<c>", "&lt;"])(
    "carries the text %j as text, wherever it stands",
    async (text) => {
      const client = await bind();
      await client.call("Store", {
        _this: { type: text, value: text },
        item: [{ id: text, label: [text], $type: "Box", value: text }],
        Context: text,
      });
      const [reference, item] = sentBody().children;
      expect(sentBody().attributes).toEqual([{ namespace: "", local: "Context", value: text }]);
      expect(reference).toMatchObject({ text, children: [], attributes: [{ local: "type", value: text }] });
      expect(item?.children.map((c) => [c.local, c.text, c.children])).toEqual([
        ["id", text, []],
        ["label", text, []],
        ["value", text, []],
      ]);
    },
  );

  test("goes out with SOAPAction, content type and the headers of call and session", async () => {
    const client = await bind({
      carrier: (operation: string) => ({
        headers: { "x-session": operation, cookie: "a=1" },
        soapHeaders: ['<session xmlns="urn:s">s1</session>'],
      }),
    });
    await client.call(
      "Store",
      { _this: REFERENCE, item: [{ id: "1" }] },
      {
        headers: { cookie: "a=2", soapaction: "evil" },
        soapHeaders: ['<extra xmlns="urn:x">x</extra>'],
      },
    );
    expect(requests[0]?.headers).toMatchObject({
      "content-type": "text/xml; charset=utf-8",
      soapaction: '"urn:test:store"',
      "x-session": "Store",
      cookie: "a=2",
    });
    const [header] = parseXml(requests[0]!.body).children;
    expect(header?.children.map((c) => `${c.namespace} ${c.local} ${c.text}`)).toEqual([
      "urn:s session s1",
      "urn:x extra x",
    ]);
  });

  test("is handed to the security, and what that returns is sent", async () => {
    const seen: UnsecuredEnvelope[] = [];
    const client = await bind({
      security: {
        secure: async (unsecured: UnsecuredEnvelope) => {
          seen.push(unsecured);
          return `<signed>${unsecured.bodyXml}</signed>`;
        },
      },
    });
    await client.call("Store", { _this: REFERENCE, item: [{ id: "1" }] });
    expect(seen).toEqual([
      {
        bodyXml:
          '<Store xmlns="urn:test:inventory"><_this type="Store">store-1</_this>' +
          '<item><id xmlns="urn:test:inventory:types">1</id></item></Store>',
        headerXml: "",
        operation: { namespace: "urn:test:inventory", local: "Store" },
        action: "urn:test:store",
        url: endpoint,
      },
    ]);
    expect(requests[0]?.body).toBe(`<signed>${seen[0]?.bodyXml}</signed>`);
  });

  test("leaves out what is undefined or null", async () => {
    const client = await bind();
    const item = { id: "1", size: null, owner: undefined, label: null };
    await client.call("Store", { _this: REFERENCE, item: [item], note: null });
    expect(outline(sentBody())).toBe(
      "inventory:Store(inventory:_this type=Store(store-1) inventory:item(types:id(1)))",
    );
  });

  const item = { id: "1" };
  test.each<[string, object, string]>([
    ["unknown field", { _this: REFERENCE, item: [item], notes: "n" }, "Store.notes: unknown field; "],
    ["verbatim XML at the top", { _xml: "<evil/>" }, "Store._this: missing"],
    [
      "verbatim XML beside fields",
      { _this: REFERENCE, item: [item], _xml: "<evil/>" },
      "Store._xml: unknown field",
    ],
    [
      "verbatim XML within",
      { _this: REFERENCE, item: [{ ...item, $xml: "<evil/>" }] },
      "Store.item[0].$xml: unknown",
    ],
    [
      "text for a complex type",
      { _this: REFERENCE, item: [{ ...item, $value: "v" }] },
      "Store.item[0].$value: unknown",
    ],
    [
      "attributes as such",
      { _this: REFERENCE, item: [{ ...item, attributes: {} }] },
      "Store.item[0].attributes: unknown",
    ],
    ["prefixed name", { _this: REFERENCE, item: [item], "x:note": "n" }, "Store.x:note: unknown field"],
    ["missing field", { _this: REFERENCE, item: [{}] }, "Store.item[0].id: missing"],
    ["empty list that must not be", { _this: REFERENCE, item: [] }, "Store.item: needs at least one"],
    ["single value for a list", { _this: REFERENCE, item }, "Store.item: expected a list"],
    [
      "list for a single value",
      { _this: REFERENCE, item: [item], note: ["n"] },
      "Store.note: expected a string",
    ],
    [
      "bare string for a reference",
      { _this: "store-1", item: [item] },
      "Store._this: expected an object { value, type }",
    ],
    ["reference without a type", { _this: { value: "x" }, item: [item] }, "Store._this.type: missing"],
    [
      "string for a number",
      { _this: REFERENCE, item: [{ ...item, size: "5" }] },
      "Store.item[0].size: expected a whole",
    ],
    [
      "type that does not fit",
      { _this: REFERENCE, item: [{ ...item, $type: "Stranger" }] },
      "Store.item[0].$type: names no",
    ],
    [
      "type that is not there",
      { _this: REFERENCE, item: [{ ...item, $type: "__proto__" }] },
      "Store.item[0].$type: names no",
    ],
    ["control character", { _this: REFERENCE, item: [{ id: "\u0001" }] }, "Store.item[0].id: a value holds"],
    [
      "object of any type without saying which",
      { _this: REFERENCE, item: [{ ...item, $type: "Box", value: {} }] },
      "Store.item[0].value.$type: missing",
    ],
  ])("is refused with an %s, and nothing is sent", async (_name, input, message) => {
    const client = await bind();
    const error = await failure(client.call("Store", input));
    expect(error).toBeInstanceOf(InvalidArgumentError);
    expect(error.message).toContain(message);
    expect(requests).toEqual([]);
  });

  test("is refused with a header block that is not one element", async () => {
    const client = await bind();
    const documents = ['<?xml version="1.0"?><a/>', "\uFEFF<a/>", "\uFEFF<?xml version='1.0'?><a/>"];
    for (const block of ["text", "<a/><b/>", "<unbound:a/>", "<a>", ...documents]) {
      const error = await failure(client.call("Ping", {}, { soapHeaders: [block] }));
      expect(error).toBeInstanceOf(InvalidArgumentError);
    }
    expect(requests).toEqual([]);
  });

  test("is refused for an operation that is not there, and the operations are listed", async () => {
    const client = await bind();
    expect(client.operations).toEqual(["Store", "Count", "Ping"]);
    for (const name of ["store", "toString", "__proto__"]) {
      const error = await failure(client.call(name, {}));
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect(error.hint).toBe("the operations are Store, Count, Ping");
    }
  });
});

describe("an answer", () => {
  const store = async (content: string): Promise<unknown> => {
    respond(content);
    return (await bind()).call("Store", { _this: REFERENCE, item: [{ id: "1" }] });
  };

  test("has a list where the schema has one: none, one, several", async () => {
    expect(await store("")).toEqual([]);
    expect(await store("<returnval><t:id>1</t:id></returnval>")).toEqual([{ id: "1", label: [], mark: [] }]);
    expect(
      await store("<returnval/><returnval><t:id>1</t:id><t:label>x</t:label><t:label/></returnval>"),
    ).toEqual([
      { label: [], mark: [] },
      { id: "1", label: ["x", ""], mark: [] },
    ]);
  });

  test("has references, numbers and truth values by their types, whatever attributes they bear", async () => {
    expect(
      await store(
        '<returnval><t:id xsi:type="xsd:string">01</t:id><t:size xsi:type="xsd:int"> 7 </t:size><t:owner type="Owner" xsi:type="t:ManagedObjectReference">o</t:owner><t:path unknown="x">/p</t:path><t:mark>1</t:mark></returnval>',
      ),
    ).toEqual([
      { id: "01", label: [], size: 7, owner: { type: "Owner", value: "o" }, path: "/p", mark: [true] },
    ]);
  });

  test("has $type for a derived type, and values of any type by what they say", async () => {
    const box = (value: string) =>
      `<returnval xsi:type="t:Box"><t:id>1</t:id><t:content><t:id>2</t:id></t:content>${value}</returnval>`;
    const base = { $type: "Box", id: "1", label: [], mark: [], content: [{ id: "2", label: [], mark: [] }] };
    expect(await store(box('<t:value xsi:type="xsd:long">9007199254740993</t:value>'))).toEqual([
      { ...base, value: 9007199254740993n },
    ]);
    expect(await store(box('<t:value xsi:type="t:Item"><t:id>3</t:id></t:value>'))).toEqual([
      { ...base, value: { $type: "Item", id: "3", label: [], mark: [] } },
    ]);
    expect(await store(box("<t:value>plain</t:value>"))).toEqual([{ ...base, value: "plain" }]);
  });

  test("is not cut short by comments, nor are CDATA, href and foreign elements more than they are", async () => {
    expect(
      await store(
        '<returnval id="a"><t:id>1<!-- c -->2</t:id><t:label><![CDATA[<?xml version="1.0"?><x>y</x>]]></t:label><t:owner type="O">a<!-- c -->b</t:owner><t:path href="#a">p</t:path><evil:size xmlns:evil="urn:evil">666</evil:size><size>667</size></returnval>',
      ),
    ).toEqual([
      {
        id: "12",
        label: ['<?xml version="1.0"?><x>y</x>'],
        owner: { type: "O", value: "ab" },
        path: "p",
        mark: [],
      },
    ]);
  });

  test("may hold elements named as what every object has", async () => {
    expect(
      await store(
        "<returnval><t:id>1</t:id><t:__proto__><t:polluted>1</t:polluted></t:__proto__><t:constructor>x</t:constructor><t:toString/></returnval>",
      ),
    ).toEqual([{ id: "1", label: [], mark: [] }]);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  test.each([
    `<returnval xsi:type='t:x" id="__proto__'><t:id>evil</t:id></returnval>`,
    `<returnval xsi:type='t:Item" id="__proto__'><t:id>evil</t:id></returnval>`,
    `<returnval xsi:type='xsd:string" id="__proto__'><t:id>evil</t:id></returnval>`,
    `<returnval xsi:type='t:x">&lt;n2:id>injected&lt;/n2:id>&lt;n2:path x="'><t:id>evil</t:id></returnval>`,
    '<returnval xsi:type="xsd:constructor"><t:id>evil</t:id></returnval>',
    '<returnval xsi:type="t:__proto__"><t:id>evil</t:id></returnval>',
  ])("has no type that the schema does not have, and harms nothing by its name: %s", async (content) => {
    const client = await bind();
    const call = () => client.call("Store", { _this: REFERENCE, item: [{ id: "1" }] });
    respond(content);
    expect(await call()).toEqual([{ id: "evil", label: [], mark: [] }]);
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>).obj).toBeUndefined();
    respond("<returnval><t:id>fine</t:id></returnval>");
    expect(await call()).toEqual([{ id: "fine", label: [], mark: [] }]);
  });

  test("drops what is nil, and keeps the first of a single field that is repeated", async () => {
    expect(
      await store(
        '<returnval><t:id>1</t:id><t:id>2</t:id><t:size xsi:nil="true"/><t:label xsi:nil="1"/></returnval>',
      ),
    ).toEqual([{ id: "1", label: [], mark: [] }]);
  });

  test("is the response's children where there is no returnval, nothing where it is empty", async () => {
    const client = await bind();
    respond(
      '<total>123</total><ratio>-1.5E3</ratio><exact>0</exact><at>2027-01-02T03:04:05Z</at><extra xsi:type="xsd:boolean">true</extra>',
      200,
      "CountResult",
    );
    expect(await client.call("Count", {})).toEqual({
      total: 123,
      ratio: -1500,
      exact: false,
      at: "2027-01-02T03:04:05Z",
      extra: true,
    });
    respond("", 200, "PingResponse");
    expect(await client.call("Ping", {})).toBeUndefined();
  });

  test.each([
    "<total>12x</total>",
    "<total/>",
    "<total>1</total><ratio>fast</ratio>",
    "<total>1</total><exact>yes</exact>",
    "<total>1</total><ratio>constructor</ratio>",
    "<total>1</total><ratio>__proto__</ratio>",
    '<total>1</total><extra xsi:type="xsd:double">toString</extra>',
  ])("is refused when a value is not of its type: %s", async (content) => {
    respond(content, 200, "CountResult");
    const error = await failure((await bind()).call("Count", {}));
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error.message).toMatch(/^CountResult\.\w+ is not a value of the type/);
  });

  test.each<[string, Partial<typeof answer>, new (...args: never[]) => Error, string]>([
    ["a DOCTYPE", { body: `<!DOCTYPE x [<!ENTITY e "e">]>${envelope("<a/>")}` }, XmlError, "XML_DOCTYPE"],
    [
      "an answer cut short",
      { body: envelope('<StoreResponse xmlns="urn:test:inventory"/>').slice(0, -8) },
      ProtocolError,
      "RESPONSE_TRUNCATED",
    ],
    ["an empty body", { body: "" }, ProtocolError, "RESPONSE_EMPTY"],
    ["a page", { body: "<html><body>hi</body></html>", type: "text/html" }, ProtocolError, "RESPONSE_HTML"],
    [
      "XML 1.1, which can hold control characters",
      { body: `<?xml version="1.1"?>${envelope("<a>&#27;</a>")}` },
      ProtocolError,
      "RESPONSE_NOT_SOAP",
    ],
    ["JSON", { body: '{"a":1}' }, ProtocolError, "RESPONSE_NOT_SOAP"],
    [
      "another answer",
      { body: envelope('<StoreResponse xmlns="urn:evil"/>') },
      ProtocolError,
      "RESPONSE_UNEXPECTED",
    ],
    ["a 503", { status: 503, body: "<html>busy</html>", type: "text/html" }, HttpStatusError, "HTTP_STATUS"],
    ["a 404", { status: 404, body: "" }, HttpStatusError, "HTTP_STATUS"],
  ])("that is none gives its own error: %s", async (_name, given, type, code) => {
    answer = { ...answer, ...given };
    const error = await failure((await bind()).call("Store", { _this: REFERENCE, item: [{ id: "1" }] }));
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(endpoint);
  });

  test("may be a fault, under HTTP 500 or 200, told in the server's words and no more", async () => {
    const fault = envelope(
      '<s:Fault><faultcode>s:Server</faultcode><faultstring>no room</faultstring><detail><RoomFault xmlns="urn:test:inventory"><secret>hunter2</secret></RoomFault></detail></s:Fault>',
    );
    for (const status of [500, 200]) {
      answer = { ...answer, status, body: fault };
      const error = await failure((await bind()).call("Ping", {}));
      expect(error).toBeInstanceOf(SoapFaultError);
      expect(error).toMatchObject({
        faultString: "no room",
        faultCode: { namespace: SOAP, local: "Server" },
        faultType: { namespace: "urn:test:inventory", local: "Room" },
        status,
      });
      expect(error.message).not.toContain("hunter2");
    }
  });

  test("has special numbers by the names of XML Schema", async () => {
    const client = await bind();
    for (const [name, value] of [
      ["INF", Number.POSITIVE_INFINITY],
      ["-INF", Number.NEGATIVE_INFINITY],
      ["NaN", Number.NaN],
    ] as const) {
      respond(`<total>1</total><ratio>${name}</ratio>`, 200, "CountResult");
      expect(await client.call("Count", {})).toEqual({ total: 1, ratio: value });
    }
  });

  test("is bounded in elements and attributes", async () => {
    respond(`<returnval><t:id>1</t:id>${"<t:label/>".repeat(100)}</returnval>`);
    const call = async (maxElements: number) =>
      (await bind({ limits: { maxElements } })).call("Store", { _this: REFERENCE, item: [{ id: "1" }] });
    expect(await call(105)).toHaveLength(1);
    expect(await failure(call(100))).toMatchObject({ code: "XML_LIMIT" });
    respond(`<returnval>${'<t:label a="" b=""/>'.repeat(50)}</returnval>`);
    expect(await failure(call(100))).toMatchObject({ code: "XML_LIMIT" });
  });

  test("is bounded without limits given, too", async () => {
    respond(`<returnval>${"<t:label/>".repeat(500_000)}</returnval>`);
    const error = await failure((await bind()).call("Store", { _this: REFERENCE, item: [{ id: "1" }] }));
    expect(error).toMatchObject({ code: "XML_LIMIT" });
    expect(error.message).toContain("more than 500000 elements");
  });

  test("is bounded by the limits given", async () => {
    respond(`<returnval>${"<t:label>x</t:label>".repeat(1000)}</returnval>`);
    const client = await bind({ limits: { maxLength: 2000 } });
    expect(await failure(client.call("Store", { _this: REFERENCE, item: [{ id: "1" }] }))).toMatchObject({
      code: "XML_LIMIT",
    });
  });

  test("is no longer waited for when the caller's signal fires", async () => {
    const client = await bind();
    const error = await failure(client.call("Ping", {}, { signal: AbortSignal.abort(new Error("enough")) }));
    expect(error.message).toBe("enough");
  });

  test("is not waited for behind a carrier that hangs, once the signal fires", async () => {
    const caller = new AbortController();
    const carrier = () => {
      setImmediate(() => caller.abort(new Error("enough")));
      return new Promise<never>(() => undefined);
    };
    const error = await failure((await bind({ carrier })).call("Ping", {}, { signal: caller.signal }));
    expect(error).toBeInstanceOf(AbortedError);
    expect(error.cause).toEqual(new Error("enough"));
    expect(requests).toEqual([]);
  });

  test("is not asked for when the carrier fails", async () => {
    const carrier = () => {
      throw new Error("no session");
    };
    const { signal } = new AbortController();
    expect((await failure((await bind({ carrier })).call("Ping", {}, { signal }))).message).toBe(
      "no session",
    );
    expect(requests).toEqual([]);
  });
});

describe("a WSDL", () => {
  test("may be given as path, file URL or its text, and names the endpoint when none is given", async () => {
    for (const wsdl of [INVENTORY, pathToFileURL(INVENTORY), pathToFileURL(INVENTORY).href]) {
      expect((await createWsdlClient(wsdl, { transport })).endpoint).toBe("https://inventory.invalid/sdk");
    }
  });

  test("is bound for each client alone", async () => {
    const [first, second] = await Promise.all([bind(), bind({ endpoint: `${endpoint}/other` })]);
    respond("", 200, "PingResponse");
    await Promise.all([first.call("Ping", {}), second.call("Ping", {})]);
    expect(second.endpoint).toBe(`${endpoint}/other`);
    expect(first.endpoint).toBe(endpoint);
  });

  test("of the Lookup Service is bound from its two files", async () => {
    const client = await createWsdlClient(LOOKUP, { transport, endpoint });
    answer = { ...answer, body: envelope('<ListResponse xmlns="urn:lookup"/>') };
    expect(await client.call("List", { filterCriteria: {}, _this: REFERENCE })).toEqual([]);
    expect(requests[0]?.headers.soapaction).toBe('"urn:lookup/2.0"');
  });

  test.each([
    ["no-such.wsdl", InvalidArgumentError, /the WSDL cannot be read: .*no-such\.wsdl \(ENOENT\)/],
    [
      "broken/missing-import.wsdl",
      InvalidArgumentError,
      /imports cannot be read: .*nowhere\.wsdl \(ENOENT\)/,
    ],
    ["broken/network-import.wsdl", InvalidArgumentError, /imports http:\/\/127\.0\.0\.1:9\/far\.xsd/],
    ["broken/doctype.wsdl", InvalidArgumentError, /not usable XML: the XML holds a DOCTYPE/],
    ["broken/truncated.wsdl", InvalidArgumentError, /not usable XML/],
    ["broken/page.wsdl", InvalidArgumentError, /neither a WSDL 1.1 nor an XML schema/],
    ["broken/rpc.wsdl", UnsupportedError, /the input of Echo is not one element/],
  ])("that cannot be bound says why: %s", async (name, type, message) => {
    const error = await failure(createWsdlClient(fixture(name), { transport, endpoint }));
    expect(error).toBeInstanceOf(type);
    expect(error.message).toMatch(message);
    expect(error.hint).toBeTruthy();
  });

  describe("with changes", () => {
    let folder: string;

    beforeAll(() => {
      folder = mkdtempSync(join(tmpdir(), "wsdl-"));
      cpSync(fixture("."), folder, { recursive: true });
    });
    afterAll(() => rmSync(folder, { recursive: true }));

    /** Binds the inventory with one piece of it replaced, and another put before it. */
    const bindChanged = (from: string, to: string): Promise<WsdlClient> => {
      const source = readFileSync(INVENTORY, "utf8");
      expect(source).toContain(from);
      const path = join(folder, "changed.wsdl");
      writeFileSync(path, source.replace(from, to));
      return createWsdlClient(path, { transport, endpoint });
    };

    const TYPES = "<wsdl:types>";
    const IMPORT = "<xsd:import ";
    test.each<[string, string, (url: string) => string]>([
      ["a schema by the attribute of WSDL", IMPORT, (url) => `<xsd:import location="${url}"/>`],
      ["an include by the attribute of WSDL", IMPORT, (url) => `<xsd:include location="${url}"/>`],
      ["a WSDL by the attribute of schemas", TYPES, (url) => `<wsdl:import schemaLocation="${url}"/>`],
      [
        "in a schema, by an element of no standard",
        IMPORT,
        (url) => `<f:import xmlns:f="urn:f" schemaLocation="${url}"/>`,
      ],
      [
        "in the WSDL, by an element of no standard",
        TYPES,
        (url) => `<f:import xmlns:f="urn:f" location="${url}"/>`,
      ],
      [
        "in a schema of no standard",
        "</wsdl:types>",
        (url) =>
          `<f:schema xmlns:f="urn:f" targetNamespace="urn:g"><f:import schemaLocation="${url}"/></f:schema>`,
      ],
      ["by the name of a protocol alone", IMPORT, (url) => `<xsd:import schemaLocation="${url.slice(5)}"/>`],
    ])("never imports from the network: %s", async (_name, before, element) => {
      const error = await failure(bindChanged(before, element(`${endpoint}/far.xsd`) + before));
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect(error.message).toMatch(/imports .*far\.xsd, and nothing is fetched/);
      expect(requests).toEqual([]);
    });

    test("does not fetch either what only a file imports that the engine alone reads", async () => {
      writeFileSync(
        join(folder, "near.xsd"),
        `<xsd:schema xmlns:xsd="http://www.w3.org/2001/XMLSchema"><xsd:import schemaLocation="${endpoint}/far.xsd"/></xsd:schema>`,
      );
      const error = await failure(bindChanged(IMPORT, `<xsd:import location="near.xsd"/>${IMPORT}`));
      expect(error).toBeInstanceOf(InvalidArgumentError);
      expect(`${error.cause}`).toContain("nothing is fetched");
      expect(requests).toEqual([]);
    });

    test.each(["attributes", "_attributes", "_xml", "constructor", "toString", "__proto__"])(
      "that has an element named %s is refused, for the engine would lose it",
      async (name) => {
        const error = await failure(bindChanged('name="note"', `name="${name}"`));
        expect(error).toBeInstanceOf(UnsupportedError);
        expect(error.message).toContain(`element named ${name}`);
      },
    );
  });

  test("is not fetched from the network, and its endpoint must be a URL", async () => {
    expect(await failure(createWsdlClient(`${endpoint}?wsdl`, { transport }))).toBeInstanceOf(
      InvalidArgumentError,
    );
    for (const bad of ["vc.example", "ftp://vc.example/", ""]) {
      expect(await failure(bind({ endpoint: bad }))).toBeInstanceOf(InvalidArgumentError);
    }
    expect(requests).toEqual([]);
  });
});
