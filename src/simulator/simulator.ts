import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { InvalidArgumentError } from "../errors.ts";
import {
  createPeople,
  createSso,
  type SimulatorSolutionUser,
  type SimulatorUser,
  type SmartCard,
  solutionUserFiles,
} from "./accounts.ts";
import { FaultPlan, type SimulatorFaults } from "./faults.ts";
import { createNode, instanceNameOf, type SimulatedGroup } from "./group.ts";
import { createInventory } from "./inventory.ts";
import { applianceServer, type GroupState, listenAll, nodeServer, nowOf, stop } from "./node-servers.ts";
import { federationOf, type IdentityProvider, type OAuthClient } from "./oauth/provider.ts";
import { createPki, pem } from "./pki.ts";
import { RegistrationStore } from "./registration-store.ts";
import { DEFAULT_RELEASE, findRelease } from "./release.ts";
import type { NodeServer, ReceivedRequest } from "./server.ts";
import { checkBehaviours, type ServerBehaviours } from "./sessions/behaviours.ts";
import type { SessionPolicy } from "./sessions/policy.ts";
import { SessionTable, type SimulatedSession } from "./sessions/table.ts";
import { limitsOf, type TokenPolicy } from "./sts/policy.ts";
import { VapiState } from "./vapi/state.ts";
import { VimState } from "./vim/state.ts";

const MAX_NODES = 99;
const DOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i;

export interface SimulatorOptions {
  /** Number of linked vCenters, 1 to 99. Default 3. */
  readonly nodes?: number;
  /** `7.0.3`, `8.0.1`, `8.0.2`, `8.0.3` or `9.0.0` (also `9.0`). Default `8.0.3`. */
  readonly release?: string;
  /** Port of the first node; the others take the following ones. Default, and for 0: the system chooses. */
  readonly port?: number;
  /** Default `vsphere.local`. */
  readonly ssoDomain?: string;
  /** What goes wrong from the start. Default nothing. */
  readonly faults?: SimulatorFaults;
  /** Limits of the tokens that are issued. */
  readonly tokens?: TokenPolicy;
  /**
   * Passcodes that a user (by `user@domain`) is asked for when it logs in with RSA SecurID, one after the other.
   * Default: nobody has a token of that kind.
   */
  readonly passcodes?: Readonly<Record<string, readonly string[]>>;
  /** Smart cards: the certificate (PEM) that stands for a user (`user@domain`). Default none. */
  readonly smartCards?: readonly SmartCard[];
  /** Whose access and ID tokens are exchanged for SAML tokens. Default: those of the group's own broker only. */
  readonly identityProvider?: IdentityProvider;
  /** Clients of the group's own identity broker (`/acs/t/CUSTOMER/token`). Default none. */
  readonly oauthClients?: readonly OAuthClient[];
  /** Limits of the sessions of every node. */
  readonly sessions?: SessionPolicy;
  /** What no source says of real servers, one way or the other. */
  readonly behaviours?: ServerBehaviours;
  /** Whether each node has the management service of its appliance too, on a port of its own. Default false. */
  readonly appliance?: boolean;
  /** Port of that service on the first node; the others take the following ones. Default as for `port`. */
  readonly appliancePort?: number;
  /** Ends the start; a simulator that runs is ended by `close()`. */
  readonly signal?: AbortSignal;
  /** Takes one line for every request answered. Default: none is kept. */
  readonly log?: (line: string) => void;
}

/** How one simulated vCenter is reached. */
export interface SimulatorServer {
  /** FQDN whose first label is unique in the group; no DNS knows it. */
  readonly instanceName: string;
  readonly nodeId: string;
  readonly host: "127.0.0.1";
  readonly port: number;
  /** `https://host:port` */
  readonly url: string;
}

/** How the management service of a simulated appliance is reached. No session of the vCenter is good there. */
export interface SimulatorAppliance {
  readonly instanceName: string;
  readonly port: number;
  /** `https://127.0.0.1:port` */
  readonly url: string;
  readonly username: "root";
  readonly password: string;
}

/** A session that is open at a node. */
export interface SimulatorSession {
  /** Number of the node, from 1. */
  readonly node: number;
  /** Where it is known: at vAPI, at VIM, or at both; or at the appliance's own service. */
  readonly sides: readonly ("vapi" | "vim" | "appliance")[];
  /** `user@domain`, or `root`. */
  readonly user: string;
  readonly createdAt: Date;
  /** Requests that came with its ID. */
  readonly callCount: number;
}

/** A running group. `close()`, or the end of an `await using` block, ends it. */
export interface Simulator extends AsyncDisposable {
  readonly servers: readonly SimulatorServer[];
  /** Empty unless they were asked for. */
  readonly appliances: readonly SimulatorAppliance[];
  /** PEM of the authority that signed every node's certificate. */
  readonly ca: string;
  /** Absolute path of that PEM in a directory of its own (mode 0700), which `close()` removes. */
  readonly caFile: string;
  readonly ssoDomain: string;
  /**
   * The first is `Administrator@<ssoDomain>`, the second an ordinary user. Both can also log in with a stand-in for
   * Kerberos, the legs of which are `NEGOTIATE user@domain`, from the server `CHALLENGE <nonce>`, then `RESPONSE
   * <hex HMAC-SHA256 of the nonce, keyed with the password>`, and with the token `ACCEPT`.
   */
  readonly users: readonly SimulatorUser[];
  /** The first is one of those that may act as another user, the second is not. */
  readonly solutionUsers: readonly SimulatorSolutionUser[];
  /** PEM of the authority above the certificate that signs tokens. */
  readonly stsSigningCa: string;
  /** Absolute path of that PEM, which `close()` removes. */
  readonly stsSigningCaFile: string;
  /** What the nodes received, oldest first; the last 10,000 are kept. */
  readonly requests: readonly ReceivedRequest[];
  /** Sessions that are open now: what is left of them in the end was not logged out. */
  readonly sessions: readonly SimulatorSession[];
  /**
   * What goes wrong from now on; assigning counts `resetConnections` and `serviceUnavailable` anew.
   *
   * @throws InvalidArgumentError when assigned a node that does not exist or a number out of range.
   */
  faults: SimulatorFaults;
  /** Ends the sessions of a node (number from 1), or of all of them, as a restart of its services does. */
  endSessions(node?: number): void;
  /** Stops every node, open connections included. May be called again. */
  close(): Promise<void>;
}

/**
 * Starts linked vCenters on 127.0.0.1, each an HTTPS server that answers for the whole group:
 *
 * ```ts
 * const simulator = await startSimulator({ nodes: 2 });
 * await codeUnderTest(simulator.servers[0].url, { ca: simulator.ca });
 * await simulator.close();
 * ```
 *
 * @throws InvalidArgumentError for options out of range, or a port that is taken; AbortedError.
 * @throws ConnectionError when the system gives no port on the loopback address.
 */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const { nodes = 3, port = 0, ssoDomain = "vsphere.local", faults = {}, log, signal } = options;
  const { sessions: policy = {}, behaviours = {}, appliance = false, appliancePort = 0 } = options;
  const release = findRelease(options.release ?? DEFAULT_RELEASE);
  checkOptions(nodes, port, ssoDomain);
  checkOptions(nodes, appliancePort, ssoDomain);
  checkBehaviours(behaviours);
  const limits = limitsOf(options.tokens ?? {});
  const state: GroupState = {
    group: undefined,
    sso: undefined,
    registrations: undefined,
    memories: [...Array(nodes)].map(() => ({
      sessions: new SessionTable(policy, release.sharesSessions, behaviours),
      inventory: createInventory(),
      vim: new VimState(),
      vapi: new VapiState(policy, behaviours),
    })),
    behaviours,
    federation: federationOf(options.identityProvider, options.oauthClients ?? []),
    plan: new FaultPlan(faults, nodes),
    requests: [],
  };
  const names = [...Array(nodes).keys()].map((index) => instanceNameOf(index + 1));
  const pki = await createPki(appliance ? [...names, ...names] : names, ssoDomain, signal);
  const certificates = pki.nodes.slice(0, nodes);
  const servers = certificates.map((each, index) => nodeServer(each, index, state, log));
  const appliances = pki.nodes.slice(nodes).map((each, index) => applianceServer(each, index, state, log));
  const all = [...servers, ...appliances];
  let directory: string | undefined;
  try {
    const ports = await listenAll(servers, port, signal);
    const appliancePorts = await listenAll(appliances, appliancePort, signal);
    const group: SimulatedGroup = {
      release,
      ssoDomain,
      nodes: certificates.map((each, index) => createNode(index + 1, ports[index] ?? 0, each)),
    };
    directory = resolve(await mkdtemp(join(tmpdir(), "vsso-simulator-")));
    await writeFile(join(directory, "ca.pem"), pki.ca);
    const stsSigningCa = pem(pki.signing.authority.raw);
    await writeFile(join(directory, "sts-signing-ca.pem"), stsSigningCa);
    const machineId = group.nodes[0]?.machineId ?? "";
    const solutionUsers = await solutionUserFiles(pki.solutionUsers, machineId, directory);
    const people = createPeople(ssoDomain);
    state.sso = createSso({ ...options, ssoDomain, limits, signing: pki.signing, people, solutionUsers });
    state.sso.directory.checkAccounts(faults);
    state.registrations = new RegistrationStore(group);
    state.group = group;
    return new RunningSimulator(state, group, all, {
      directory,
      ca: pki.ca,
      stsSigningCa,
      users: people.map(({ name, domain, password }) => ({ username: `${name}@${domain}`, password })),
      solutionUsers: solutionUsers.map(({ name, certFile, keyFile }) => ({ name, certFile, keyFile })),
      appliances: appliancePorts.map((own, index) => ({
        instanceName: instanceNameOf(index + 1),
        port: own,
        url: `https://127.0.0.1:${own}`,
        username: "root",
        password: state.memories[index]?.vapi.appliance.rootPassword ?? "",
      })),
    });
  } catch (error) {
    await stop(all, directory);
    throw error;
  }
}

interface Facts {
  readonly directory: string;
  readonly ca: string;
  readonly stsSigningCa: string;
  readonly users: readonly SimulatorUser[];
  readonly solutionUsers: readonly SimulatorSolutionUser[];
  readonly appliances: readonly SimulatorAppliance[];
}

class RunningSimulator implements Simulator {
  readonly servers: readonly SimulatorServer[];
  readonly appliances: readonly SimulatorAppliance[];
  readonly ca: string;
  readonly caFile: string;
  readonly ssoDomain: string;
  readonly users: readonly SimulatorUser[];
  readonly solutionUsers: readonly SimulatorSolutionUser[];
  readonly stsSigningCa: string;
  readonly stsSigningCaFile: string;
  readonly requests: readonly ReceivedRequest[];
  readonly #state: GroupState;
  readonly #nodes: readonly NodeServer[];
  readonly #directory: string;
  #closed: Promise<void> | undefined;

  constructor(state: GroupState, group: SimulatedGroup, nodes: readonly NodeServer[], facts: Facts) {
    this.#state = state;
    this.#nodes = nodes;
    this.#directory = facts.directory;
    this.servers = group.nodes.map(({ instanceName, nodeId, port }) => {
      return { instanceName, nodeId, host: "127.0.0.1", port, url: `https://127.0.0.1:${port}` };
    });
    this.appliances = facts.appliances;
    this.ca = facts.ca;
    this.caFile = join(facts.directory, "ca.pem");
    this.ssoDomain = group.ssoDomain;
    this.users = facts.users;
    this.solutionUsers = facts.solutionUsers;
    this.stsSigningCa = facts.stsSigningCa;
    this.stsSigningCaFile = join(facts.directory, "sts-signing-ca.pem");
    this.requests = state.requests;
  }

  get faults(): SimulatorFaults {
    return this.#state.plan.faults;
  }

  set faults(faults: SimulatorFaults) {
    this.#state.sso?.directory.checkAccounts(faults);
    this.#state.plan = new FaultPlan(faults, this.servers.length);
  }

  get sessions(): readonly SimulatorSession[] {
    const now = nowOf(this.#state);
    return this.#state.memories.flatMap(({ sessions, vapi }, index) => {
      const describe = (session: SimulatedSession, sides: SimulatorSession["sides"]): SimulatorSession => ({
        node: index + 1,
        sides,
        user: session.user.upn,
        createdAt: new Date(session.createdAt),
        callCount: session.callCount,
      });
      return [
        ...sessions.list(undefined, now).map((session) => describe(session, session.sides)),
        ...vapi.applianceSessions.list(undefined, now).map((session) => describe(session, ["appliance"])),
      ];
    });
  }

  endSessions(node?: number): void {
    for (const [index, { sessions, vapi }] of this.#state.memories.entries()) {
      if (node !== undefined && node !== index + 1) continue;
      sessions.clear();
      vapi.applianceSessions.clear();
    }
  }

  close(): Promise<void> {
    this.#closed ??= stop(this.#nodes, this.#directory);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function checkOptions(nodes: number, port: number, ssoDomain: string): void {
  if (!Number.isInteger(nodes) || nodes < 1 || nodes > MAX_NODES) {
    throw new InvalidArgumentError(`the simulator cannot have ${nodes} nodes`, {
      hint: `Use a whole number from 1 to ${MAX_NODES}.`,
    });
  }
  if (!Number.isInteger(port) || port < 0 || port + nodes - 1 > 65_535) {
    throw new InvalidArgumentError(`${nodes} nodes cannot listen from port ${port} on`, {
      hint: `Use a port from 1 to ${65_536 - nodes}, or 0 to let the system choose.`,
    });
  }
  if (!DOMAIN.test(ssoDomain)) {
    throw new InvalidArgumentError(`${JSON.stringify(ssoDomain)} is not the name of an SSO domain`, {
      hint: "Use DNS labels, as in vsphere.local.",
    });
  }
}
