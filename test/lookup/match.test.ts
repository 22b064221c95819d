import { describe, expect, test } from "vitest";
import { NodeMatchError } from "../../src/errors.ts";
import { Endpoint } from "../../src/lookup/endpoint.ts";
import { matchNode } from "../../src/lookup/match.ts";
import { LookupNode } from "../../src/lookup/node.ts";
import { authorityOf } from "../../src/net/authority.ts";

function node(nodeId: string, instanceName: string, url: string): LookupNode {
  const endpoint = new Endpoint({
    service: "vcenter",
    nodeId,
    product: "com.vmware.cis",
    serviceType: "vcenterserver",
    protocol: "vmomi",
    endpointType: "com.vmware.vim",
    url,
    serviceId: nodeId,
    assumed: false,
  });
  const host = new URL(url).hostname.replace(/^\[|\]$/g, "");
  return new LookupNode(
    { nodeId, instanceName, host, siteId: "s", serviceId: nodeId, version: "8" },
    { endpoints: [endpoint], warnings: [], names: [instanceName], authorities: [authorityOf(new URL(url))] },
  );
}

const NODES = [
  node("2B7D-A", "vc01.corp.example", "https://vc01.corp.example:443/sdk"),
  node("2b7d-b", "vc02.corp.example", "https://pnid02.corp.example:443/sdk"),
  node("2b7d-c", "vc03.other.example", "https://192.0.2.3:8443/sdk"),
  node("2b7d-d", "vc03.corp.example", "https://[2001:db8::4]:443/sdk"),
  node("2b7d-e", "localhost", "https://localhost:443/sdk"),
];

describe("matchNode", () => {
  test.each([
    ["2b7d-a", "node ID in any case", 0],
    ["VC01.CORP.EXAMPLE", "instance name in any case", 0],
    ["pnid02.corp.example", "FQDN of the URL", 1],
    ["vc02", "short host name", 1],
    ["pnid02", "short name of the URL's host", 1],
    ["192.0.2.3", "IP address", 2],
    ["192.0.2.3:8443", "host:port", 2],
    ["vc03.other.example:8443", "instance name with the port", 2],
    ["https://192.0.2.3:8443/ui/", "URL with a path", 2],
    ["https://vc01.corp.example", "URL with the default port", 0],
    ["2001:DB8::4", "IPv6 address", 3],
    ["[2001:db8::4]", "IPv6 address in brackets", 3],
    ["https://[2001:db8::4]/sdk", "IPv6 URL", 3],
    [" vc01 ", "white space around it", 0],
    ["127.0.0.1", "address that a node's name resolves to", 4],
  ])("%s: %s", async (text, _what, index) => {
    expect(await matchNode(NODES, text)).toBe(NODES[index]);
  });

  test("never takes the first of several, and lists those that match", async () => {
    const error = await matchNode(NODES, "vc03").catch((e: unknown) => e);
    expect(error).toBeInstanceOf(NodeMatchError);
    expect(error).toMatchObject({ code: "NODE_AMBIGUOUS" });
    expect((error as NodeMatchError).candidates.map((c) => c.nodeId)).toEqual(["2b7d-c", "2b7d-d"]);
  });

  test.each([
    "vc99",
    "vc0",
    "corp.example",
    "192.0.2.3:443",
    "https://vc01.corp.example:8443",
    "203.0.113.99",
    "x".repeat(300),
  ])("%s names none, and all are listed", async (text) => {
    const error = await matchNode(NODES, text).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "NODE_NOT_FOUND" });
    expect((error as NodeMatchError).candidates.length).toBe(NODES.length);
    expect((error as Error).message).toContain("vc01.corp.example (2B7D-A)");
  });

  test("refuses an empty name", async () => {
    await expect(matchNode(NODES, " ")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
