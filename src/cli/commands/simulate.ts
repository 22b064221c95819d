import { AbortedError, PREDEFINED_SERVICES } from "../../index.ts";
import type {
  ServerBehaviours,
  SessionPolicy,
  Simulator,
  SimulatorFaults,
  SimulatorOptions,
  TokenPolicy,
} from "../../simulator/index.ts";
import type { Command, CommandContext } from "../command.ts";
import { wholeNumber } from "../command-line.ts";
import { EXIT } from "../exit-code.ts";
import type { Flags, OptionName } from "../options.ts";
import { formatJsonLine } from "../output/json.ts";
import { formatTable } from "../output/table.ts";
import { printable } from "../output/text.ts";
import { UsageError, unknownService } from "../usage.ts";

/** A century. */
const MAX_SECONDS = 3_155_760_000;

export const command: Command = {
  async run(context) {
    const { flags, out, err } = context;
    const options = simulatorOptions(flags, (line) => err(`${printable(line)}\n`));
    const { startSimulator } = await import("../../simulator/index.ts");
    const simulator = await startSimulator({ ...options, signal: context.signal }).catch((error: unknown) => {
      // Told to end before it was ready: there is nothing to end any more.
      if (error instanceof AbortedError) return undefined;
      throw error;
    });
    if (!simulator) return EXIT.done;
    try {
      out(flags.output === "json" ? formatJsonLine(startLine(simulator)) : startText(simulator));
      await ended(context);
    } finally {
      await simulator.close();
    }
    return EXIT.done;
  },
};

function startLine(simulator: Simulator): object {
  const { servers, caFile, ssoDomain, users, solutionUsers, stsSigningCaFile, appliances } = simulator;
  return {
    servers: servers.map(({ instanceName, nodeId, host, port, url }) => ({
      instanceName,
      nodeId,
      host,
      port,
      url,
    })),
    caFile,
    ssoDomain,
    users: users.map(({ username, password }) => ({ username, password })),
    solutionUsers: solutionUsers.map(({ name, certFile, keyFile }) => ({ name, certFile, keyFile })),
    stsSigningCaFile,
    // There only where they were asked for.
    ...(appliances.length > 0 && {
      appliances: appliances.map(({ instanceName, port, url, username, password }) => ({
        instanceName,
        port,
        url,
        username,
        password,
      })),
    }),
  };
}

function startText(simulator: Simulator): string {
  const rows = simulator.servers.map((server) => [server.instanceName, server.nodeId, server.url]);
  const first = simulator.servers[0];
  const { caFile, stsSigningCaFile } = simulator;
  const people = simulator.users.map(({ username, password }) => [username, "password", password]);
  const services = simulator.solutionUsers.flatMap(({ name, certFile, keyFile }) => [
    [name, "certificate", certFile],
    ["", "key", keyFile],
  ]);
  const appliances = simulator.appliances.map(({ instanceName, url, username, password }) => [
    instanceName,
    url,
    username,
    password,
  ]);
  return [
    formatTable(["INSTANCE NAME", "NODE ID", "URL"], rows),
    ...(appliances.length === 0
      ? []
      : [formatTable(["APPLIANCE", "URL", "ACCOUNT", "PASSWORD"], appliances)]),
    formatTable(["ACCOUNT", "CREDENTIAL", ""], [...people, ...services]),
    `CA file              ${caFile}`,
    `STS signing CA file  ${stsSigningCaFile}`,
    "",
    `vsso discover ${first?.host}:${first?.port} --ca ${caFile}`,
    "",
    "Ctrl-C ends it.",
    "",
  ].join("\n");
}

/** Settles on SIGINT or SIGTERM, and with --stdin-exit at the end of stdin. */
function ended({ signal, stdin, flags }: CommandContext): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (!flags["stdin-exit"]) return;
    stdin().once("end", resolve).once("close", resolve).once("error", resolve).resume();
  });
}

function simulatorOptions(flags: Flags, log: (line: string) => void): SimulatorOptions {
  const nodes = flags.nodes === undefined ? 3 : wholeNumber("nodes", flags.nodes, 1, 99);
  return {
    nodes,
    ...(flags.release !== undefined && { release: flags.release }),
    ...(flags.port !== undefined && { port: wholeNumber("port", flags.port, 1, 65535) }),
    ...(flags["sso-domain"] !== undefined && { ssoDomain: flags["sso-domain"] }),
    ...(flags.verbose && { log }),
    faults: { ...simulatorFaults(flags, nodes), ...accountFaults(flags) },
    tokens: tokenPolicy(flags),
    sessions: sessionPolicy(flags),
    behaviours: behaviours(flags.behaviour ?? []),
    ...(flags["appliance-port"] !== undefined && {
      appliance: true,
      appliancePort: wholeNumber("appliance-port", flags["appliance-port"], 0, 65535),
    }),
  };
}

function sessionPolicy(flags: Flags): SessionPolicy {
  const number = (
    name: "idle-timeout" | "session-lifetime" | "max-sessions" | "max-sessions-per-user",
    most: number,
  ) => {
    const text = flags[name];
    return text === undefined ? undefined : wholeNumber(name, text, 1, most);
  };
  const idleSeconds = number("idle-timeout", MAX_SECONDS);
  const absoluteSeconds = number("session-lifetime", MAX_SECONDS);
  const maxSessions = number("max-sessions", 1_000_000);
  const maxSessionsPerUser = number("max-sessions-per-user", 1_000_000);
  return {
    ...(idleSeconds !== undefined && { idleSeconds }),
    ...(absoluteSeconds !== undefined && { absoluteSeconds }),
    ...(maxSessions !== undefined && { maxSessions }),
    ...(maxSessionsPerUser !== undefined && { maxSessionsPerUser }),
    ...(flags["separate-sessions"] && { shared: false }),
  };
}

/** The simulator refuses what is none of its behaviours, with the names of those that are. */
function behaviours(settings: readonly string[]): ServerBehaviours {
  return Object.fromEntries(
    settings.map((setting) => {
      const [, name = "", text = ""] = /^([A-Za-z]+)=(.+)$/.exec(setting) ?? [];
      if (name === "") {
        throw new UsageError(
          `--behaviour ${setting} is not of two parts`,
          "as --behaviour apiSessionTakesHolderOfKey=false",
        );
      }
      return [name, readValue(text)];
    }),
  );
}

function readValue(text: string): string | number | boolean {
  if (text === "true" || text === "false") return text === "true";
  return /^\d{1,9}$/.test(text) ? Number(text) : text;
}

function tokenPolicy(flags: Flags): TokenPolicy {
  const seconds = (name: "clock-tolerance" | "max-bearer-lifetime" | "max-hok-lifetime") => {
    const text = flags[name];
    return text === undefined
      ? undefined
      : wholeNumber(name, text, name === "clock-tolerance" ? 0 : 1, MAX_SECONDS);
  };
  const clockToleranceSeconds = seconds("clock-tolerance");
  const maxBearerLifetimeSeconds = seconds("max-bearer-lifetime");
  const maxHolderOfKeyLifetimeSeconds = seconds("max-hok-lifetime");
  const signatureAlgorithm = flags["token-signature"];
  return {
    ...(clockToleranceSeconds !== undefined && { clockToleranceSeconds }),
    ...(maxBearerLifetimeSeconds !== undefined && { maxBearerLifetimeSeconds }),
    ...(maxHolderOfKeyLifetimeSeconds !== undefined && { maxHolderOfKeyLifetimeSeconds }),
    // What is no algorithm is refused, with the names of those that are, before anything starts.
    ...(signatureAlgorithm !== undefined && {
      signatureAlgorithm: signatureAlgorithm as NonNullable<TokenPolicy["signatureAlgorithm"]>,
    }),
  };
}

function accountFaults(flags: Flags): SimulatorFaults {
  const skew = flags["clock-skew"];
  return {
    ...(skew !== undefined && { clockSkewSeconds: clockSkew(skew) }),
    ...(flags["expired-signing-certificate"] && { expiredSigningCertificate: true }),
    lockedAccounts: flags["locked-account"] ?? [],
    expiredPasswords: flags["expired-password"] ?? [],
    disabledAccounts: flags["disabled-account"] ?? [],
  };
}

function clockSkew(text: string): number {
  const skew = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Math.abs(skew) <= MAX_SECONDS) return skew;
  throw new UsageError(
    `--clock-skew ${text} is no whole number from -${MAX_SECONDS} to ${MAX_SECONDS}`,
    "give --clock-skew=-900 for clocks that are 15 minutes behind",
  );
}

function simulatorFaults(flags: Flags, nodes: number): SimulatorFaults {
  const nodeNumber = (name: OptionName, text: string) => wholeNumber(name, text, 1, nodes);
  const count = (name: "delay" | "reset-connections" | "service-unavailable") => {
    const text = flags[name];
    return text === undefined ? undefined : wholeNumber(name, text, 0, 1_000_000);
  };
  const delayMs = count("delay");
  const resetConnections = count("reset-connections");
  const serviceUnavailable = count("service-unavailable");
  return {
    staleSslTrust: (flags["stale-ssl-trust"] ?? []).map((text) => nodeNumber("stale-ssl-trust", text)),
    unresolvableUrls: (flags["unresolvable-urls"] ?? []).map((text) => nodeNumber("unresolvable-urls", text)),
    missingServices: (flags["missing-service"] ?? []).map((text) => {
      const [node = "", name = ""] = pair("missing-service", text);
      const service = PREDEFINED_SERVICES.find((known) => known.name === name)?.name;
      if (!service) throw unknownService(name);
      return { node: nodeNumber("missing-service", node), service };
    }),
    replicationLag: (flags["replication-lag"] ?? []).map((text) => {
      const [node = "", missing = ""] = pair("replication-lag", text);
      return { node: nodeNumber("replication-lag", node), missing: nodeNumber("replication-lag", missing) };
    }),
    ...(delayMs !== undefined && { delayMs }),
    ...(resetConnections !== undefined && { resetConnections }),
    ...(serviceUnavailable !== undefined && { serviceUnavailable }),
  };
}

function pair(name: OptionName, text: string): string[] {
  const parts = text.split(":");
  if (parts.length === 2) return parts;
  throw new UsageError(
    `--${name} ${text} is not of two parts`,
    `as --${name} 2:${name === "missing-service" ? "eam" : "3"}`,
  );
}
