import type { CommandEntry } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { COMMON_OPTIONS, OPTIONS, type OptionName, type OptionSpec } from "./options.ts";

const WIDTH = 80;

/** Help of the program. */
export function programHelp(): string {
  return `vsso - find every vCenter of a linked group, and get in

Usage: vsso COMMAND [SERVER] [options]

Commands:
${commandLines(COMMANDS)}

SERVER is host, host:port, [ipv6]:port or an https:// URL; without it
VSSO_SERVER, GOVC_URL or VSPHERE_SERVER is used.

Credentials: --user USER, --token FILE, or --cert FILE and --key FILE of a
solution user; without them the session of VSSO_SESSION_ID, where VSSO_SERVER
is the server, or VSSO_TOKEN, VSSO_USER and VSSO_PASSWORD.

Sessions end with the command; --persist, VSSO_PERSIST=1, or govc's
GOVC_PERSIST_SESSION=true, stores them for the next one (vsso session list).
--all-nodes and --node MATCH work at nodes of the linked group.

Trust: --ca FILE, --pin FINGERPRINT, --known-hosts FILE; vsso trust SERVER
shows what a server presents.

Example:
  vsso discover vc01.corp.example --ca corp-ca.pem

vsso COMMAND --help tells more of a command; vsso --version prints the version.
`;
}

/** Help of a command that has subcommands. */
export function groupHelp(name: string, members: readonly CommandEntry[]): string {
  return `Usage: vsso ${name} SUBCOMMAND [options]

Subcommands:
${commandLines(members)}

Example:
  ${members[0]?.example}

vsso ${name} SUBCOMMAND --help tells more of one.
`;
}

/** Help of one command. */
export function commandHelp(entry: CommandEntry): string {
  const sections = [wrap(`vsso ${entry.name} - ${entry.summary}`, 2), `Usage: ${usageOf(entry)}`];
  const formats = formatsOf(entry);
  if (entry.options.length > 0)
    sections.push(`Options:\n${optionLines(entry.options, formats, entry.optionHelp)}`);
  sections.push(`Common options:\n${optionLines(COMMON_OPTIONS, formats)}`);
  if (entry.notes !== undefined) sections.push(wrap(entry.notes, 0));
  sections.push(`Example:\n  ${entry.example}`);
  return `${sections.join("\n\n")}\n`;
}

/** `table, json, id or env`. */
function formatsOf({ formats, runsProgram }: CommandEntry): string {
  const words = formats.join(", ").replace(/, (?=[^,]*$)/, " or ");
  return runsProgram ? `${words}, of errors of vsso itself` : words;
}

/** Behind the first word of another program, options are that program's. */
function usageOf({ name, positionals, runsProgram }: CommandEntry): string {
  if (runsProgram) return `vsso ${name} [options] ${positionals}`;
  return `${`vsso ${name} ${positionals}`.trimEnd()} [options]`;
}

function commandLines(entries: readonly CommandEntry[]): string {
  const names = entries.map(({ name, positionals }) => `  ${name} ${positionals}`.trimEnd());
  const indent = Math.max(...names.map((name) => name.length)) + 2;
  return entries
    .map(({ summary }, index) => wrap(`${names[index]?.padEnd(indent)}${summary}`, indent))
    .join("\n");
}

function optionLines(
  names: readonly OptionName[],
  formats: string,
  own: CommandEntry["optionHelp"] = {},
): string {
  const indent = 27;
  return names
    .map((name) => {
      const spec: OptionSpec = { ...OPTIONS[name], ...own[name] };
      const short = spec.short ? `-${spec.short}, ` : "    ";
      const left = `  ${short}--${name}${spec.value ? ` ${spec.value}` : ""}`;
      const first = left.length < indent - 1 ? left.padEnd(indent) : `${left}\n${" ".repeat(indent)}`;
      return wrap(`${first}${name === "output" ? formats : spec.help}`, indent);
    })
    .join("\n");
}

/** Breaks lines at blanks so that none is wider than a terminal; what follows is indented. */
function wrap(text: string, indent: number): string {
  return text
    .split("\n")
    .map((line) => {
      let rest = line;
      let wrapped = "";
      while (rest.length > WIDTH && rest.lastIndexOf(" ", WIDTH) > indent) {
        const end = rest.lastIndexOf(" ", WIDTH);
        wrapped += `${rest.slice(0, end).trimEnd()}\n`;
        rest = " ".repeat(indent) + rest.slice(end + 1);
      }
      return wrapped + rest;
    })
    .join("\n");
}
