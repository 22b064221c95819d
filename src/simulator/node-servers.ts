import { rm } from "node:fs/promises";
import { ConnectionError, InvalidArgumentError } from "../errors.ts";
import type { FaultPlan } from "./faults.ts";
import { instanceNameOf, type SimulatedGroup } from "./group.ts";
import type { Federation } from "./oauth/provider.ts";
import { checkAborted, type NodeCertificates } from "./pki.ts";
import type { RegistrationStore } from "./registration-store.ts";
import { route, routeAppliance } from "./router.ts";
import { NodeServer, type ReceivedRequest, type ServerContext } from "./server.ts";
import type { ServerBehaviours } from "./sessions/behaviours.ts";
import type { Sso } from "./sts/sso.ts";
import type { NodeMemory } from "./view.ts";

const MAX_REQUESTS = 10_000;

type Log = ((line: string) => void) | undefined;

/** What the servers share; the group is there once all of them listen. */
export interface GroupState {
  group: SimulatedGroup | undefined;
  sso: Sso | undefined;
  registrations: RegistrationStore | undefined;
  readonly memories: readonly NodeMemory[];
  readonly behaviours: ServerBehaviours;
  readonly federation: Federation;
  plan: FaultPlan;
  readonly requests: ReceivedRequest[];
}

export function nodeServer(
  certificates: NodeCertificates,
  index: number,
  state: GroupState,
  log: Log,
): NodeServer {
  const number = index + 1;
  return new NodeServer(certificates, {
    ...commonContext(index, state),
    route,
    mishap: () => state.plan.next(number),
    log: (line) => log?.(`${instanceNameOf(number)} ${line}`),
  });
}

/** The management service of a node's appliance. Counted faults are not its own, but a restore restarts it. */
export function applianceServer(
  certificates: NodeCertificates,
  index: number,
  state: GroupState,
  log: Log,
): NodeServer {
  const { received, ...context } = commonContext(index, state);
  return new NodeServer(certificates, {
    ...context,
    route: routeAppliance,
    mishap: () => (state.memories[index]?.vapi.appliance.takeRestart() ? "reset" : undefined),
    received: (request) => received({ ...request, appliance: true }),
    log: (line) => log?.(`${instanceNameOf(index + 1)} appliance ${line}`),
  });
}

function commonContext(
  index: number,
  state: GroupState,
): Pick<ServerContext, "number" | "view" | "plan" | "received"> {
  return {
    number: index + 1,
    view: () => {
      const { group, sso, registrations, federation, behaviours, plan } = state;
      const node = group?.nodes[index];
      const memory = state.memories[index];
      if (!group || !sso || !registrations || !node || !memory) return undefined;
      const { faults } = plan;
      return {
        ...memory,
        node,
        group,
        sso,
        federation,
        registrations,
        behaviours,
        faults,
        now: nowOf(state),
      };
    },
    plan: () => state.plan,
    received: (request) => {
      if (state.requests.push(request) > MAX_REQUESTS) state.requests.shift();
    },
  };
}

/** The clock of the nodes. */
export function nowOf({ plan }: GroupState): number {
  return Date.now() + (plan.faults.clockSkewSeconds ?? 0) * 1000;
}

export async function listenAll(
  servers: readonly NodeServer[],
  port: number,
  signal: AbortSignal | undefined,
): Promise<number[]> {
  const ports: number[] = [];
  for (const [index, server] of servers.entries()) {
    checkAborted(signal);
    ports.push(await listen(server, port && port + index));
  }
  return ports;
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

export async function stop(servers: readonly NodeServer[], directory: string | undefined): Promise<void> {
  await Promise.all(servers.map((server) => server.close()));
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
}
