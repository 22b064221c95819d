import { type HandedOverSession, hostOf, requireVimId } from "./handed-session.ts";

/** PowerShell takes all of these for the end of a text in single quotes. */
const QUOTES = /['\u2018\u2019\u201a\u201b]/g;

/**
 * A line of PowerShell by which PowerCLI works in the session of the VIM side. Whom to trust is a setting of PowerCLI
 * (`Set-PowerCLIConfiguration`), and no parameter. `Disconnect-VIServer` would end the session. A secret.
 *
 * @throws UnsupportedError where the VIM side has no session; InvalidArgumentError.
 */
export function formatPowercliCommand(session: HandedOverSession): string {
  const id = requireVimId(session, "PowerCLI");
  const { host, port } = hostOf(session);
  const where = port === 443 ? "" : ` -Port ${port}`;
  return `Connect-VIServer -Server ${literal(host)}${where} -Session ${literal(id)}\n`;
}

/** Nothing in single quotes is read but the quotes themselves, which are doubled. */
function literal(text: string): string {
  return `'${text.replace(QUOTES, "$&$&")}'`;
}
