import { describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import { LOOKUP_SCHEMA } from "../../src/lookup/wsdl-tables.ts";
import { encodeOperation } from "../../src/soap/encode.ts";
import { buildEnvelope } from "../../src/soap/envelope.ts";
import type { ServiceSchema } from "../../src/soap/schema.ts";
import { parseXml } from "../../src/xml/reader.ts";

const REGISTRATION = { type: "LookupServiceRegistration", value: "ServiceRegistration" };
const untyped: ServiceSchema = LOOKUP_SCHEMA;

function refusal(operation: string, input: unknown): InvalidArgumentError {
  try {
    encodeOperation(untyped, operation, input as object);
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

describe("encodeOperation", () => {
  test("writes an empty filter as an empty element, in canonical form", () => {
    expect(encodeOperation(LOOKUP_SCHEMA, "List", { _this: REGISTRATION, filterCriteria: {} })).toBe(
      '<List xmlns="urn:lookup"><_this type="LookupServiceRegistration">ServiceRegistration</_this><filterCriteria></filterCriteria></List>',
    );
  });

  test("follows the order of the schema, whatever the order of the keys", () => {
    const xml = encodeOperation(LOOKUP_SCHEMA, "List", {
      filterCriteria: {
        searchAllSsoDomains: false,
        endpointType: { type: "com.vmware.vim", protocol: "vmomi" },
        nodeId: "n",
        serviceType: { type: "vcenterserver", product: "com.vmware.cis" },
        siteId: "s",
      },
      _this: REGISTRATION,
    });
    expect(xml.replace(/^.*<filterCriteria>|<\/filterCriteria>.*$/g, "")).toBe(
      "<siteId>s</siteId><nodeId>n</nodeId>" +
        "<serviceType><product>com.vmware.cis</product><type>vcenterserver</type></serviceType>" +
        "<endpointType><protocol>vmomi</protocol><type>com.vmware.vim</type></endpointType>" +
        "<searchAllSsoDomains>false</searchAllSsoDomains>",
    );
  });

  test("puts the fields of a base type before those of the type", () => {
    const xml = encodeOperation(LOOKUP_SCHEMA, "Create", {
      _this: REGISTRATION,
      serviceId: "id",
      createSpec: {
        nodeId: "n",
        serviceType: { product: "p", type: "t" },
        ownerId: "o",
        serviceAttributes: [],
        serviceEndpoints: [
          { url: "https://h/", endpointType: {}, sslTrust: ["A", "B"], endpointAttributes: [] },
        ],
        serviceVersion: "1",
      },
    });
    const spec = parseXml(xml).children[2]!;
    expect(spec.children.map((c) => c.local)).toEqual([
      "serviceVersion",
      "serviceEndpoints",
      "ownerId",
      "serviceType",
      "nodeId",
    ]);
    expect(spec.children[1]!.children.map((c) => c.local)).toEqual([
      "url",
      "endpointType",
      "sslTrust",
      "sslTrust",
    ]);
  });

  test("escapes text and attributes", () => {
    const text = `a<b>&"'\r\n\t]]>é𝄞`;
    const xml = encodeOperation(LOOKUP_SCHEMA, "Get", {
      _this: { type: text, value: text },
      serviceId: text,
    });
    const [reference, id] = parseXml(xml).children;
    expect(reference?.attributes).toEqual([{ namespace: "", local: "type", value: text }]);
    expect([reference?.text, id?.text]).toEqual([text, text]);
  });

  test("leaves out what is undefined or null", () => {
    const filterCriteria = { siteId: undefined, nodeId: null, serviceType: undefined };
    expect(encodeOperation(untyped, "List", { _this: REGISTRATION, filterCriteria })).toBe(
      encodeOperation(untyped, "List", { _this: REGISTRATION, filterCriteria: {} }),
    );
    expect(encodeOperation(untyped, "List", { _this: REGISTRATION, filterCriteria: null })).not.toContain(
      "filterCriteria",
    );
  });

  test.each<[string, string, unknown, string]>([
    ["a missing field", "Get", { _this: REGISTRATION }, "Get.serviceId: missing"],
    [
      "a required field that is null",
      "Get",
      { _this: REGISTRATION, serviceId: null },
      "Get.serviceId: missing",
    ],
    [
      "a field missing further down",
      "List",
      { _this: REGISTRATION, filterCriteria: { serviceType: { product: "p" } } },
      "List.filterCriteria.serviceType.type: missing",
    ],
    [
      "an unknown field",
      "List",
      { _this: REGISTRATION, filterCriteria: { nodeID: "n" } },
      "List.filterCriteria.nodeID: unknown field",
    ],
    [
      "an unknown field that is undefined",
      "List",
      { _this: REGISTRATION, filter: undefined },
      "List.filter: unknown field",
    ],
    ["an own __proto__", "Get", JSON.parse('{"__proto__":{}}'), "Get.__proto__: unknown field"],
    [
      "an inherited field",
      "Get",
      Object.create({ _this: REGISTRATION, serviceId: "x" }),
      "Get._this: missing",
    ],
    [
      "a number for a string",
      "Get",
      { _this: REGISTRATION, serviceId: 1 },
      "Get.serviceId: expected a string",
    ],
    [
      "a list for a single field",
      "Get",
      { _this: REGISTRATION, serviceId: ["x"] },
      "Get.serviceId: expected a string, got a list",
    ],
    [
      "a list for an object",
      "List",
      { _this: REGISTRATION, filterCriteria: [] },
      "List.filterCriteria: expected an object, got a list",
    ],
    [
      "a string for a boolean",
      "List",
      { _this: REGISTRATION, filterCriteria: { searchAllSsoDomains: "true" } },
      "List.filterCriteria.searchAllSsoDomains: expected true or false",
    ],
    [
      "a single value for a list",
      "SetTrustAnchor",
      { _this: REGISTRATION, filter: {}, trustAnchors: "A" },
      "SetTrustAnchor.trustAnchors: expected a list",
    ],
    [
      "a hole in a list",
      "SetTrustAnchor",
      { _this: REGISTRATION, filter: {}, trustAnchors: ["A", null] },
      "SetTrustAnchor.trustAnchors[1]: expected a string, got null",
    ],
    [
      "a bare string for a reference",
      "GetSiteId",
      { _this: "ServiceRegistration" },
      "GetSiteId._this: expected a reference",
    ],
    ["a reference without a type", "GetSiteId", { _this: { value: "x" } }, "GetSiteId._this.type: expected"],
    ["a reference without a value", "GetSiteId", { _this: { type: "T" } }, "GetSiteId._this.value: expected"],
    [
      "a reference with more",
      "GetSiteId",
      { _this: { ...REGISTRATION, $value: "x" } },
      "GetSiteId._this.$value: unknown field",
    ],
    [
      "a character that XML cannot carry",
      "Get",
      { _this: REGISTRATION, serviceId: "a\u0000" },
      "Get.serviceId: a value holds the character U+0000",
    ],
    ["no input", "Get", undefined, "Get: expected an object"],
  ])("refuses %s and names its path", (_name, operation, input, message) => {
    expect(refusal(operation, input).message).toContain(message);
  });

  test.each(["Nope", "toString", "__proto__"])(
    "refuses the operation %s and lists those there are",
    (name) => {
      const error = refusal(name, {});
      expect(error.message).toBe(`there is no operation ${name}`);
      expect(error.hint).toContain("RetrieveServiceContent, List, Get");
    },
  );

  test("takes whole numbers of 32 bits and no other", () => {
    const schema: ServiceSchema = {
      namespace: "urn:n",
      types: {},
      operations: { Op: { request: [["n", "xsd:int", "+"]] } },
    };
    const encode = (n: unknown) => encodeOperation(schema, "Op", { n });
    expect(encode([2147483647, -2147483648, 0, -0])).toBe(
      '<Op xmlns="urn:n"><n>2147483647</n><n>-2147483648</n><n>0</n><n>0</n></Op>',
    );
    for (const bad of [2147483648, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "1", 1n]) {
      expect(() => encode([bad])).toThrow(InvalidArgumentError);
    }
    expect(() => encode([])).toThrow("Op.n: needs at least one value");
  });
});

describe("buildEnvelope", () => {
  test("is a SOAP 1.1 envelope with the body child as it was given", () => {
    const root = parseXml(buildEnvelope('<a xmlns="urn:a">x</a>'));
    expect([root.namespace, root.local]).toEqual(["http://schemas.xmlsoap.org/soap/envelope/", "Envelope"]);
    expect(root.children.map((c) => c.local)).toEqual(["Body"]);
    expect(root.children[0]!.children[0]).toMatchObject({ namespace: "urn:a", local: "a", text: "x" });
  });

  test("has a header only when there is one", () => {
    const root = parseXml(buildEnvelope('<a xmlns="urn:a"></a>', '<h xmlns="urn:h">1</h>'));
    expect(root.children.map((c) => c.local)).toEqual(["Header", "Body"]);
    expect(root.children[0]!.children[0]).toMatchObject({ namespace: "urn:h", local: "h" });
  });
});
