import { subscribe } from "node:diagnostics_channel";
import { LookupService } from "../lookup/client.ts";
import { Transport, type TransportOptions } from "../net/transport.ts";
import type { SoapTransport } from "../soap/transport.ts";
import type { CommandContext } from "./command.ts";
import { type Connection, resolveConnection } from "./connection.ts";
import { printable } from "./output/text.ts";
import { UsageError } from "./usage.ts";

/** Makes the transport of a command: warnings and retries are told on stderr, exchanges traced where asked. */
export function transportFactory(
  context: CommandContext,
): (options: TransportOptions) => SoapTransport & AsyncDisposable {
  const { flags, err } = context;
  if (flags.verbose) {
    subscribe("vsphere-sso:retry", (event) => err(`retry: ${printable(JSON.stringify(event))}\n`));
    subscribe("vsphere-sso:rewrite", (event) => err(`rewrite: ${printable(JSON.stringify(event))}\n`));
  }
  const told = new Set<string>();
  const onWarning = (message: string) => {
    if (told.has(message)) return;
    told.add(message);
    err(`warning: ${printable(message)}\n`);
  };
  return (options) => {
    const transport = new Transport({ ...options, onWarning });
    if (flags.trace === undefined) return transport;
    return lazyTrace(transport, flags.trace);
  };
}

function lazyTrace(transport: Transport, file: string): SoapTransport & AsyncDisposable {
  const traced = import("./output/trace.ts").then(({ traceTo }) => traceTo(transport, file));
  return {
    request: async (url, request) => (await traced).request(url, request),
    [Symbol.asyncDispose]: () => transport.close(),
  };
}

/** Connection settings, with the server that the command's word, flag or environment names. */
export function connectionTo(
  context: CommandContext,
  server: string | undefined,
): Connection & { readonly server: string } {
  const connection = resolveConnection(context.flags, context.env);
  const named = server ?? connection.server;
  if (named === undefined) {
    throw new UsageError("no server is named", "name one: as a word, by --server, or in VSSO_SERVER");
  }
  return { ...connection, server: named };
}

/** Runs `work` with a Lookup Service client of the server, and ends its connections afterwards. */
export async function withLookup<T>(
  context: CommandContext,
  server: string | undefined,
  work: (lookup: LookupService) => Promise<T>,
): Promise<T> {
  const connection = connectionTo(context, server);
  const transport = transportFactory(context)(connection.transport);
  const lookup = new LookupService(connection.server, {
    ...connection.transport,
    transport,
    lookupUrl: context.flags["lookup-url"],
  });
  try {
    return await work(lookup);
  } finally {
    await transport[Symbol.asyncDispose]();
  }
}
