import type { CommandEntry } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { COMMON_OPTIONS, OPTIONS, type OptionName, type OptionSpec } from "./options.ts";

/** Help of the program. */
export function programHelp(): string {
  const width = Math.max(...COMMANDS.map(({ name, positionals }) => name.length + positionals.length + 1));
  const commands = COMMANDS.map(({ name, positionals, summary }) => {
    return `  ${`${name} ${positionals}`.padEnd(width)}  ${summary}`;
  });
  return `vsso - find every vCenter of a linked group, and get in

Usage: vsso COMMAND [SERVER] [options]

Commands:
${commands.join("\n")}

SERVER is host, host:port, [ipv6]:port or an https:// URL; without it VSSO_SERVER,
GOVC_URL or VSPHERE_SERVER is used.

Trust: --ca FILE, --pin FINGERPRINT, --known-hosts FILE; vsso trust SERVER shows
what a server presents.

Example:
  vsso discover vc01.corp.example --ca corp-ca.pem

vsso COMMAND --help tells more of a command.
`;
}

/** Help of one command. */
export function commandHelp(entry: CommandEntry): string {
  const sections = [
    `vsso ${entry.name} - ${entry.summary}`,
    `Usage: vsso ${entry.name} ${entry.positionals} [options]`,
  ];
  if (entry.options.length > 0) sections.push(`Options:\n${optionLines(entry.options)}`);
  sections.push(`Common options:\n${optionLines(COMMON_OPTIONS)}`, `Example:\n  ${entry.example}`);
  return `${sections.join("\n\n")}\n`;
}

function optionLines(names: readonly OptionName[]): string {
  const indent = 27;
  return names
    .map((name) => {
      const spec: OptionSpec = OPTIONS[name];
      const short = spec.short ? `-${spec.short}, ` : "    ";
      const left = `  ${short}--${name}${spec.value ? ` ${spec.value}` : ""}`;
      return left.length < indent - 1
        ? `${left.padEnd(indent)}${spec.help}`
        : `${left}\n${" ".repeat(indent)}${spec.help}`;
    })
    .join("\n");
}
