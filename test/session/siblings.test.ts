import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { InvalidArgumentError, VimFaultError } from "../../src/errors.ts";
import { Transport } from "../../src/net/transport.ts";
import { type SiblingName, SiblingService, sessionCarrier } from "../../src/session/siblings.ts";
import { createWsdlClient } from "../../src/soap/wsdl-client.ts";
import { parseXml } from "../../src/xml/reader.ts";
import { envelope, type SoapRequest, soapServer } from "../helpers/soap-server.ts";

const ID = "the-session-of-vim";

/** How a request carries the session, if it does. */
function carriedBy({ headers, body }: SoapRequest): string {
  const header = parseXml(body).children.find((each) => each.local === "Header");
  const block = header?.children.find((each) => each.local === "vcSessionCookie" && each.namespace === "");
  if (headers.cookie === `vmware_soap_session="${ID}"` && block === undefined) return "cookie";
  return block?.text === ID && headers.cookie === undefined ? "header" : "nothing";
}

/** A service that knows its callers in one way only, and sets a cookie of its own. */
async function startSibling(namespace: string, path: string, by: "cookie" | "header", versions?: string) {
  const server = await soapServer((request) => {
    if (request.path === "/sdk/vsanServiceVersions.xml" && versions) return { body: versions };
    if (request.path !== path) return { status: 404, body: "" };
    if (carriedBy(request) !== by) {
      return {
        status: 500,
        body: envelope(
          `<S:Fault><faultcode>ServerFaultCode</faultcode><faultstring>The session is not authenticated.</faultstring><detail><NotAuthenticatedFault xmlns="${namespace}" xmlns:vim25="urn:vim25" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="vim25:NotAuthenticated"/></detail></S:Fault>`,
        ),
      };
    }
    return {
      headers: { "set-cookie": "JSESSIONID=of-its-own; Path=/pbm, vmware_soap_session=not-the-one" },
      body: envelope(
        `<AskResponse xmlns="${namespace}"><returnval>one</returnval><returnval>two</returnval></AskResponse>`,
      ),
    };
  });
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

/** Sends what is meant for https on to a server without TLS. */
function plain(url: string) {
  const transport = new Transport({ retry: false });
  onTestFinished(() => transport.close());
  return {
    request: (target: string, request: Parameters<Transport["request"]>[1]) =>
      transport.request(url + new URL(target).pathname, request),
  };
}

const TARGET = { type: "Thing", value: "thing-1" };

describe("a service beside VIM", () => {
  test.each([
    ["pbm", "/pbm", "header"],
    ["sms", "/sms/sdk", "header"],
    ["vslm", "/vslm/sdk", "header"],
    ["eam", "/eam/sdk", "cookie"],
    ["vsan", "/vsanHealth", "cookie"],
  ] as const)("%s at %s knows the session by its %s, call after call", async (name, path, by) => {
    const server = await startSibling(`urn:${name}`, path, by);
    const service = new SiblingService(name, "vc01", { sessionId: ID }, { transport: plain(server.url) });
    for (let call = 0; call < 2; call++) {
      const results = await service.call("Ask", TARGET, { question: "a & b" });
      expect(results.map(({ text }) => text)).toEqual(["one", "two"]);
    }
    const asked = server.requests.filter((request) => request.path === path);
    expect(asked.map(({ headers }) => headers.soapaction)).toEqual([`"urn:${name}"`, `"urn:${name}"`]);
  });

  test("repeats nothing confidential of its parameters, nor the session, in an error", async () => {
    const server = await soapServer(({ body }) => ({
      status: 500,
      body: envelope(
        `<S:Fault><faultcode>ServerFaultCode</faultcode><faultstring>${body.replaceAll("<", "&lt;")}</faultstring></S:Fault>`,
      ),
    }));
    onTestFinished(() => server[Symbol.asyncDispose]());
    for (const name of ["sms", "eam"] as const) {
      const service = new SiblingService(name, "vc01", { sessionId: ID }, { transport: plain(server.url) });
      const error: unknown = await service
        .call("RegisterProvider", TARGET, { providerSpec: { username: "bob", password: "top-secret" } })
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(VimFaultError);
      expect(`${inspect(error, { depth: 9 })} ${JSON.stringify(error)}`).not.toMatch(
        /top-secret|session-of-vim/,
      );
    }
  });

  test("is called at another path and version where they are given", async () => {
    const server = await startSibling("urn:pbm", "/pbm/sdk", "header");
    const options = { transport: plain(server.url), path: "/pbm/sdk", version: "2.0" };
    const service = new SiblingService("pbm", "vc01:8443", { sessionId: ID }, options);
    expect(service.url).toBe("https://vc01:8443/pbm/sdk");
    await service.call("Ask", TARGET);
    expect(server.requests[0]?.headers.soapaction).toBe('"urn:pbm/2.0"');
  });

  test("is spoken to in the version that the server publishes for vSAN, asked for once", async () => {
    const versions =
      '<namespaces version="1.0"><namespace><name>urn:vsan</name><version>8.0.3.0</version></namespace></namespaces>';
    const server = await startSibling("urn:vsan", "/vsanHealth", "cookie", versions);
    const service = new SiblingService("vsan", "vc01", { sessionId: ID }, { transport: plain(server.url) });
    await Promise.all([service.call("Ask", TARGET), service.call("Ask", TARGET)]);
    expect(server.requests.map(({ path }) => path).sort()).toEqual([
      "/sdk/vsanServiceVersions.xml",
      "/vsanHealth",
      "/vsanHealth",
    ]);
    expect(server.requests.at(-1)?.headers.soapaction).toBe('"urn:vsan/8.0.3.0"');
  });

  test("answers NOT_AUTHENTICATED to a session that it does not know", async () => {
    const server = await startSibling("urn:pbm", "/pbm", "header");
    const holder = { sessionId: "another-session" };
    const service = new SiblingService("pbm", "vc01", holder, { transport: plain(server.url) });
    const error: unknown = await service.call("Ask", TARGET).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(VimFaultError);
    expect(error).toMatchObject({ code: "NOT_AUTHENTICATED" });
    expect(inspect(error, { depth: 9 })).not.toContain("another-session");
  });

  test("is not called without a session", async () => {
    const server = await startSibling("urn:pbm", "/pbm", "header");
    const none = { sessionId: undefined };
    const service = new SiblingService("pbm", "vc01", none, { transport: plain(server.url) });
    await expect(service.call("Ask", TARGET)).rejects.toMatchObject({ code: "NOT_AUTHENTICATED" });
    expect(server.requests).toHaveLength(0);
  });

  test.each([{ path: "pbm" }, { path: "/a?b" }, { path: "/a b" }, { version: 'x"' }])(
    "refuses %o",
    (options) => {
      expect(
        () => new SiblingService("pbm" satisfies SiblingName, "vc01", { sessionId: ID }, options),
      ).toThrow(InvalidArgumentError);
    },
  );
});

describe("the general WSDL client", () => {
  test("carries the session that there is at each call", async () => {
    const server = await startSibling("urn:pbm", "/pbm", "header");
    const directory = await mkdtemp(join(tmpdir(), "vsso-sibling-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const path = join(directory, "pbm.wsdl");
    await writeFile(path, WSDL);
    const holder: { sessionId: string | undefined } = { sessionId: undefined };
    const transport = new Transport({ retry: false });
    onTestFinished(() => transport.close());
    const client = await createWsdlClient(path, {
      transport,
      endpoint: `${server.url}/pbm`,
      carrier: sessionCarrier("pbm", holder),
    });
    await expect(client.call("Ask", {})).rejects.toMatchObject({ code: "NOT_AUTHENTICATED" });
    holder.sessionId = ID;
    expect(await client.call("Ask", {})).toEqual(["one", "two"]);
    expect(server.requests.map(carriedBy)).toEqual(["header"]);
  });
});

const WSDL = `<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:s="http://schemas.xmlsoap.org/wsdl/soap/" xmlns:p="urn:pbm" xmlns:xsd="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:pbm">
<types><xsd:schema targetNamespace="urn:pbm" elementFormDefault="qualified">
<xsd:element name="Ask"><xsd:complexType><xsd:sequence/></xsd:complexType></xsd:element>
<xsd:element name="AskResponse"><xsd:complexType><xsd:sequence><xsd:element name="returnval" type="xsd:string" maxOccurs="unbounded"/></xsd:sequence></xsd:complexType></xsd:element>
</xsd:schema></types>
<message name="AskRequest"><part name="parameters" element="p:Ask"/></message>
<message name="AskResponse"><part name="parameters" element="p:AskResponse"/></message>
<portType name="Port"><operation name="Ask"><input message="p:AskRequest"/><output message="p:AskResponse"/></operation></portType>
<binding name="Binding" type="p:Port"><s:binding style="document" transport="http://schemas.xmlsoap.org/soap/http"/><operation name="Ask"><s:operation soapAction="urn:pbm"/><input><s:body use="literal"/></input><output><s:body use="literal"/></output></operation></binding>
<service name="Service"><port name="Port" binding="p:Binding"><s:address location="https://vc01/pbm"/></port></service>
</definitions>`;
