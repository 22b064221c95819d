import { InvalidArgumentError } from "../errors.ts";
import type { DiscoveryFailure } from "../lookup/discover.ts";
import { formatAuthority, parseServer } from "../net/authority.ts";
import { Transport } from "../net/transport.ts";
import { requirePrincipalName } from "../session/broker/identity.ts";
import { isSameCredential, sameValue } from "../session/same-credential.ts";
import { abortedBy } from "../session/wait.ts";
import { findGroups, type Source } from "./fleet-discovery.ts";
import { LinkedGroup } from "./group.ts";
import { checkCredential } from "./group-credential.ts";
import { NodeSet } from "./node-set.ts";
import {
  checkLimits,
  checkShared,
  type FleetMember,
  type FleetOptions,
  type GroupTransport,
  type LinkedGroupOptions,
} from "./options.ts";

interface FleetParts {
  readonly groups: readonly LinkedGroup[];
  readonly errors: readonly DiscoveryFailure[];
  readonly options: FleetOptions;
  readonly release: () => Promise<void>;
}

/**
 * Several linked groups, which are not linked with each other, as one: every vCenter that the named servers belong to,
 * each once, with one credential for each SSO domain. What can be done at the nodes is as in a `LinkedGroup`.
 *
 * @example
 * const members = ["vc01.corp.example", { server: "vc51.lab.example", credential: lab }];
 * const fleet = await Fleet.connect(members, { credential });
 * for (const { server, error } of fleet.errors) console.warn(server, error.message);
 * const results = await fleet.each((vc) => vc.vapi.get("/api/vcenter/vm"));
 * await fleet.close();
 */
export class Fleet extends NodeSet {
  readonly groups: readonly LinkedGroup[];
  /** Servers that could not be asked, and those whose credential was not used. */
  readonly errors: readonly DiscoveryFailure[];

  private constructor(parts: FleetParts) {
    const { groups, errors, options, release } = parts;
    super({
      nodes: groups.flatMap(({ nodes }) => nodes).sort((a, b) => a.compare(b)),
      ...checkLimits(options, "fleet"),
      release: async () => {
        // Their sessions have ended; the last that needs the connections no more ends these.
        await Promise.allSettled(groups.map((group) => group.close()));
        if (groups.length === 0) await release();
      },
    });
    this.groups = groups;
    this.errors = errors;
  }

  /**
   * Asks each server for its group. A server that cannot be asked, or not within `nodeTimeoutMs` (30 seconds unless
   * given), is in `errors` and hinders no other. Servers of one group make one group, by the options of the first of
   * them; another that was given a different credential is in `errors`. With `connect: "all"` every node is logged in
   * to, and those where that fails have their `error`.
   *
   * @param members each a server, or a server with options of its own.
   * @throws InvalidArgumentError before anything is sent, also for a server that is named twice with different options;
   *   AbortedError.
   */
  static async connect(members: readonly (string | FleetMember)[], options: FleetOptions): Promise<Fleet> {
    checkShared(options);
    const { concurrency, nodeTimeoutMs } = checkLimits(options, "fleet");
    const { createTransport = (all) => new Transport(all), signal } = options;
    const plans = planMembers(members, options);
    for (const { options: own } of plans) {
      if (own.broker) await requirePrincipalName(own.credential, own.principal);
    }
    const transports: GroupTransport[] = [];
    const release = async (): Promise<void> => {
      await Promise.all(transports.map((transport) => transport[Symbol.asyncDispose]()));
    };
    let fleet: Fleet | undefined;
    try {
      let shared: GroupTransport | undefined;
      const transportOf = (plan: MemberPlan): GroupTransport => {
        if (!plan.ownTransport && shared) return shared;
        const transport = createTransport(plan.options);
        transports.push(transport);
        if (!plan.ownTransport) shared = transport;
        return transport;
      };
      const sources: Source[] = plans.map((plan) => ({ ...plan, transport: transportOf(plan) }));
      const { groups, errors } = await findGroups(sources, { concurrency, nodeTimeoutMs, signal });
      let users = groups.length;
      const leave = async (): Promise<void> => {
        if (--users === 0) await release();
      };
      fleet = new Fleet({
        groups: groups.map(
          ({ topology, source, lookup }) =>
            new LinkedGroup({ ...source, topology, server: lookup.server, release: leave }),
        ),
        errors,
        options,
        release,
      });
      if (options.connect === "all") {
        await fleet.connectAll({ signal });
        if (signal?.aborted) throw abortedBy(signal);
      }
      return fleet;
    } catch (error) {
      await (fleet ? fleet.close().catch(() => undefined) : release());
      throw error;
    }
  }

  toJSON(): Readonly<Record<string, unknown>> {
    return { groups: this.groups, errors: this.errors };
  }
}

interface MemberPlan {
  readonly server: string;
  readonly options: LinkedGroupOptions;
  /** Whether it is reached in a way of its own. */
  readonly ownTransport: boolean;
}

/** The members with their options, each server once. @throws InvalidArgumentError */
function planMembers(
  members: readonly (string | FleetMember)[],
  shared: FleetOptions,
): readonly MemberPlan[] {
  if (!Array.isArray(members) || members.length === 0) {
    throw new InvalidArgumentError("No server of the fleet is named", { hint: "give an array of servers" });
  }
  const plans = new Map<string, MemberPlan>();
  for (const member of members) {
    const { server, ...own } = asMember(member);
    const authority = formatAuthority(parseServer(server));
    // The name is that of the credential's sessions: another one's does not go with it.
    const isShared = [undefined, shared.credential].some((one) => sameValue(one, own.credential));
    const inherited = isShared ? shared : { ...shared, principal: undefined };
    const options = { ...inherited, ...defined(own) };
    if (options.credential === undefined) {
      throw new InvalidArgumentError(`There is no credential for ${server}`, {
        hint: "give one for all members, or one to each",
      });
    }
    const plan = {
      server,
      options: { ...options, credential: options.credential },
      ownTransport: "trust" in own || "clientCertificate" in own,
    };
    checkCredential(options.credential);
    const first = plans.get(authority);
    if (first) requireSame(first, plan);
    else plans.set(authority, plan);
  }
  return [...plans.values()];
}

function asMember(member: string | FleetMember): FleetMember {
  const named = typeof member === "string" ? { server: member } : member;
  if (typeof named?.server === "string") return named;
  throw new InvalidArgumentError("A member of the fleet is neither a server nor { server, … }");
}

/** What a member may say itself beside its credential. */
const OF_MEMBER: Readonly<Record<Exclude<keyof FleetMember, "server" | "credential">, true>> = {
  tokenRequest: true,
  holderOfKey: true,
  principal: true,
  lookupUrl: true,
  rewrite: true,
  ssoDomain: true,
  sts: true,
  trust: true,
  clientCertificate: true,
  clockOffsetMs: true,
};

/** @throws InvalidArgumentError where a server that is named twice was given different options. */
function requireSame(first: MemberPlan, { server, options }: MemberPlan): void {
  const different = [
    ...(isSameCredential(first.options.credential, options.credential) ? [] : ["credential"]),
    ...Object.keys(OF_MEMBER).filter(
      (name) => !sameValue(Reflect.get(first.options, name), Reflect.get(options, name)),
    ),
  ];
  if (different.length === 0) return;
  throw new InvalidArgumentError(
    `${server} is named twice, with different options: ${different.join(", ")}`,
    {
      hint: "name each server once",
    },
  );
}

/** What is undefined does not take the place of what is. */
function defined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
