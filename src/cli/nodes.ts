import type { Credential, LinkedGroupOptions, NodeResult } from "../index.ts";
import { LinkedGroup, LookupService, TokenSource } from "../index.ts";
import type { CommandContext } from "./command.ts";
import { exitCodeOfParts } from "./exit-code.ts";
import { formatFailures, nodeErrorFields } from "./output/error.ts";
import { formatJson } from "./output/json.ts";
import { type CommandTransport, connectionTo, type TransportFactory, withTransports } from "./reach.ts";
import { ReplyRecorder } from "./reply-recorder.ts";
import { endSession, type ServerConnection, type SideToOpen } from "./session.ts";
import { environmentSession, type Login, persists, whoLogsIn } from "./session-identity.ts";
import { UsageError } from "./usage.ts";

/** Nodes of a linked group that a command works at. */
export interface NodesAtHand {
  readonly group: LinkedGroup;
  /** What picks some of them; all where it is absent. */
  readonly picked: readonly string[] | undefined;
  readonly replies: ReplyRecorder;
}

/**
 * Finds the linked group of the server, runs `work`, and logs out at every node what was logged in for it alone.
 *
 * @param word The server as a word of the command line.
 * @throws NodeMatchError, before any login, for a node that is named and that is none, or several.
 */
export async function withNodes<T>(
  context: CommandContext,
  word: string | undefined,
  sides: SideToOpen,
  work: (nodes: NodesAtHand) => Promise<T>,
): Promise<T> {
  const { flags, signal, spinner } = context;
  const connection = connectionTo(context, word);
  const login = whoLogsIn(context, word);
  const replies = new ReplyRecorder();
  const failures: Error[] = [];
  return withTransports(context, (createTransport) =>
    withLogin(context, { connection, createTransport, login, failures }, async (who) => {
      const group = await spinner.during(`asking ${connection.server}`, () =>
        LinkedGroup.connect(connection.server, {
          ...connection.transport,
          ...who,
          lookupUrl: flags["lookup-url"],
          ssoDomain: flags["sso-domain"],
          sides,
          createTransport: recording(createTransport, replies),
          signal,
        }),
      );
      try {
        await Promise.all((flags.node ?? []).map((match) => group.node(match)));
        return await work({ group, picked: flags.node, replies });
      } finally {
        failures.push(...group.nodes.flatMap(({ error }) => error ?? []));
        await endSession(context, group);
      }
    }),
  );
}

interface LoginSource {
  readonly connection: ServerConnection;
  readonly createTransport: TransportFactory;
  readonly login: Login;
  /** Why nodes could not be logged in to, told as their errors: known when the work is done. */
  readonly failures: readonly Error[];
}

type WhoLogsIn = Pick<LinkedGroupOptions, "credential" | "broker" | "principal">;

/** Reads who logs in, or takes the sessions that are stored. */
async function withLogin<T>(
  context: CommandContext,
  { connection, createTransport, login, failures }: LoginSource,
  work: (who: WhoLogsIn) => Promise<T>,
): Promise<T> {
  const { server } = connection;
  if (!persists(context)) {
    if (login.by === "nobody" && environmentSession(context, undefined)) {
      throw new UsageError(
        "no user is named: the session of VSSO_SESSION_ID is of one server, and of no use at the others",
        "give --user USER, --token FILE, or --cert FILE --key FILE of a solution user",
      );
    }
    return work({ credential: await login.read() });
  }
  const { HeldWarnings, openStoredSessions, storedRequest } = await import("./stored-sessions.ts");
  const warnings = new HeldWarnings(context.warn);
  const sessions = openStoredSessions(context, { onWarning: warnings.add, toStore: true });
  try {
    const { broker } = sessions;
    return await warnings.during(async () => {
      const { credential, ...whose } = await storedRequest(context, broker, server, login, { atNodes: true });
      if (typeof credential !== "function") return work({ broker, ...whose, credential });
      const transport = createTransport(connection.transport);
      try {
        const source = tokenWhenNeeded(context, connection, transport, credential);
        return await work({ broker, ...whose, credential: source });
      } finally {
        await transport[Symbol.asyncDispose]();
      }
    }, failures);
  } finally {
    await sessions[Symbol.asyncDispose]();
  }
}

/** Tokens of a credential that is read when the first is needed: for a session that is stored it is not. */
function tokenWhenNeeded(
  context: CommandContext,
  { server, transport: options }: ServerConnection,
  transport: CommandTransport,
  read: () => Promise<Credential>,
): TokenSource {
  const { "lookup-url": lookupUrl } = context.flags;
  const open = async (): Promise<TokenSource> => {
    const credential = await read();
    const { reachSts } = await import("./sts.ts");
    const lookup = new LookupService(server, { ...options, transport, lookupUrl });
    const sts = await reachSts(context, { server, transport, lookup });
    return TokenSource.of(sts, { credential, delegatable: true });
  };
  let source: Promise<TokenSource> | undefined;
  return new TokenSource({
    issue: async (signal) => {
      source ??= open();
      return (await source).token({ signal });
    },
  });
}

function recording(createTransport: TransportFactory, replies: ReplyRecorder): TransportFactory {
  return (options) => {
    const transport = createTransport(options);
    return { ...replies.of(transport), [Symbol.asyncDispose]: () => transport[Symbol.asyncDispose]() };
  };
}

/** The document of `-o json`. */
export function formatNodes<T>(results: readonly NodeResult<T>[], fieldsOf: (value: T) => unknown): string {
  const nodes = results.map((result) => {
    const { nodeId, instanceName } = result;
    return result.ok
      ? { nodeId, instanceName, value: fieldsOf(result.value) ?? null }
      : { nodeId, instanceName, error: nodeErrorFields(result.error) };
  });
  return formatJson({ nodes });
}

/** What failed, one for each node, or as the one JSON line of the contract. */
export function formatNodeFailures(results: readonly NodeResult<unknown>[], json: boolean): string {
  const failures = results.flatMap((result) =>
    result.ok ? [] : [{ server: result.instanceName, error: result.error }],
  );
  return formatFailures(failures, json, "nodes");
}

/** @throws the reason of the signal where the command was interrupted: what was not begun is no failure of a node. */
export function exitCodeOfNodes(
  { signal }: Pick<CommandContext, "signal">,
  results: readonly NodeResult<unknown>[],
): number {
  signal.throwIfAborted();
  const errors = results.flatMap((result) => (result.ok ? [] : [result.error]));
  return exitCodeOfParts(results.length - errors.length, errors);
}
