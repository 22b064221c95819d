import type { LinkedTopology, LookupNode } from "../../index.ts";
import { PREDEFINED_SERVICES } from "../../index.ts";
import { printable } from "./text.ts";

/** A linked group for a person: each node with its services, lines short enough for 80 columns but for long URLs. */
export function formatGroup(group: LinkedTopology): string {
  const count = group.nodes.length === 1 ? "1 node" : `${group.nodes.length} linked nodes`;
  const sites =
    group.siteIds.length > 0
      ? `, site${group.siteIds.length > 1 ? "s" : ""} ${group.siteIds.join(", ")}`
      : "";
  const lines = [`${count}${printable(sites)}`, `told by ${printable(group.lookupUrl)}`];
  for (const node of group.nodes) lines.push("", ...nodeLines(group, node));
  const owned = group.sso.filter((endpoint) => group.nodes.some((node) => owns(node, endpoint.nodeId)));
  const shown = new Set(owned.map((endpoint) => endpoint.url));
  const elsewhere = new Set(group.sso.map((endpoint) => endpoint.url).filter((url) => !shown.has(url)));
  if (elsewhere.size > 0)
    lines.push("", "of no node", ...[...elsewhere].map((url) => serviceLine("sso", url)));
  return `${lines.join("\n")}\n`;
}

function owns(node: LookupNode, nodeId: string | null): boolean {
  return nodeId !== null && node.nodeId?.toLowerCase() === nodeId.toLowerCase();
}

function nodeLines(group: LinkedTopology, node: LookupNode): string[] {
  const version = node.product ? `${node.product.version} build ${node.product.build}` : node.version;
  const lines = [
    printable(`${node.instanceName}  ${version}`),
    `  node ID  ${printable(node.nodeId ?? "unknown")}`,
  ];
  for (const { name } of PREDEFINED_SERVICES) {
    const rows = name === "sso" ? group.sso.filter((e) => owns(node, e.nodeId)) : node.endpoints;
    const urls = new Set(
      rows.filter((e) => e.service === name).map((e) => `${e.url}${e.assumed ? "  (assumed)" : ""}`),
    );
    for (const url of urls) lines.push(serviceLine(name, url));
    if (urls.size === 0 && name !== "sso") lines.push(serviceLine(name, "not registered"));
  }
  return lines;
}

function serviceLine(name: string, text: string | null): string {
  return `  ${name.padEnd(7)}  ${printable(text ?? "")}`;
}

/** Warnings of nodes, one a line. */
export function warningLines(nodes: readonly LookupNode[]): string {
  return nodes
    .flatMap((node) =>
      node.warnings.map(({ code, message }) =>
        printable(`warning: ${node.instanceName}: ${message} [${code}]`),
      ),
    )
    .map((line) => `${line}\n`)
    .join("");
}
