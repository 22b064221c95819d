import { StoreError } from "../../errors.ts";
import { formatAuthority, parseServer } from "../../net/authority.ts";
import { sessionHeaders } from "../carrier.ts";
import { parseSessionCookie, SESSION_COOKIE } from "../cookie.ts";
import { isHeaderValue, SESSION_HEADER } from "../header-value.ts";
import { FoundSession } from "./found-session.ts";
import { checkedIds, type HandedOverSession, hostOf, oneLine } from "./handed-session.ts";
import { MAX_FILE_BYTES } from "./session-files.ts";

/**
 * A config file for curl (`curl -K FILE https://vc01.corp.example/api/vcenter/vm`): the header of REST and VI/JSON, the
 * cookie of SOAP, and whom to trust. It names no URL, so that any can be given; curl sends header and cookie wherever
 * it is sent, so that none but the server's should be. A secret.
 *
 * @throws InvalidArgumentError where there is no ID, or one that cannot be sent.
 */
export function formatCurlConfig(session: HandedOverSession): string {
  checkedIds(session);
  const { vapi, vim, ca, insecure = false } = session;
  const { host, port } = hostOf(session);
  const lines = [
    `# for https://${host}${port === 443 ? "" : `:${port}`} and no other server`,
    option("proto", "=https"),
    ...headerLines("vapi-rest", vapi, "header"),
    ...headerLines("vim", vim, "cookie"),
    ...(insecure ? ["insecure"] : []),
    ...(ca !== undefined && !insecure ? [option("cacert", oneLine(ca, "The path of the authorities"))] : []),
  ];
  return `${lines.join("\n")}\n`;
}

function headerLines(
  service: "vapi-rest" | "vim",
  id: string | null,
  name: "header" | "cookie",
): readonly string[] {
  if (id === null) return [];
  return Object.entries(sessionHeaders(service, id).headers).map(([field, value]) =>
    option(name, name === "header" ? `${field}: ${value}` : value),
  );
}

/** In quotes a backslash and a quote are written with a backslash; what else there is stands for itself. */
function option(name: string, value: string): string {
  return `${name} = "${value.replace(/["\\]/g, "\\$&")}"`;
}

/** Short options that a config file may use in the place of the long ones. */
const LONG_NAMES: Readonly<Record<string, string>> = { H: "header", b: "cookie" };

/** What follows a backslash in quotes, where it does not stand for itself. */
const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", v: "\v" };

/**
 * Reads a session out of a config file for curl: of the header `vmware-api-session-id` and of the cookie
 * `vmware_soap_session`, and its server out of `url` where there is one.
 *
 * @throws StoreError `STORE_UNREADABLE` where it holds none, two different ones, or too much.
 */
export function parseCurlConfig(text: string): FoundSession {
  if (text.length > MAX_FILE_BYTES) throw unusable("is larger than one of a session is");
  const [vapi, vim, servers] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const [name, value] of optionsIn(text)) {
    if (name === "header") {
      const [, field = "", content = ""] = /^([^:]*):\s*(.*?)\s*$/s.exec(value) ?? [];
      if (field.toLowerCase() === SESSION_HEADER) vapi.add(content);
      if (field.toLowerCase() === "cookie") addCookies(content, vapi, vim);
    }
    // Without a sign of equality it names a file of cookies.
    if (name === "cookie") addCookies(value, vapi, vim);
    if (name === "url") servers.add(serverOf(value));
  }
  if (servers.size > 1) throw unusable("names more than one server");
  const [server] = servers;
  const found = { server, vapi: single(vapi), vim: single(vim) };
  if (found.vapi === undefined && found.vim === undefined) throw unusable("holds no session");
  return new FoundSession(found);
}

/** Options by their long names: `name value`, `name = value`, `name: value`, with dashes before it or without. */
function optionsIn(text: string): readonly (readonly [string, string])[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const match = /^\s*(?:--?)?([A-Za-z][\w-]*)(?:\s*[=:]\s*|\s+)(.*?)\s*$/.exec(line);
    if (!match) return [];
    const [, name = "", rest = ""] = match;
    const long = Object.hasOwn(LONG_NAMES, name) ? (LONG_NAMES[name] ?? name) : name;
    return [[long, rest.startsWith('"') ? unquoted(rest) : (rest.split(/\s/)[0] ?? "")] as const];
  });
}

function unquoted(text: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)/.exec(text)?.[1] ?? "";
  return quoted.replace(/\\(.)/g, (_, character: string) => ESCAPES[character] ?? character);
}

function addCookies(value: string, vapi: Set<string>, vim: Set<string>): void {
  const id = new RegExp(`(?:^|;)\\s*${SESSION_HEADER}=([^;]*)`).exec(value)?.[1]?.trim();
  if (id) vapi.add(id);
  const start = value.search(new RegExp(`(?<=^|;\\s*)${SESSION_COOKIE}=`));
  const cookie = start < 0 ? undefined : parseSessionCookie(value.slice(start))?.id;
  if (cookie !== undefined) vim.add(cookie);
}

function serverOf(url: string): string {
  try {
    return formatAuthority(parseServer(url));
  } catch (cause) {
    throw unusable("names a URL that is none of a server", cause);
  }
}

function single(ids: ReadonlySet<string>): string | undefined {
  if (ids.size > 1) throw unusable("holds more than one session of a side");
  const [id] = ids;
  if (id !== undefined && !isHeaderValue(id)) throw unusable("holds a session ID that no header can carry");
  return id;
}

function unusable(fault: string, cause?: unknown): StoreError {
  return new StoreError("STORE_UNREADABLE", `The curl config ${fault}`, {
    cause,
    hint: `it needs a line as: header = "${SESSION_HEADER}: …", or cookie = "${SESSION_COOKIE}=…"`,
  });
}
