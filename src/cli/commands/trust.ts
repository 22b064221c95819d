import type { TrustOptions } from "../../index.ts";
import {
  type Authority,
  fetchServedChain,
  KnownHosts,
  parseServer,
  type ServedChain,
  type TrustVerdict,
} from "../../index.ts";
import type { Command } from "../command.ts";
import { knownHostsFile } from "../connection.ts";
import { EXIT } from "../exit-code.ts";
import { formatJson } from "../output/json.ts";
import { printable } from "../output/text.ts";
import { connectionTo } from "../reach.ts";

export const command: Command = {
  async run(context) {
    const { flags, positionals, env, out, err, signal } = context;
    const { server, transport } = connectionTo(context, positionals[0]);
    const authority = parseServer(server);
    const { trust = {}, totalTimeoutMs, ...route } = transport;
    const written = flags.write ? await KnownHosts.load(knownHostsFile(flags, env)) : undefined;
    // What a server presents is shown either way; accepting anything would make the verdict meaningless. An entry
    // that cannot be read is about to be replaced.
    const { insecure: _, knownHosts, ...others } = trust;
    const judged: TrustOptions = {
      ...others,
      ...(knownHosts !== undefined && !(written && isUnreadable(written, authority)) && { knownHosts }),
    };
    const chain = await context.spinner.during(`connecting to ${server}`, () =>
      fetchServedChain(authority, {
        ...route,
        ...(Object.keys(judged).length > 0 && { trust: judged }),
        ...(totalTimeoutMs !== undefined && { timeoutMs: totalTimeoutMs }),
        signal,
        onWarning: context.warn,
      }),
    );
    const verdict = chain.byOptions ?? chain.byDefault;
    out(
      flags.output === "json"
        ? formatJson({
            host: chain.host,
            trusted: verdict.trusted,
            reason: verdict.reason ?? null,
            certificates: chain.certificates,
          })
        : `${chainText(chain)}${verdictText(chain, verdict, written === undefined)}`,
    );
    const leaf = chain.certificates[0];
    if (written && leaf) {
      written.set(authority, leaf.sha256);
      await written.save();
      err(`${chain.host} ${leaf.sha256} written to ${written.path}\n`);
    }
    return EXIT.done;
  },
};

function isUnreadable(known: KnownHosts, authority: Authority): boolean {
  try {
    known.lookup(authority);
    return false;
  } catch {
    return true;
  }
}

function chainText({ host, certificates }: ServedChain): string {
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
  return lines.map((line) => `${printable(line)}\n`).join("");
}

/** What the trust options in force make of the chain, and what would make it trusted. */
function verdictText({ host, certificates }: ServedChain, verdict: TrustVerdict, advise: boolean): string {
  if (verdict.trusted) return "\ntrusted\n";
  const lines = ["", `not trusted (${verdict.reason})`];
  if (advise) {
    lines.push(
      "If this is the server's own certificate, trust it by one of:",
      `   --pin SHA256:${certificates[0]?.sha256}`,
      "   --ca FILE            with the authority that issued it",
      `   vsso trust ${host} --write`,
    );
  }
  return lines.map((line) => `${line}\n`).join("");
}
