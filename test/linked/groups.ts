/** Simulated groups that the test which started them stops. */
import { afterEach } from "vitest";
import { LinkedGroup, type LinkedGroupOptions } from "../../src/linked/index.ts";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/index.ts";

const ending: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  // What uses a server goes before it.
  for (const end of ending.splice(0).reverse()) await end();
});

/** To be run when the test has ended. */
export function finally_(end: () => Promise<unknown>): void {
  ending.push(end);
}

export async function simulate(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = await startSimulator(options);
  finally_(() => simulator.close());
  return simulator;
}

/** A group by its n-th server (from 1), with the administrator's password and the group's authority. */
export async function connect(
  simulator: Simulator,
  options: Partial<LinkedGroupOptions> & { readonly by?: number } = {},
): Promise<LinkedGroup> {
  const { by = 1, ...rest } = options;
  const group = await LinkedGroup.connect(simulator.servers[by - 1]!.url, {
    credential: simulator.users[0]!,
    trust: { ca: simulator.ca },
    retry: false,
    ...rest,
  });
  finally_(() => group.close().catch(() => undefined));
  return group;
}

/** Requests to the Security Token Service. */
export function stsRequests(simulator: Simulator): number {
  return simulator.requests.filter(({ path }) => path.startsWith("/sts/")).length;
}

/** Numbers of the nodes that have a session, in order. */
export function nodesWithSessions(simulator: Simulator): number[] {
  return [...new Set(simulator.sessions.map(({ node }) => node))].sort((a, b) => a - b);
}

export const codeOf = (result: { readonly ok: boolean; readonly error?: unknown }): string =>
  result.ok ? "ok" : String((result.error as { code?: string }).code ?? (result.error as Error).name);
