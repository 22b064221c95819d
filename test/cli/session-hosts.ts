/** Logging in at a simulated vCenter from the command line. */
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import { type Simulator, type SimulatorOptions, startSimulator } from "../../src/simulator/index.ts";
import { authority, type CliOptions, type CliResult, temporaryFolder, vsso } from "./host.ts";

/** Where the tests of a block run `vsso`. */
export interface Stage {
  /** Of all tests of the block; each leaves it without sessions and without faults. */
  readonly simulator: Simulator;
  /** A folder for each test. */
  readonly home: string;
  /** Below which sessions are stored: `XDG_STATE_HOME`. */
  readonly state: string;
  /** Names the folder, the server and whom to trust, and nobody who logs in. */
  readonly env: Readonly<Record<string, string>>;
}

/** Sets up a simulator, and a home folder, for the tests of the block that calls it. */
export function stage(options: SimulatorOptions): Stage {
  let simulator: Simulator;
  let home: string;
  beforeAll(async () => {
    simulator = await startSimulator(options);
  });
  afterAll(() => simulator.close());
  beforeEach(async () => {
    home = await temporaryFolder();
  });
  afterEach(() => {
    simulator.faults = {};
    simulator.endSessions();
  });
  return {
    get simulator() {
      return simulator;
    },
    get home() {
      return home;
    },
    get state() {
      return join(home, "state");
    },
    get env() {
      return {
        HOME: home,
        XDG_STATE_HOME: this.state,
        VSSO_SERVER: authority(simulator),
        VSSO_CA: simulator.caFile,
      };
    },
  };
}

/** Options that name the server and trust it. */
export function server(simulator: Simulator, node = 1): readonly string[] {
  return ["--server", authority(simulator, node), "--ca", simulator.caFile];
}

/** The environment of somebody who logs in as the administrator. */
export function administrator(simulator: Simulator): Readonly<Record<string, string>> {
  const [user] = simulator.users;
  if (!user) throw new Error("no users");
  return {
    VSSO_SERVER: authority(simulator),
    VSSO_CA: simulator.caFile,
    VSSO_USER: user.username,
    VSSO_PASSWORD: user.password,
  };
}

/** `vsso` as the administrator, its environment holding all that is needed. */
export function asAdministrator(
  simulator: Simulator,
  argv: readonly string[],
  options: CliOptions = {},
): Promise<CliResult> {
  return vsso(argv, { ...options, env: { ...administrator(simulator), ...options.env } });
}

export interface HandedOver {
  readonly server: string;
  readonly shared: boolean | null;
  readonly vapi: { readonly id: string } | null;
  readonly vim: { readonly id: string } | null;
  readonly ticket?: string;
}

/** Opens a session that stays, as `session login -o json` tells it. */
export async function handedOver(simulator: Simulator, ...argv: readonly string[]): Promise<HandedOver> {
  const { code, out, err } = await asAdministrator(simulator, ["session", "login", "-o", "json", ...argv]);
  if (code !== 0) throw new Error(err);
  return JSON.parse(out) as HandedOver;
}

export function stdin(text: string): Readable {
  return Readable.from([Buffer.from(text)]);
}
