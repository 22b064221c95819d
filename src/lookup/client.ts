import {
  EndpointNotFoundError,
  HttpStatusError,
  NodeMatchError,
  ProtocolError,
  SoapFaultError,
  UnsupportedError,
  type VsphereSsoError,
  XmlError,
} from "../errors.ts";
import { type Authority, formatAuthority, parseServer } from "../net/authority.ts";
import { bypassesProxy } from "../net/proxy.ts";
import { Transport, type TransportOptions } from "../net/transport.ts";
import { callSoap } from "../soap/call.ts";
import type { SoapTransport } from "../soap/transport.ts";
import { type AboutInfo, retrieveAbout } from "./about.ts";
import { assumedTopology } from "./assumed.ts";
import type { Endpoint } from "./endpoint.ts";
import { matchNode } from "./match.ts";
import type { LookupNode } from "./node.ts";
import { nodeNamed } from "./own-node.ts";
import { registeredAuthority } from "./registered-url.ts";
import { type RewritePolicy, rewriteOwnUrls } from "./rewrite.ts";
import { predefinedService, type ServiceName } from "./services.ts";
import { buildTopology, type LinkedTopology, type ServiceRegistration } from "./topology.ts";
import {
  LOOKUP_SCHEMA,
  LOOKUP_SOAP_ACTION,
  type LookupHaBackupNodeConfiguration,
  type LookupOperations,
  type LookupServiceContent,
  type LookupServiceRegistrationFilter,
  type ManagedObjectReference,
} from "./wsdl-tables.ts";

/** Path of the Lookup Service on its host. */
export const LOOKUP_PATH = "/lookupservice/sdk";

const SERVICE_INSTANCE: ManagedObjectReference = { type: "LookupServiceInstance", value: "ServiceInstance" };
/** Known beforehand on every server, which spares the exchange that would tell it. */
const SERVICE_REGISTRATION: ManagedObjectReference = {
  type: "LookupServiceRegistration",
  value: "ServiceRegistration",
};

export interface LookupServiceOptions extends TransportOptions {
  /** URL of the Lookup Service where it is not at `/lookupservice/sdk` of the server: an external PSC, port 7444. */
  readonly lookupUrl?: string | undefined;
  /** What to do with own URLs whose host cannot be reached. Default `on-failure`. */
  readonly rewrite?: RewritePolicy | undefined;
  /** A transport to use, and not to close, instead of one made from the options. */
  readonly transport?: SoapTransport | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** Limit for finding out whether a registered host can be reached, in ms. */
const PROBE_TIMEOUT_MS = 3000;

/**
 * Client of a vCenter's Lookup Service. Everything here is anonymous: no login is made.
 *
 * @example
 * const lookup = new LookupService("vc01.corp.example", { trust: { ca: pem } });
 * try {
 *   for (const node of await lookup.nodes()) console.log(node.instanceName, node.endpoint("vapi")?.url);
 * } finally {
 *   await lookup.close();
 * }
 */
export class LookupService implements AsyncDisposable {
  /** The server as it was named. */
  readonly server: Authority;
  /** URL that is called. */
  readonly url: string;
  readonly #options: LookupServiceOptions;
  readonly #transport: SoapTransport;
  readonly #ownTransport: Transport | undefined;
  #registration = SERVICE_REGISTRATION;
  #content: Promise<LookupServiceContent> | undefined;

  /**
   * @param server `host`, `host:port`, `[ipv6]:port` or an `https://` URL of which only the authority counts.
   * @throws InvalidArgumentError for a server or an option that cannot be used.
   */
  constructor(server: string, options: LookupServiceOptions = {}) {
    this.server = parseServer(server);
    this.url = options.lookupUrl ?? `https://${formatAuthority(this.server)}${LOOKUP_PATH}`;
    this.#options = options;
    this.#ownTransport = options.transport ? undefined : new Transport(options);
    this.#transport = options.transport ?? (this.#ownTransport as Transport);
  }

  /** Root object of the service: references of its managed objects. */
  async retrieveServiceContent(options: CallOptions = {}): Promise<LookupServiceContent> {
    return this.#call("RetrieveServiceContent", { _this: SERVICE_INSTANCE }, options);
  }

  /**
   * Registrations that match every field of the filter; all of the SSO domain without one. A field of
   * `endpointType` also trims each registration to its matching endpoints. What a registration lacks stands in
   * its `issues`.
   */
  async list(
    filter: LookupServiceRegistrationFilter = {},
    options: CallOptions = {},
  ): Promise<ServiceRegistration[]> {
    // An absent filter is a fault on a real server; an empty one lists everything.
    const answer = await this.#callRegistration("List", { filterCriteria: filter }, options);
    return answer.value.map((registration, index) => ({
      ...registration,
      issues: answer.issues
        .filter((issue) => issue.path.startsWith(`returnval[${index}]`))
        .map((issue) => `${issue.path.slice(`returnval[${index}].`.length)}: ${issue.message}`),
    }));
  }

  /**
   * One registration.
   *
   * @throws SoapFaultError with code ENTRY_NOT_FOUND when there is none of that service ID.
   */
  async get(serviceId: string, options: CallOptions = {}): Promise<ServiceRegistration> {
    const { value, issues } = await this.#callRegistration("Get", { serviceId }, options);
    return { ...value, issues: issues.map((issue) => `${issue.path}: ${issue.message}`) };
  }

  /** ID of the site that the server belongs to. */
  async getSiteId(options: CallOptions = {}): Promise<string> {
    return (await this.#callRegistration("GetSiteId", {}, options)).value;
  }

  /** Locale of the server's messages. */
  async getLocale(options: CallOptions = {}): Promise<string> {
    const { l10n } = await this.#serviceContent(options);
    return this.#call("GetLocale", { _this: l10n }, options);
  }

  /** Sets the locale of messages; returns the one in force. */
  async setLocale(locale: string, options: CallOptions = {}): Promise<string> {
    const { l10n } = await this.#serviceContent(options);
    return this.#call("SetLocale", { _this: l10n, locale }, options, { idempotent: false });
  }

  /** Database settings of a highly available deployment; the answer holds a password. */
  async retrieveHaBackupConfiguration(options: CallOptions = {}): Promise<LookupHaBackupNodeConfiguration> {
    const { deploymentInformationService } = await this.#serviceContent(options);
    return this.#call("RetrieveHaBackupConfiguration", { _this: deploymentInformationService }, options);
  }

  /**
   * All registrations sorted into the nodes of the linked group, in one exchange on a sound server. A server that
   * has no usable Lookup Service but is a vCenter gives one node with the well-known paths, marked as assumed.
   *
   * @throws UnsupportedError for an ESXi host; every error of the transport.
   */
  async topology(options: CallOptions = {}): Promise<LinkedTopology> {
    let registered: LinkedTopology;
    try {
      registered = await this.registeredTopology(options);
    } catch (error) {
      return this.#withoutLookup(error, options);
    }
    const { proxy, noProxy } = this.#options;
    return rewriteOwnUrls(registered, {
      given: this.server,
      policy: this.#options.rewrite ?? "on-failure",
      remoteNames: proxy !== undefined && !bypassesProxy(this.server, noProxy ?? ""),
      mapped: new Set(Object.keys(this.#options.addresses ?? {}).map((key) => key.toLowerCase())),
      probeTimeoutMs: PROBE_TIMEOUT_MS,
      instanceUuid: async () => (await this.about(options).catch(() => undefined))?.instanceUuid,
      signal: options.signal,
    });
  }

  /** As `topology`, but as registered: no URL is rewritten, and a failing Lookup Service is an error. */
  async registeredTopology(options: CallOptions = {}): Promise<LinkedTopology> {
    return buildTopology(this.url, await this.list({}, options));
  }

  /** Every vCenter of the linked group, by instance name. */
  async nodes(options: CallOptions = {}): Promise<readonly LookupNode[]> {
    return (await this.topology(options)).nodes;
  }

  /**
   * The one node that `match` names: node ID, instance name, FQDN, short host name, IP address, host:port or URL.
   *
   * @throws NodeMatchError
   */
  async node(match: string, options: CallOptions = {}): Promise<LookupNode> {
    return matchNode(await this.nodes(options), match);
  }

  /**
   * Where a predefined service is: of the node that `node` names, else of the server itself.
   *
   * @throws EndpointNotFoundError, NodeMatchError
   */
  async endpoint(
    service: ServiceName,
    options: CallOptions & { readonly node?: string | undefined } = {},
  ): Promise<Endpoint> {
    const topology = await this.topology(options);
    const node =
      options.node === undefined ? this.#ownNode(topology) : await matchNode(topology.nodes, options.node);
    if (service === "sso") return chooseSts(topology, node, this.server);
    if (!node) {
      throw new NodeMatchError(
        "NODE_AMBIGUOUS",
        `${formatAuthority(this.server)} serves a group of ${topology.nodes.length} nodes and is none of them by name`,
        {
          candidates: topology.nodes.map(({ nodeId, instanceName, host }) => ({
            nodeId,
            instanceName,
            host,
          })),
          hint: "name the node whose endpoint is wanted",
        },
      );
    }
    return node.requireEndpoint(service);
  }

  /** What the server says of itself at `/sdk`, to anyone. */
  async about(options: CallOptions = {}): Promise<AboutInfo> {
    return retrieveAbout(this.#transport, `https://${formatAuthority(this.server)}/sdk`, options);
  }

  /** Ends the connections, where the transport is the client's own. */
  async close(): Promise<void> {
    await this.#ownTransport?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #ownNode(topology: LinkedTopology): LookupNode | undefined {
    const own = nodeNamed(topology.nodes, this.server);
    return own ?? (topology.nodes.length === 1 ? topology.nodes[0] : undefined);
  }

  async #withoutLookup(error: unknown, options: CallOptions): Promise<LinkedTopology> {
    if (!answersWithoutLookup(error)) throw error;
    let about: AboutInfo;
    try {
      about = await this.about(options);
    } catch {
      throw error;
    }
    const server = formatAuthority(this.server);
    if (about.apiType === "HostAgent") {
      throw new UnsupportedError(
        `${server} is an ESXi host (${about.fullName}): it has no Lookup Service and no SSO`,
        {
          cause: error,
          hint: "name the vCenter that manages the host; the host itself is reached at its /sdk alone",
        },
      );
    }
    return assumedTopology(this.url, this.server, about, error.message);
  }

  /** Calls the ServiceRegistration object; asks for its reference when the well-known one is not the server's. */
  async #callRegistration<Name extends "List" | "Get" | "GetSiteId">(
    operation: Name,
    input: Omit<LookupOperations[Name]["request"], "_this">,
    options: CallOptions,
  ): Promise<{
    value: LookupOperations[Name]["result"];
    issues: readonly { path: string; message: string }[];
  }> {
    const call = () => this.#exchange(operation, { _this: this.#registration, ...input }, options);
    try {
      return await call();
    } catch (error) {
      const unknown = error instanceof SoapFaultError && error.code === "MANAGED_OBJECT_NOT_FOUND";
      if (!unknown || this.#registration !== SERVICE_REGISTRATION) throw error;
      const { serviceRegistration } = await this.#serviceContent(options);
      if (!serviceRegistration) {
        throw new UnsupportedError(
          `${this.url} is a Lookup Service of vSphere 5: it has no ServiceRegistration`,
          {
            cause: error,
            hint: "vSphere 6.0 is the first version supported",
          },
        );
      }
      this.#registration = serviceRegistration;
      return call();
    }
  }

  async #serviceContent(options: CallOptions): Promise<LookupServiceContent> {
    this.#content ??= this.retrieveServiceContent(options).catch((error: unknown) => {
      this.#content = undefined;
      throw error;
    });
    return this.#content;
  }

  async #call<Name extends keyof LookupOperations & string>(
    operation: Name,
    input: LookupOperations[Name]["request"],
    options: CallOptions,
    settings: { readonly idempotent: boolean } = { idempotent: true },
  ): Promise<LookupOperations[Name]["result"]> {
    return (await this.#exchange(operation, input, options, settings)).value;
  }

  async #exchange<Name extends keyof LookupOperations & string>(
    operation: Name,
    input: LookupOperations[Name]["request"],
    options: CallOptions,
    settings: { readonly idempotent: boolean } = { idempotent: true },
  ): Promise<{
    value: LookupOperations[Name]["result"];
    issues: readonly { path: string; message: string }[];
  }> {
    return callSoap<LookupOperations[Name]["result"]>({
      transport: this.#transport,
      url: this.url,
      schema: LOOKUP_SCHEMA,
      operation,
      input,
      soapAction: LOOKUP_SOAP_ACTION,
      idempotent: settings.idempotent,
      signal: options.signal,
    });
  }
}

/** True for answers of a host that is there and trusted, but has no Lookup Service that can be used. */
function answersWithoutLookup(error: unknown): error is VsphereSsoError {
  if (error instanceof HttpStatusError) return error.status < 500 || error.status === 501;
  return error instanceof ProtocolError || error instanceof XmlError || error instanceof SoapFaultError;
}

/** The node's own STS before another node's, the documented service type before its aliases. */
function chooseSts(topology: LinkedTopology, node: LookupNode | undefined, server: Authority): Endpoint {
  const documented = predefinedService("sso").types[0];
  const rank = (endpoint: Endpoint): number => {
    const sameNode = node?.nodeId != null && endpoint.nodeId?.toLowerCase() === node.nodeId.toLowerCase();
    const sameHost = registeredAuthority(endpoint.url) === formatAuthority(server);
    return (sameNode ? 4 : 0) + (sameHost ? 2 : 0) + (endpoint.serviceType === documented ? 1 : 0);
  };
  const [best] = topology.sso.filter((endpoint) => endpoint.url !== null).sort((a, b) => rank(b) - rank(a));
  if (best) return best;
  throw new EndpointNotFoundError(`${topology.lookupUrl} has no registration of the Security Token Service`, {
    hint: "the SSO registrations are damaged: repair them on the vCenter (lsdoctor), or give the STS URL",
  });
}
