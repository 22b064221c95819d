import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export interface SoapRequest {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly path: string;
}

export interface SoapReply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface SoapServer extends AsyncDisposable {
  /** `http://127.0.0.1:port`, which needs no TLS as it is this machine. */
  readonly url: string;
  readonly authority: string;
  readonly requests: readonly SoapRequest[];
}

/** A server on loopback that answers every request by `answer`, and keeps what it received. */
export async function soapServer(answer: (request: SoapRequest) => SoapReply): Promise<SoapServer> {
  const requests: SoapRequest[] = [];
  const server = createServer((message, response) => {
    const pieces: Buffer[] = [];
    message.on("data", (piece: Buffer) => pieces.push(piece));
    message.on("end", () => {
      const request = {
        headers: message.headers,
        body: Buffer.concat(pieces).toString(),
        path: message.url ?? "",
      };
      requests.push(request);
      const reply = answer(request);
      response.writeHead(reply.status ?? 200, {
        "content-type": "text/xml; charset=utf-8",
        ...reply.headers,
      });
      response.end(reply.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    authority: `127.0.0.1:${port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function envelope(body: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>${body}</S:Body></S:Envelope>`;
}

export function listAnswer(...registrations: string[]): string {
  return envelope(`<ListResponse xmlns="urn:lookup">${registrations.join("")}</ListResponse>`);
}

export function fault(detail: string, faultString = "failed"): string {
  return envelope(
    `<S:Fault><faultcode>S:Server</faultcode><faultstring>${faultString}</faultstring><detail>${detail}</detail></S:Fault>`,
  );
}

export interface RegistrationFacts {
  readonly product?: string;
  readonly type?: string;
  readonly nodeId?: string;
  readonly serviceId?: string;
  readonly siteId?: string;
  readonly version?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly endpoints?: readonly {
    readonly url: string;
    readonly protocol?: string;
    readonly type?: string;
    readonly sslTrust?: readonly string[];
  }[];
}

/** A registration as a server writes it in a List answer. */
export function registration(facts: RegistrationFacts): string {
  const endpoints = (facts.endpoints ?? []).map(
    (e) =>
      `<serviceEndpoints><url>${e.url}</url><endpointType><protocol>${e.protocol ?? "vmomi"}</protocol><type>${e.type ?? "com.vmware.vim"}</type></endpointType>${(e.sslTrust ?? []).map((s) => `<sslTrust>${s}</sslTrust>`).join("")}</serviceEndpoints>`,
  );
  const attributes = Object.entries(facts.attributes ?? {}).map(
    ([key, value]) => `<serviceAttributes><key>${key}</key><value>${value}</value></serviceAttributes>`,
  );
  return [
    `<returnval><serviceVersion>${facts.version ?? "8.0.3"}</serviceVersion>`,
    ...endpoints,
    ...attributes,
    "<ownerId>owner@vsphere.local</ownerId>",
    `<serviceType><product>${facts.product ?? "com.vmware.cis"}</product><type>${facts.type ?? "vcenterserver"}</type></serviceType>`,
    facts.nodeId === undefined ? "" : `<nodeId>${facts.nodeId}</nodeId>`,
    `<serviceId>${facts.serviceId ?? "service-1"}</serviceId><siteId>${facts.siteId ?? "site-1"}</siteId></returnval>`,
  ].join("");
}

/** The registration that makes a node. */
export function vcenter(
  name: string,
  nodeId: string | undefined,
  url: string,
  more: RegistrationFacts = {},
): string {
  return registration({
    serviceId: `vc-${name}`,
    ...(nodeId !== undefined && { nodeId }),
    attributes: { "com.vmware.vim.vcenter.instanceName": name },
    endpoints: [{ url }],
    ...more,
  });
}
