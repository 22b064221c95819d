import { type HandedOverSession, hostOf, requireVimId } from "./handed-session.ts";

/**
 * A script for Python by which pyVmomi (8.0.3 or later) works in the session of the VIM side: it logs in to nothing,
 * and `si` is the service instance. `Disconnect(si)` would end the session. A secret.
 *
 * @throws UnsupportedError where the VIM side has no session; InvalidArgumentError.
 */
export function formatPyvmomiScript(session: HandedOverSession): string {
  const id = requireVimId(session, "pyVmomi");
  const { ca, insecure = false } = session;
  const { host, port } = hostOf(session);
  const trust = insecure
    ? ["disableSslCertValidation=True"]
    : ca === undefined
      ? []
      : [`sslContext=ssl.create_default_context(cafile=${literal(ca)})`];
  const parameters = [`host=${literal(host)}`, `port=${port}`, `sessionId=${literal(id)}`, ...trust];
  return [
    ...(ca !== undefined && !insecure ? ["import ssl"] : []),
    "from pyVim.connect import SmartConnect",
    `si = SmartConnect(${parameters.join(", ")})`,
    "",
  ].join("\n");
}

/** A string literal of Python, in ASCII: the escapes of JSON are Python's too, but for characters of two units. */
function literal(text: string): string {
  return [...text]
    .map((character) => {
      const code = character.codePointAt(0) ?? 0;
      if (character === '"' || character === "\\") return `\\${character}`;
      if (code >= 0x20 && code < 0x7f) return character;
      return code > 0xffff
        ? `\\U${code.toString(16).padStart(8, "0")}`
        : `\\u${code.toString(16).padStart(4, "0")}`;
    })
    .join("")
    .replace(/^.*$/s, '"$&"');
}
