import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { LookupService, parseServer, Transport, type TransportOptions } from "../index.ts";
import type { CommandContext } from "./command.ts";
import { type Connection, resolveConnection } from "./connection.ts";
import { printable } from "./output/text.ts";
import { UsageError } from "./usage.ts";

/** A transport as commands use it, its exchanges written down where a trace is asked for. */
export type CommandTransport = Pick<Transport, "request" | "serverTime" | "servedCertificate">;

export type TransportFactory = (options: TransportOptions) => CommandTransport & AsyncDisposable;

/** What a command reaches a server with: one transport, and the Lookup Service on it. */
export interface Services {
  readonly server: string;
  readonly lookup: LookupService;
  readonly transport: CommandTransport;
}

/**
 * Connection settings, with the server that the command's word, flag or environment names.
 *
 * @throws UsageError when none does; InvalidArgumentError for what is no server.
 */
export function connectionTo(
  context: CommandContext,
  server: string | undefined,
): Connection & { readonly server: string } {
  const connection = resolveConnection(context.flags, context.env);
  const named = server ?? connection.server;
  if (named === undefined) {
    throw new UsageError("no server is named", "name one: as a word, by --server, or in VSSO_SERVER");
  }
  parseServer(named);
  return { ...connection, server: named };
}

/**
 * Runs `work` with a maker of transports: what weakens trust is told on stderr, with -v also what is retried and
 * rewritten, and exchanges are written down where a trace is asked for.
 */
export async function withTransports<T>(
  context: CommandContext,
  work: (createTransport: TransportFactory) => Promise<T>,
): Promise<T> {
  const { flags, err, warn: onWarning, version } = context;
  const trace = flags.trace === undefined ? undefined : await openTrace(flags.trace);
  const listeners = ["retry", "rewrite", "token", "session"].map((name) => ({
    channel: `vsphere-sso:${name}`,
    listener: (event: unknown) => err(`${name}: ${printable(JSON.stringify(event))}\n`),
  }));
  if (flags.verbose) for (const { channel, listener } of listeners) subscribe(channel, listener);
  try {
    return await work((options) => {
      const transport = new Transport({ ...options, onWarning, userAgent: `vsso/${version}` });
      if (!trace) return transport;
      return { ...trace.of(transport), [Symbol.asyncDispose]: () => transport.close() };
    });
  } finally {
    for (const { channel, listener } of listeners) unsubscribe(channel, listener);
    await trace?.[Symbol.asyncDispose]();
  }
}

async function openTrace(file: string) {
  const { Trace } = await import("./output/trace.ts");
  return Trace.open(file);
}

/** Runs `work` with a Lookup Service client of the server, and ends its connections afterwards. */
export async function withLookup<T>(
  context: CommandContext,
  server: string | undefined,
  work: (lookup: LookupService) => Promise<T>,
): Promise<T> {
  return withServices(context, server, ({ lookup }) => work(lookup));
}

/** As `withLookup`, with the transport for further services. */
export async function withServices<T>(
  context: CommandContext,
  server: string | undefined,
  work: (services: Services) => Promise<T>,
): Promise<T> {
  const connection = connectionTo(context, server);
  return withTransports(context, async (createTransport) => {
    const transport = createTransport(connection.transport);
    try {
      const lookup = new LookupService(connection.server, {
        ...connection.transport,
        transport,
        lookupUrl: context.flags["lookup-url"],
      });
      const services = { server: connection.server, lookup, transport };
      return await context.spinner.during(`asking ${connection.server}`, () => work(services));
    } finally {
      await transport[Symbol.asyncDispose]();
    }
  });
}
