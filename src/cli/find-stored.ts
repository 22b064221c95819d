import type { StoredSession } from "../index.ts";
import type { CommandContext } from "./command.ts";
import type { Login } from "./session-identity.ts";
import { storedRequest, withStoredSessions } from "./stored-sessions.ts";
import { UsageError } from "./usage.ts";

/**
 * The stored session of whoever is named; none is made.
 *
 * @throws UsageError where none is stored, or nobody is named and those of several users are.
 */
export async function findStored(
  context: CommandContext,
  server: string,
  login: Login,
): Promise<StoredSession> {
  const none = new UsageError(
    `no session is named, and none is stored of ${login.by === "user" ? `${login.user} at ` : ""}${server}`,
    "give --persist and the credentials to make one and store it, --id ID, or the environment of vsso session login -o env",
  );
  const refuse = (): Promise<never> => Promise.reject(none);
  // A token tells whose it is, and has to be read for that.
  const asked: Login = login.by === "token" ? login : { ...login, read: refuse };
  return withStoredSessions(context, async (broker) => {
    const { principal } = await storedRequest(context, broker, server, asked);
    if (principal === undefined) throw none;
    const [latest] = [...(await broker.find(server, principal))].sort(
      (one, other) => other.checkedAt.getTime() - one.checkedAt.getTime(),
    );
    if (!latest) throw none;
    return latest;
  });
}
