import {
  AbortedError,
  EndpointNotFoundError,
  NodeMatchError,
  UnsupportedError,
  VsphereSsoError,
} from "../errors.ts";
import { type Authority, formatAuthority, parseServer } from "../net/authority.ts";
import { bypassesProxy } from "../net/proxy.ts";
import { Transport, type TransportOptions } from "../net/transport.ts";
import type { SoapTransport } from "../soap/transport.ts";
import { type AboutInfo, retrieveAbout } from "./about.ts";
import { assumedTopology, lacksLookup } from "./assumed.ts";
import { type CallOptions, LookupCaller, type WriteOptions, writing } from "./caller.ts";
import { chooseSts } from "./choose-sts.ts";
import type { Endpoint } from "./endpoint.ts";
import { matchNode } from "./match.ts";
import type { LookupNode } from "./node.ts";
import { nodeNamed } from "./own-node.ts";
import { type ServiceRegistration, uniteRegistrations } from "./registration.ts";
import { type RewritePolicy, rewriteOwnUrls } from "./rewrite.ts";
import { filtersFor, type ServiceName } from "./services.ts";
import { noteStaleTrust } from "./stale-trust.ts";
import { buildTopology, type LinkedTopology } from "./topology.ts";
import { checkAnchorFilter, checkServiceId } from "./writes.ts";
import type {
  LookupHaBackupNodeConfiguration,
  LookupServiceContent,
  LookupServiceRegistrationCreateSpec,
  LookupServiceRegistrationFilter,
  LookupServiceRegistrationSetSpec,
} from "./wsdl-tables.ts";

/** Path of the Lookup Service on its host. */
export const LOOKUP_PATH = "/lookupservice/sdk";

export interface LookupServiceOptions extends TransportOptions {
  /** URL of the Lookup Service where it is not at `/lookupservice/sdk` of the server: an external PSC, port 7444. */
  readonly lookupUrl?: string | undefined;
  /** What to do with own URLs whose host cannot be reached. Default `on-failure`. */
  readonly rewrite?: RewritePolicy | undefined;
  /** A transport to use, and not to close, instead of one made from the options. */
  readonly transport?: SoapTransport | undefined;
}

/** Limit for finding out whether a registered host can be reached, in ms. */
const PROBE_TIMEOUT_MS = 3000;

/**
 * Client of a vCenter's Lookup Service. Reading is anonymous; what writes takes a token and makes no login either.
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
  readonly #caller: LookupCaller;

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
    this.#caller = new LookupCaller(this.#transport, this.url);
  }

  /** Root object of the service: references of its managed objects. */
  async retrieveServiceContent(options: CallOptions = {}): Promise<LookupServiceContent> {
    return this.#caller.retrieveServiceContent(options);
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
    const answer = await this.#caller.callRegistration("List", { filterCriteria: filter }, options);
    const issues = new Map<number, string[]>();
    for (const { path, message } of answer.issues) {
      const [, index, field] = /^returnval\[(\d+)\]\.?(.*)$/s.exec(path) ?? [];
      if (index === undefined) continue;
      const of = issues.get(Number(index)) ?? [];
      issues.set(Number(index), of);
      of.push(`${field}: ${message}`);
    }
    return answer.value.map((registration, index) => ({ ...registration, issues: issues.get(index) ?? [] }));
  }

  /**
   * One registration.
   *
   * @throws SoapFaultError with code ENTRY_NOT_FOUND when there is none of that service ID.
   */
  async get(serviceId: string, options: CallOptions = {}): Promise<ServiceRegistration> {
    const { value, issues } = await this.#caller.callRegistration("Get", { serviceId }, options);
    return { ...value, issues: issues.map((issue) => `${issue.path}: ${issue.message}`) };
  }

  /** ID of the site that the server belongs to. */
  async getSiteId(options: CallOptions = {}): Promise<string> {
    return (await this.#caller.callRegistration("GetSiteId", {}, options)).value;
  }

  /**
   * Registers a service. The site is that of the server.
   *
   * @throws SoapFaultError: ENTRY_EXISTS, INVALID_PROPERTY for what the server refuses in the specification,
   *   SECURITY_ERROR when the token is not accepted or its subject may not write; InvalidArgumentError.
   */
  async create(
    serviceId: string,
    spec: LookupServiceRegistrationCreateSpec,
    options: WriteOptions,
  ): Promise<void> {
    checkServiceId(serviceId);
    await this.#caller.callRegistration("Create", { serviceId, createSpec: spec }, options, writing(options));
  }

  /**
   * Replaces what a registration says, but for its owner, type, node and site: what `spec` leaves out is gone.
   *
   * @throws SoapFaultError: ENTRY_NOT_FOUND, INVALID_PROPERTY, SECURITY_ERROR; InvalidArgumentError.
   */
  async set(serviceId: string, spec: LookupServiceRegistrationSetSpec, options: WriteOptions): Promise<void> {
    checkServiceId(serviceId);
    await this.#caller.callRegistration("Set", { serviceId, serviceSpec: spec }, options, writing(options));
  }

  /**
   * Removes a registration.
   *
   * @throws SoapFaultError: ENTRY_NOT_FOUND, SECURITY_ERROR; InvalidArgumentError.
   */
  async delete(serviceId: string, options: WriteOptions): Promise<void> {
    checkServiceId(serviceId);
    await this.#caller.callRegistration("Delete", { serviceId }, options, writing(options));
  }

  /**
   * Replaces the certificates (`sslTrust`) of all endpoints that the filter matches, in one call. Lookup Service 3.0
   * and later; an older one answers with METHOD_NOT_FOUND.
   *
   * @param trustAnchors Certificates as `sslTrust` holds them: the base64 text of the DER.
   * @returns The server's number, which is taken to be that of the endpoints changed (no public source says so).
   * @throws SoapFaultError: INVALID_PROPERTY, SECURITY_ERROR; InvalidArgumentError for an empty filter, which would
   *   mean every endpoint of the SSO domain.
   */
  async setTrustAnchor(
    filter: LookupServiceRegistrationFilter,
    trustAnchors: readonly string[],
    options: WriteOptions,
  ): Promise<number> {
    checkAnchorFilter(filter);
    const input = { filter, trustAnchors };
    const settings = writing(options, "3.0");
    return (await this.#caller.callRegistration("SetTrustAnchor", input, options, settings)).value;
  }

  /** Locale of the server's messages. */
  async getLocale(options: CallOptions = {}): Promise<string> {
    const { l10n } = await this.#caller.serviceContent(options);
    return (await this.#caller.call("GetLocale", { _this: l10n }, options)).value;
  }

  /** Sets the locale of messages; returns the one in force. */
  async setLocale(locale: string, options: CallOptions = {}): Promise<string> {
    const { l10n } = await this.#caller.serviceContent(options);
    return (await this.#caller.call("SetLocale", { _this: l10n, locale }, options, { idempotent: false }))
      .value;
  }

  /** Database settings of a highly available deployment; the answer holds a password. */
  async retrieveHaBackupConfiguration(options: CallOptions = {}): Promise<LookupHaBackupNodeConfiguration> {
    const { deploymentInformationService } = await this.#caller.serviceContent(options);
    return (
      await this.#caller.call(
        "RetrieveHaBackupConfiguration",
        { _this: deploymentInformationService },
        options,
      )
    ).value;
  }

  /**
   * Registrations of a predefined service, asked for by its documented filters one after the other: an answer to
   * any of them counts. Each registration holds the matching endpoints alone.
   */
  async find(
    service: ServiceName,
    options: CallOptions & { readonly nodeId?: string | undefined } = {},
  ): Promise<readonly ServiceRegistration[]> {
    const { nodeId } = options;
    const lists: ServiceRegistration[][] = [];
    for (const filter of filtersFor(service)) {
      lists.push(await this.list({ ...filter, ...(nodeId !== undefined && { nodeId }) }, options));
    }
    return uniteRegistrations(lists);
  }

  /**
   * All registrations sorted into the nodes of the linked group, in one exchange on a sound server. A server that
   * has no usable Lookup Service but is a vCenter gives one node with the well-known paths, marked as assumed.
   *
   * @throws UnsupportedError for an ESXi host; AbortedError; every error of the transport.
   */
  async topology(options: CallOptions = {}): Promise<LinkedTopology> {
    const view = await this.view(options);
    if ("nodes" in view) return view;
    return this.adapt(buildTopology(this.url, view, [this.server]), options);
  }

  /** As `topology`, but as registered: no URL is rewritten, and a failing Lookup Service is an error. */
  async registeredTopology(options: CallOptions = {}): Promise<LinkedTopology> {
    return buildTopology(this.url, await this.list({}, options), [this.server]);
  }

  /**
   * What the server lists, all or what any of the filters matches, or the topology that is assumed where it has no
   * usable Lookup Service.
   *
   * @throws as `topology`
   */
  async view(
    options: CallOptions & { readonly filters?: readonly LookupServiceRegistrationFilter[] | undefined } = {},
  ): Promise<readonly ServiceRegistration[] | LinkedTopology> {
    const { filters = [{}] } = options;
    let unusable: VsphereSsoError;
    try {
      const lists = await Promise.all(filters.map((filter) => this.list(filter, options)));
      const registrations = uniteRegistrations(lists);
      if (registrations.length > 0) return registrations;
      unusable = new EndpointNotFoundError(`${this.url} lists no registration`);
    } catch (error) {
      if (!lacksLookup(error)) throw error;
      unusable = error;
    }
    const assumed = await this.#withoutLookup(unusable, options);
    if (assumed) return assumed;
    if (unusable instanceof EndpointNotFoundError) return [];
    throw unusable;
  }

  /** Puts usable URLs in a topology for those of this server that are not, and notes certificates that are stale. */
  async adapt(topology: LinkedTopology, options: CallOptions = {}): Promise<LinkedTopology> {
    const { proxy, noProxy } = this.#options;
    const adapted = await rewriteOwnUrls(topology, {
      given: this.server,
      policy: this.#options.rewrite ?? "on-failure",
      remoteNames: proxy !== undefined && !bypassesProxy(this.server, noProxy ?? ""),
      mapped: new Set(Object.keys(this.#options.addresses ?? {}).map((key) => key.toLowerCase())),
      probeTimeoutMs: PROBE_TIMEOUT_MS,
      instanceUuid: async () => (await this.#aboutIfAny(options))?.instanceUuid,
      signal: options.signal,
    });
    return noteStaleTrust(adapted, (authority) => this.#transport.servedCertificate?.(authority));
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

  /** What the server says of itself; undefined when it says nothing, but not when the caller gave up. */
  async #aboutIfAny(options: CallOptions): Promise<AboutInfo | undefined> {
    try {
      return await this.about(options);
    } catch (error) {
      if (error instanceof AbortedError || !(error instanceof VsphereSsoError)) throw error;
      return undefined;
    }
  }

  async #withoutLookup(unusable: VsphereSsoError, options: CallOptions): Promise<LinkedTopology | undefined> {
    const about = await this.#aboutIfAny(options);
    if (!about) return undefined;
    const server = formatAuthority(this.server);
    if (about.apiType === "HostAgent") {
      throw new UnsupportedError(
        `${server} is an ESXi host (${about.fullName}): it has no Lookup Service and no SSO`,
        {
          cause: unusable,
          hint: "name the vCenter that manages the host; the host itself is reached at its /sdk alone",
        },
      );
    }
    return assumedTopology(this.url, this.server, about, unusable.message);
  }
}
