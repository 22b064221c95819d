import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What govc finds in its session cache. */
export interface GovcSession {
  /** Host, and port where it is not 443: the authority of GOVC_URL. */
  readonly server: string;
  /** As GOVC_INSECURE says, for it is part of a session's name. */
  readonly insecure: boolean;
  readonly vapi: string | null;
  readonly vim: string | null;
  /** The ServiceContent of VI/JSON: references by name and `about`. */
  readonly serviceContent: object;
}

/** The cookie that the Web Services API has sessions in. */
const COOKIE = "vmware_soap_session";

/**
 * Writes a session into a folder that is to be `GOVMOMI_HOME`, as govmomi's `session/cache` reads it: a file for each
 * side, named by the SHA-256 of the URL (with an empty user) and of whether certificates are verified.
 */
export async function writeGovcSessions(folder: string, session: GovcSession): Promise<void> {
  const { server, insecure, vapi, vim, serviceContent } = session;
  const client = (path: string, cookies: readonly object[]): object => ({
    cookies,
    url: { Scheme: "https", Host: server, Path: path },
    insecure,
    version: "",
    useJSON: false,
  });
  if (vim !== null) {
    // Between quotes, as the server sets it.
    const cookie = { Name: COOKIE, Value: vim, Quoted: true };
    await write(join(folder, "sessions"), fileName(server, "/sdk", insecure), {
      SoapClient: client("/sdk", [cookie]),
      ServiceContent: serviceContent,
    });
  }
  if (vapi !== null) {
    await write(join(folder, "rest_sessions"), fileName(server, "/rest", insecure), {
      SoapClient: client("/rest", []),
      SessionID: vapi,
    });
  }
}

function fileName(server: string, path: string, insecure: boolean): string {
  return createHash("sha256").update(`https://@${server}${path}#insecure=${insecure}`).digest("hex");
}

async function write(folder: string, name: string, content: object): Promise<void> {
  await mkdir(folder, { mode: 0o700 });
  await writeFile(join(folder, name), `${JSON.stringify(content)}\n`, { mode: 0o600, flag: "wx" });
}
