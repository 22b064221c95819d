import { InvalidArgumentError, TimeoutError, VsphereSsoError } from "../errors.ts";
import { LookupService } from "../lookup/client.ts";
import { DiscoveryFailure } from "../lookup/discover.ts";
import { groupViews, uniteRegistrations } from "../lookup/registration.ts";
import type { LinkedTopology } from "../lookup/topology.ts";
import { adaptedTopology, addAssumed, type View } from "../lookup/views.ts";
import { formatAuthority, parseServer } from "../net/authority.ts";
import { isSameCredential } from "../session/same-credential.ts";
import { abortedBy } from "../session/wait.ts";
import { requireNodes } from "./group.ts";
import { inTurns } from "./in-turns.ts";
import { limited } from "./limited.ts";
import type { GroupTransport, LinkedGroupOptions } from "./options.ts";
import { GROUP_FILTERS, trimRegistrations } from "./trim.ts";

/** Milliseconds in which a server has to tell its group where no other time is given. */
const DISCOVERY_MS = 30_000;

/** A server that was named, and how its group is reached. */
export interface Source {
  readonly server: string;
  readonly options: LinkedGroupOptions;
  readonly transport: GroupTransport;
}

/** A group, and the first of the servers named that belongs to it. */
export interface FoundGroup {
  readonly topology: LinkedTopology;
  readonly source: Source;
  readonly lookup: LookupService;
}

interface SourceView extends View {
  readonly source: Source;
}

interface Assumed {
  readonly topology: LinkedTopology;
  readonly source: Source;
  readonly lookup: LookupService;
}

interface DiscoveryLimits {
  readonly concurrency: number;
  /** Milliseconds for one server. */
  readonly nodeTimeoutMs: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/**
 * Asks the servers for their groups, some at a time; of servers of one group the first counts.
 *
 * @throws AbortedError, and what is no error of this package.
 */
export async function findGroups(
  sources: readonly Source[],
  { concurrency, nodeTimeoutMs = DISCOVERY_MS, signal }: DiscoveryLimits,
): Promise<{ readonly groups: readonly FoundGroup[]; readonly errors: readonly DiscoveryFailure[] }> {
  const errors: DiscoveryFailure[] = [];
  const fail = (server: string, error: unknown): undefined => {
    if (signal?.aborted) throw abortedBy(signal);
    if (!(error instanceof VsphereSsoError)) throw error;
    errors.push(new DiscoveryFailure(server, error));
    return undefined;
  };
  const inTime = <T>(server: string, work: (own: AbortSignal) => Promise<T>): Promise<T> =>
    limited(
      {
        ms: nodeTimeoutMs,
        late: (ms) => overdue(server, ms),
        stop: { signal, reason: () => abortedBy(signal) },
      },
      work,
    );
  const answers = await inTurns(
    sources,
    concurrency,
    async (source): Promise<SourceView | Assumed | undefined> => {
      const { server, options, transport } = source;
      try {
        const lookup = new LookupService(server, { ...options, transport });
        const view = await inTime(server, (own) => lookup.view({ signal: own, filters: GROUP_FILTERS }));
        if ("nodes" in view) return { topology: view, source, lookup };
        return { registrations: trimRegistrations(view), source, lookup };
      } catch (error) {
        return fail(server, error);
      }
    },
  );
  const views = answers.flatMap((answer) => (answer && "registrations" in answer ? [answer] : []));
  const joined = await inTurns(
    groupViews(views),
    concurrency,
    async (group): Promise<FoundGroup | undefined> => {
      const [first] = group;
      if (first === undefined) return undefined;
      for (const { source } of group) {
        const error = contradiction(first.source, source);
        if (error) fail(source.server, error);
      }
      try {
        const lookups = group.map(({ lookup }) => lookup);
        const registrations = uniteRegistrations(group.map((view) => view.registrations));
        const topology = await inTime(first.source.server, (own) =>
          adaptedTopology(lookups, registrations, { signal: own }),
        );
        requireNodes(topology);
        return { topology, source: first.source, lookup: first.lookup };
      } catch (error) {
        return fail(first.source.server, error);
      }
    },
  );
  const found = joined.flatMap((group) => group ?? []);
  const assumed = answers.flatMap((answer) => (answer && "topology" in answer ? [answer] : []));
  return { groups: withAssumed(found, assumed), errors };
}

function withAssumed(found: readonly FoundGroup[], assumed: readonly Assumed[]): FoundGroup[] {
  const topologies = addAssumed(
    found.map(({ topology }) => topology),
    assumed.map(({ topology }) => topology),
  );
  return topologies.flatMap((topology, index): FoundGroup[] => {
    const known = found[index] ?? assumed.find((one) => one.topology === topology);
    return known ? [{ ...known, topology }] : [];
  });
}

/** What is wrong where two servers of one group are to be logged in to by different credentials. */
function contradiction(first: Source, other: Source): InvalidArgumentError | undefined {
  if (isSameCredential(first.options.credential, other.options.credential)) return undefined;
  return new InvalidArgumentError(
    `${first.server} and ${other.server} are of one linked group, and were given different credentials; ` +
      `that of ${first.server} is used`,
    { hint: "give one credential for each SSO domain" },
  );
}

function overdue(server: string, ms: number): TimeoutError {
  return new TimeoutError(`${server} did not tell its group within ${ms} ms`, {
    host: formatAuthority(parseServer(server)),
    phase: "total",
    hint: "allow more time by nodeTimeoutMs, or look whether the server answers at all",
  });
}
