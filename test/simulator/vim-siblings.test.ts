import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { login as vapiLogin } from "./vapi-wire.ts";
import { login, SESSION_MANAGER, self, vim } from "./vim-wire.ts";
import { at, envelope, faultOf, faultType, post, type Reply, returnvals } from "./wire.ts";

interface Service {
  readonly path: string;
  readonly namespace: string;
  /** Receiver and operation of a call that anybody may make. */
  readonly open?: readonly [string, string];
  /** Of one that takes a session, with what follows `_this`. */
  readonly closed: readonly [string, string, string];
}

const BY_HEADER: readonly Service[] = [
  {
    path: "/pbm",
    namespace: "urn:pbm",
    open: ["PbmServiceInstance:ServiceInstance", "PbmRetrieveServiceContent"],
    closed: ["PbmProfileProfileManager:ProfileManager", "PbmFetchResourceType", ""],
  },
  {
    path: "/pbm/sdk",
    namespace: "urn:pbm",
    open: ["PbmServiceInstance:ServiceInstance", "PbmRetrieveServiceContent"],
    closed: ["PbmProfileProfileManager:ProfileManager", "PbmFetchResourceType", ""],
  },
  {
    path: "/sms/sdk",
    namespace: "urn:sms",
    open: ["SmsServiceInstance:ServiceInstance", "QueryAboutInfo"],
    closed: ["SmsServiceInstance:ServiceInstance", "QueryStorageManager", ""],
  },
  {
    path: "/vslm/sdk",
    namespace: "urn:vslm",
    open: ["VslmServiceInstance:ServiceInstance", "RetrieveContent"],
    closed: [
      "VslmVStorageObjectManager:VStorageObjectManager",
      "VslmListVStorageObjectForSpec",
      "<maxResult>1</maxResult>",
    ],
  },
];
const BY_COOKIE: readonly Service[] = [
  {
    path: "/eam/sdk",
    namespace: "urn:eam",
    closed: ["EsxAgentManager:EsxAgentManager", "QueryAgency", ""],
  },
  {
    path: "/vsanHealth",
    namespace: "urn:vsan",
    closed: [
      "VsanVcClusterConfigSystem:vsan-cluster-config-system",
      "VsanClusterGetConfig",
      `<cluster type="ClusterComputeResource">domain-c8</cluster>`,
    ],
  },
];

describe("services beside VIM", () => {
  let simulator: Simulator;
  let id: string;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 1 });
    id = (await login(simulator)).id;
  });
  afterAll(() => simulator.close());

  const call = (
    { path, namespace }: Service,
    [receiver, operation, content = ""]: readonly string[],
    carried: { readonly header?: string; readonly cookie?: string } = {},
  ): Promise<Reply> => {
    const body = `<${operation} xmlns="${namespace}">${self(receiver!)}${content}</${operation}>`;
    const header = carried.header && `<soapenv:Header>${carried.header}</soapenv:Header>`;
    const headers: Record<string, string> = carried.cookie === undefined ? {} : { cookie: carried.cookie };
    return post(simulator, envelope(body, header), { path, action: "", headers });
  };
  const soapHeader = (text: string) => ({ header: `<vcSessionCookie>${text}</vcSessionCookie>` });
  const cookie = (text: string) => ({ cookie: `vmware_soap_session="${text}"` });

  it.each(BY_HEADER)("$path take the session in a SOAP header, without quotes", async (service) => {
    const { namespace, open, closed } = service;
    const [about] = returnvals(await call(service, open!), open![1], namespace);
    expect(about?.text ?? at(about, "aboutInfo")).toBeDefined();
    expect((await call(service, closed, soapHeader(id))).status).toBe(200);
    const elsewhere = { header: `<x:vcSessionCookie xmlns:x="#">${id}</x:vcSessionCookie>` };
    expect((await call(service, closed, elsewhere)).status).toBe(200);
    for (const carried of [
      {},
      soapHeader("nope"),
      soapHeader(`"${id}"`),
      cookie(id),
      { header: `<vcSessionCookie>${id}</vcSessionCookie><vcSessionCookie>${id}</vcSessionCookie>` },
    ]) {
      const fault = faultOf(await call(service, closed, carried), namespace);
      expect(fault.detail.xsiType?.local).toBe("NotAuthenticated");
      expect(at(fault.detail, "privilegeId")).toBe("System.View");
    }
  });

  it.each(BY_COOKIE)("$path take the session in the cookie", async (service) => {
    const { namespace, closed } = service;
    expect((await call(service, closed, cookie(id))).status).toBe(200);
    for (const carried of [{}, cookie("nope"), soapHeader(id)]) {
      expect(faultType(await call(service, closed, carried), namespace)).toBe("NotAuthenticated");
    }
  });

  it("know sessions of vAPI from 8.0.3 on, and none that is over", async () => {
    const [pbm] = BY_HEADER;
    const [eam] = BY_COOKIE;
    const session = await vapiLogin(simulator);
    expect((await call(pbm!, pbm!.closed, soapHeader(session))).status).toBe(200);
    expect((await call(eam!, eam!.closed, cookie(session))).status).toBe(200);
    await vim(simulator, SESSION_MANAGER, "Logout", "", { id: session });
    expect(faultType(await call(pbm!, pbm!.closed, soapHeader(session)), "urn:pbm")).toBe("NotAuthenticated");
    expect(faultType(await call(eam!, eam!.closed, cookie(session)), "urn:eam")).toBe("NotAuthenticated");
  });

  it("refuse other namespaces, objects, methods and arguments", async () => {
    const [pbm] = BY_HEADER;
    const [receiver, operation] = pbm!.closed;
    const asVim = { ...pbm!, namespace: "urn:vim25" };
    expect(faultType(await call(asVim, pbm!.closed), "urn:pbm")).toBe("InvalidRequest");
    const types = [
      await call(pbm!, ["PbmServiceInstance:ServiceInstance", operation], soapHeader(id)),
      await call(pbm!, [receiver, "constructor"], soapHeader(id)),
      await call(pbm!, [receiver, operation, "<x/>"], soapHeader(id)),
      await call(pbm!, [receiver, "constructor"]),
    ].map((reply) => faultType(reply, "urn:pbm"));
    expect(types).toEqual(["ManagedObjectNotFound", "MethodNotFound", "InvalidRequest", "NotAuthenticated"]);
  });
});
