import { resolve } from "node:path";
import type { HandedOverSession, VCenter } from "../../index.ts";
import {
  cachedServiceContent,
  formatCurlConfig,
  formatPowercliCommand,
  formatPyvmomiScript,
  VsphereSsoError,
  writeGovcSessions,
  writeSessionFile,
  writeTerraformSessions,
} from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { formatHanded, sessionToHand } from "../output/handed-session.ts";
import { formatJson } from "../output/json.ts";
import { printable } from "../output/text.ts";
import { connectionTo } from "../reach.ts";
import { type OpenSession, type SideToOpen, withSession } from "../session.ts";
import { shortServer } from "../session-environment.ts";
import {
  type CacheProgram,
  cacheFolders,
  formatOf,
  isSameUser,
  serverText,
  usersNamed,
  usersTold,
} from "../session-exchange.ts";
import {
  environmentSession,
  namesWho,
  persists,
  readGivenSession,
  type SessionIdentity,
  whoLogsIn,
} from "../session-identity.ts";
import { UsageError } from "../usage.ts";

const FORMATS = ["govc", "terraform", "curl", "env", "json", "pyvmomi", "powercli"] as const;

type Format = (typeof FORMATS)[number];

/** Files that were written, or what is to be printed. */
type Exported = { readonly files: readonly string[] } | { readonly text: string };

/** Gives a session to another program, in the form that it reads. It stays open; none is made that is not stored. */
export const exportSession: Command = {
  async run(context) {
    const [word] = context.positionals;
    const format = formatOf(context, FORMATS);
    const request = { open: sideOf(format), partly: true, identify: identityToExport } as const;
    const exported = await withSession(context, word, request, (session) =>
      format === "govc" || format === "terraform"
        ? writeCache(context, format, session)
        : writeText(context, format, session),
    ).catch((error: unknown) => {
      throw withAdvice(error, context);
    });
    const server = shortServer(connectionTo(context, word).server);
    const { out, flags } = context;
    if (flags.output === "json") out(formatJson({ server, format, ...exported }));
    else if ("text" in exported) out(exported.text);
    else out(exported.files.map((file) => `${printable(file)}\n`).join(""));
    return EXIT.done;
  },
};

/** A side that no program of the format works at is not to be logged in to for it. */
function sideOf(format: Format): SideToOpen {
  return format === "pyvmomi" || format === "powercli" ? "vim" : "both";
}

/** The session of `--id`, else of the environment, else the stored one, which `--persist` makes where there is none. */
async function identityToExport(context: CommandContext, word: string | undefined): Promise<SessionIdentity> {
  const given = await readGivenSession(context);
  if (given) return given;
  const session = namesWho(context) ? undefined : environmentSession(context, word);
  if (session) return session;
  const login = whoLogsIn(context, word);
  if (persists(context)) return { kind: "stored", login };
  const { findStored } = await import("../find-stored.ts");
  const { server } = connectionTo(context, word);
  const { vapi, vim } = await findStored(context, server, login);
  return { kind: "session", ids: { ...(vapi !== null && { vapi }), ...(vim !== null && { vim }) } };
}

function withAdvice(error: unknown, { flags, env }: CommandContext): unknown {
  if (!(error instanceof VsphereSsoError) || error.code !== "NOT_AUTHENTICATED") return error;
  if (flags.id !== undefined || error.hint?.includes("VSSO_") || persists({ flags, env })) return error;
  return new VsphereSsoError("NOT_AUTHENTICATED", error.message, {
    hint: "the stored session has ended: --persist, with the credentials, makes another one and stores it",
    cause: error,
  });
}

async function writeCache(
  context: CommandContext,
  program: CacheProgram,
  { vc, connection }: OpenSession,
): Promise<Exported> {
  const { env, flags, signal, positionals } = context;
  const named = await ownNames(context, program, vc, positionals[0]);
  const users = program === "govc" ? [...named, ""] : named;
  if (users.length === 0) {
    throw new UsageError(
      "Terraform has sessions of a user, and none is named",
      "give --user USER, or VSPHERE_USER, as the provider has it",
    );
  }
  const { vapi, vim } = vc.session;
  const session = {
    server: serverText(program, env, connection.server),
    insecure: connection.transport.trust?.insecure === true,
    vapi: vapi?.id ?? null,
    vim: vim?.id ?? null,
    serviceContent: await cachedServiceContent(vc.soap, { signal }),
  };
  const folders = cacheFolders(program, env, flags.out);
  const files: string[] = [];
  for (const user of users) {
    const write = program === "govc" ? writeGovcSessions : writeTerraformSessions;
    files.push(...(await write(folders, { ...session, user })));
  }
  return { files };
}

/**
 * Users that the files are named by. A program that finds one by its own user's name must not become somebody else.
 *
 * @throws UsageError when the session is not that of the user who is named on the command line.
 */
async function ownNames(
  context: CommandContext,
  program: CacheProgram,
  vc: VCenter,
  word: string | undefined,
): Promise<readonly string[]> {
  const named = usersNamed(program, context, word);
  if (named.length === 0) return [];
  const told = await usersTold(vc, context.signal);
  const own = named.filter((user) => told.every((each) => isSameUser(each, user)));
  if (own.length === 0 && context.flags.user !== undefined) {
    throw new UsageError(
      `the session is of ${told.map(printable).join(" and ")}, and not of ${printable(context.flags.user)}`,
      "name the user of the session, or leave --user out",
    );
  }
  return own;
}

async function writeText(
  context: CommandContext,
  format: Exclude<Format, CacheProgram>,
  { vc, connection }: OpenSession,
): Promise<Exported> {
  const { flags, signal } = context;
  const session = sessionToHand(vc);
  const trust = trustFor(context, format, connection.transport.trust);
  const text =
    format === "env" || format === "json"
      ? formatHanded(format, session, undefined)
      : FORMATTERS[format]({ ...session, ...trust });
  signal.throwIfAborted();
  if (flags.out === undefined) return { text };
  await writeSessionFile(flags.out, text);
  return { files: [flags.out] };
}

const FORMATTERS = {
  curl: formatCurlConfig,
  pyvmomi: formatPyvmomiScript,
  powercli: formatPowercliCommand,
} as const;

/** Whom the other program is to trust; what it cannot be told is told to the user. */
function trustFor(
  { err, flags }: CommandContext,
  format: Exclude<Format, CacheProgram>,
  trust: OpenSession["connection"]["transport"]["trust"] = {},
): Pick<HandedOverSession, "ca" | "insecure"> {
  if (format === "env" || format === "json") return {};
  if (flags.resolve !== undefined) {
    err(`warning: --resolve is for vsso alone: ${format} looks the name up by itself\n`);
  }
  const { insecure, pins, knownHosts } = trust;
  if (insecure) return { insecure };
  const [ca, ...more] = [trust.ca ?? []].flat();
  if (ca !== undefined && more.length === 0 && format !== "powercli") return { ca: resolve(String(ca)) };
  if (ca !== undefined || pins !== undefined || knownHosts !== undefined) {
    err(`warning: ${format} is not told whom to trust: it goes by the authorities that it knows\n`);
  }
  return {};
}
