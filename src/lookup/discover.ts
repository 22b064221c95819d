import { InvalidArgumentError, TrustError, VsphereSsoError } from "../errors.ts";
import { authorityOf, formatAuthority, parseServer } from "../net/authority.ts";
import { Transport, type TransportOptions } from "../net/transport.ts";
import type { SoapTransport } from "../soap/transport.ts";
import { retrieveAbout } from "./about.ts";
import { LookupService } from "./client.ts";
import { mergeTopologies } from "./merge.ts";
import type { LookupNode } from "./node.ts";
import { registeredAuthority, registeredUrl } from "./registered-url.ts";
import { verifyReplication } from "./replication.ts";
import type { RewritePolicy } from "./rewrite.ts";
import type { LinkedTopology } from "./topology.ts";

export interface DiscoverOptions extends TransportOptions {
  /** URL of the Lookup Service where it is not at `/lookupservice/sdk`; for one server only. */
  readonly lookupUrl?: string | undefined;
  /** What to do with own URLs whose host cannot be reached. Default `on-failure`. */
  readonly rewrite?: RewritePolicy | undefined;
  /** Ask every node for its product version and build, without a login. */
  readonly about?: boolean | undefined;
  /** Ask every node's own Lookup Service too, and report what it does not list. */
  readonly verifyReplication?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Makes the transports; by default a `Transport` of the options. */
  readonly createTransport?: ((options: TransportOptions) => SoapTransport & AsyncDisposable) | undefined;
}

/** A server, given or found, that could not be asked. */
export class DiscoveryFailure {
  /** The server as it was given, or the authority it was found at. */
  readonly server: string;
  readonly error: VsphereSsoError;

  constructor(server: string, error: VsphereSsoError) {
    this.server = server;
    this.error = error;
  }

  /** The entry of `vsso discover -o json`. */
  toJSON(): { server: string; code: string; message: string; hint: string | null } {
    const { code, message, hint } = this.error;
    return { server: this.server, code, message, hint: hint ?? null };
  }
}

export interface Discovery {
  /** Linked groups, each once however many of its nodes were named. */
  readonly groups: readonly LinkedTopology[];
  readonly errors: readonly DiscoveryFailure[];
}

/**
 * Lists every node of the linked groups that the given servers belong to. A server that fails is reported in
 * `errors` and does not disturb the others.
 *
 * @throws InvalidArgumentError for a server or an option that cannot be used, AbortedError.
 */
export async function discover(
  servers: readonly string[],
  options: DiscoverOptions = {},
): Promise<Discovery> {
  if (servers.length === 0) throw new InvalidArgumentError("no server was given to discover");
  if (options.lookupUrl !== undefined && servers.length > 1) {
    throw new InvalidArgumentError("a Lookup Service URL belongs to one server; several were given");
  }
  const unique = [
    ...new Map(servers.map((server) => [formatAuthority(parseServer(server)), server])).values(),
  ];
  const createTransport = options.createTransport ?? ((transportOptions) => new Transport(transportOptions));
  const transport = createTransport(options);
  const reach: NodeReach = { transport, options, createTransport };
  try {
    const answers = await Promise.all(
      unique.map((server) => {
        const lookup = new LookupService(server, { ...options, transport });
        return lookup
          .topology({ signal: options.signal })
          .catch((error: unknown) => failure(server, error, options));
      }),
    );
    const errors = answers.filter((answer) => answer instanceof DiscoveryFailure);
    let groups = mergeTopologies(
      answers.flatMap((answer) => (answer instanceof DiscoveryFailure ? [] : [answer])),
    );
    if (options.verifyReplication) {
      const reports = await Promise.all(
        groups.map((group) =>
          verifyReplication(group, (node) =>
            withNode(node, reach, (nodeTransport, url) => nodeTopology(nodeTransport, url, options)),
          ),
        ),
      );
      groups = reports.map((report) => report.group);
      const failures = reports.flatMap((report) => report.failures);
      errors.push(...failures.map(({ node, error }) => new DiscoveryFailure(nodeServer(node), error)));
    }
    if (options.about) {
      const reports = await Promise.all(groups.map((group) => addAbout(group, reach)));
      groups = reports.map((report) => report.group);
      errors.push(...reports.flatMap((report) => report.errors));
    }
    return { groups, errors };
  } finally {
    await transport[Symbol.asyncDispose]();
  }
}

function failure(server: string, error: unknown, options: DiscoverOptions): DiscoveryFailure {
  if (options.signal?.aborted || !(error instanceof VsphereSsoError)) throw error;
  return new DiscoveryFailure(server, error);
}

interface NodeReach {
  readonly transport: SoapTransport & AsyncDisposable;
  readonly options: DiscoverOptions;
  readonly createTransport: (options: TransportOptions) => SoapTransport & AsyncDisposable;
}

/** How errors name a node that was found rather than given. */
function nodeServer(node: LookupNode): string {
  return registeredAuthority(node.endpoint("vcenter")?.url) ?? node.instanceName;
}

/**
 * Runs `work` with a transport that trusts the node. Where trust is by fingerprint, the fingerprints that the
 * trusted Lookup Service registered for this node's own endpoint count for this node, and for no other; a known
 * host that changed its certificate is refused all the same.
 */
async function withNode<T>(
  node: LookupNode,
  reach: NodeReach,
  work: (transport: SoapTransport, url: URL) => Promise<T>,
): Promise<T> {
  const endpoint = node.endpoint("vcenter");
  const url = registeredUrl(endpoint?.url)?.url;
  if (!url) throw new InvalidArgumentError(`${node.instanceName} has no usable URL of its vCenter endpoint`);
  const { pins = [], knownHosts, ca } = reach.options.trust ?? {};
  const byFingerprint = (pins.length > 0 || knownHosts !== undefined) && ca === undefined;
  try {
    return await work(reach.transport, url);
  } catch (error) {
    const refused = error instanceof TrustError && error.reason !== "known-hosts-mismatch";
    const registered = (endpoint?.sslTrust ?? []).flatMap((trust) =>
      "sha256" in trust ? [trust.sha256] : [],
    );
    if (!refused || !byFingerprint || registered.length === 0) throw error;
    const trust = { ...reach.options.trust, pins: [...pins, ...registered] };
    const transport = reach.createTransport({ ...reach.options, trust });
    try {
      return await work(transport, url);
    } finally {
      await transport[Symbol.asyncDispose]();
    }
  }
}

function nodeTopology(transport: SoapTransport, url: URL, options: DiscoverOptions): Promise<LinkedTopology> {
  const server = formatAuthority(authorityOf(url));
  const lookup = new LookupService(server, { transport });
  return lookup.registeredTopology({ signal: options.signal });
}

/** Notes on every node its version and build, or why they are unknown. */
async function addAbout(
  group: LinkedTopology,
  reach: NodeReach,
): Promise<{ group: LinkedTopology; errors: DiscoveryFailure[] }> {
  const { options } = reach;
  const answers = await Promise.all(
    group.nodes.map((node) =>
      withNode(node, reach, (transport, url) =>
        retrieveAbout(transport, url.href, { signal: options.signal }),
      ).catch((error: unknown) => failure(nodeServer(node), error, options)),
    ),
  );
  const nodes = group.nodes.map((node, index) => {
    const answer = answers[index];
    if (answer === undefined) return node;
    if (!(answer instanceof DiscoveryFailure)) {
      return node.with({ product: { version: answer.version, build: answer.build } });
    }
    const message = `the product version is unknown: ${answer.error.message}`;
    return node.with({ warnings: [...node.warnings, { code: "ABOUT_FAILED", message }] });
  });
  return {
    group: { ...group, nodes },
    errors: answers.filter((answer) => answer instanceof DiscoveryFailure),
  };
}
