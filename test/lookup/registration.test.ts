import { describe, expect, test } from "vitest";
import { type Discovery, discover, LookupService } from "../../src/lookup/index.ts";
import { groupViews, type ServiceRegistration, uniteRegistrations } from "../../src/lookup/registration.ts";
import { listAnswer, registration, soapServer, vcenter } from "../helpers/soap-server.ts";

/** What a client reads of these registrations. */
async function view(...rows: string[]): Promise<ServiceRegistration[]> {
  await using server = await soapServer(() => ({ body: listAnswer(...rows) }));
  await using lookup = new LookupService("vc", { lookupUrl: `${server.url}/ls` });
  return await lookup.list();
}

/** Service IDs and URLs of all rows. */
function rows(discovery: Discovery): string[] {
  return discovery.groups.flatMap((group) =>
    [...group.sso, ...group.other, ...group.nodes.flatMap((node) => node.endpoints)].map(
      (e) => `${e.serviceId} ${e.url}`,
    ),
  );
}

const broken = (url: string) =>
  `<returnval><serviceVersion>1</serviceVersion><serviceEndpoints><url>${url}</url><endpointType><type>x</type></endpointType></serviceEndpoints><ownerId>o</ownerId><serviceType><product>p</product><type>t</type></serviceType><siteId>s</siteId></returnval>`;

describe("uniteRegistrations", () => {
  test("keeps registrations without a service ID apart, and doubles none", async () => {
    const first = await view(
      vcenter("a", "n1", "https://a/sdk"),
      broken("https://x/1"),
      broken("https://x/2"),
    );
    const second = await view(
      broken("https://x/2"),
      vcenter("a", "n1", "https://a/sdk"),
      broken("https://x/3"),
    );
    const united = uniteRegistrations([first, second]);
    expect(united.map((r) => r.serviceEndpoints[0]!.url)).toEqual([
      "https://a/sdk",
      "https://x/1",
      "https://x/2",
      "https://x/3",
    ]);
  });

  test("keeps an alias that bears the service ID of what it stands for", async () => {
    const sts = { protocol: "wsTrust", type: "com.vmware.cis.cs.identity.sso", url: "https://a/sts" };
    const both = await view(
      registration({ serviceId: "s", type: "cs.identity", endpoints: [sts] }),
      registration({ serviceId: "s", type: "sso:sts", endpoints: [sts] }),
    );
    expect(uniteRegistrations([both, both]).map((r) => r.serviceType.type)).toEqual([
      "cs.identity",
      "sso:sts",
    ]);
  });

  test("takes a registration that views differ on from the first", async () => {
    const first = await view(vcenter("a", "n1", "https://a/sdk"));
    const second = await view(vcenter("a", "n1", "https://other/sdk"));
    expect(uniteRegistrations([first, second]).map((r) => r.serviceEndpoints[0]!.url)).toEqual([
      "https://a/sdk",
    ]);
  });
});

describe("groupViews", () => {
  test("puts views together by node ID in any case, also when a third shows that two belong together", async () => {
    const [a, b, c, d] = await Promise.all([
      view(vcenter("a", "N-A", "https://a/sdk")),
      view(vcenter("b", "n-b", "https://b/sdk")),
      view(vcenter("a", "n-a", "https://a/sdk"), vcenter("b", "N-B", "https://b/sdk")),
      view(vcenter("d", "n-d", "https://d/sdk", { serviceId: "other" })),
    ]);
    const views = [a, b, d, c].map((registrations) => ({ registrations }));
    expect(groupViews(views).map((group) => group.length)).toEqual([3, 1]);
  });
});

describe("what discover makes of several servers that differ", () => {
  async function discoverThrough(first: string[], second: string[]): Promise<Discovery> {
    await using a = await soapServer(() => ({ body: listAnswer(...first) }));
    await using b = await soapServer(() => ({ body: listAnswer(...second) }));
    const { Transport } = await import("../../src/net/transport.ts");
    return await discover(["a.invalid", "b.invalid"], {
      rewrite: "never",
      createTransport: () => {
        const transport = new Transport();
        return {
          request: (url, request) =>
            transport.request(
              url.replace("https://a.invalid:443", a.url).replace("https://b.invalid:443", b.url),
              request,
            ),
          [Symbol.asyncDispose]: () => transport.close(),
        };
      },
    });
  }

  test("every endpoint once, those without a service ID included", async () => {
    const found = await discoverThrough(
      [vcenter("a", "n1", "https://a/sdk"), broken("https://x/1"), broken("https://x/2")],
      [vcenter("a", "n1", "https://a/sdk"), broken("https://x/2")],
    );
    expect(rows(found).sort()).toEqual(["null https://x/1", "null https://x/2", "vc-a https://a/sdk"]);
  });

  test("a row stands under its node though only the other server knows that node", async () => {
    const vapi = registration({
      serviceId: "vapi-b",
      nodeId: "n2",
      type: "cs.vapi",
      endpoints: [
        { url: "https://b/api", protocol: "vapi.json.https.public", type: "com.vmware.vapi.endpoint" },
      ],
    });
    const found = await discoverThrough(
      [vcenter("a", "n1", "https://a/sdk"), vapi],
      [vcenter("a", "n1", "https://a/sdk"), vcenter("b", "n2", "https://b/sdk")],
    );
    const [group] = found.groups;
    expect(group!.other).toEqual([]);
    const node = group!.nodes.find((n) => n.nodeId === "n2")!;
    expect(node.endpoint("vapi")?.url).toBe("https://b/api");
    expect(node.warnings.map((w) => w.message).join()).not.toContain("(vapi)");
  });
});
