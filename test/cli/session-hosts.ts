/** Logging in at a simulated vCenter from the command line. */
import { Readable } from "node:stream";
import type { Simulator } from "../../src/simulator/index.ts";
import { authority, type CliOptions, type CliResult, vsso } from "./host.ts";

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
