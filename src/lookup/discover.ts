import { InvalidArgumentError, VsphereSsoError } from "../errors.ts";
import { authorityOf, formatAuthority, parseServer } from "../net/authority.ts";
import { Transport, type TransportOptions } from "../net/transport.ts";
import type { SoapTransport } from "../soap/transport.ts";
import { retrieveAbout } from "./about.ts";
import { LookupService } from "./client.ts";
import type { LookupNode } from "./node.ts";
import { NodeTrust } from "./node-trust.ts";
import { registeredAuthority, registeredUrl } from "./registered-url.ts";
import { groupViews, type ServiceRegistration, uniteRegistrations } from "./registration.ts";
import { verifyReplication } from "./replication.ts";
import type { RewritePolicy } from "./rewrite.ts";
import { noteStaleTrust } from "./stale-trust.ts";
import type { LinkedTopology } from "./topology.ts";
import { adaptedTopology, addAssumed, type View } from "./views.ts";

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
  const call = { signal: options.signal };
  try {
    const answers = await Promise.all(
      unique.map(async (server): Promise<View | LinkedTopology | DiscoveryFailure> => {
        const lookup = new LookupService(server, { ...options, transport });
        try {
          const view = await lookup.view(call);
          return "nodes" in view ? view : { lookup, registrations: view };
        } catch (error) {
          return failure(server, error, options);
        }
      }),
    );
    const errors = answers.filter((answer) => answer instanceof DiscoveryFailure);
    const views = answers.flatMap((answer) => ("registrations" in answer ? [answer] : []));
    const joined = await Promise.all(groupViews(views).map((group) => joinViews(group, reach)));
    errors.push(...joined.flatMap(({ failures }) => failures));
    // Nothing but the given server's own word tells of these, so there is no replication to verify.
    const assumed = answers.flatMap((answer) => ("nodes" in answer ? [answer] : []));
    let groups = addAssumed(
      joined.map(({ topology }) => topology),
      assumed,
    );
    if (options.about) {
      const reports = await Promise.all(groups.map((group) => addAbout(group, reach)));
      groups = reports.map((report) => report.group);
      errors.push(...reports.flatMap((report) => report.errors));
    }
    return {
      groups: groups.map((group) =>
        noteStaleTrust(group, (authority) => transport.servedCertificate?.(authority)),
      ),
      errors,
    };
  } finally {
    await transport[Symbol.asyncDispose]();
  }
}

/** One topology of the views of one group, its URLs adapted to every server that was asked. */
async function joinViews(
  views: readonly View[],
  reach: NodeReach,
): Promise<{ topology: LinkedTopology; failures: DiscoveryFailure[] }> {
  const { options } = reach;
  const call = { signal: options.signal };
  const lookups = views.map(({ lookup }) => lookup);
  const build = (registrations: readonly ServiceRegistration[]): Promise<LinkedTopology> =>
    adaptedTopology(lookups, registrations, call);
  const lists = views.map(({ registrations }) => registrations);
  if (!options.verifyReplication) return { topology: await build(uniteRegistrations(lists)), failures: [] };
  const report = await verifyReplication({
    views: lists,
    build,
    ask: (node) =>
      withNode(node, reach, (transport, url) =>
        new LookupService(formatAuthority(authorityOf(url)), { transport }).list({}, call),
      ),
  });
  const failures = report.failures.map(({ node, error }) => new DiscoveryFailure(nodeServer(node), error));
  return { topology: report.group, failures };
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

/** Runs `work` with a transport that trusts the node. */
async function withNode<T>(
  node: LookupNode,
  reach: NodeReach,
  work: (transport: SoapTransport, url: URL) => Promise<T>,
): Promise<T> {
  const url = registeredUrl(node.endpoint("vcenter")?.url)?.url;
  if (!url) throw new InvalidArgumentError(`${node.instanceName} has no usable URL of its vCenter endpoint`);
  const { transport, options, createTransport } = reach;
  const trusted = new NodeTrust(node, {
    transport,
    trust: options.trust,
    createTransport: (trust) => createTransport({ ...options, trust }),
  });
  try {
    return await trusted.use((trusting) => work(trusting, url));
  } finally {
    await trusted.close();
  }
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
    return node.warned("ABOUT_FAILED", `the product version is unknown: ${answer.error.message}`);
  });
  return {
    group: { ...group, nodes },
    errors: answers.filter((answer) => answer instanceof DiscoveryFailure),
  };
}
