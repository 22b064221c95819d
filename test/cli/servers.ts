/** Servers that are no vCenters, or bad ones. */
import type { RequestListener } from "node:http";
import { LOOKUP_NAMESPACE, SOAP_NAMESPACE, VIM_NAMESPACE } from "../../src/xml/names.ts";
import { type Identity, makeSelfSigned } from "../helpers/certificates.ts";
import { startSecureServer } from "../net/servers.ts";

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Imposter {
  /** `127.0.0.1:port` */
  readonly server: string;
  /** Options that trust it. */
  readonly pin: readonly string[];
  readonly identity: Identity;
}

/** A server with these answers by path; 404 for every other. It ends with the test. */
export async function startImposter(
  answers: Readonly<Record<string, Answer>>,
  identity?: Identity,
): Promise<Imposter> {
  const certificate = identity ?? (await makeSelfSigned("imposter"));
  const handler: RequestListener = (request, response) => {
    request.resume().on("end", () => {
      const answer = answers[request.url ?? ""] ?? { status: 404, body: "" };
      response.writeHead(answer.status ?? 200, { "content-type": "text/xml", ...answer.headers });
      response.end(answer.body);
    });
  };
  const { port } = await startSecureServer(certificate, { handler });
  return {
    server: `127.0.0.1:${port}`,
    pin: ["--pin", `SHA256:${certificate.sha256}`],
    identity: certificate,
  };
}

export function envelope(body: string): string {
  return `<s:Envelope xmlns:s="${SOAP_NAMESPACE}"><s:Body>${body}</s:Body></s:Envelope>`;
}

/** An answer to List with these rows. */
export function listAnswer(rows: string): Answer {
  return { body: envelope(`<ListResponse xmlns="${LOOKUP_NAMESPACE}">${rows}</ListResponse>`) };
}

export function faultAnswer(message: string, code = "s:Server"): Answer {
  return {
    status: 500,
    body: envelope(`<s:Fault><faultcode>${code}</faultcode><faultstring>${message}</faultstring></s:Fault>`),
  };
}

/** A vcenterserver row with one endpoint. */
export function vcenterRow(instanceName: string, url = "https://127.0.0.1:443/sdk"): string {
  return (
    "<returnval><serviceVersion>8.0.3</serviceVersion><serviceEndpoints>" +
    `<url>${url}</url><endpointType><protocol>vmomi</protocol><type>com.vmware.vim</type></endpointType>` +
    "</serviceEndpoints><serviceAttributes><key>com.vmware.vim.vcenter.instanceName</key>" +
    `<value>${instanceName}</value></serviceAttributes><ownerId>vpxd@vsphere.local</ownerId>` +
    "<serviceType><product>com.vmware.cis</product><type>vcenterserver</type></serviceType>" +
    "<nodeId>0a0a0a0a-0000-4000-8000-000000000001</nodeId><serviceId>service-1</serviceId>" +
    "<siteId>site</siteId></returnval>"
  );
}

/** What a vCenter (`VirtualCenter`) or an ESXi host (`HostAgent`) says of itself. */
export function aboutAnswer(apiType: "VirtualCenter" | "HostAgent"): Answer {
  const name = apiType === "HostAgent" ? "VMware ESXi 8.0.3 build-1" : "VMware vCenter Server 8.0.3 build-1";
  return {
    body: envelope(
      `<RetrieveServiceContentResponse xmlns="${VIM_NAMESPACE}"><returnval><about><name>x</name>` +
        `<fullName>${name}</fullName><version>8.0.3</version><build>1</build><apiType>${apiType}</apiType>` +
        "<apiVersion>8.0.3.0</apiVersion></about></returnval></RetrieveServiceContentResponse>",
    ),
  };
}
