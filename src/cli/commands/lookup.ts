import type { LookupService } from "../../lookup/client.ts";
import { matchNode } from "../../lookup/match.ts";
import type { ServiceRegistration } from "../../lookup/topology.ts";
import type { LookupServiceRegistrationFilter } from "../../lookup/wsdl-tables.ts";
import type { Command, CommandContext } from "../command.ts";
import { withSpinner } from "../output/spinner.ts";
import { formatTable } from "../output/table.ts";
import { printable } from "../output/text.ts";
import { withLookup } from "../reach.ts";
import { UsageError } from "../usage.ts";

export const list: Command = {
  async run(context) {
    const { flags, positionals, out, err } = context;
    const registrations = await withLookup(context, positionals[0], (lookup) =>
      withSpinner(context.stderr, "asking the Lookup Service", () => listMatching(lookup, context)),
    );
    if (flags.output === "json") {
      out(`${JSON.stringify({ registrations: registrations.map(wireFields) }, undefined, 2)}\n`);
    } else {
      const rows = registrations.map((r) =>
        [r.serviceType.type, r.serviceType.product, r.serviceVersion, r.nodeId ?? "-", r.serviceId].map(
          printable,
        ),
      );
      out(formatTable(["TYPE", "PRODUCT", "VERSION", "NODE ID", "SERVICE ID"], rows, context.columns));
    }
    for (const registration of registrations) err(issueLines(registration));
    return 0;
  },
};

export const get: Command = {
  async run(context) {
    const { flags, positionals, out, err, signal } = context;
    const [serviceId = "", server] = positionals;
    const registration = await withLookup(context, server, (lookup) => lookup.get(serviceId, { signal }));
    out(
      flags.output === "json"
        ? `${JSON.stringify(wireFields(registration), undefined, 2)}\n`
        : details(registration),
    );
    err(issueLines(registration));
    return 0;
  },
};

export const site: Command = {
  async run(context) {
    const { flags, positionals, out, signal } = context;
    const siteId = await withLookup(context, positionals[0], (lookup) => lookup.getSiteId({ signal }));
    out(flags.output === "json" ? `${JSON.stringify({ siteId })}\n` : `${printable(siteId)}\n`);
    return 0;
  },
};

async function listMatching(
  lookup: LookupService,
  { flags, signal }: CommandContext,
): Promise<ServiceRegistration[]> {
  const [node, ...others] = flags.node ?? [];
  if (others.length > 0)
    throw new UsageError("vsso lookup list takes one --node", "list the nodes one by one");
  const nodeId = node === undefined ? undefined : await nodeIdOf(lookup, node, signal);
  const filter: LookupServiceRegistrationFilter = {
    ...(flags.site !== undefined && { siteId: flags.site }),
    ...(nodeId !== undefined && { nodeId }),
    ...((flags.product ?? flags.type) !== undefined && {
      serviceType: { product: flags.product ?? "", type: flags.type ?? "" },
    }),
    ...((flags.protocol ?? flags["endpoint-type"]) !== undefined && {
      endpointType: {
        ...(flags.protocol !== undefined && { protocol: flags.protocol }),
        ...(flags["endpoint-type"] !== undefined && { type: flags["endpoint-type"] }),
      },
    }),
  };
  return lookup.list(filter, { signal });
}

/** A node ID as it is; any other name of a node is looked up first. */
async function nodeIdOf(lookup: LookupService, match: string, signal: AbortSignal): Promise<string> {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(match)) return match;
  const { nodeId } = await matchNode((await lookup.registeredTopology({ signal })).nodes, match);
  if (nodeId === null) throw new UsageError(`${match} has no node ID to filter by`, "leave --node out");
  return nodeId;
}

/** The registration in the WSDL's field names alone. */
function wireFields({ issues: _, ...fields }: ServiceRegistration): Omit<ServiceRegistration, "issues"> {
  return fields;
}

function issueLines({ serviceId, issues }: ServiceRegistration): string {
  return issues
    .map((issue) => `warning: registration ${printable(`${serviceId || "without serviceId"}: ${issue}`)}\n`)
    .join("");
}

function details(registration: ServiceRegistration): string {
  const { serviceEndpoints, serviceAttributes, serviceType, issues: _, ...simple } = registration;
  const lines = Object.entries(simple).map(([name, value]) => `${name}: ${value}`);
  lines.push(`serviceType: ${serviceType.product} ${serviceType.type}`);
  for (const { key, value } of serviceAttributes) lines.push(`serviceAttributes: ${key} = ${value}`);
  for (const endpoint of serviceEndpoints) {
    const { protocol = "", type = "" } = endpoint.endpointType;
    lines.push(`serviceEndpoints: ${endpoint.url}`, `  endpointType: ${protocol} ${type}`);
    for (const { key, value } of endpoint.endpointAttributes)
      lines.push(`  endpointAttributes: ${key} = ${value}`);
    lines.push(`  sslTrust: ${endpoint.sslTrust.length} certificate(s)`);
  }
  return lines.map((line) => `${printable(line)}\n`).join("");
}
