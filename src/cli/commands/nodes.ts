import type { Command } from "../command.ts";
import { warningLines } from "../output/discovery.ts";
import { formatJson } from "../output/json.ts";
import { formatTable } from "../output/table.ts";
import { printable } from "../output/text.ts";
import { withLookup } from "../reach.ts";

export const command: Command = {
  async run(context) {
    const { flags, positionals, out, err, signal } = context;
    const nodes = await withLookup(context, positionals[0], (lookup) => lookup.nodes({ signal }));
    if (flags.output === "json") {
      out(formatJson({ nodes }));
      return 0;
    }
    const rows = nodes.map((node) =>
      [node.instanceName, node.nodeId ?? "", node.host, node.siteId ?? "", node.version].map(printable),
    );
    out(formatTable(["INSTANCE NAME", "NODE ID", "HOST", "SITE", "VERSION"], rows, context.columns));
    err(warningLines(nodes));
    return 0;
  },
};
