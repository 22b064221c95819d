import { StoreError } from "../../errors.ts";
import { formatAuthority, parseServer } from "../../net/authority.ts";
import { isHeaderValue } from "../header-value.ts";
import { FoundSession } from "./found-session.ts";
import { MAX_FILE_BYTES } from "./session-files.ts";

/** What a word of a shell is made of: a text in quotes, a character with a backslash, or what stands for itself. */
const WORD_PART = /'([^']*)'|"((?:[^"\\$`]|\\[\s\S])*)"|\\([\s\S])|([^\s'"\\$`;&|<>()]+)/y;

/**
 * Reads the lines that `vsso session login -o env` prints: `export VSSO_SESSION_ID=…` and its like, or the same without
 * `export`, as files of variables have it. Nothing in them is executed.
 *
 * @throws StoreError `STORE_UNREADABLE` where they hold no session.
 */
export function parseSessionEnvironment(text: string): FoundSession {
  if (text.length > MAX_FILE_BYTES) throw unusable("are more than a session has");
  const variables = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?(V[A-Z_]+)=(.*?)\s*$/.exec(line);
    if (match) variables.set(match[1] ?? "", word(match[2] ?? ""));
  }
  const vapi = idOf(variables.get("VSSO_SESSION_ID") || variables.get("VMWARE_API_SESSION_ID"));
  const vim = idOf(variables.get("VSSO_VIM_SESSION_ID"));
  if (vapi === undefined && vim === undefined) throw unusable("hold no session");
  return new FoundSession({ server: serverOf(variables.get("VSSO_SERVER")), vapi, vim });
}

function word(text: string): string {
  let value = "";
  let end = 0;
  while (end < text.length) {
    WORD_PART.lastIndex = end;
    const match = WORD_PART.exec(text);
    if (!match) throw unusable("hold what only a shell could read");
    const [whole, single, double, escaped, plain] = match;
    value += single ?? double?.replace(/\\(["\\$`])/g, "$1") ?? escaped ?? plain ?? "";
    end += whole.length;
  }
  return value;
}

function idOf(id: string | undefined): string | undefined {
  if (!id) return undefined;
  if (isHeaderValue(id)) return id;
  throw unusable("hold a session ID that no header can carry");
}

function serverOf(server: string | undefined): string | undefined {
  if (!server) return undefined;
  try {
    return formatAuthority(parseServer(server));
  } catch (cause) {
    throw unusable("name no server in VSSO_SERVER", cause);
  }
}

function unusable(fault: string, cause?: unknown): StoreError {
  return new StoreError("STORE_UNREADABLE", `The variables ${fault}`, {
    cause,
    hint: "they are as vsso session login -o env prints them: export VSSO_SESSION_ID=…",
  });
}
