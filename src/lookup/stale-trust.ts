import type { ServedCertificate } from "../errors.ts";
import { type Authority, formatAuthority } from "../net/authority.ts";
import type { LookupNode } from "./node.ts";
import { registeredUrl } from "./registered-url.ts";
import type { LinkedTopology } from "./topology.ts";

/** Tells the certificate that a server presented on the last connection; undefined when none was made. */
export type ServedBy = (authority: Authority) => ServedCertificate | undefined;

/**
 * Notes on every node that was connected to when the certificate it serves is not among those registered for it, as
 * after a replacement that left the registrations behind (Broadcom KB 322835).
 */
export function noteStaleTrust(topology: LinkedTopology, servedBy: ServedBy): LinkedTopology {
  return { ...topology, nodes: topology.nodes.map((node) => noteOnNode(node, servedBy)) };
}

function noteOnNode(node: LookupNode, servedBy: ServedBy): LookupNode {
  const endpoint = node.endpoint("vcenter");
  const authority = registeredUrl(endpoint?.url)?.authority;
  const served = authority && servedBy(authority);
  if (!endpoint || !authority || !served || endpoint.sslTrust.length === 0) return node;
  const registered = endpoint.sslTrust.flatMap((trust) => ("sha256" in trust ? [trust.sha256] : []));
  if (registered.includes(served.sha256) || node.warnings.some(({ code }) => code === "SSL_TRUST_STALE"))
    return node;
  return node.warned(
    "SSL_TRUST_STALE",
    `${formatAuthority(authority)} serves the certificate ${served.sha256}, but another is registered for it: clients ` +
      "that trust the registered one will refuse it",
  );
}
