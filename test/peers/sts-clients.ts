/** STS clients that are not ours. */
import { fileURLToPath } from "node:url";
import { buildPeers, buildPython } from "./build.ts";
import { withFiles } from "./files.ts";
import { type Finished, run } from "./process.ts";

/** What a client got: a token, or the fault that the server answered. */
export interface PeerAnswer {
  readonly token?: string;
  /** Lifetime that stands in the answer beside the token; govmomi reads it. */
  readonly created?: string;
  readonly expires?: string;
  readonly fault?: { readonly code: string; readonly string: string; readonly detail?: string };
}

export interface StsServer {
  /** Of the STS, or of the Lookup Service for writes. */
  readonly url: string;
  readonly caFile: string;
}

export interface StsRequest {
  readonly user?: { readonly username: string; readonly password: string };
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly token?: string;
  /** Further flags of the program. */
  readonly flags?: readonly string[];
}

/** One request of govmomi's client; see `sts-peer -help`. */
export async function govmomiSts(
  operation: "issue" | "renew" | "create" | "set" | "delete",
  server: StsServer,
  request: StsRequest,
): Promise<PeerAnswer> {
  const { sts } = await buildPeers();
  return withToken(request, async (tokenFile) =>
    answerOf(
      await run(sts, [...flags("-", server, request, tokenFile), ...(request.flags ?? []), operation]),
    ),
  );
}

/** One request of pyVmomi's client. */
export async function pyVmomiSts(
  kind: "bearer" | "hok" | "by-token",
  server: StsServer,
  request: StsRequest,
): Promise<PeerAnswer> {
  const python = await buildPython();
  const script = fileURLToPath(new URL("clients/sso_peer.py", import.meta.url));
  return withToken(request, async (tokenFile) =>
    answerOf(
      await run(python, [
        ...["-I", script, ...flags("--", server, request, tokenFile), ...(request.flags ?? []), kind],
      ]),
    ),
  );
}

function flags(
  dashes: string,
  server: StsServer,
  { user, certFile, keyFile }: StsRequest,
  tokenFile: string | undefined,
): string[] {
  const values = {
    url: server.url,
    ca: server.caFile,
    user: user?.username,
    password: user?.password,
    cert: certFile,
    key: keyFile,
    token: tokenFile,
  };
  return Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [`${dashes}${name}`, value],
  );
}

async function withToken<T>(
  { token }: StsRequest,
  use: (file: string | undefined) => Promise<T>,
): Promise<T> {
  if (token === undefined) return use(undefined);
  return withFiles({ "token.xml": token }, ({ path }) => use(path("token.xml")));
}

function answerOf({ code, stdout, stderr }: Finished): PeerAnswer {
  const answer = stdout.trim() === "" ? undefined : (JSON.parse(stdout) as PeerAnswer);
  if (!answer || (code === 0) !== (answer.fault === undefined)) {
    throw new Error(`the client ended with ${code}: ${stderr || stdout}`);
  }
  return answer;
}

/** The token of an answer that has to have one. */
export function tokenOf(answer: PeerAnswer): string {
  if (answer.token === undefined) throw new Error(`no token but ${JSON.stringify(answer.fault)}`);
  return answer.token;
}
