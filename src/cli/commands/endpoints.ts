import type { Endpoint, LinkedTopology, LookupNode } from "../../index.ts";
import { EndpointNotFoundError, matchNode, PREDEFINED_SERVICES } from "../../index.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import type { Flags } from "../options.ts";
import { warningLines } from "../output/discovery.ts";
import { formatJson } from "../output/json.ts";
import { formatTable } from "../output/table.ts";
import { printable } from "../output/text.ts";
import { withLookup } from "../reach.ts";
import { UsageError, unknownService } from "../usage.ts";

export const command: Command = {
  async run(context) {
    const { flags, positionals, out, err, signal } = context;
    checkService(flags);
    if (flags.url && flags.output === "json") {
      throw new UsageError("--url and -o json exclude each other", "give one of them");
    }
    const topology = await withLookup(context, positionals[0], (lookup) => lookup.topology({ signal }));
    const nodes = await Promise.all((flags.node ?? []).map((match) => matchNode(topology.nodes, match)));
    const endpoints = allEndpoints(topology).filter(
      (endpoint) =>
        (nodes.length === 0 || nodes.some((node) => belongs(endpoint, node))) && matches(endpoint, flags),
    );
    if (flags.output === "json") out(formatJson({ endpoints }));
    else if (flags.url) out(urlLines(endpoints));
    else if (endpoints.length > 0) {
      const rows = endpoints.map((endpoint) => tableRow(endpoint, topology));
      out(formatTable(["SERVICE", "NODE", "TYPE", "URL"], rows, context.columns));
      err(warningLines(nodes.length > 0 ? nodes : topology.nodes));
    }
    if (endpoints.length > 0) return EXIT.done;
    throw new EndpointNotFoundError(`no endpoint of ${topology.lookupUrl} matches`, {
      hint: "leave some of the options out, or see them all: vsso endpoints",
    });
  },
};

function checkService(flags: Flags): void {
  if (flags.service === undefined || PREDEFINED_SERVICES.some(({ name }) => name === flags.service)) return;
  throw unknownService(flags.service);
}

/** Endpoints in one list: each node's after its STS, then what belongs to none. */
function allEndpoints(topology: LinkedTopology): Endpoint[] {
  const owned = topology.nodes.flatMap((node) => [
    ...topology.sso.filter((endpoint) => belongs(endpoint, node)),
    ...node.endpoints,
  ]);
  const rest = topology.sso.filter((endpoint) => !owned.includes(endpoint));
  return [...owned, ...rest, ...topology.other];
}

function belongs(endpoint: Endpoint, node: LookupNode): boolean {
  // What is assumed is assumed of the one node there is.
  if (node.endpoints.includes(endpoint) || endpoint.assumed) return true;
  return endpoint.nodeId !== null && endpoint.nodeId.toLowerCase() === node.nodeId?.toLowerCase();
}

function matches(endpoint: Endpoint, flags: Flags): boolean {
  return (
    (flags.service === undefined || endpoint.service === flags.service) &&
    (flags.product === undefined || endpoint.product === flags.product) &&
    (flags.type === undefined || endpoint.serviceType === flags.type) &&
    (flags.protocol === undefined || endpoint.protocol === flags.protocol) &&
    (flags["endpoint-type"] === undefined || endpoint.endpointType === flags["endpoint-type"])
  );
}

function urlLines(endpoints: readonly Endpoint[]): string {
  const urls = new Set(endpoints.flatMap((endpoint) => endpoint.url ?? []));
  return [...urls].map((url) => `${printable(url)}\n`).join("");
}

function tableRow(endpoint: Endpoint, topology: LinkedTopology): string[] {
  const node = topology.nodes.find((candidate) => belongs(endpoint, candidate));
  return [
    endpoint.service ?? "-",
    node?.instanceName ?? endpoint.nodeId ?? "-",
    endpoint.serviceType,
    `${endpoint.url ?? "no endpoint"}${endpoint.assumed ? " (assumed)" : ""}`,
  ].map(printable);
}
