import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ConnectionError, InvalidArgumentError } from "../errors.ts";
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
import { type Federation, federationOf, type IdentityProvider, type OAuthClient } from "./oauth/provider.ts";
import { checkAborted, createPki, pem } from "./pki.ts";
import { RegistrationStore } from "./registration-store.ts";
import { DEFAULT_RELEASE, findRelease } from "./release.ts";
import { NodeServer, type ReceivedRequest } from "./server.ts";
import type { ServerBehaviours } from "./sessions/behaviours.ts";
import type { SessionPolicy } from "./sessions/policy.ts";
import { SessionTable } from "./sessions/table.ts";
import { limitsOf, type TokenPolicy } from "./sts/policy.ts";
import type { Sso } from "./sts/sso.ts";

const MAX_NODES = 99;
const MAX_REQUESTS = 10_000;
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

/** A running group. `close()`, or the end of an `await using` block, ends it. */
export interface Simulator extends AsyncDisposable {
  readonly servers: readonly SimulatorServer[];
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
  /**
   * What goes wrong from now on; assigning counts `resetConnections` and `serviceUnavailable` anew.
   *
   * @throws InvalidArgumentError when assigned a node that does not exist or a number out of range.
   */
  faults: SimulatorFaults;
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
  const release = findRelease(options.release ?? DEFAULT_RELEASE);
  checkOptions(nodes, port, ssoDomain);
  const limits = limitsOf(options.tokens ?? {});
  const state: State = {
    group: undefined,
    sso: undefined,
    registrations: undefined,
    sessions: [...Array(nodes)].map(() => new SessionTable(options.sessions ?? {}, release.sharesSessions)),
    behaviours: options.behaviours ?? {},
    federation: federationOf(options.identityProvider, options.oauthClients ?? []),
    plan: new FaultPlan(faults, nodes),
    requests: [],
  };
  const names = [...Array(nodes).keys()].map((index) => instanceNameOf(index + 1));
  const pki = await createPki(names, ssoDomain, signal);
  const servers = pki.nodes.map((certificates, index) => nodeServer(certificates, index, state, log));
  let directory: string | undefined;
  try {
    const ports: number[] = [];
    for (const [index, server] of servers.entries()) {
      checkAborted(signal);
      ports.push(await listen(server, port && port + index));
    }
    const group: SimulatedGroup = {
      release,
      ssoDomain,
      nodes: pki.nodes.map((certificates, index) => createNode(index + 1, ports[index] ?? 0, certificates)),
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
    return new RunningSimulator(state, group, servers, {
      directory,
      ca: pki.ca,
      stsSigningCa,
      users: people.map(({ name, domain, password }) => ({ username: `${name}@${domain}`, password })),
      solutionUsers: solutionUsers.map(({ name, certFile, keyFile }) => ({ name, certFile, keyFile })),
    });
  } catch (error) {
    await stop(servers, directory);
    throw error;
  }
}

/** What the servers share; the group is there once all of them listen. */
interface State {
  group: SimulatedGroup | undefined;
  sso: Sso | undefined;
  registrations: RegistrationStore | undefined;
  readonly sessions: readonly SessionTable[];
  readonly behaviours: ServerBehaviours;
  readonly federation: Federation;
  plan: FaultPlan;
  readonly requests: ReceivedRequest[];
}

function nodeServer(
  certificates: ConstructorParameters<typeof NodeServer>[0],
  index: number,
  state: State,
  log: SimulatorOptions["log"],
): NodeServer {
  const number = index + 1;
  return new NodeServer(certificates, {
    number,
    view: () => {
      const { group, sso, registrations, federation, behaviours, plan } = state;
      const node = group?.nodes[index];
      const sessions = state.sessions[index];
      const now = Date.now() + (plan.faults.clockSkewSeconds ?? 0) * 1000;
      if (!group || !sso || !registrations || !node || !sessions) return undefined;
      return { node, group, sso, federation, registrations, sessions, behaviours, faults: plan.faults, now };
    },
    plan: () => state.plan,
    received: (request) => {
      if (state.requests.push(request) > MAX_REQUESTS) state.requests.shift();
    },
    log: (line) => log?.(`${instanceNameOf(number)} ${line}`),
  });
}

interface Facts {
  readonly directory: string;
  readonly ca: string;
  readonly stsSigningCa: string;
  readonly users: readonly SimulatorUser[];
  readonly solutionUsers: readonly SimulatorSolutionUser[];
}

class RunningSimulator implements Simulator {
  readonly servers: readonly SimulatorServer[];
  readonly ca: string;
  readonly caFile: string;
  readonly ssoDomain: string;
  readonly users: readonly SimulatorUser[];
  readonly solutionUsers: readonly SimulatorSolutionUser[];
  readonly stsSigningCa: string;
  readonly stsSigningCaFile: string;
  readonly requests: readonly ReceivedRequest[];
  readonly #state: State;
  readonly #nodes: readonly NodeServer[];
  readonly #directory: string;
  #closed: Promise<void> | undefined;

  constructor(state: State, group: SimulatedGroup, nodes: readonly NodeServer[], facts: Facts) {
    this.#state = state;
    this.#nodes = nodes;
    this.#directory = facts.directory;
    this.servers = group.nodes.map(({ instanceName, nodeId, port }) => {
      return { instanceName, nodeId, host: "127.0.0.1", port, url: `https://127.0.0.1:${port}` };
    });
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
    this.#state.plan = new FaultPlan(faults, this.#nodes.length);
  }

  close(): Promise<void> {
    this.#closed ??= stop(this.#nodes, this.#directory);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

async function listen(server: NodeServer, port: number): Promise<number> {
  try {
    return await server.listen(port);
  } catch (error) {
    const systemCode = (error as NodeJS.ErrnoException).code;
    if (port !== 0) {
      throw new InvalidArgumentError(`the simulator cannot listen on port ${port} (${systemCode})`, {
        cause: error,
        hint: "Choose another port, or none to let the system choose.",
      });
    }
    throw new ConnectionError("CONNECTION_FAILED", "the simulator cannot listen on 127.0.0.1", {
      cause: error,
      host: "127.0.0.1:0",
      systemCode,
    });
  }
}

async function stop(servers: readonly NodeServer[], directory: string | undefined): Promise<void> {
  await Promise.all(servers.map((server) => server.close()));
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
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
