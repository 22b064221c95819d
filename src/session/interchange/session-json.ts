import { StoreError } from "../../errors.ts";
import { formatAuthority, parseServer } from "../../net/authority.ts";
import { isHeaderValue } from "../header-value.ts";
import { FoundSession } from "./found-session.ts";
import { MAX_FILE_BYTES } from "./session-files.ts";

/**
 * Reads the JSON that `vsso session login -o json` prints: `{server,shared,vapi:{id},vim:{id}}`.
 *
 * @throws StoreError `STORE_UNREADABLE` where it is none.
 */
export function parseSessionJson(text: string): FoundSession {
  if (text.length > MAX_FILE_BYTES) throw unusable("is larger than one of a session is");
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    // What the parser says quotes the text.
    throw unusable("is not JSON");
  }
  const [vapi, vim] = [idOf(own(document, "vapi")), idOf(own(document, "vim"))];
  if (vapi === undefined && vim === undefined) throw unusable("holds no session");
  return new FoundSession({ server: serverOf(own(document, "server")), vapi, vim });
}

function idOf(side: unknown): string | undefined {
  if (side === undefined || side === null) return undefined;
  const id = own(side, "id");
  if (isHeaderValue(id)) return id;
  throw unusable("holds no session ID where one should be");
}

function serverOf(server: unknown): string | undefined {
  if (server === undefined) return undefined;
  try {
    if (typeof server === "string") return formatAuthority(parseServer(server));
  } catch {
    // Told below.
  }
  throw unusable("names no server where one should be");
}

function own(object: unknown, name: string): unknown {
  if (typeof object !== "object" || object === null || !Object.hasOwn(object, name)) return undefined;
  return (object as Readonly<Record<string, unknown>>)[name];
}

function unusable(fault: string): StoreError {
  return new StoreError("STORE_UNREADABLE", `The JSON of the session ${fault}`, {
    hint: 'it is as vsso session login -o json prints it: {"server":…,"vapi":{"id":…},"vim":{"id":…}}',
  });
}
