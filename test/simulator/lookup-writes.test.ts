import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { SOAP_NAMESPACE } from "../../src/xml/names.ts";
import * as sts from "./sts-wire.ts";
import {
  all,
  at,
  attributeOf,
  call,
  faultOf,
  faultType,
  list,
  post,
  REGISTRATION,
  type Reply,
  returnvals,
} from "./wire.ts";

let simulator: Simulator;
let administrator: string;
beforeAll(async () => {
  simulator = await startSimulator({ nodes: 3 });
  administrator = await sts.bearer(simulator);
});
afterEach(() => {
  simulator.faults = {};
});
afterAll(() => simulator.close());

interface WriteOptions {
  readonly node?: number;
  /** Content of the security header. Default: the administrator's bearer token. */
  readonly security?: string;
  readonly sign?: (text: string) => string;
}

function write(operation: string, content: string, options: WriteOptions = {}): Promise<Reply> {
  const { security = sts.timestamp() + administrator, sign = (text) => text, node = 1 } = options;
  const body = `<${operation} xmlns="urn:lookup">${REGISTRATION}${content}</${operation}>`;
  const action = operation === "SetTrustAnchor" ? "urn:lookup/3.0" : "urn:lookup/2.0";
  return post(simulator, sign(sts.message(security, body)), { action, node });
}

const id = (serviceId: string): string => `<serviceId>${serviceId}</serviceId>`;
const ENDPOINT =
  "<serviceEndpoints><url>https://vc01.sim.example:8443/x</url><endpointType><protocol>https</protocol>" +
  "<type>com.example.x</type></endpointType><sslTrust>AAAA</sslTrust><endpointAttributes><key>k</key>" +
  "<value>v</value></endpointAttributes></serviceEndpoints>";
const mutable = (version = "1.0", endpoints = ENDPOINT): string =>
  `<serviceVersion>${version}</serviceVersion><vendorNameDefault>Example &amp; Co</vendorNameDefault>` +
  `<vendorProductInfoDefault>X</vendorProductInfoDefault>${endpoints}<serviceAttributes><key>a</key>` +
  `<value>b</value></serviceAttributes><serviceNameDefault>x</serviceNameDefault>`;
const spec = (content = mutable(), owner = "Administrator@vsphere.local", type = "example.x"): string =>
  `<createSpec>${content}<ownerId>${owner}</ownerId><serviceType><product>com.example</product>` +
  `<type>${type}</type></serviceType><nodeId>n</nodeId></createSpec>`;
const created = (serviceId: string, options?: WriteOptions): Promise<Reply> =>
  write("Create", id(serviceId) + spec(), options);
const rowOf = async (serviceId: string, node = 1) =>
  (await list(simulator, "", { node })).find((row) => at(row, "serviceId") === serviceId);
const empty = (reply: Reply, operation: string): void => {
  expect(returnvals(reply, operation)).toEqual([]);
};

describe("changes of the simulated Lookup Service", () => {
  it("Create adds a row with all that was given, at every node", async () => {
    empty(await created("x-create", { node: 2 }), "Create");
    for (const node of [1, 2, 3]) {
      const row = await rowOf("x-create", node);
      expect(at(row, "vendorNameDefault")).toBe("Example & Co");
      expect(at(row, "vendorProductInfoDefault")).toBe("X");
      expect(at(row, "serviceType", "type")).toBe("example.x");
      expect(at(row, "nodeId")).toBe("n");
      expect(at(row, "siteId")).toBe("default-first-site");
      expect(attributeOf(row!, "serviceAttributes", "a")).toBe("b");
      expect(at(row, "serviceEndpoints", "url")).toBe("https://vc01.sim.example:8443/x");
      expect(at(row, "serviceEndpoints", "sslTrust")).toBe("AAAA");
      expect(attributeOf(all(row!, "serviceEndpoints")[0]!, "endpointAttributes", "k")).toBe("v");
    }
    const got = await call(simulator, "Get", REGISTRATION + id("x-create"));
    expect(at(returnvals(got, "Get")[0], "ownerId")).toBe("Administrator@vsphere.local");
  });

  it("Create refuses an ID that is there", async () => {
    const [row] = await list(simulator, "");
    for (const serviceId of [at(row, "serviceId")!, "x-twice"]) {
      if (serviceId === "x-twice") await created(serviceId);
      const fault = faultOf(await created(serviceId));
      expect(fault.detail.local).toBe("LookupFaultEntryExistsFaultFault");
      expect(at(fault.detail, "name")).toBe(serviceId);
    }
  });

  it.each([
    ["serviceId", "", spec()],
    ["serviceVersion", "x-bad", spec(mutable(""))],
    ["ownerId", "x-bad", spec(mutable(), "")],
    ["serviceType.type", "x-bad", spec(mutable(), "o", "")],
    ["serviceEndpoints.url", "x-bad", spec(mutable("1", ENDPOINT.replace("https://vc01", "//vc01")))],
    ["serviceEndpoints.sslTrust", "x-bad", spec(mutable("1", ENDPOINT.replace("AAAA", "-----BEGIN")))],
    ["serviceAttributes.key", "x-bad", spec(mutable().replace("<key>a</key>", "<key/>"))],
  ])("Create names the property that is wrong: %s", async (property, serviceId, content) => {
    const fault = faultOf(await write("Create", id(serviceId) + content));
    expect(fault.detail.local).toBe("InvalidArgumentFault");
    expect(at(fault.detail, "invalidProperty")).toBe(property);
    expect(await rowOf("x-bad")).toBeUndefined();
  });

  it("Set replaces what can change of a row, and keeps the rest", async () => {
    const before = (await list(simulator, "")).find(
      (row) => at(row, "serviceType", "type") === "vcenterserver",
    )!;
    const serviceId = at(before, "serviceId")!;
    empty(await write("Set", `${id(serviceId)}<serviceSpec>${mutable("9.9")}</serviceSpec>`), "Set");
    const after = await rowOf(serviceId, 3);
    expect(at(after, "serviceVersion")).toBe("9.9");
    expect(all(after!, "serviceEndpoints")).toHaveLength(1);
    for (const kept of ["ownerId", "nodeId", "siteId", "serviceId"])
      expect(at(after, kept)).toBe(at(before, kept));
    expect(at(after, "serviceType", "type")).toBe("vcenterserver");
  });

  it("Delete removes a row everywhere, once", async () => {
    const row = (await list(simulator, "")).find((r) => at(r, "serviceType", "type") === "cs.license")!;
    for (const serviceId of [at(row, "serviceId")!, "x-delete"]) {
      if (serviceId === "x-delete") await created(serviceId);
      empty(await write("Delete", id(serviceId)), "Delete");
      expect(await rowOf(serviceId, 2)).toBeUndefined();
      for (const [operation, content] of [
        ["Delete", ""],
        ["Set", `<serviceSpec>${mutable()}</serviceSpec>`],
      ]) {
        const fault = faultOf(await write(operation!, id(serviceId) + content));
        expect(fault.detail.local).toBe("LookupFaultEntryNotFoundFaultFault");
      }
      empty(await created(serviceId), "Create");
    }
  });

  it("SetTrustAnchor gives new certificates to the endpoints that match, and counts them", async () => {
    const type = "<endpointType><protocol>vmomi</protocol><type>com.vmware.vim</type></endpointType>";
    const content = `<filter>${type}</filter><trustAnchors>BBBB</trustAnchors><trustAnchors>CCCC</trustAnchors>`;
    const expected = (await list(simulator, type)).flatMap((row) => all(row, "serviceEndpoints")).length;
    const reply = await write("SetTrustAnchor", content);
    expect(returnvals(reply, "SetTrustAnchor").map(({ text }) => Number(text))).toEqual([expected]);
    expect(expected).toBeGreaterThan(0);
    for (const row of await list(simulator, type, { node: 2 })) {
      for (const endpoint of all(row, "serviceEndpoints")) {
        expect(all(endpoint, "sslTrust").map(({ text }) => text)).toEqual(["BBBB", "CCCC"]);
      }
    }
    const nobody = "<filter><siteId>none</siteId></filter><trustAnchors>BBBB</trustAnchors>";
    expect(returnvals(await write("SetTrustAnchor", nobody), "SetTrustAnchor")[0]?.text).toBe("0");
    for (const anchors of ["", "<trustAnchors>%</trustAnchors>"]) {
      const fault = faultOf(await write("SetTrustAnchor", `<filter/>${anchors}`));
      expect(at(fault.detail, "invalidProperty")).toBe("trustAnchors");
    }
  });

  it("do not reach a node that lags behind", async () => {
    simulator.faults = { replicationLag: [{ node: 3, missing: 1 }] };
    await created("x-lag");
    expect(await rowOf("x-lag", 3)).toBeUndefined();
    expect(await rowOf("x-lag", 2)).toBeDefined();
    simulator.faults = {};
    expect(await rowOf("x-lag", 3)).toBeDefined();
  });

  it("are not made by a request that is cut off or not let through", async () => {
    simulator.faults = { serviceUnavailable: 1 };
    expect((await created("x-503")).status).toBe(503);
    simulator.faults = { resetConnections: 1 };
    await expect(created("x-reset")).rejects.toMatchObject({ code: "ECONNRESET" });
    simulator.faults = {};
    expect(await rowOf("x-503", 2)).toBeUndefined();
    expect(await rowOf("x-reset", 2)).toBeUndefined();
  });
});

describe("who may change the simulated Lookup Service", () => {
  const refused = async (options: WriteOptions): Promise<void> => {
    expect(faultType(await created("x-refused", options))).toBe("SecurityError");
    expect(await rowOf("x-refused")).toBeUndefined();
  };
  const byKey = (token: string, key: string) => (text: string) =>
    sts.signed(text, key, { keyInfo: sts.byAssertion(sts.idOf(token)) });

  it("are solution users, who sign with the key of their token", async () => {
    const token = await sts.holderOfKey(simulator, 1);
    const user = sts.solutionUser(simulator, 1);
    const security = sts.timestamp() + token;
    empty(await created("x-hok", { security, sign: byKey(token, user.key) }), "Create");
    await refused({ security });
    await refused({ security, sign: byKey(token, sts.solutionUser(simulator, 0).key) });
    await refused({
      security,
      sign: (text) => byKey(token, user.key)(text).replace("example.x", "example.y"),
    });
  });

  it("are not delegates whose account is disabled", async () => {
    const user = sts.solutionUser(simulator, 1);
    const content =
      `<wst:DelegateTo><w:UsernameToken xmlns:w="${sts.WSSE}"><w:Username>${user.name}</w:Username>` +
      `</w:UsernameToken></wst:DelegateTo>${sts.keyType("PublicKey")}`;
    const login = sts.usernameToken(simulator.users[0]!.username, simulator.users[0]!.password);
    const token = sts.assertionIn(
      await sts.postSts(simulator, sts.message(sts.timestamp() + login, sts.rst({ content }))),
    );
    const options = { security: sts.timestamp() + token, sign: byKey(token, user.key) };
    empty(await created("x-delegate", options), "Create");
    simulator.faults = { disabledAccounts: [`${user.name}@vsphere.local`] };
    await refused(options);
  });

  it("are not ordinary users, until they are administrators", async () => {
    await refused({ security: sts.timestamp() + (await sts.bearer(simulator, 1)) });
    simulator.faults = {
      addedMemberships: [{ account: "operator@vsphere.local", group: "Administrators" }],
    };
    const security = sts.timestamp() + (await sts.bearer(simulator, 1));
    empty(await created("x-operator", { security }), "Create");
  });

  it("are not those whose token is changed, foreign, ended or of a disabled account", async () => {
    await refused({
      security: sts.timestamp() + administrator.replace("Administrator@V", "administrator@V"),
    });
    const other = await startSimulator({ nodes: 1 });
    try {
      await refused({ security: sts.timestamp() + (await sts.bearer(other)) });
    } finally {
      await other.close();
    }
    const now = Date.now();
    const ended = await sts.bearer(simulator, 0, sts.lifetime(now - 599_000, now - 598_000));
    simulator.faults = { clockSkewSeconds: 30 };
    await refused({ security: sts.timestamp() + ended });
    simulator.faults = { disabledAccounts: ["Administrator@vsphere.local"] };
    await refused({ security: sts.timestamp() + administrator });
  });

  it("are not those who give a password, no time, an old time, or nothing", async () => {
    const { username, password } = simulator.users[0]!;
    const old = sts.timestamp(Date.now() - 3_600_000);
    for (const security of [
      sts.timestamp() + sts.usernameToken(username, password),
      sts.timestamp(),
      administrator,
      old + administrator,
      "",
    ]) {
      await refused({ security });
    }
    const body = `<Delete xmlns="urn:lookup">${REGISTRATION}${id("x")}</Delete>`;
    const bare = `<S:Envelope xmlns:S="${SOAP_NAMESPACE}"><S:Body>${body}</S:Body></S:Envelope>`;
    expect(faultType(await post(simulator, bare))).toBe("SecurityError");
  });
});
