import { describe, expect, test } from "vitest";
import { ProtocolError, XmlError } from "../../src/errors.ts";
import { LOOKUP_SCHEMA, type LookupServiceRegistrationInfo } from "../../src/lookup/wsdl-tables.ts";
import {
  type DecodeIssue,
  type DecodeOptions,
  decodeEnvelope,
  type SoapFault,
} from "../../src/soap/decode.ts";
import type { ServiceSchema } from "../../src/soap/schema.ts";

const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
const XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';

const untyped: ServiceSchema = LOOKUP_SCHEMA;

function envelope(body: string, header = ""): string {
  return `<s:Envelope xmlns:s="${SOAP}" ${XSI}>${header}<s:Body>${body}</s:Body></s:Envelope>`;
}

function result(
  text: string,
  operation = "List",
  schema = untyped,
): { value: unknown; issues: readonly DecodeIssue[] } {
  const answer = decodeEnvelope(text, schema, operation);
  if (answer.kind !== "result") throw new Error(`a fault: ${answer.fault.faultString}`);
  return answer;
}

function list(content: string): { value: LookupServiceRegistrationInfo[]; issues: readonly DecodeIssue[] } {
  const { value, issues } = result(envelope(`<ListResponse xmlns="urn:lookup">${content}</ListResponse>`));
  return { value: value as LookupServiceRegistrationInfo[], issues };
}

function fault(content: string): SoapFault {
  const answer = decodeEnvelope(envelope(`<s:Fault>${content}</s:Fault>`), untyped, "List");
  if (answer.kind !== "fault") throw new Error("no fault");
  return answer.fault;
}

function refusal(text: string, options?: DecodeOptions, operation = "List"): ProtocolError | XmlError {
  try {
    decodeEnvelope(text, untyped, operation, options);
  } catch (error) {
    if (error instanceof ProtocolError || error instanceof XmlError) return error;
    throw error;
  }
  throw new Error("was accepted");
}

const TYPE = "<serviceType><product>p</product><type>t</type></serviceType>";
const REST = `<ownerId>o</ownerId>${TYPE}<serviceId>id</serviceId><siteId>site</siteId>`;
const MINIMAL = `<returnval><serviceVersion>1</serviceVersion>${REST}</returnval>`;
const MINIMAL_VALUE = {
  serviceVersion: "1",
  serviceEndpoints: [],
  serviceAttributes: [],
  ownerId: "o",
  serviceType: { product: "p", type: "t" },
  serviceId: "id",
  siteId: "site",
};

describe("a result", () => {
  test("is plain objects with keys in the order of the schema, lists always there", () => {
    const { value, issues } = list(MINIMAL);
    expect(value).toEqual([MINIMAL_VALUE]);
    expect(Object.keys(value[0]!)).toEqual(Object.keys(MINIMAL_VALUE));
    expect(issues).toEqual([]);
  });

  test("keeps every value of a repeated field, one or many", () => {
    const endpoint = (trust: string) =>
      `<serviceEndpoints><url>https://h/</url><endpointType></endpointType>${trust}</serviceEndpoints>`;
    const { value, issues } = list(
      `<returnval><serviceVersion>1</serviceVersion>${endpoint("<sslTrust>A</sslTrust>")}${endpoint("<sslTrust>A</sslTrust><sslTrust></sslTrust><sslTrust/>")}${REST}</returnval>`,
    );
    expect(value[0]?.serviceEndpoints).toEqual([
      { url: "https://h/", endpointType: {}, sslTrust: ["A"], endpointAttributes: [] },
      { url: "https://h/", endpointType: {}, sslTrust: ["A", "", ""], endpointAttributes: [] },
    ]);
    expect(issues).toEqual([]);
  });

  test.each(["<ListResponse xmlns='urn:lookup'/>", "<ListResponse xmlns='urn:lookup'>\n </ListResponse>"])(
    "is an empty list for %s",
    (body) => {
      expect(result(envelope(body))).toMatchObject({ value: [], issues: [] });
    },
  );

  test("is undefined for an operation that returns nothing", () => {
    expect(result(envelope('<DeleteResponse xmlns="urn:lookup"/>'), "Delete").value).toBeUndefined();
  });

  test("may be a simple value or a reference", () => {
    expect(
      result(envelope('<GetSiteIdResponse xmlns="urn:lookup"><returnval/></GetSiteIdResponse>'), "GetSiteId")
        .value,
    ).toBe("");
    const content = (name: string, type: string) => `<${name} type="${type}">${name}-1</${name}>`;
    expect(
      result(
        envelope(
          `<RetrieveServiceContentResponse xmlns="urn:lookup"><returnval>${content("lookupService", "A")}${content("deploymentInformationService", "B")}${content("l10n", "C")}</returnval></RetrieveServiceContentResponse>`,
        ),
        "RetrieveServiceContent",
      ).value,
    ).toEqual({
      lookupService: { type: "A", value: "lookupService-1" },
      deploymentInformationService: { type: "B", value: "deploymentInformationService-1" },
      l10n: { type: "C", value: "l10n-1" },
    });
  });

  test("is read by namespace, with any prefix, redefined on the way", () => {
    const text = `<x:Envelope xmlns:x="${SOAP}"><x:Body><x:ListResponse xmlns:x="urn:lookup"><a:returnval xmlns:a="urn:lookup"><a:serviceVersion>1</a:serviceVersion><x:ownerId>o</x:ownerId><serviceType xmlns="urn:lookup"><product>p</product><a:type>t</a:type></serviceType><x:serviceId>id</x:serviceId><x:siteId>site</x:siteId></a:returnval></x:ListResponse></x:Body></x:Envelope>`;
    expect(result(text)).toMatchObject({ value: [MINIMAL_VALUE], issues: [] });
  });

  test("is the same pretty-printed, with comments, CDATA and references in its values", () => {
    const text = `<?xml version="1.0" encoding="UTF-8"?>
      <s:Envelope xmlns:s="${SOAP}">
        <!-- a --><s:Header/>
        <s:Body>
          <ListResponse xmlns="urn:lookup">
            <returnval>
              <serviceVersion>
                1
              </serviceVersion>
              <ownerId><!-- x -->o&#x26;<![CDATA[<&]]>w<!-- y -->ner</ownerId>
              ${TYPE}
              <serviceId>id</serviceId><siteId>site</siteId>
            </returnval>
          </ListResponse>
        </s:Body>
      </s:Envelope>
    `;
    expect(result(text)).toMatchObject({ value: [{ ...MINIMAL_VALUE, ownerId: "o&<&wner" }], issues: [] });
  });

  test("keeps white space within values, and every other kind of space at their ends", () => {
    const body = (text: string) =>
      envelope(`<GetSiteIdResponse xmlns="urn:lookup"><returnval>${text}</returnval></GetSiteIdResponse>`);
    expect(result(body("\n  a \n b\t"), "GetSiteId").value).toBe("a \n b");
    expect(result(body(" \u00a0a\u2003 "), "GetSiteId").value).toBe("\u00a0a\u2003");
    expect(result(body(" \n "), "GetSiteId").value).toBe("");
  });
});

describe("what does not fit the schema", () => {
  test("is left out and told when it is an unknown element, the rest is kept", () => {
    const { value, issues } = list(
      `<returnval><serviceVersion>1</serviceVersion><novelty><serviceVersion>9</serviceVersion></novelty><e:ownerId xmlns:e="urn:evil">evil</e:ownerId>${REST}</returnval>`,
    );
    expect(value).toEqual([MINIMAL_VALUE]);
    expect(issues).toEqual([
      { path: "returnval[0]", message: "unknown element novelty, left out" },
      { path: "returnval[0]", message: "unknown element {urn:evil}ownerId, left out" },
    ]);
  });

  test("has its first value kept when a single field is repeated", () => {
    const { value, issues } = list(
      `<returnval><serviceVersion>1</serviceVersion>${REST}<serviceId>other</serviceId><serviceType><product>x</product></serviceType></returnval>`,
    );
    expect(value).toEqual([MINIMAL_VALUE]);
    expect(issues.map((i) => `${i.path} ${i.message}`)).toEqual([
      "returnval[0].serviceId occurs more than once; the first counts",
      "returnval[0].serviceType occurs more than once; the first counts",
    ]);
  });

  test("is filled with empty values where something required is missing, other registrations untouched", () => {
    const { value, issues } = list(
      `${MINIMAL}<returnval><serviceEndpoints><url>u</url></serviceEndpoints></returnval>${MINIMAL}`,
    );
    expect(value).toEqual([
      MINIMAL_VALUE,
      {
        serviceVersion: "",
        serviceEndpoints: [{ url: "u", endpointType: {}, sslTrust: [], endpointAttributes: [] }],
        serviceAttributes: [],
        ownerId: "",
        serviceType: { product: "", type: "" },
        serviceId: "",
        siteId: "",
      },
      MINIMAL_VALUE,
    ]);
    expect(issues).toEqual(
      [
        "serviceEndpoints[0].endpointType",
        "serviceVersion",
        "ownerId",
        "serviceType",
        "serviceId",
        "siteId",
      ].map((path) => ({ path: `returnval[1].${path}`, message: "missing" })),
    );
  });

  test("is told when text stands between elements or elements stand in text", () => {
    const { value, issues } = list(
      `stray<returnval>more<serviceVersion>1<b>2</b>3</serviceVersion>${REST}</returnval>`,
    );
    expect(value).toEqual([{ ...MINIMAL_VALUE, serviceVersion: "13" }]);
    expect(issues).toEqual([
      { path: "", message: "holds text between its elements, left out" },
      { path: "returnval[0]", message: "holds text between its elements, left out" },
      { path: "returnval[0].serviceVersion", message: "holds the element b, which was left out" },
    ]);
  });

  test.each(["__proto__", "constructor", "toString", "hasOwnProperty"])(
    "is harmless as an element named %s",
    (name) => {
      const { value, issues } = list(
        `<returnval><${name}><polluted>1</polluted></${name}><serviceVersion>1</serviceVersion>${REST}</returnval>`,
      );
      expect(value).toEqual([MINIMAL_VALUE]);
      expect(issues).toHaveLength(1);
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    },
  );

  test("is told no more than a thousand times", () => {
    const { issues } = list("<x/>".repeat(5000));
    expect(issues).toHaveLength(1001);
    expect(issues.at(-1)?.message).toBe("more issues, not told");
  });

  test("is a reference without a type", () => {
    const { value, issues } = result(
      envelope(
        '<RetrieveServiceContentResponse xmlns="urn:lookup"><returnval><lookupService>x</lookupService></returnval></RetrieveServiceContentResponse>',
      ),
      "RetrieveServiceContent",
    );
    expect(value).toMatchObject({ lookupService: { type: "", value: "x" }, l10n: { type: "", value: "" } });
    expect(issues.map((i) => i.path)).toEqual([
      "returnval.lookupService",
      "returnval.deploymentInformationService",
      "returnval.l10n",
    ]);
  });
});

describe("xsi:nil and xsi:type", () => {
  test("nil is absence", () => {
    const { value, issues } = list(
      `<returnval xsi:nil="true"/><returnval><serviceVersion xsi:nil="1"/><nodeId xsi:nil="true"/><vendorNameDefault xsi:nil="false">v</vendorNameDefault>${REST}</returnval>`,
    );
    expect(value).toEqual([{ ...MINIMAL_VALUE, serviceVersion: "", vendorNameDefault: "v" }]);
    expect(issues).toEqual([{ path: "returnval[0].serviceVersion", message: "missing" }]);
  });

  test("a type that says what the schema says changes nothing", () => {
    const { value, issues } = list(
      `<returnval xmlns:q="urn:lookup" xsi:type="q:LookupServiceRegistrationInfo"><serviceVersion xmlns:d="http://www.w3.org/2001/XMLSchema" xsi:type="d:string">1</serviceVersion>${REST}</returnval>`,
    );
    expect([value, issues]).toEqual([[MINIMAL_VALUE], []]);
  });

  const schema: ServiceSchema = {
    namespace: "urn:n",
    types: {
      Base: { fields: [["a", "xsd:string", "1"]] },
      Middle: { base: "Base", fields: [] },
      Derived: { base: "Middle", fields: [["b", "xsd:int", "?"]] },
      Other: { fields: [["b", "xsd:int", "?"]] },
    },
    operations: { Op: { request: [], response: ["returnval", "Base", "1"] } },
  };
  const typed = (type: string) =>
    result(
      envelope(
        `<OpResponse xmlns="urn:n" xmlns:n="urn:n" xmlns:e="urn:evil"><returnval xsi:type="${type}"><a>x</a><b>7</b></returnval></OpResponse>`,
      ),
      "Op",
      schema,
    );

  test("a derived type is honoured", () => {
    expect(typed("n:Derived")).toMatchObject({ value: { a: "x", b: 7 }, issues: [] });
    expect(typed("Derived")).toMatchObject({ value: { a: "x", b: 7 }, issues: [] });
  });

  test.each(["n:Other", "n:Nope", "e:Derived", "nowhere:Derived", "n:__proto__"])(
    "the type %s, which does not fit, is told and passed over",
    (type) => {
      const { value, issues } = typed(type);
      expect(value).toEqual({ a: "x" });
      expect(issues[0]).toMatchObject({ path: "returnval" });
      expect(issues[0]?.message).toContain("read as Base");
    },
  );
});

describe("simple types", () => {
  const schema: ServiceSchema = {
    namespace: "urn:n",
    types: {
      T: {
        fields: [
          ["yes", "xsd:boolean", "*"],
          ["count", "xsd:int", "*"],
          ["flag", "xsd:boolean", "1"],
          ["number", "xsd:int", "1"],
          ["any", "xsd:anyType", "?"],
        ],
      },
    },
    operations: { Op: { request: [], response: ["returnval", "T", "1"] } },
  };
  const read = (content: string) =>
    result(
      envelope(`<OpResponse xmlns="urn:n"><returnval>${content}</returnval></OpResponse>`),
      "Op",
      schema,
    );

  test("are read strictly", () => {
    const { value, issues } = read(
      "<yes>true</yes><yes> 0 </yes><yes>1</yes><yes>TRUE</yes><yes/><count>-5</count><count>+7</count><count>0x1F</count><count>2147483648</count><count>1e3</count><count/><count>007</count><flag>maybe</flag><number>1.0</number>",
    );
    expect(value).toEqual({ yes: [true, false, true], count: [-5, 7, 7], flag: false, number: 0 });
    expect(issues.map((i) => i.path)).toEqual([
      "returnval.yes[3]",
      "returnval.yes[3]",
      "returnval.count[2]",
      "returnval.count[2]",
      "returnval.count[2]",
      "returnval.count[2]",
      "returnval.flag",
      "returnval.number",
      "returnval.flag",
      "returnval.number",
    ]);
  });

  test("any type is a tree, its own namespaces and types resolved", () => {
    const { value, issues } = read(
      '<flag>true</flag><number>1</number><any xmlns:q="urn:q" xsi:type="q:Thing" id="1"><q:a>x<!-- -->y</q:a><flag>no</flag></any>',
    );
    expect(issues).toEqual([]);
    expect(value).toMatchObject({
      flag: true,
      any: {
        namespace: "urn:n",
        local: "any",
        xsiType: { namespace: "urn:q", local: "Thing" },
        children: [
          { namespace: "urn:q", local: "a", text: "xy" },
          { namespace: "urn:n", local: "flag", text: "no" },
        ],
      },
    });
  });

  test("a result of any type is a tree", () => {
    const any: ServiceSchema = {
      namespace: "urn:n",
      types: {},
      operations: { Op: { request: [], response: ["returnval", "xsd:anyType", "1"] } },
    };
    const { value } = result(
      envelope('<OpResponse xmlns="urn:n"><returnval>t<c/></returnval></OpResponse>'),
      "Op",
      any,
    );
    expect(value).toMatchObject({ local: "returnval", text: "t", children: [{ local: "c" }] });
  });
});

describe("a fault", () => {
  test("is an answer with its code, words and detail", () => {
    expect(
      fault(
        '<faultcode>s:Server</faultcode><faultstring>\n no such entry </faultstring><detail>\n<l:EntryFault xmlns:l="urn:lookup" xsi:type="l:Entry"><l:name>x</l:name></l:EntryFault><l2 xmlns="urn:second"/></detail>',
      ),
    ).toMatchObject({
      faultCode: { namespace: SOAP, local: "Server" },
      faultString: "no such entry",
      detail: {
        namespace: "urn:lookup",
        local: "EntryFault",
        xsiType: { namespace: "urn:lookup", local: "Entry" },
        children: [{ local: "name", text: "x" }],
      },
    });
  });

  test("resolves the prefix of its code where it stands, and takes one without", () => {
    expect(fault('<faultcode xmlns:q="urn:q">q:Code</faultcode>').faultCode).toEqual({
      namespace: "urn:q",
      local: "Code",
    });
    expect(fault("<faultcode>ServerFaultCode</faultcode>").faultCode).toEqual({
      namespace: "",
      local: "ServerFaultCode",
    });
    expect(fault("<faultcode>undeclared:Code</faultcode>").faultCode).toEqual({
      namespace: "",
      local: "Code",
    });
  });

  test.each([
    "",
    "<faultstring/>",
    "<detail/>",
    "<detail>text</detail>",
    '<reason xmlns="urn:other">no</reason>',
  ])("may lack everything: %j", (content) => {
    expect(fault(content)).toEqual({
      faultCode: { namespace: "", local: "" },
      faultString: "",
      detail: undefined,
      details: [],
    });
  });

  test("has a detail of bounded size", () => {
    const detail = (count: number) => `<detail><d>${"<a/>".repeat(count)}</d></detail>`;
    expect(fault(detail(9_998)).detail?.children).toHaveLength(9_998);
    const attributes = `<detail>${'<a b="" c=""/>'.repeat(3_400)}</detail>`;
    for (const content of [detail(10_000), attributes, `<detail>${"<a/>".repeat(10_001)}</detail>`]) {
      expect(refusal(envelope(`<s:Fault>${content}</s:Fault>`)).code).toBe("XML_LIMIT");
    }
  });

  test("keeps the first of what is repeated", () => {
    expect(
      fault(
        "<faultstring>1</faultstring><faultstring>2</faultstring><detail><a/></detail><detail><b/></detail>",
      ),
    ).toMatchObject({ faultString: "1", detail: { local: "a", children: [] } });
  });

  test("is read within the envelope's own namespace too", () => {
    expect(fault("<s:faultcode>s:Client</s:faultcode><s:faultstring>x</s:faultstring>")).toMatchObject({
      faultCode: { local: "Client" },
      faultString: "x",
    });
  });

  test("is read whatever the default namespace that qualifies its parts", () => {
    for (const namespace of [SOAP, "urn:d"]) {
      const read = decodeEnvelope(
        `<s:Envelope xmlns:s="${SOAP}" xmlns="${namespace}"><s:Body><s:Fault><faultcode>Code</faultcode><faultstring>x</faultstring><faultactor>y</faultactor><detail><a/></detail></s:Fault></s:Body></s:Envelope>`,
        untyped,
        "List",
      );
      expect(read).toMatchObject({
        kind: "fault",
        fault: {
          faultCode: { namespace, local: "Code" },
          faultString: "x",
          detail: { namespace, local: "a" },
        },
      });
    }
  });
});

test("an answer with more elements than the limit is refused, whatever they are", () => {
  const answer = (element: string) =>
    envelope(`<ListResponse xmlns="urn:lookup">${element.repeat(100)}</ListResponse>`);
  for (const element of ["<returnval/>", "<unknown/>", '<returnval xsi:nil="true"/>']) {
    expect(refusal(answer(element), { limits: { maxElements: 102 } }).code).toBe("XML_LIMIT");
    expect(decodeEnvelope(answer(element), untyped, "List", { limits: { maxElements: 103 } }).kind).toBe(
      "result",
    );
  }
});

describe("what is no answer", () => {
  test.each([
    ["a page", "<html><body/></html>", "RESPONSE_NOT_SOAP"],
    [
      "an envelope of another namespace",
      '<Envelope xmlns="urn:evil"><Body/></Envelope>',
      "RESPONSE_NOT_SOAP",
    ],
    ["an envelope of no namespace", "<Envelope><Body/></Envelope>", "RESPONSE_NOT_SOAP"],
    [
      "SOAP 1.2",
      '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"><e:Body/></e:Envelope>',
      "RESPONSE_NOT_SOAP",
    ],
    ["an envelope without a body", `<s:Envelope xmlns:s="${SOAP}"/>`, "RESPONSE_NOT_SOAP"],
    [
      "a body of another namespace",
      `<s:Envelope xmlns:s="${SOAP}"><Body><ListResponse xmlns="urn:lookup"/></Body></s:Envelope>`,
      "RESPONSE_NOT_SOAP",
    ],
    ["an empty body", envelope(" "), "RESPONSE_UNEXPECTED"],
    ["an answer to something else", envelope('<GetResponse xmlns="urn:lookup"/>'), "RESPONSE_UNEXPECTED"],
    ["an answer of another namespace", envelope('<ListResponse xmlns="urn:evil"/>'), "RESPONSE_UNEXPECTED"],
    [
      "a fault after the result",
      envelope('<ListResponse xmlns="urn:lookup"/><s:Fault/>'),
      "RESPONSE_UNEXPECTED",
    ],
    [
      "two bodies",
      `<s:Envelope xmlns:s="${SOAP}"><s:Body><ListResponse xmlns="urn:lookup"/></s:Body><s:Body/></s:Envelope>`,
      "RESPONSE_UNEXPECTED",
    ],
    [
      "a header that must be understood",
      envelope(
        '<ListResponse xmlns="urn:lookup"/>',
        '<s:Header><h xmlns="urn:h" s:mustUnderstand="1"/></s:Header>',
      ),
      "RESPONSE_UNEXPECTED",
    ],
    ["a DOCTYPE", `<!DOCTYPE x>${envelope("")}`, "XML_DOCTYPE"],
    ["a truncated document", envelope('<ListResponse xmlns="urn:lookup"/>').slice(0, -9), "XML_MALFORMED"],
    ["an entity of its own", envelope("&evil;"), "XML_MALFORMED"],
    ["nothing", "", "XML_MALFORMED"],
  ])("%s", (_name, text, code) => {
    expect(refusal(text).code).toBe(code);
  });

  test("a result without its value", () => {
    const body = '<GetResponse xmlns="urn:lookup"></GetResponse>';
    expect(refusal(envelope(body), {}, "Get")).toMatchObject({ code: "RESPONSE_UNEXPECTED" });
    expect(
      refusal(
        envelope(
          '<SetTrustAnchorResponse xmlns="urn:lookup"><returnval>many</returnval></SetTrustAnchorResponse>',
        ),
        {},
        "SetTrustAnchor",
      ),
    ).toMatchObject({ code: "RESPONSE_UNEXPECTED" });
  });

  test("nesting beyond the limit given", () => {
    expect(refusal(envelope("<ListResponse xmlns='urn:lookup'/>"), { limits: { maxDepth: 2 } }).code).toBe(
      "XML_LIMIT",
    );
    expect(refusal(envelope(`${"<x>".repeat(100_000)}`)).code).toBe("RESPONSE_UNEXPECTED");
    const deep = envelope(`<ListResponse xmlns='urn:lookup'>${"<x>".repeat(100_000)}`);
    expect(refusal(deep).code).toBe("XML_LIMIT");
  });
});

test("header blocks are passed over, those that must be understood only when the caller deals with them", () => {
  const text = (attribute: string) =>
    envelope(
      '<ListResponse xmlns="urn:lookup"/>',
      `<s:Header>\n<h xmlns="urn:h" ${attribute}><s:Body><ListResponse/></s:Body></h></s:Header>`,
    );
  expect(result(text("")).value).toEqual([]);
  expect(result(text('s:mustUnderstand="0"')).value).toEqual([]);
  expect(result(text('mustUnderstand="1"')).value).toEqual([]);
  const understoodHeaders = [{ namespace: "urn:h", local: "h" }];
  expect(
    decodeEnvelope(text('s:mustUnderstand="1"'), LOOKUP_SCHEMA, "List", { understoodHeaders }).kind,
  ).toBe("result");
});

test("what stands beside header and body is passed over", () => {
  const text = `<s:Envelope xmlns:s="${SOAP}"><x><s:Body/></x><s:Body><ListResponse xmlns="urn:lookup"/></s:Body><y/>text</s:Envelope>`;
  expect(result(text).value).toEqual([]);
});
