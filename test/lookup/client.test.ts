import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  HttpStatusError,
  ProtocolError,
  SoapFaultError,
  UnsupportedError,
  XmlError,
} from "../../src/errors.ts";
import { LookupService } from "../../src/lookup/index.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import {
  envelope,
  fault,
  listAnswer,
  registration,
  type SoapReply,
  soapServer,
  vcenter,
} from "../helpers/soap-server.ts";

const SERVICE_CONTENT = envelope(
  '<RetrieveServiceContentResponse xmlns="urn:lookup"><returnval><lookupService type="L">l</lookupService><serviceRegistration type="LookupServiceRegistration">other</serviceRegistration><deploymentInformationService type="D">d</deploymentInformationService><l10n type="N">n</l10n></returnval></RetrieveServiceContentResponse>',
);

/** What LookupService.list gives, or throws, when the server answers so. */
async function listOf(reply: SoapReply) {
  await using server = await soapServer(() => reply);
  await using lookup = new LookupService("127.0.0.1:1", {
    lookupUrl: `${server.url}/lookupservice/sdk`,
    retry: false,
  });
  return await lookup.list();
}

async function refusal(reply: SoapReply): Promise<Error> {
  return listOf(reply).then(
    () => {
      throw new Error("the answer was accepted");
    },
    (error: Error) => error,
  );
}

describe("against the simulator", () => {
  let simulator: Simulator;
  let lookup: LookupService;
  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 3 });
    lookup = new LookupService(simulator.servers[1]!.url, { trust: { ca: simulator.ca } });
  });
  afterAll(async () => {
    await lookup.close();
    await simulator.close();
  });

  test("reads the service content", async () => {
    const content = await lookup.retrieveServiceContent();
    expect(content.serviceRegistration).toEqual({
      type: "LookupServiceRegistration",
      value: "ServiceRegistration",
    });
    expect(content.l10n.type).toBe("LookupL10n");
  });

  test("lists everything without a filter, and only what matches with one", async () => {
    const all = await lookup.list();
    expect(all.length).toBeGreaterThan(90);
    expect(all.every((r) => r.issues.length === 0)).toBe(true);
    const vapi = await lookup.list({
      serviceType: { product: "com.vmware.cis", type: "cs.vapi" },
      endpointType: { protocol: "vapi.json.https.public", type: "com.vmware.vapi.endpoint" },
    });
    expect(vapi.map((r) => r.serviceEndpoints.length)).toEqual([1, 1, 1]);
    const node = simulator.servers[2]!.nodeId;
    expect(new Set((await lookup.list({ nodeId: node })).map((r) => r.nodeId))).toEqual(new Set([node]));
    expect(await lookup.list({ siteId: "no-such-site" })).toEqual([]);
  });

  test("gets one registration, and says when there is none", async () => {
    const [first] = await lookup.list();
    const { issues: _, ...fields } = first!;
    expect(await lookup.get(first!.serviceId)).toEqual({ ...fields, issues: [] });
    const error = await lookup.get("no-such-id").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(SoapFaultError);
    expect(error).toMatchObject({
      code: "ENTRY_NOT_FOUND",
      status: 500,
      faultType: { namespace: "urn:lookup", local: "LookupFaultEntryNotFoundFault" },
      fields: { name: "no-such-id" },
    });
    expect((error as Error).message).toContain("not found");
  });

  test("reads and sets what is simple", async () => {
    const siteIds = (await lookup.topology()).siteIds;
    expect(siteIds).toContain(await lookup.getSiteId());
    const before = await lookup.getLocale();
    expect(before).toMatch(/^[a-z]{2}/);
    expect(await lookup.setLocale("de_DE")).toMatch(/^[a-z]{2}/);
    const backup = await lookup.retrieveHaBackupConfiguration();
    expect(Object.keys(backup).sort()).toEqual(["dbJdbcUrl", "dbPass", "dbType", "dbUser"]);
  });

  test("finds every node of the group in one exchange", async () => {
    const before = simulator.requests.length;
    const nodes = await lookup.nodes();
    expect(simulator.requests.length - before).toBe(1);
    expect(nodes.map((n) => [n.instanceName, n.nodeId])).toEqual(
      simulator.servers.map((s) => [s.instanceName, s.nodeId]),
    );
    for (const [index, node] of nodes.entries()) {
      expect(node.endpoint("vapi")?.url).toBe(`${simulator.servers[index]!.url}/api`);
      expect(node.endpoint("vcenter")?.sslTrust[0]).toMatchObject({
        sha256: expect.stringMatching(/^([0-9A-F]{2}:){31}/),
      });
    }
  });

  test("gives the endpoint of the server itself, or of the node named", async () => {
    const [first, second] = simulator.servers;
    expect((await lookup.endpoint("vapi")).url).toBe(`${second!.url}/api`);
    expect((await lookup.endpoint("pbm", { node: "vc01" })).url).toBe(`${first!.url}/pbm/sdk`);
    expect((await lookup.endpoint("sso")).url).toBe(`${second!.url}/sts/STSService/vsphere.local`);
    expect((await lookup.endpoint("sso", { node: first!.nodeId })).url).toBe(
      `${first!.url}/sts/STSService/vsphere.local`,
    );
  });

  test("finds a service by its documented filters, either answer counts", async () => {
    const before = simulator.requests.length;
    const eam = await lookup.find("eam");
    expect(eam.map((r) => r.serviceEndpoints.map((e) => e.endpointType.type))).toEqual(
      Array(3).fill(["com.vmware.cis.cs.eam.sdk"]),
    );
    expect(simulator.requests.length - before).toBe(2);
    const { nodeId } = simulator.servers[0]!;
    expect((await lookup.find("pbm", { nodeId })).map((r) => r.nodeId)).toEqual([nodeId]);
    const types = (await lookup.find("sso")).map((r) => r.serviceType.type);
    expect(new Set(types)).toEqual(new Set(["cs.identity", "sso:sts"]));
  });

  test("tells of a certificate that is not the registered one, on the node that was asked", async () => {
    simulator.faults = { staleSslTrust: [1, 2] };
    try {
      const nodes = await lookup.nodes();
      expect(nodes.map((node) => node.warnings.map((w) => w.code))).toEqual([[], ["SSL_TRUST_STALE"], []]);
    } finally {
      simulator.faults = {};
    }
  });

  test("does not count missing services as found", async () => {
    simulator.faults = { missingServices: [{ node: 2, service: "eam" }] };
    try {
      const node = await lookup.node("vc02");
      expect(node.warnings.map((w) => w.code)).toEqual(["SERVICE_MISSING"]);
      await expect(lookup.endpoint("eam")).rejects.toMatchObject({ code: "ENDPOINT_NOT_FOUND" });
      expect((await lookup.node("vc01")).warnings).toEqual([]);
    } finally {
      simulator.faults = {};
    }
  });

  test("repeats a read after resets and 503, and stops when aborted", async () => {
    simulator.faults = { resetConnections: 1, serviceUnavailable: 1, retryAfterSeconds: 0 };
    try {
      await using fresh = new LookupService(simulator.servers[0]!.url, {
        trust: { ca: simulator.ca },
        retry: { baseDelayMs: 1, maxDelayMs: 5 },
      });
      expect((await fresh.nodes()).length).toBe(3);
      simulator.faults = { delayMs: 60_000 };
      const abort = new AbortController();
      const pending = fresh.nodes({ signal: abort.signal });
      abort.abort(new Error("enough"));
      await expect(pending).rejects.toMatchObject({ code: "ABORTED" });
    } finally {
      simulator.faults = {};
    }
  });
});

describe("requests", () => {
  test("an empty filter is sent, never none, and searchAllSsoDomains only when asked for", async () => {
    await using server = await soapServer(() => ({ body: listAnswer() }));
    await using lookup = new LookupService("vc.example", { lookupUrl: `${server.url}/ls` });
    expect(await lookup.list()).toEqual([]);
    await lookup.list({ searchAllSsoDomains: true, nodeId: "a<b" });
    const bodies = server.requests.map((r) => /<S?[\w:]*Body>(.*)<\/[\w:]*Body>/.exec(r.body)?.[1]);
    expect(bodies[0]).toBe(
      '<List xmlns="urn:lookup"><_this type="LookupServiceRegistration">ServiceRegistration</_this><filterCriteria></filterCriteria></List>',
    );
    expect(bodies[1]).toContain(
      "<filterCriteria><nodeId>a&lt;b</nodeId><searchAllSsoDomains>true</searchAllSsoDomains></filterCriteria>",
    );
    expect(server.requests[0]!.headers).toMatchObject({
      soapaction: '"urn:lookup/2.0"',
      "content-type": "text/xml; charset=utf-8",
    });
    expect(server.requests[0]!.path).toBe("/ls");
  });

  test("asks for the references when the well-known one is not the server's", async () => {
    await using server = await soapServer(({ body }) => {
      if (body.includes("RetrieveServiceContent")) return { body: SERVICE_CONTENT };
      if (body.includes(">other<")) return { body: listAnswer(vcenter("vc", "n1", "https://vc/sdk")) };
      return {
        status: 500,
        body: fault(
          '<ManagedObjectNotFoundFault xmlns="urn:lookup"><obj type="X">ServiceRegistration</obj></ManagedObjectNotFoundFault>',
        ),
      };
    });
    await using lookup = new LookupService("vc", { lookupUrl: `${server.url}/ls`, rewrite: "never" });
    expect((await lookup.nodes()).length).toBe(1);
    expect((await lookup.nodes()).length).toBe(1);
    expect(server.requests.length).toBe(4);
  });

  test("asks for the references once, and one caller's abort is not another's", async () => {
    await using server = await soapServer(({ body }) => {
      if (body.includes("RetrieveServiceContent")) return { body: SERVICE_CONTENT };
      if (body.includes(">other<")) return { body: listAnswer(registration({})) };
      if (body.includes("GetLocale")) {
        return {
          body: envelope(
            '<GetLocaleResponse xmlns="urn:lookup"><returnval>en</returnval></GetLocaleResponse>',
          ),
        };
      }
      return { status: 500, body: fault('<ManagedObjectNotFoundFault xmlns="urn:lookup"/>') };
    });
    await using lookup = new LookupService("vc", { lookupUrl: `${server.url}/ls` });
    const lists = await Promise.all([lookup.list(), lookup.list()]);
    expect(lists.map((list) => list.length)).toEqual([1, 1]);

    await using fresh = new LookupService("vc", { lookupUrl: `${server.url}/ls` });
    const abort = new AbortController();
    const aborted = fresh.getLocale({ signal: abort.signal });
    const other = fresh.getLocale();
    abort.abort();
    await expect(aborted).rejects.toMatchObject({ code: "ABORTED" });
    expect(await other).toBe("en");
  });

  test("says that a Lookup Service of vSphere 5 is too old", async () => {
    await using server = await soapServer(({ body }) =>
      body.includes("RetrieveServiceContent")
        ? {
            body: envelope(
              '<RetrieveServiceContentResponse xmlns="urn:lookup"><returnval><lookupService type="L">l</lookupService><deploymentInformationService type="D">d</deploymentInformationService><l10n type="N">n</l10n></returnval></RetrieveServiceContentResponse>',
            ),
          }
        : { status: 500, body: fault('<ManagedObjectNotFoundFault xmlns="urn:lookup"/>') },
    );
    await using lookup = new LookupService("vc", { lookupUrl: `${server.url}/ls` });
    await expect(lookup.list()).rejects.toBeInstanceOf(UnsupportedError);
  });
});

describe("answers that are none", () => {
  test.each<[string, SoapReply, string, new (...args: never[]) => Error]>([
    ["an empty body", { body: "" }, "RESPONSE_EMPTY", ProtocolError],
    ["white space", { body: " \n" }, "RESPONSE_EMPTY", ProtocolError],
    [
      "a web page",
      { headers: { "content-type": "text/html" }, body: "<html><body>Login</body></html>" },
      "RESPONSE_HTML",
      ProtocolError,
    ],
    ["a web page without a type", { body: "<!DOCTYPE html><html></html>" }, "RESPONSE_HTML", ProtocolError],
    [
      "text",
      { headers: { "content-type": "text/plain" }, body: "hello" },
      "RESPONSE_NOT_SOAP",
      ProtocolError,
    ],
    ["JSON", { body: '{"value":1}' }, "RESPONSE_NOT_SOAP", ProtocolError],
    ["other XML", { body: "<feed xmlns='urn:x'/>" }, "RESPONSE_NOT_SOAP", ProtocolError],
    [
      "SOAP 1.2",
      { body: '<E:Envelope xmlns:E="http://www.w3.org/2003/05/soap-envelope"><E:Body/></E:Envelope>' },
      "RESPONSE_NOT_SOAP",
      ProtocolError,
    ],
    [
      "another operation's answer",
      { body: envelope('<GetResponse xmlns="urn:lookup"/>') },
      "RESPONSE_UNEXPECTED",
      ProtocolError,
    ],
    [
      "the answer in another namespace",
      { body: envelope('<ListResponse xmlns="urn:evil"/>') },
      "RESPONSE_UNEXPECTED",
      ProtocolError,
    ],
    [
      "half a document",
      { body: listAnswer(vcenter("a", "n", "https://a/sdk")).slice(0, 300) },
      "RESPONSE_TRUNCATED",
      ProtocolError,
    ],
    [
      "a DOCTYPE",
      { body: `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>${listAnswer()}` },
      "XML_DOCTYPE",
      XmlError,
    ],
    ["nesting without end", { body: listAnswer(`<returnval>${"<a>".repeat(100)}`) }, "XML_LIMIT", XmlError],
    [
      "404",
      { status: 404, headers: { "content-type": "text/html" }, body: "<html>nope</html>" },
      "HTTP_STATUS",
      HttpStatusError,
    ],
    ["404 without a body", { status: 404, body: "" }, "HTTP_STATUS", HttpStatusError],
    ["503 with a body", { status: 503, body: "no healthy upstream" }, "HTTP_STATUS", HttpStatusError],
    ["500 without a body", { status: 500, body: "" }, "HTTP_STATUS", HttpStatusError],
    [
      "500 with a web page",
      { status: 500, headers: { "content-type": "text/html" }, body: "<html/>" },
      "HTTP_STATUS",
      HttpStatusError,
    ],
    [
      "a redirect",
      { status: 302, headers: { location: "https://elsewhere/" }, body: "" },
      "HTTP_STATUS",
      HttpStatusError,
    ],
    ["an answer under a wrong status", { status: 403, body: listAnswer() }, "HTTP_STATUS", HttpStatusError],
  ])("%s is a clear error that names the URL", async (_name, reply, code, type) => {
    const error = await refusal(reply);
    expect(error).toBeInstanceOf(type);
    expect(error).toMatchObject({ code, hint: expect.stringMatching(/./) });
    expect(error.message).toContain("/lookupservice/sdk");
  });

  test("the first bytes are shown on one line, cut and without control characters", async () => {
    const error = await refusal({
      headers: { "content-type": "text/plain" },
      body: `\u001b[2Jboo\n${"x".repeat(500)}`,
    });
    expect(error.message).toMatch(/" \[2Jboo x+…"$|"\[2Jboo x+…"$/);
    expect(error.message.length).toBeLessThan(400);
  });

  test.each([
    [
      "SystemError by xsi:type",
      '<RuntimeFaultFault xmlns="urn:lookup" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="SystemError"><reason>Invalid fault</reason></RuntimeFaultFault>',
      "SYSTEM_ERROR",
      "Invalid fault",
    ],
    [
      "SecurityError by name",
      '<l:SecurityErrorFault xmlns:l="urn:lookup"/>',
      "SECURITY_ERROR",
      "SecurityError",
    ],
    [
      "InvalidArgument with a prefix in xsi:type",
      '<q:x xmlns:q="urn:lookup" xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:type="q:InvalidArgument"><q:invalidProperty>siteId</q:invalidProperty></q:x>',
      "INVALID_PROPERTY",
      "siteId",
    ],
    ["a type of another namespace", '<SecurityErrorFault xmlns="urn:other"/>', "SOAP_FAULT", "SecurityError"],
    ["an unknown type", '<FooFault xmlns="urn:lookup"/>', "SOAP_FAULT", "Foo"],
    ["no detail", "", "SOAP_FAULT", "failed"],
  ])("a fault is typed by namespace and name: %s", async (_name, detail, code, text) => {
    const error = await refusal({ status: 500, body: fault(detail) });
    expect(error).toBeInstanceOf(SoapFaultError);
    expect(error).toMatchObject({ code, faultString: "failed", status: 500 });
    expect(error.message).toContain(text);
  });

  test("a fault is a fault under status 200 and 503 too", async () => {
    for (const status of [200, 503]) {
      const error = await refusal({ status, body: fault('<SystemErrorFault xmlns="urn:lookup"/>') });
      expect(error).toMatchObject({ code: "SYSTEM_ERROR", status });
    }
  });

  test("what a registration lacks is told with it, and loses no other", async () => {
    const broken =
      "<returnval><serviceVersion>1</serviceVersion><serviceId>broken</serviceId><siteId>s</siteId></returnval>";
    const list = await listOf({ body: listAnswer(broken, registration({ serviceId: "sound" })) });
    expect(list.map((r) => r.serviceId)).toEqual(["broken", "sound"]);
    expect(list[0]!.issues.join()).toMatch(/serviceType.*missing/);
    expect(list[1]!.issues).toEqual([]);
  });
});
