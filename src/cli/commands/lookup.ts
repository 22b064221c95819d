import type {
  LinkedTopology,
  LookupService,
  LookupServiceRegistrationFilter,
  ServiceRegistration,
} from "../../index.ts";
import { matchNode, readSslTrust } from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { formatJson } from "../output/json.ts";
import { formatTable } from "../output/table.ts";
import { printable } from "../output/text.ts";
import { withLookup } from "../reach.ts";
import { UsageError } from "../usage.ts";

export const list: Command = {
  async run(context) {
    const { flags, positionals, out, err } = context;
    const registrations = await withLookup(context, positionals[0], (lookup) =>
      listMatching(lookup, context),
    );
    if (flags.output === "json") {
      out(formatJson({ registrations: registrations.map(wireFields) }));
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
    out(flags.output === "json" ? formatJson(wireFields(registration)) : details(registration));
    err(issueLines(registration));
    return 0;
  },
};

export const site: Command = {
  async run(context) {
    const { flags, positionals, out, signal } = context;
    const siteId = await withLookup(context, positionals[0], (lookup) => lookup.getSiteId({ signal }));
    out(flags.output === "json" ? formatJson({ siteId }) : `${printable(siteId)}\n`);
    return 0;
  },
};

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Registrations that all filter options match, of the nodes named. */
async function listMatching(
  lookup: LookupService,
  { flags, signal }: CommandContext,
): Promise<ServiceRegistration[]> {
  const { site, product, type, protocol, "endpoint-type": endpointType } = flags;
  const filter: LookupServiceRegistrationFilter = {
    ...(site !== undefined && { siteId: site }),
    ...(product !== undefined && type !== undefined && { serviceType: { product, type } }),
    ...((protocol ?? endpointType) !== undefined && {
      endpointType: {
        ...(protocol !== undefined && { protocol }),
        ...(endpointType !== undefined && { type: endpointType }),
      },
    }),
  };
  const registrations = flags.node
    ? await listOfNodes(lookup, flags.node, filter, signal)
    : await lookup.list(filter, { signal });
  // The wire has product and type together or not at all; one of them alone is compared here.
  return registrations.filter(
    ({ serviceType }) =>
      (product === undefined || serviceType.product === product) &&
      (type === undefined || serviceType.type === type),
  );
}

async function listOfNodes(
  lookup: LookupService,
  names: readonly string[],
  filter: LookupServiceRegistrationFilter,
  signal: AbortSignal,
): Promise<ServiceRegistration[]> {
  let topology: Promise<LinkedTopology> | undefined;
  const listOf = async (name: string): Promise<ServiceRegistration[]> => {
    // Registrations of a node that is no vCenter have a node ID too, which no vCenter answers to.
    const asked = UUID.test(name) ? await lookup.list({ ...filter, nodeId: name }, { signal }) : [];
    if (asked.length > 0) return asked;
    topology ??= lookup.registeredTopology({ signal });
    const { nodeId } = await matchNode((await topology).nodes, name);
    if (nodeId === null) throw new UsageError(`${name} has no node ID to filter by`, "leave --node out");
    return lookup.list({ ...filter, nodeId }, { signal });
  };
  const lists = await Promise.all([...new Set(names)].map(listOf));
  // Two names may mean one node. An alias (sso:sts) can have the service ID of what it stands for.
  const keyOf = ({ serviceId, serviceType }: ServiceRegistration) => `${serviceId} ${serviceType.type}`;
  return [...new Map(lists.flat().map((row) => [keyOf(row), row])).values()];
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
    for (const trust of endpoint.sslTrust.map(readSslTrust))
      lines.push(`  sslTrust: ${"error" in trust ? trust.error : `${trust.sha256} ${trust.subject}`}`);
  }
  return lines.map((line) => `${printable(line)}\n`).join("");
}
