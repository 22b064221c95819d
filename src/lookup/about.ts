import { ProtocolError } from "../errors.ts";
import { callSoap } from "../soap/call.ts";
import type { ServiceSchema } from "../soap/schema.ts";
import type { SoapTransport } from "../soap/transport.ts";
import { VIM_NAMESPACE } from "../xml/names.ts";
import { child, type XmlElement } from "../xml/reader.ts";

/** What a vCenter or an ESXi host says of itself to anyone. */
export interface AboutInfo {
  readonly fullName: string;
  readonly version: string;
  readonly build: string;
  /** `VirtualCenter`, or `HostAgent` for an ESXi host. */
  readonly apiType: string;
  readonly apiVersion: string;
  /** Instance UUID of a vCenter: the `serviceId` of its `vcenterserver` registration. */
  readonly instanceUuid: string | undefined;
}

/** The one anonymous operation of the VIM API that is needed here; its answer is read as it comes. */
const VIM_SCHEMA: ServiceSchema = {
  namespace: VIM_NAMESPACE,
  types: {},
  operations: {
    RetrieveServiceContent: {
      request: [["_this", "moref", "1"]],
      response: ["returnval", "xsd:anyType", "1"],
    },
  },
};

/** A version that every supported server still answers to. */
const SOAP_ACTION = "urn:vim25/6.5";

/**
 * Asks for the service content at `/sdk`, without a login.
 *
 * @throws as `callSoap`, and ProtocolError when the answer holds no `about`.
 */
export async function retrieveAbout(
  transport: SoapTransport,
  url: string,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<AboutInfo> {
  const { value } = await callSoap<XmlElement | undefined>({
    transport,
    url,
    schema: VIM_SCHEMA,
    operation: "RetrieveServiceContent",
    input: { _this: { type: "ServiceInstance", value: "ServiceInstance" } },
    soapAction: SOAP_ACTION,
    idempotent: true,
    signal: options.signal,
  });
  return readAbout(value, url);
}

/**
 * Reads the `about` of a service content.
 *
 * @throws ProtocolError when there is none.
 */
export function readAbout(content: XmlElement | undefined, url: string): AboutInfo {
  const about = content && child(content, VIM_NAMESPACE, "about");
  if (!about) {
    throw new ProtocolError(
      "RESPONSE_UNEXPECTED",
      `${url} answered RetrieveServiceContent without an about`,
      {
        url,
        hint: "check that the URL is a vCenter's or an ESXi host's",
      },
    );
  }
  const text = (name: string) => child(about, VIM_NAMESPACE, name)?.text.trim() ?? "";
  return {
    fullName: text("fullName"),
    version: text("version"),
    build: text("build"),
    apiType: text("apiType"),
    apiVersion: text("apiVersion"),
    instanceUuid: text("instanceUuid") || undefined,
  };
}
