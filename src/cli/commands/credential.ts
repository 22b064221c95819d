import type { SessionInfo, VCenter } from "../../index.ts";
import { UnsupportedError, userPrincipalName } from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { credentialEnd } from "../credential-end.ts";
import { EXIT } from "../exit-code.ts";
import { formatJson } from "../output/json.ts";
import { withSession } from "../session.ts";
import { shortServer } from "../session-environment.ts";
import {
  environmentSession,
  namesWho,
  readGivenSession,
  type SessionIdentity,
  whoLogsIn,
} from "../session-identity.ts";
import { nearest, UsageError } from "../usage.ts";

const FORMATS = ["kubectl", "aws"] as const;

const API_VERSIONS = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

/**
 * A session for a program that asks another one for its credential, as kubectl and the SDKs of AWS do: the stored one,
 * for as long as it lives.
 */
export const command: Command = {
  async run(context) {
    const { flags, positionals, out, signal, env } = context;
    const format = credentialFormat(flags.format);
    const login: { end?: Date } = {};
    const identify = (_: CommandContext, word: string | undefined) => identityOf(context, word, login);
    // The side that the format has no place for is not logged in to.
    const open = format === "kubectl" ? "vapi" : "both";
    await withSession(context, positionals[0], { open, identify }, async ({ vc }) => {
      const info = await vc.check({ signal });
      const end = credentialEnd({ version: vc.about.apiVersion, session: info.vapi, tokenEnd: login.end });
      out(formatJson(format === "kubectl" ? execCredential(vc, end, env) : processCredential(vc, info, end)));
    });
    return EXIT.done;
  },
};

function credentialFormat(format: string | undefined): (typeof FORMATS)[number] {
  const found = FORMATS.find((each) => each === (format ?? "kubectl"));
  if (found !== undefined) return found;
  const near = nearest(format ?? "", FORMATS);
  throw new UsageError(
    `there is no format ${format}`,
    near ? `did you mean ${near}?` : `one of: ${FORMATS.join(", ")}`,
  );
}

/** Of the environment, else the stored one, whatever --persist says: a login for each call would leave them all open. */
async function identityOf(
  context: CommandContext,
  word: string | undefined,
  known: { end?: Date },
): Promise<SessionIdentity> {
  const given = await readGivenSession(context);
  if (given) return given;
  const session = namesWho(context) ? undefined : environmentSession(context, word);
  if (session) return session;
  const login = whoLogsIn(context, word);
  if (login.by !== "token") return { kind: "stored", login };
  const read = async () => {
    const token = await login.read();
    if ("notOnOrAfter" in token) known.end = token.notOnOrAfter;
    return token;
  };
  return { kind: "stored", login: { ...login, read } };
}

/** As kubectl reads it, and nothing beside that: it is the vAPI session that a header carries. */
function execCredential(vc: VCenter, end: Date, env: CommandContext["env"]): object {
  return {
    apiVersion: apiVersionAsked(env.KUBERNETES_EXEC_INFO),
    kind: "ExecCredential",
    spec: { cluster: { server: `https://${shortServer(vc.server)}` }, interactive: false },
    status: { expirationTimestamp: rfc3339(end), token: requireVapi(vc) },
  };
}

/** The version that the caller works with, where it tells a known one; it takes no other. */
function apiVersionAsked(info: string | undefined): string | undefined {
  try {
    const { apiVersion } = JSON.parse(info ?? "") as { readonly apiVersion?: unknown };
    return API_VERSIONS.find((version) => version === apiVersion) ?? API_VERSIONS[0];
  } catch {
    return API_VERSIONS[0];
  }
}

/** In the form of a credential process of AWS, with a session in the place of its keys. */
function processCredential(
  vc: VCenter,
  { vapi, vim }: Readonly<Record<"vapi" | "vim", SessionInfo | null>>,
  end: Date,
): object {
  const user = vapi?.user ?? vim?.user;
  return {
    Version: 1,
    Server: shortServer(vc.server),
    User: user === undefined ? null : userPrincipalName(user),
    SessionId: vc.session.vapi?.id ?? null,
    VimSessionId: vc.session.vim?.id ?? null,
    Expiration: rfc3339(end),
  };
}

function requireVapi({ server, session }: VCenter): string {
  if (session.vapi) return session.vapi.id;
  throw new UnsupportedError(`the session at ${server} is of the VIM side alone: it has no vAPI ID`, {
    worksAt: "vim-soap",
    hint: "take it by --format aws, which has both",
  });
}

/** To the second, as both readers write it. */
function rfc3339(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}
