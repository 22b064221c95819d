import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { call, envelope, faultType, post, REGISTRATION, returnvals, send } from "./wire.ts";

describe("the HTTP side of a simulated vCenter", () => {
  let simulator: Simulator;

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2 });
  });
  afterAll(() => simulator.close());

  it("answers SOAP as XML in UTF-8 with the date, results with 200 and faults with 500", async () => {
    const good = await call(simulator, "GetSiteId", REGISTRATION);
    const bad = await call(simulator, "GetSiteId", "");
    expect([good.status, bad.status]).toEqual([200, 500]);
    for (const reply of [good, bad]) {
      expect(reply.headers["content-type"]).toBe("text/xml; charset=utf-8");
      expect(Date.parse(String(reply.headers.date))).not.toBeNaN();
      expect(reply.headers["content-length"]).toBe(String(Buffer.byteLength(reply.text)));
      expect(reply.headers["set-cookie"]).toBeUndefined();
    }
  });

  it.each(["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])("refuses %s at the SOAP services", async (method) => {
    for (const path of ["/lookupservice/sdk", "/sdk"]) {
      const reply = await send(simulator, path, { method });
      expect(reply.status).toBe(405);
      expect(reply.headers.allow).toBe("POST");
    }
  });

  it("has a page at the root, with or without a query", async () => {
    for (const path of ["/", "/?x=1"]) {
      const reply = await send(simulator, path, { node: 2 });
      expect(reply.status).toBe(200);
      expect(reply.headers["content-type"]).toBe("text/html; charset=utf-8");
      expect(reply.text).toContain("vc02.sim.example");
    }
    expect(await send(simulator, "/", { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
    expect((await send(simulator, "/", { method: "DELETE" })).status).toBe(405);
  });

  it.each([
    "/x",
    "/lookupservice",
    "/lookupservice/sdk/x",
    "/LookupService/sdk",
    "//",
    "/sts/system-STSService/sdk",
    "/sts/STSService/other.local",
    "/acs/t/OTHER/token",
    "/websso/SAML2/Metadata/other.local",
  ])("answers %s with an empty 404", async (path) => {
    const reply = await send(simulator, path, { method: "POST", body: "<x/>" });
    expect(reply).toMatchObject({ status: 404, text: "" });
    expect(reply.headers.server).toBe("envoy");
  });

  it("takes a trailing slash and a query at the SOAP services", async () => {
    for (const path of ["/lookupservice/sdk/", "/lookupservice/sdk?x=1"]) {
      expect(
        returnvals(await call(simulator, "GetSiteId", REGISTRATION, { path }), "GetSiteId"),
      ).toHaveLength(1);
    }
  });

  it("refuses a body larger than any request, and keeps working", async () => {
    const large = envelope(`<x xmlns="urn:lookup">${"a".repeat(5 * 1024 * 1024)}</x>`);
    expect((await post(simulator, large)).status).toBe(413);
    expect((await call(simulator, "GetSiteId", REGISTRATION)).status).toBe(200);
  });

  it("survives deep nesting and long attribute lists with a fault", async () => {
    const deep = "<a>".repeat(5_000) + "</a>".repeat(5_000);
    const wide = `<a ${Array.from({ length: 5_000 }, (_, i) => `a${i}="x"`).join(" ")}/>`;
    for (const content of [deep, wide]) {
      expect(faultType(await call(simulator, "GetSiteId", REGISTRATION + content))).toBe("InvalidRequest");
    }
  });

  it("survives clients that speak no TLS or leave early", async () => {
    const { connect } = await import("node:net");
    const { port } = simulator.servers[0]!;
    await new Promise<void>((resolve) => {
      const socket = connect(port, "127.0.0.1", () => socket.end("GET / HTTP/1.1\r\n\r\n"));
      socket.on("error", () => undefined);
      socket.resume().on("close", () => resolve());
    });
    const left = new AbortController();
    const slow = send(simulator, "/", { signal: left.signal }).catch((error: Error) => error.name);
    left.abort();
    expect(await slow).toBe("AbortError");
    expect((await send(simulator, "/")).status).toBe(200);
  });

  it("notes what was received, by node, and logs a line for each answer", async () => {
    const lines: string[] = [];
    const noted = await startSimulator({ nodes: 2, log: (line) => lines.push(line) });
    try {
      await send(noted, "/?secret=1");
      await call(noted, "GetSiteId", REGISTRATION, { node: 2 });
      await call(noted, "Login", "", { node: 2 });
      await post(noted, "rubbish");
    } finally {
      await noted.close();
    }
    expect(noted.requests).toEqual([
      { node: 1, method: "GET", path: "/" },
      { node: 2, method: "POST", path: "/lookupservice/sdk", operation: "GetSiteId" },
      { node: 2, method: "POST", path: "/lookupservice/sdk", operation: "Login" },
      { node: 1, method: "POST", path: "/lookupservice/sdk" },
    ]);
    expect(lines).toEqual([
      "vc01.sim.example GET / 200",
      "vc02.sim.example POST /lookupservice/sdk GetSiteId 200",
      "vc02.sim.example POST /lookupservice/sdk Login 500",
      "vc01.sim.example POST /lookupservice/sdk 500",
    ]);
  });
});
