import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { at, call, envelope, faultOf, faultType, post, REGISTRATION, returnvals } from "./wire.ts";

const SITE = `<GetSiteId xmlns="urn:lookup">${REGISTRATION}</GetSiteId>`;
const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
const FILTER = (content: string): string => `${REGISTRATION}<filterCriteria>${content}</filterCriteria>`;

describe("a request to the simulated Lookup Service", () => {
  let simulator: Simulator;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1 });
  });
  afterAll(() => simulator.close());

  it.each([
    "urn:lookup/2.0",
    '"urn:lookup/2.0"',
    "urn:lookup/3.0",
    '"urn:lookup/3.0"',
    "urn:lookup/2.1",
    "urn:lookup/4.0",
    "lookup/2.0",
    '"lookup/3.0"',
    "lookup/4.1",
    "",
    '""',
    null,
  ])("may have the SOAPAction %s", async (action) => {
    expect(
      returnvals(await call(simulator, "GetSiteId", REGISTRATION, { action }), "GetSiteId"),
    ).toHaveLength(1);
  });

  it.each([
    "urn:lookup",
    "urn:lookup/",
    "urn:vim25/8.0.3.0",
    "lookup/",
    "lookup/x",
    "List",
    '"urn:lookup/2.0',
    "URN:LOOKUP/2.0",
  ])("may not have the SOAPAction %s", async (action) => {
    const fault = faultOf(await call(simulator, "GetSiteId", REGISTRATION, { action }));
    expect(fault.code).toBe("VersionMismatchFaultCode");
    expect(fault.detail.local).toBe("InvalidRequestFault");
  });

  it.each(["text/xml", 'text/xml; charset="utf-8"', "text/xml;charset=UTF-8", "Text/XML; Charset=utf-8"])(
    "may have the content type %s",
    async (contentType) => {
      const reply = await call(simulator, "GetSiteId", REGISTRATION, { contentType });
      expect(returnvals(reply, "GetSiteId")).toHaveLength(1);
    },
  );

  it.each([
    "application/soap+xml",
    "application/xml",
    "text/plain",
    "text/xml; charset=iso-8859-1",
    "text/xmlx",
  ])("may not have the content type %s", async (contentType) => {
    const reply = await call(simulator, "GetSiteId", REGISTRATION, { contentType });
    expect(faultType(reply)).toBe("InvalidRequest");
  });

  it("may use any prefix, white space, comments, CDATA, and types that agree", async () => {
    const text = `<?xml version="1.0" encoding="utf-8"?>
      <!-- before --><E:Envelope xmlns:E="${SOAP}" xmlns:i="http://www.w3.org/2001/XMLSchema-instance"
        xmlns:s="http://www.w3.org/2001/XMLSchema" xmlns:q="urn:lookup">
        <E:Header><operationID xmlns="">x</operationID></E:Header>
        <E:Body id="b"><q:List><!-- c -->
          <q:_this i:type="q:ManagedObjectReference" type="LookupServiceRegistration">Service<!-- c -->Registration</q:_this>
          <q:filterCriteria i:type="q:LookupServiceRegistrationFilter">
            <q:serviceType><q:product><![CDATA[com.vmware.cis]]></q:product>
              <q:type i:type="s:string">cs.&#101;am</q:type></q:serviceType>
          </q:filterCriteria>
        </q:List></E:Body></E:Envelope>`;
    const rows = returnvals(await post(simulator, text), "List");
    expect(rows.map((row) => at(row, "serviceType", "type"))).toEqual(["cs.eam"]);
  });

  it.each([
    ["nothing", ""],
    ["no XML", "hello"],
    ["truncated", envelope(SITE).slice(0, -5)],
    ["a DOCTYPE", `<!DOCTYPE x>${envelope(SITE).replace(/<\?.*?\?>/, "")}`],
    ["an unknown entity", envelope(SITE.replace("ServiceRegistration<", "&x;<"))],
    ["two roots", `${envelope(SITE)}<x/>`],
    ["not UTF-8", Buffer.concat([Buffer.from(envelope(SITE)), Buffer.from([0xff])])],
    ["another root", SITE],
    [
      "an envelope without a namespace",
      envelope(SITE).replaceAll("soapenv:", "").replace(`xmlns:soapenv="${SOAP}"`, ""),
    ],
    ["no body", `<s:Envelope xmlns:s="${SOAP}"/>`],
    ["an empty body", envelope("")],
    ["two calls", envelope(SITE + SITE)],
    ["two bodies", `<s:Envelope xmlns:s="${SOAP}"><s:Body>${SITE}</s:Body><s:Body/></s:Envelope>`],
    [
      "the header after the body",
      `<s:Envelope xmlns:s="${SOAP}"><s:Body>${SITE}</s:Body><s:Header/></s:Envelope>`,
    ],
    ["text in the body", envelope(`x${SITE}`)],
    ["text in the envelope", envelope(SITE, "x")],
    ["another namespace", envelope(SITE.replace("urn:lookup", "urn:evil"))],
    ["no namespace", envelope(SITE.replace(' xmlns="urn:lookup"', ""))],
    ["another namespace on _this", envelope(SITE.replace("<_this", '<_this xmlns="urn:evil"'))],
  ])("with %s is an InvalidRequest", async (_name, text) => {
    const fault = faultOf(await post(simulator, text));
    expect(fault.detail.local).toBe("InvalidRequestFault");
    expect(fault.code).toBe("ServerFaultCode");
  });

  it("in SOAP 1.2 is the wrong version", async () => {
    const text = envelope(SITE).replace(SOAP, "http://www.w3.org/2003/05/soap-envelope");
    expect(faultOf(await post(simulator, text)).code).toBe("soapenv:VersionMismatch");
  });

  it("with a header that must be understood, and is not, is refused", async () => {
    const header = `<soapenv:Header><x:y xmlns:x="urn:x" soapenv:mustUnderstand="MUST"/></soapenv:Header>`;
    const must = await post(simulator, envelope(SITE, header.replace("MUST", "1")));
    const may = await post(simulator, envelope(SITE, header.replace("MUST", "0")));
    expect(faultOf(must).code).toBe("soapenv:MustUnderstand");
    expect(returnvals(may, "GetSiteId")).toHaveLength(1);
  });

  it.each([
    ["no _this", ""],
    ["_this without a type", "<_this>ServiceRegistration</_this>"],
    ["an empty _this", `<_this type="LookupServiceRegistration"/>`],
    ["elements in _this", `<_this type="LookupServiceRegistration"><a/></_this>`],
    ["a nil _this", REGISTRATION.replace("<_this", '<_this xsi:nil="true"')],
    ["an unknown attribute on _this", REGISTRATION.replace("<_this", '<_this serverGuid="1"')],
    ["_this twice", REGISTRATION + REGISTRATION],
    ["an unknown parameter", `${REGISTRATION}<x/>`],
    ["text beside _this", `${REGISTRATION}x`],
  ])("with %s is an InvalidRequest", async (_name, content) => {
    expect(faultType(await call(simulator, "GetSiteId", content))).toBe("InvalidRequest");
  });

  it.each([
    ["LookupServiceRegistration", "serviceRegistration"],
    ["LookupServiceRegistration", " ServiceRegistration"],
    ["ServiceRegistration", "ServiceRegistration"],
    ["LookupServiceInstance", "ServiceRegistration"],
    ["LookupServiceRegistration", "ServiceInstance"],
    ["LookupServiceRegistration", "toString"],
  ])("to %s:%s finds no such object", async (type, value) => {
    const fault = faultOf(await call(simulator, "GetSiteId", `<_this type="${type}">${value}</_this>`));
    expect(fault.detail.xsiType?.local).toBe("ManagedObjectNotFound");
    expect(at(fault.detail, "obj")).toBe(value);
    expect(fault.detail.children[0]?.attributes[0]).toMatchObject({ local: "type", value: type });
  });

  it.each([
    ["list", REGISTRATION],
    ["Login", REGISTRATION],
    ["constructor", REGISTRATION],
    ["SetTrustAnchor", `${REGISTRATION}<filter/>`],
    ["List", `<_this type="LookupServiceInstance">ServiceInstance</_this><filterCriteria/>`],
    ["GetLocale", REGISTRATION],
    ["List", `<_this type="LookupLookupService">lookupService</_this>`],
  ])("for %s where it does not exist is a MethodNotFound", async (operation, content) => {
    const fault = faultOf(await call(simulator, operation, content));
    expect(fault.detail.xsiType?.local).toBe("MethodNotFound");
    expect(fault.detail.children.map((c) => c.local)).toEqual(["receiver", "method"]);
    expect(at(fault.detail, "method")).toBe(operation);
  });

  it.each([
    ["parameters before _this", `<filterCriteria/>${REGISTRATION}`],
    ["filterCriteria twice", `${REGISTRATION}<filterCriteria/><filterCriteria/>`],
    ["filter fields out of order", FILTER("<nodeId>a</nodeId><siteId>b</siteId>")],
    [
      "endpointType before serviceType",
      FILTER("<endpointType/><serviceType><product/><type/></serviceType>"),
    ],
    ["an unknown filter field", FILTER("<productId>x</productId>")],
    ["a filter field of another namespace", FILTER('<nodeId xmlns="urn:evil">x</nodeId>')],
    ["a filter field of no namespace", FILTER('<nodeId xmlns="">x</nodeId>')],
    ["a repeated filter field", FILTER("<nodeId>a</nodeId><nodeId>b</nodeId>")],
    ["text in the filter", FILTER("x")],
    ["a serviceType without product", FILTER("<serviceType><type>cs.eam</type></serviceType>")],
    ["a serviceType without type", FILTER("<serviceType><product>com.vmware.cis</product></serviceType>")],
    ["type before product", FILTER("<serviceType><type>a</type><product>b</product></serviceType>")],
    ["type before protocol", FILTER("<endpointType><type>a</type><protocol>b</protocol></endpointType>")],
    ["elements in a string", FILTER("<nodeId><x/></nodeId>")],
    ["an attribute on a string", FILTER('<nodeId type="x">a</nodeId>')],
    ["a nil filter", `${REGISTRATION}<filterCriteria xsi:nil="true"/>`],
    ["a nil field", FILTER('<nodeId xsi:nil="1"/>')],
  ])("for List with %s is an InvalidRequest", async (_name, content) => {
    expect(faultType(await call(simulator, "List", content))).toBe("InvalidRequest");
  });

  it.each([
    ["filterCriteria", `${REGISTRATION}<filterCriteria xsi:type="LookupServiceRegistrationInfo"/>`],
    ["filterCriteria", `${REGISTRATION}<filterCriteria xsi:type="xsd:string"/>`],
    ["nodeId", FILTER('<nodeId xsi:type="xsd:int">1</nodeId>')],
    ["nodeId", FILTER('<nodeId xsi:type="string">1</nodeId>')],
    ["filterCriteria", `${REGISTRATION}<filterCriteria xsi:type="xsd:LookupServiceRegistrationFilter"/>`],
    ["_this", REGISTRATION.replace("<_this", '<_this xsi:type="xsd:string"')],
    ["searchAllSsoDomains", FILTER("<searchAllSsoDomains>yes</searchAllSsoDomains>")],
    ["searchAllSsoDomains", FILTER("<searchAllSsoDomains/>")],
  ])("for List with another type for %s is an InvalidType", async (argument, content) => {
    const fault = faultOf(await call(simulator, "List", content, { action: "urn:lookup/3.0" }));
    expect(fault.detail.xsiType?.local).toBe("InvalidType");
    expect(at(fault.detail, "argument")).toBe(argument);
  });

  it.each([
    ["Get", ""],
    ["Get", "<serviceId>a</serviceId><serviceId>b</serviceId>"],
    ["Get", "<id>a</id>"],
    ["Delete", ""],
    ["Set", "<serviceId>a</serviceId>"],
    ["Set", "<serviceId>a</serviceId><serviceSpec/>"],
    ["Set", "<serviceSpec><serviceVersion>1</serviceVersion></serviceSpec><serviceId>a</serviceId>"],
    ["Create", "<serviceId>a</serviceId><createSpec><serviceVersion>1</serviceVersion></createSpec>"],
    [
      "Create",
      "<serviceId>a</serviceId><createSpec><serviceVersion>1</serviceVersion><serviceEndpoints>" +
        "<endpointType/><url>u</url></serviceEndpoints><ownerId>o</ownerId>" +
        "<serviceType><product>p</product><type>t</type></serviceType></createSpec>",
    ],
  ])("for %s with %s is an InvalidRequest before anything else is looked at", async (operation, content) => {
    expect(faultType(await call(simulator, operation, REGISTRATION + content))).toBe("InvalidRequest");
  });
});
