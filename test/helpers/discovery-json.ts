/** The JSON of `vsso discover`, as the tests read it. */
export interface EndpointJson {
  readonly service: string | null;
  readonly nodeId: string | null;
  readonly product: string;
  readonly serviceType: string;
  readonly protocol: string | null;
  readonly endpointType: string | null;
  readonly url: string | null;
  readonly serviceId: string | null;
  readonly assumed: boolean;
  readonly sslTrust: readonly ({ sha256: string; subject: string; notAfter: string } | { error: string })[];
}

export interface NodeJson {
  readonly nodeId: string | null;
  readonly instanceName: string;
  readonly host: string;
  readonly siteId: string | null;
  readonly serviceId: string | null;
  readonly version: string;
  readonly product?: { readonly version: string; readonly build: string };
  readonly endpoints: readonly EndpointJson[];
  readonly warnings: readonly { readonly code: string; readonly message: string }[];
}

export interface GroupJson {
  readonly lookupUrl: string;
  readonly siteIds: readonly string[];
  readonly nodes: readonly NodeJson[];
  readonly sso: readonly EndpointJson[];
  readonly other: readonly EndpointJson[];
}

export interface DiscoveryJson {
  readonly groups: readonly GroupJson[];
  readonly errors: readonly { server: string; code: string; message: string; hint: string | null }[];
}

export function endpointsOf(group: GroupJson): EndpointJson[] {
  return [...group.sso, ...group.other, ...group.nodes.flatMap((node) => node.endpoints)];
}
