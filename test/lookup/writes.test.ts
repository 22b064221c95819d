import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  LookupService,
  type LookupServiceOptions,
  type LookupServiceRegistrationCreateSpec,
  readCreateSpec,
  readSetSpec,
} from "../../src/lookup/index.ts";
import { SamlToken } from "../../src/saml/index.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import type { MessageSecurity } from "../../src/soap/security.ts";
import { type IssueOptions, SecurityTokenService, samlSecurity } from "../../src/sts/index.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import {
  envelope,
  fault,
  type SoapReply,
  type SoapRequest,
  type SoapServer,
  soapServer,
} from "../helpers/soap-server.ts";
import { assertionXml } from "../sts/assertions.ts";
import { messageVerifies, names, readMessage } from "../sts/sts-server.ts";

const SPEC: LookupServiceRegistrationCreateSpec = {
  serviceVersion: "1.0",
  serviceEndpoints: [
    {
      url: "https://tool.example/?a=1&b=2",
      endpointType: { protocol: "rest", type: "com.example.tool" },
      sslTrust: ["MIIB"],
      endpointAttributes: [{ key: "k", value: "<v>" }],
    },
  ],
  serviceAttributes: [],
  ownerId: "tool@vsphere.local",
  serviceType: { product: "com.example", type: "tool" },
};

/** The specification in the order of the WSDL, whatever that of the keys. */
const MUTABLE_XML =
  "<serviceVersion>1.0</serviceVersion><serviceEndpoints><url>https://tool.example/?a=1&amp;b=2</url>" +
  "<endpointType><protocol>rest</protocol><type>com.example.tool</type></endpointType><sslTrust>MIIB</sslTrust>" +
  "<endpointAttributes><key>k</key><value>&lt;v&gt;</value></endpointAttributes></serviceEndpoints>";
const CREATE_XML = `${MUTABLE_XML}<ownerId>tool@vsphere.local</ownerId><serviceType><product>com.example</product><type>tool</type></serviceType>`;
const THIS = '<_this type="LookupServiceRegistration">ServiceRegistration</_this>';

async function start(
  answer: (request: SoapRequest) => SoapReply,
  options: LookupServiceOptions = {},
): Promise<{ lookup: LookupService; server: SoapServer }> {
  const server = await soapServer(answer);
  onTestFinished(() => server[Symbol.asyncDispose]());
  const lookup = new LookupService("vc.example", {
    lookupUrl: `${server.url}/ls`,
    retry: { baseDelayMs: 1 },
    ...options,
  });
  onTestFinished(() => lookup.close());
  return { lookup, server };
}

function emptyAnswer(operation: string): SoapReply {
  return { body: envelope(`<${operation}Response xmlns="urn:lookup"/>`) };
}

describe("writes of the Lookup Service", () => {
  let holder: RsaIdentity;
  let bearer: MessageSecurity;
  let bearerText: string;
  let hok: MessageSecurity;
  beforeAll(async () => {
    holder = await makeRsaSelfSigned("holder");
    bearerText = assertionXml();
    bearer = samlSecurity(SamlToken.from(bearerText));
    const token = SamlToken.from(assertionXml({ holder }), {
      holderOfKey: { certificate: holder.cert, key: holder.key },
    });
    hok = samlSecurity(token);
  });

  type Call = (lookup: LookupService, security: MessageSecurity) => Promise<unknown>;
  const calls: [string, Call, string][] = [
    [
      "Create",
      (lookup, security) => lookup.create("id-1", SPEC, { security }),
      `<Create xmlns="urn:lookup">${THIS}<serviceId>id-1</serviceId><createSpec>${CREATE_XML}</createSpec></Create>`,
    ],
    [
      "Set",
      (lookup, security) => {
        const { ownerId: _owner, serviceType: _type, ...spec } = SPEC;
        return lookup.set("id-1", spec, { security });
      },
      `<Set xmlns="urn:lookup">${THIS}<serviceId>id-1</serviceId><serviceSpec>${MUTABLE_XML}</serviceSpec></Set>`,
    ],
    [
      "Delete",
      (lookup, security) => lookup.delete("id-<1>", { security }),
      `<Delete xmlns="urn:lookup">${THIS}<serviceId>id-&lt;1&gt;</serviceId></Delete>`,
    ],
  ];

  test.each(calls)("%s sends the specification and the token", async (operation, call, body) => {
    const { lookup, server } = await start(() => emptyAnswer(operation));
    expect(await call(lookup, bearer)).toBeUndefined();
    const [request] = server.requests;
    expect(request?.body).toContain(`>${body}</`);
    expect(request?.body).toContain(bearerText);
    expect(request?.headers.soapaction).toBe('"urn:lookup/2.0"');
    expect(names(readMessage(request!.body).security)).toEqual(["Timestamp", "Assertion"]);
  });

  test.each(calls)(
    "%s is signed over body and timestamp with a holder-of-key token",
    async (operation, call) => {
      const { lookup, server } = await start(() => emptyAnswer(operation));
      await call(lookup, hok);
      const message = readMessage(server.requests[0]!.body);
      expect(names(message.security)).toEqual(["Timestamp", "Assertion", "Signature"]);
      expect(messageVerifies(message, holder)).toBe(true);
    },
  );

  test("SetTrustAnchor is of version 3.0 and returns the server's number", async () => {
    const { lookup, server } = await start(() => ({
      body: envelope(
        '<SetTrustAnchorResponse xmlns="urn:lookup"><returnval>7</returnval></SetTrustAnchorResponse>',
      ),
    }));
    const filter = { nodeId: "n1", endpointTrustAnchor: "MIIA" };
    expect(await lookup.setTrustAnchor(filter, ["MIIB", "MIIC"], { security: bearer })).toBe(7);
    const [request] = server.requests;
    expect(request?.headers.soapaction).toBe('"urn:lookup/3.0"');
    expect(request?.body).toContain(
      `<SetTrustAnchor xmlns="urn:lookup">${THIS}<filter><nodeId>n1</nodeId><endpointTrustAnchor>MIIA</endpointTrustAnchor></filter><trustAnchors>MIIB</trustAnchors><trustAnchors>MIIC</trustAnchors></SetTrustAnchor>`,
    );
  });

  test.each([{}, { searchAllSsoDomains: true }, { nodeId: undefined }])(
    "SetTrustAnchor for everything (%j) is refused here",
    async (filter) => {
      const { lookup, server } = await start(() => emptyAnswer("SetTrustAnchor"));
      const call = lookup.setTrustAnchor(filter as object, ["MIIB"], { security: bearer });
      await expect(call).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      expect(server.requests).toEqual([]);
    },
  );

  test("are never sent twice, though the server is briefly unavailable", async () => {
    for (const [, call] of calls) {
      const { lookup, server } = await start(() => ({ status: 503, body: "later" }));
      await expect(call(lookup, bearer)).rejects.toMatchObject({ code: "HTTP_STATUS", status: 503 });
      expect(server.requests).toHaveLength(1);
    }
  });

  test("find the object when it is not the well-known one; that refusal wrote nothing", async () => {
    const { lookup, server } = await start(({ body }) => {
      if (body.includes("RetrieveServiceContent")) {
        return {
          body: envelope(
            '<RetrieveServiceContentResponse xmlns="urn:lookup"><returnval><lookupService type="L">l</lookupService><serviceRegistration type="LookupServiceRegistration">other</serviceRegistration><deploymentInformationService type="D">d</deploymentInformationService><l10n type="N">n</l10n></returnval></RetrieveServiceContentResponse>',
          ),
        };
      }
      if (body.includes(">other<")) return emptyAnswer("Delete");
      return { status: 500, body: fault('<ManagedObjectNotFoundFault xmlns="urn:lookup"/>') };
    });
    await lookup.delete("id-1", { security: hok });
    const [, , last] = server.requests;
    expect(messageVerifies(readMessage(last!.body), holder)).toBe(true);
    expect(server.requests).toHaveLength(3);
  });

  test.each([
    ["LookupFaultEntryExistsFault", "ENTRY_EXISTS"],
    ["LookupFaultEntryNotFoundFault", "ENTRY_NOT_FOUND"],
    ["InvalidArgument", "INVALID_PROPERTY"],
    ["SecurityError", "SECURITY_ERROR"],
  ])("a %s is the error %s, without the token", async (type, code) => {
    const { lookup } = await start(() => ({
      status: 500,
      body: fault(`<${type}Fault xmlns="urn:lookup"><name>id-1</name></${type}Fault>`),
    }));
    const refused = lookup.delete("id-1", { security: bearer });
    await expect(refused).rejects.toMatchObject({ code, hint: expect.stringMatching(/./) });
    const error = await refused.catch((reason: unknown) => reason);
    expect(`${error}${JSON.stringify(error)}`).not.toContain("Assertion");
  });

  test("an expired token is found out before anything is sent", async () => {
    const { lookup, server } = await start(() => emptyAnswer("Delete"));
    const old = assertionXml({ issuedAt: new Date("2020-01-01T00:00:00Z") });
    const security = samlSecurity(SamlToken.from(old));
    await expect(lookup.delete("id-1", { security })).rejects.toMatchObject({ code: "TOKEN_EXPIRED" });
    expect(server.requests).toEqual([]);
  });

  test.each<[string, Call]>([
    ["an empty service ID", (lookup, security) => lookup.delete(" ", { security })],
    ["no service ID", (lookup, security) => lookup.create(undefined as never, SPEC, { security })],
    ["a field that is missing", (lookup, security) => lookup.create("x", {} as never, { security })],
    [
      "a field of another kind",
      (lookup, security) => lookup.set("x", { ...SPEC, serviceVersion: 1 } as never, { security }),
    ],
    ["a field that Set has not", (lookup, security) => lookup.set("x", SPEC as never, { security })],
  ])("%s is refused before anything is sent", async (_, call) => {
    const { lookup, server } = await start(() => emptyAnswer("Create"));
    await expect(call(lookup, bearer)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(server.requests).toEqual([]);
  });

  test("end with their caller's signal", async () => {
    const { lookup } = await start(() => emptyAnswer("Delete"));
    const signal = AbortSignal.abort(new Error("enough"));
    const call = lookup.delete(randomUUID(), { security: bearer, signal });
    await expect(call).rejects.toMatchObject({ code: "ABORTED" });
  });
});

describe("specifications in JSON", () => {
  const registration = { ...SPEC, serviceId: "id-1", siteId: "site-1" };

  test("of a new registration are what lookup get prints", () => {
    expect(readCreateSpec(registration)).toEqual({ serviceId: "id-1", spec: SPEC });
    const { serviceEndpoints: _endpoints, serviceAttributes: _attributes, ...least } = SPEC;
    expect(readCreateSpec({ ...least, serviceId: "id-1" })).toEqual({ serviceId: "id-1", spec: least });
  });

  test("of a change leave aside what cannot be changed", () => {
    const { ownerId, serviceType, ...spec } = SPEC;
    expect(readSetSpec(registration)).toEqual({
      fixed: { ownerId, serviceType, serviceId: "id-1", siteId: "site-1" },
      spec,
    });
    expect(readSetSpec(spec)).toEqual({ fixed: {}, spec });
  });

  test.each<[string, unknown, RegExp]>([
    ["a list", [registration], /an object/],
    ["null", null, /an object/],
    ["text", "x", /an object/],
    ["without an ID", SPEC, /serviceId/],
    ["with an ID that is a number", { ...registration, serviceId: 1 }, /serviceId/],
    ["without a type", { ...registration, serviceType: undefined }, /createSpec\.serviceType: missing/],
    ["with an unknown field", { ...registration, servicetype: 1 }, /createSpec\.servicetype: unknown field/],
    [
      "with an endpoint of another form",
      { ...registration, serviceEndpoints: [{ url: 1 }] },
      /createSpec\.serviceEndpoints\[0\]\.url/,
    ],
    ["with text that XML cannot hold", { ...registration, ownerId: "a\u0000b" }, /createSpec\.ownerId/],
  ])("%s are refused by the path of what is wrong", (_, value, message) => {
    expect(() => readCreateSpec(value)).toThrow(message);
    expect(() => readCreateSpec(value)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  });

  test("of a change are checked likewise", () => {
    expect(() => readSetSpec({ serviceEndpoints: [] })).toThrow(/serviceSpec\.serviceVersion: missing/);
    expect(() => readSetSpec({ serviceVersion: "1", __proto__: null, x: 1 })).toThrow(
      /serviceSpec\.x: unknown/,
    );
    expect(() => readSetSpec(7)).toThrow(/an object/);
  });
});

describe("writes to the simulator", () => {
  let simulator: Simulator;
  let lookup: LookupService;
  let sts: SecurityTokenService;
  let bearer: MessageSecurity;
  let holderOfKey: MessageSecurity;
  let solutionUser: MessageSecurity;
  let operator: MessageSecurity;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2 });
    const options = { trust: { ca: simulator.ca } };
    const [server] = simulator.servers;
    lookup = new LookupService(server!.url, options);
    sts = new SecurityTokenService(`${server!.url}/sts/STSService/vsphere.local`, options);
    const [first, second] = simulator.users;
    const [service] = simulator.solutionUsers;
    const key = await makeRsaSelfSigned("client");
    const pair = { certificate: key.cert, key: key.key };
    const own = {
      certificate: await readFile(service!.certFile, "utf8"),
      key: await readFile(service!.keyFile, "utf8"),
    };
    const securityBy = async (issue: IssueOptions) => samlSecurity(await sts.issue(issue));
    [bearer, holderOfKey, solutionUser, operator] = await Promise.all([
      securityBy({ credential: first! }),
      securityBy({ credential: first!, holderOfKey: pair }),
      securityBy({ credential: own }),
      securityBy({ credential: second! }),
    ]);
  });
  afterAll(async () => {
    await Promise.all([lookup.close(), sts.close()]);
    await simulator.close();
  });

  const spec = { ...SPEC, serviceEndpoints: [{ ...SPEC.serviceEndpoints[0]!, sslTrust: [] }] };

  test("are done for administrators and solution users, by each kind of token", async () => {
    for (const security of [bearer, holderOfKey, solutionUser]) {
      const id = randomUUID();
      await lookup.create(id, spec, { security });
      expect(await lookup.get(id)).toMatchObject({ ...spec, serviceId: id, issues: [] });
      await lookup.set(id, { ...mutable(spec), serviceVersion: "2.0" }, { security });
      expect(await lookup.get(id)).toMatchObject({ ...spec, serviceVersion: "2.0" });
      await lookup.delete(id, { security });
      await expect(lookup.get(id)).rejects.toMatchObject({ code: "ENTRY_NOT_FOUND" });
    }
  });

  test("are refused to others, to nobody, and to who only borrows a name", async () => {
    const id = randomUUID();
    const unsigned: MessageSecurity = { secure: ({ bodyXml }) => envelope(bodyXml) };
    const stripped: MessageSecurity = {
      secure: async (message) =>
        (await holderOfKey.secure(message)).replace(
          /<ds:Signature [^>]*>(?:(?!<saml2:).)*<\/ds:Signature>(?=<\/wsse:Security>)/s,
          "",
        ),
    };
    const altered: MessageSecurity = {
      secure: async (message) =>
        (await holderOfKey.secure(message)).replace(`${id}</serviceId>`, `${id}0</serviceId>`),
    };
    const renamed: MessageSecurity = {
      secure: async (message) => (await operator.secure(message)).replace(">operator@", ">Administrator@"),
    };
    for (const security of [operator, unsigned, stripped, altered, renamed]) {
      await expect(lookup.create(id, spec, { security })).rejects.toMatchObject({ code: "SECURITY_ERROR" });
    }
    await expect(lookup.get(id)).rejects.toMatchObject({ code: "ENTRY_NOT_FOUND" });
    await expect(lookup.get(`${id}0`)).rejects.toMatchObject({ code: "ENTRY_NOT_FOUND" });
  });

  test("of what is there, or is not, are refused", async () => {
    const [existing] = await lookup.list();
    const security = holderOfKey;
    const again = lookup.create(existing!.serviceId, spec, { security });
    await expect(again).rejects.toMatchObject({ code: "ENTRY_EXISTS" });
    await expect(lookup.set("nobody", mutable(spec), { security })).rejects.toMatchObject({
      code: "ENTRY_NOT_FOUND",
    });
    await expect(lookup.delete("nobody", { security })).rejects.toMatchObject({ code: "ENTRY_NOT_FOUND" });
  });

  test("replace the certificates of the endpoints that a filter matches", async () => {
    const [first] = await lookup.find("vcenter");
    const nodeId = first!.nodeId!;
    const fresh = (await makeRsaSelfSigned("fresh")).der.toString("base64");
    const filter = { nodeId, serviceType: { product: "com.vmware.cis", type: "vcenterserver" } };
    const before = (await lookup.list(filter))[0]!.serviceEndpoints;
    const changed = await lookup.setTrustAnchor(filter, [fresh], { security: bearer });
    expect(changed).toBe(before.length);
    const after = (await lookup.list(filter))[0]!.serviceEndpoints;
    expect(after.map(({ sslTrust }) => sslTrust)).toEqual(before.map(() => [fresh]));
    expect(after.map(({ url }) => url)).toEqual(before.map(({ url }) => url));
    const refused = lookup.setTrustAnchor(filter, [fresh], { security: operator });
    await expect(refused).rejects.toMatchObject({ code: "SECURITY_ERROR" });
  });
});

function mutable({
  ownerId: _owner,
  serviceType: _type,
  nodeId: _node,
  ...spec
}: LookupServiceRegistrationCreateSpec) {
  return spec;
}

test("a write without a token is refused before anything is sent", async () => {
  const { lookup, server } = await start(() => ({ body: envelope("") }));
  const create = lookup.create as (id: string, spec: LookupServiceRegistrationCreateSpec) => Promise<void>;
  await expect(create.call(lookup, "id", SPEC)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  expect(server.requests).toEqual([]);
});
