import { access, constants, stat } from "node:fs/promises";
import { constants as system } from "node:os";
import { delimiter, join } from "node:path";
import { cachedServiceContent, parseServer, writeGovcSessions } from "../../index.ts";
import type { ChildEnd, Command, CommandContext } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { makeProgramFolder, removeProgramFolder, writingTo } from "../program-folder.ts";
import { type OpenSession, withSession } from "../session.ts";
import { programEnvironment, shortServer } from "../session-environment.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  async run(context) {
    const [program = ""] = context.positionals;
    // Before a login that would be of no use.
    await requireProgram(program, context.env.PATH);
    warnOfAddresses(context);
    const folder = await makeProgramFolder(context.env);
    try {
      const request = { open: "both", keepAlive: true } as const;
      const end = await withSession(context, undefined, request, async (session) => {
        try {
          return await runWith(context, session, folder);
        } finally {
          // Not only after a logout that may take its time.
          await removeProgramFolder(folder);
        }
      });
      return end.signal === null ? (end.code ?? EXIT.refused) : 128 + system.signals[end.signal];
    } finally {
      await removeProgramFolder(folder);
    }
  },
};

/** Runs the program in an environment that has the session. */
async function runWith(
  context: CommandContext,
  { vc, connection, transport }: OpenSession,
  folder: string,
): Promise<ChildEnd> {
  const [program = "", ...args] = context.positionals;
  const { trust = {} } = connection.transport;
  const session = {
    server: shortServer(connection.server),
    vapi: vc.session.vapi?.id ?? null,
    vim: vc.session.vim?.id ?? null,
  };
  const serviceContent = await cachedServiceContent(vc.soap, { signal: context.signal });
  const fingerprint = transport.servedCertificate(parseServer(connection.server))?.sha256;
  const env = await writingTo(folder, async () => {
    await writeGovcSessions(folder, { ...session, insecure: trust.insecure === true, serviceContent });
    return programEnvironment(context.env, { session, trust, fingerprint, folder });
  });
  return context.runChild({ command: program, args, env }).catch((cause: unknown) => {
    throw cannotStart(program, cause);
  });
}

/** No variable that programs know tells an address to connect to. */
function warnOfAddresses({ flags, err }: CommandContext): void {
  if (flags.resolve === undefined) return;
  err("warning: --resolve is for the login of vsso alone: the program looks the name up by itself\n");
}

/** @throws UsageError for a program that is not there or may not be run. */
async function requireProgram(program: string, path = ""): Promise<void> {
  const files = program.includes("/")
    ? [program]
    : path.split(delimiter).map((folder) => join(folder, program));
  let cause: unknown;
  for (const file of files) {
    try {
      await access(file, constants.X_OK);
      if ((await stat(file)).isFile()) return;
    } catch (error) {
      cause ??= error;
    }
  }
  throw cannotStart(program, cause);
}

function cannotStart(program: string, cause: unknown): UsageError {
  return new UsageError(
    `${program === "" ? "a program without a name" : program} cannot be started`,
    "check its name, and that it is in PATH and may be run",
    { cause },
  );
}
