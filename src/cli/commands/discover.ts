import { discover } from "../../index.ts";
import type { Command } from "../command.ts";
import { EXIT, exitCodeOfParts } from "../exit-code.ts";
import { formatGroup, warningLines } from "../output/discovery.ts";
import { formatFailures } from "../output/error.ts";
import { formatJson } from "../output/json.ts";
import { connectionTo, withTransports } from "../reach.ts";

export const command: Command = {
  async run(context) {
    const { flags, positionals, out, err, signal } = context;
    const { server, transport } = connectionTo(context, positionals[0]);
    const servers = positionals.length > 0 ? positionals : [server];
    const { groups, errors } = await withTransports(context, (createTransport) =>
      context.spinner.during(`asking ${servers.join(", ")}`, () =>
        discover(servers, {
          ...transport,
          lookupUrl: flags["lookup-url"],
          about: flags.about,
          verifyReplication: flags["verify-replication"],
          signal,
          createTransport,
        }),
      ),
    );
    const json = flags.output === "json";
    const nodes = groups.flatMap((group) => group.nodes);
    if (json) out(formatJson({ groups, errors }));
    else {
      out(groups.map(formatGroup).join("\n"));
      err(warningLines(nodes));
    }
    err(formatFailures(errors, json));
    const failed = exitCodeOfParts(
      groups.length,
      errors.map(({ error }) => error),
    );
    const lags = nodes.some((node) => node.warnings.some(({ code }) => code === "REPLICATION_LAG"));
    return failed === EXIT.done && lags ? EXIT.refused : failed;
  },
};
