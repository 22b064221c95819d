import { parseServer } from "../../net/authority.ts";
import { fetchServedChain, type ServedChain, type TrustVerdict } from "../../net/certificates.ts";
import { KnownHosts } from "../../net/known-hosts.ts";
import type { Command } from "../command.ts";
import { knownHostsFile } from "../connection.ts";
import { EXIT } from "../exit-code.ts";
import { withSpinner } from "../output/spinner.ts";
import { printable } from "../output/text.ts";
import { connectionTo } from "../reach.ts";

export const command: Command = {
  async run(context) {
    const { flags, positionals, env, out, err, signal } = context;
    const { server, transport } = connectionTo(context, positionals[0]);
    const authority = parseServer(server);
    const { trust = {}, totalTimeoutMs, ...route } = transport;
    // What a server presents is shown either way; accepting anything would make the verdict meaningless.
    const { insecure: _, ...judged } = trust;
    const chain = await withSpinner(context.stderr, `connecting to ${server}`, () =>
      fetchServedChain(authority, {
        ...route,
        ...(Object.keys(judged).length > 0 && { trust: judged }),
        ...(totalTimeoutMs !== undefined && { timeoutMs: totalTimeoutMs }),
        signal,
        onWarning: (message) => err(`warning: ${printable(message)}\n`),
      }),
    );
    const verdict = chain.byOptions ?? chain.byDefault;
    out(
      flags.output === "json"
        ? `${JSON.stringify(chainJson(chain, verdict), undefined, 2)}\n`
        : chainText(chain, verdict),
    );
    const leaf = chain.certificates[0];
    if (flags.write && leaf) {
      const file = knownHostsFile(flags, env);
      const known = await KnownHosts.load(file);
      known.set(authority, leaf.sha256);
      await known.save();
      err(`${chain.host} ${leaf.sha256} written to ${file}\n`);
    }
    return EXIT.done;
  },
};

function chainJson({ host, certificates }: ServedChain, { trusted, reason }: TrustVerdict): object {
  return { host, trusted, reason: reason ?? null, certificates };
}

function chainText({ host, certificates }: ServedChain, verdict: TrustVerdict): string {
  const lines = [
    `${host} presents ${certificates.length} certificate${certificates.length === 1 ? "" : "s"}`,
  ];
  for (const [index, certificate] of certificates.entries()) {
    lines.push(
      "",
      `${index + 1}  ${certificate.subject || "(no subject)"}`,
      `   issuer   ${certificate.issuer}`,
      `   names    ${certificate.names || "none"}`,
      `   valid    ${certificate.notBefore} to ${certificate.notAfter}`,
      `   SHA-256  ${certificate.sha256}`,
      `   SHA-1    ${certificate.sha1}`,
    );
  }
  const sha256 = certificates[0]?.sha256;
  lines.push("", verdict.trusted ? "trusted" : `not trusted (${verdict.reason})`);
  if (!verdict.trusted && sha256) {
    lines.push(
      "If this is the server's own certificate, trust it by one of:",
      `   --pin SHA256:${sha256}`,
      "   --ca FILE            with the authority that issued it",
      `   vsso trust ${host} --write`,
    );
  }
  return lines.map((line) => `${printable(line)}\n`).join("");
}
