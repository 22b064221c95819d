import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { LOOKUP_SCHEMA, LOOKUP_SOAP_ACTION } from "../../src/lookup/wsdl-tables.ts";
import { registryOf } from "../../src/soap/schema.ts";
import { attribute, child, children, parseXml, type XmlElement } from "../../src/xml/reader.ts";

const WSDL = "http://schemas.xmlsoap.org/wsdl/";
const XSD = "http://www.w3.org/2001/XMLSchema";
const SOAP = "http://schemas.xmlsoap.org/wsdl/soap/";

const path = (name: string) => fileURLToPath(new URL(`../../${name}`, import.meta.url));
const read = (name: string) => parseXml(readFileSync(path(name), "utf8"));
const name = (element: XmlElement) => attribute(element, "", "name") ?? "";

const definitions = read("wsdl/lookup.wsdl");
const schema = child(child(definitions, WSDL, "types")!, XSD, "schema")!;

/** `name: type` with `?` for at most once, `*` for any number, `+` for at least one. */
function fields(holder: XmlElement): string[] {
  return children(child(holder, XSD, "sequence") ?? holder, XSD, "element").map((element) => {
    const occurs = `${attribute(element, "", "minOccurs") ?? 1},${attribute(element, "", "maxOccurs") ?? 1}`;
    const mark = { "1,1": "", "0,1": "?", "0,unbounded": "*", "1,unbounded": "+" }[occurs];
    return `${name(element)}: ${attribute(element, "", "type")?.replace("lookup:", "")}${mark}`;
  });
}

const STRING = "xsd:string";
const ENDPOINT = "LookupServiceRegistrationEndpoint";
const ATTRIBUTE = "LookupServiceRegistrationAttribute";
const SERVICE_TYPE = "LookupServiceRegistrationServiceType";
const ENDPOINT_TYPE = "LookupServiceRegistrationEndpointType";

/** The facts of the published interface (2.0), and the additions of 3.0. */
const TYPES: Record<string, { base?: string; fields: string[] }> = {
  DynamicArray: { fields: ["val: xsd:anyType+"] },
  DynamicData: { fields: [] },
  DynamicProperty: { fields: [`name: ${STRING}`, "val: xsd:anyType"] },
  ArrayOfDynamicProperty: { fields: ["DynamicProperty: DynamicProperty*"] },
  KeyAnyValue: { base: "DynamicData", fields: [`key: ${STRING}`, "value: xsd:anyType"] },
  ArrayOfKeyAnyValue: { fields: ["KeyAnyValue: KeyAnyValue*"] },
  LocalizableMessage: {
    base: "DynamicData",
    fields: [`key: ${STRING}`, "arg: KeyAnyValue*", `message: ${STRING}?`],
  },
  ArrayOfLocalizableMessage: { fields: ["LocalizableMessage: LocalizableMessage*"] },
  LocalizedMethodFault: {
    base: "DynamicData",
    fields: ["fault: MethodFault", `localizedMessage: ${STRING}?`],
  },
  MethodFault: { fields: ["faultCause: LocalizedMethodFault?", "faultMessage: LocalizableMessage*"] },
  RuntimeFault: { base: "MethodFault", fields: [] },
  HostCommunication: { base: "RuntimeFault", fields: [] },
  HostNotConnected: { base: "HostCommunication", fields: [] },
  HostNotReachable: { base: "HostCommunication", fields: [] },
  InvalidArgument: { base: "RuntimeFault", fields: [`invalidProperty: ${STRING}?`] },
  InvalidRequest: { base: "RuntimeFault", fields: [] },
  InvalidType: { base: "InvalidRequest", fields: [`argument: ${STRING}?`] },
  ManagedObjectNotFound: { base: "RuntimeFault", fields: ["obj: ManagedObjectReference"] },
  MethodNotFound: {
    base: "InvalidRequest",
    fields: ["receiver: ManagedObjectReference", `method: ${STRING}`],
  },
  NotEnoughLicenses: { base: "RuntimeFault", fields: [] },
  NotImplemented: { base: "RuntimeFault", fields: [] },
  NotSupported: { base: "RuntimeFault", fields: [] },
  RequestCanceled: { base: "RuntimeFault", fields: [] },
  SecurityError: { base: "RuntimeFault", fields: [] },
  SystemError: { base: "RuntimeFault", fields: [`reason: ${STRING}`] },
  UnexpectedFault: { base: "RuntimeFault", fields: [`faultName: ${STRING}`, "fault: LocalizedMethodFault?"] },
  LookupFaultServiceFault: { base: "MethodFault", fields: [`errorMessage: ${STRING}?`] },
  LookupFaultEntryExistsFault: { base: "LookupFaultServiceFault", fields: [`name: ${STRING}`] },
  LookupFaultEntryNotFoundFault: { base: "LookupFaultServiceFault", fields: [`name: ${STRING}`] },
  LookupFaultUnsupportedSiteFault: {
    base: "LookupFaultServiceFault",
    fields: [`operatingSite: ${STRING}`, `requestedSite: ${STRING}`],
  },
  LookupHaBackupNodeConfiguration: {
    base: "DynamicData",
    fields: [`dbType: ${STRING}`, `dbJdbcUrl: ${STRING}`, `dbUser: ${STRING}`, `dbPass: ${STRING}`],
  },
  LookupServiceContent: {
    base: "DynamicData",
    fields: [
      "lookupService: ManagedObjectReference",
      "serviceRegistration: ManagedObjectReference?",
      "deploymentInformationService: ManagedObjectReference",
      "l10n: ManagedObjectReference",
    ],
  },
  LookupServiceRegistrationMutableServiceInfo: {
    base: "DynamicData",
    fields: [
      `serviceVersion: ${STRING}`,
      `vendorNameResourceKey: ${STRING}?`,
      `vendorNameDefault: ${STRING}?`,
      `vendorProductInfoResourceKey: ${STRING}?`,
      `vendorProductInfoDefault: ${STRING}?`,
      `serviceEndpoints: ${ENDPOINT}*`,
      `serviceAttributes: ${ATTRIBUTE}*`,
      `serviceNameResourceKey: ${STRING}?`,
      `serviceNameDefault: ${STRING}?`,
      `serviceDescriptionResourceKey: ${STRING}?`,
      `serviceDescriptionDefault: ${STRING}?`,
    ],
  },
  LookupServiceRegistrationCommonServiceInfo: {
    base: "LookupServiceRegistrationMutableServiceInfo",
    fields: [`ownerId: ${STRING}`, `serviceType: ${SERVICE_TYPE}`, `nodeId: ${STRING}?`],
  },
  LookupServiceRegistrationCreateSpec: { base: "LookupServiceRegistrationCommonServiceInfo", fields: [] },
  LookupServiceRegistrationSetSpec: { base: "LookupServiceRegistrationMutableServiceInfo", fields: [] },
  LookupServiceRegistrationInfo: {
    base: "LookupServiceRegistrationCommonServiceInfo",
    fields: [`serviceId: ${STRING}`, `siteId: ${STRING}`],
  },
  ArrayOfLookupServiceRegistrationInfo: {
    fields: ["LookupServiceRegistrationInfo: LookupServiceRegistrationInfo*"],
  },
  [SERVICE_TYPE]: { base: "DynamicData", fields: [`product: ${STRING}`, `type: ${STRING}`] },
  [ENDPOINT]: {
    base: "DynamicData",
    fields: [
      "url: xsd:anyURI",
      `endpointType: ${ENDPOINT_TYPE}`,
      `sslTrust: ${STRING}*`,
      `endpointAttributes: ${ATTRIBUTE}*`,
    ],
  },
  ArrayOfLookupServiceRegistrationEndpoint: { fields: [`${ENDPOINT}: ${ENDPOINT}*`] },
  [ENDPOINT_TYPE]: { base: "DynamicData", fields: [`protocol: ${STRING}?`, `type: ${STRING}?`] },
  [ATTRIBUTE]: { base: "DynamicData", fields: [`key: ${STRING}`, `value: ${STRING}`] },
  ArrayOfLookupServiceRegistrationAttribute: { fields: [`${ATTRIBUTE}: ${ATTRIBUTE}*`] },
  LookupServiceRegistrationFilter: {
    base: "DynamicData",
    fields: [
      `siteId: ${STRING}?`,
      `nodeId: ${STRING}?`,
      `serviceType: ${SERVICE_TYPE}?`,
      `endpointType: ${ENDPOINT_TYPE}?`,
      `endpointTrustAnchor: ${STRING}?`,
      "searchAllSsoDomains: xsd:boolean?",
    ],
  },
  ArrayOfString: { fields: [`string: ${STRING}*`] },
  ArrayOfAnyType: { fields: ["anyType: xsd:anyType*"] },
};

const THIS = "_this: ManagedObjectReference";
const ENTRY_NOT_FOUND = "LookupFaultEntryNotFoundFaultFault";

const OPERATIONS: Record<string, { request: string[]; response: string[]; faults: string[] }> = {
  RetrieveHaBackupConfiguration: {
    request: [THIS],
    response: ["returnval: LookupHaBackupNodeConfiguration"],
    faults: [],
  },
  SetLocale: { request: [THIS, `locale: ${STRING}`], response: [`returnval: ${STRING}`], faults: [] },
  GetLocale: { request: [THIS], response: [`returnval: ${STRING}`], faults: [] },
  RetrieveServiceContent: { request: [THIS], response: ["returnval: LookupServiceContent"], faults: [] },
  Create: {
    request: [THIS, `serviceId: ${STRING}`, "createSpec: LookupServiceRegistrationCreateSpec"],
    response: [],
    faults: ["LookupFaultEntryExistsFaultFault", "InvalidArgumentFault", "SecurityErrorFault"],
  },
  Delete: {
    request: [THIS, `serviceId: ${STRING}`],
    response: [],
    faults: [ENTRY_NOT_FOUND, "SecurityErrorFault"],
  },
  Set: {
    request: [THIS, `serviceId: ${STRING}`, "serviceSpec: LookupServiceRegistrationSetSpec"],
    response: [],
    faults: [ENTRY_NOT_FOUND, "InvalidArgumentFault", "SecurityErrorFault"],
  },
  Get: {
    request: [THIS, `serviceId: ${STRING}`],
    response: ["returnval: LookupServiceRegistrationInfo"],
    faults: [ENTRY_NOT_FOUND],
  },
  List: {
    request: [THIS, "filterCriteria: LookupServiceRegistrationFilter?"],
    response: ["returnval: LookupServiceRegistrationInfo*"],
    faults: [],
  },
  GetSiteId: { request: [THIS], response: [`returnval: ${STRING}`], faults: [] },
  SetTrustAnchor: {
    request: [THIS, "filter: LookupServiceRegistrationFilter", `trustAnchors: ${STRING}*`],
    response: ["returnval: xsd:int"],
    faults: ["InvalidArgumentFault", "SecurityErrorFault"],
  },
};

const declared = (local: string) => new Map(children(schema, XSD, local).map((e) => [name(e), e]));
const types = declared("complexType");
const elements = declared("element");
const messages = new Map(
  children(definitions, WSDL, "message").map((message) => {
    const part = child(message, WSDL, "part")!;
    return [name(message), `${name(part)} ${attribute(part, "", "element")}`];
  }),
);

describe("wsdl/lookup.wsdl", () => {
  test("stands alone, in the namespace urn:lookup, its elements qualified", () => {
    expect(attribute(definitions, "", "targetNamespace")).toBe("urn:lookup");
    expect(attribute(schema, "", "targetNamespace")).toBe("urn:lookup");
    expect(attribute(schema, "", "elementFormDefault")).toBe("qualified");
    expect(readFileSync(path("wsdl/lookup.wsdl"), "utf8")).not.toMatch(/<\w+:(?:import|include)\b/);
    expect(children(definitions, WSDL, "service")).toEqual([]);
  });

  test("declares these complex types, those of requests, and no other", () => {
    const requests = Object.keys(OPERATIONS).map((operation) => `${operation}RequestType`);
    expect([...types.keys()].sort()).toEqual(
      [...Object.keys(TYPES), ...requests, "ManagedObjectReference"].sort(),
    );
  });

  test.each(Object.entries(TYPES))("has the fields of %s in their order", (typeName, expected) => {
    const type = types.get(typeName)!;
    const extension = child(child(type, XSD, "complexContent") ?? type, XSD, "extension");
    expect(attribute(extension ?? type, "", "base")).toBe(expected.base && `lookup:${expected.base}`);
    expect(fields(extension ?? type)).toEqual(expected.fields);
  });

  test("makes a reference of text and an attribute", () => {
    const content = child(types.get("ManagedObjectReference")!, XSD, "simpleContent")!;
    const extension = child(content, XSD, "extension")!;
    expect(attribute(extension, "", "base")).toBe("xsd:string");
    expect(children(extension, XSD, "attribute").map((a) => [name(a), attribute(a, "", "type")])).toEqual([
      ["type", "xsd:string"],
    ]);
  });

  test("lists the protocols", () => {
    const [type, ...others] = children(schema, XSD, "simpleType");
    expect([name(type!), others]).toEqual(["LookupServiceEndpointEndpointProtocol", []]);
    const values = children(child(type!, XSD, "restriction")!, XSD, "enumeration");
    expect(values.map((v) => attribute(v, "", "value"))).toEqual([
      "vmomi",
      "wsTrust",
      "rest",
      "http",
      "unknown",
    ]);
  });

  const port = child(definitions, WSDL, "portType")!;
  const binding = child(definitions, WSDL, "binding")!;

  test("has these operations and no other, in portType and binding", () => {
    const names = Object.keys(OPERATIONS).sort();
    expect([name(port), name(binding), attribute(binding, "", "type")]).toEqual([
      "LsPortType",
      "LsBinding",
      "lookup:LsPortType",
    ]);
    expect(children(port, WSDL, "operation").map(name).sort()).toEqual(names);
    expect(children(binding, WSDL, "operation").map(name).sort()).toEqual(names);
    expect(
      child(binding, SOAP, "binding")
        ?.attributes.map((a) => a.value)
        .sort(),
    ).toEqual(["document", "http://schemas.xmlsoap.org/soap/http"]);
  });

  test.each(Object.entries(OPERATIONS))("binds %s as the published interface does", (operation, expected) => {
    expect(attribute(elements.get(operation)!, "", "type")).toBe(`lookup:${operation}RequestType`);
    expect(fields(types.get(`${operation}RequestType`)!)).toEqual(expected.request);
    expect(fields(child(elements.get(`${operation}Response`)!, XSD, "complexType")!)).toEqual(
      expected.response,
    );

    const faults = [...expected.faults, "RuntimeFault"];
    const inPort = children(port, WSDL, "operation").find((o) => name(o) === operation)!;
    expect(inPort.children.map((c) => [c.local, name(c), attribute(c, "", "message")])).toEqual([
      ["input", "", `lookup:${operation}RequestMsg`],
      ["output", "", `lookup:${operation}ResponseMsg`],
      ...faults.map((f) => ["fault", f, `lookup:${f === "RuntimeFault" ? "RuntimeFaultFault" : f}Msg`]),
    ]);
    expect(messages.get(`${operation}RequestMsg`)).toBe(`parameters lookup:${operation}`);
    expect(messages.get(`${operation}ResponseMsg`)).toBe(`parameters lookup:${operation}Response`);

    const bound = children(binding, WSDL, "operation").find((o) => name(o) === operation)!;
    const soapOperation = child(bound, SOAP, "operation")!;
    expect(attribute(soapOperation, "", "soapAction")).toBe("urn:lookup/2.0");
    expect(attribute(soapOperation, "", "style")).toBe("document");
    for (const part of ["input", "output"]) {
      expect(child(child(bound, WSDL, part)!, SOAP, "body")?.attributes.map((a) => a.value)).toEqual([
        "literal",
      ]);
    }
    expect(children(bound, WSDL, "fault").map(name)).toEqual(faults);
    for (const fault of children(bound, WSDL, "fault")) {
      expect(
        child(fault, SOAP, "fault")
          ?.attributes.map((a) => a.value)
          .sort(),
      ).toEqual([name(fault), "literal"].sort());
    }
  });

  test("has an element and a message for every fault", () => {
    const isFault = (type: string): boolean =>
      type === "MethodFault" || (TYPES[type]?.base !== undefined && isFault(TYPES[type].base));
    const faults = Object.keys(TYPES).filter(isFault);
    expect(faults).toHaveLength(21);
    for (const fault of faults) {
      expect(attribute(elements.get(`${fault}Fault`)!, "", "type")).toBe(`lookup:${fault}`);
      expect(messages.get(`${fault}FaultMsg`)).toBe(`fault lookup:${fault}Fault`);
    }
    expect(messages.size).toBe(faults.length + 2 * Object.keys(OPERATIONS).length);
    expect(elements.size).toBe(messages.size + 1);
    expect(attribute(elements.get("versionURI")!, "", "type")).toBe("xsd:string");
  });
});

test("wsdl/lookup-service.wsdl holds the service and imports the rest", () => {
  const service = read("wsdl/lookup-service.wsdl");
  expect(attribute(service, "", "targetNamespace")).toBe("urn:lookupService");
  expect(service.children.map((c) => c.local)).toEqual(["import", "service"]);
  const [imported, ls] = service.children;
  expect(imported?.attributes.map((a) => a.value).sort()).toEqual(["lookup.wsdl", "urn:lookup"]);
  const port = child(ls!, WSDL, "port")!;
  expect([name(ls!), name(port), attribute(port, "", "binding")]).toEqual([
    "LsService",
    "LsPort",
    "lookup:LsBinding",
  ]);
});

describe("src/lookup/wsdl-tables.ts", () => {
  test("is what the generator makes of the WSDL", () => {
    execFileSync(process.execPath, [path("scripts/generate-lookup-tables.mjs"), "--check"], {
      stdio: "pipe",
    });
  });

  test("has every operation with its fields", () => {
    expect(LOOKUP_SOAP_ACTION).toBe("urn:lookup/2.0");
    const scalar = (type: string) =>
      type.replace("ManagedObjectReference", "moref").replace("xsd:anyURI", STRING);
    const show = ([field, type, occurs]: readonly [string, string, string]) =>
      `${field}: ${type}${occurs === "1" ? "" : occurs}`;
    for (const [operation, { request, response }] of Object.entries(OPERATIONS)) {
      const table = LOOKUP_SCHEMA.operations[operation as keyof typeof LOOKUP_SCHEMA.operations];
      expect(table.request.map(show)).toEqual(request.map(scalar));
      expect((table.response ? [table.response] : []).map(show)).toEqual(response.map(scalar));
    }
  });

  test("flattens a registration with the fields of its bases first", () => {
    expect(
      registryOf(LOOKUP_SCHEMA)
        .get("LookupServiceRegistrationInfo")
        .fields.map((f) => f.name),
    ).toEqual([
      "serviceVersion",
      "vendorNameResourceKey",
      "vendorNameDefault",
      "vendorProductInfoResourceKey",
      "vendorProductInfoDefault",
      "serviceEndpoints",
      "serviceAttributes",
      "serviceNameResourceKey",
      "serviceNameDefault",
      "serviceDescriptionResourceKey",
      "serviceDescriptionDefault",
      "ownerId",
      "serviceType",
      "nodeId",
      "serviceId",
      "siteId",
    ]);
  });
});
