import { SecurityTokenService } from "../index.ts";
import type { CommandContext } from "./command.ts";
import type { Services } from "./reach.ts";

/** The Security Token Service, found through the Lookup Service. */
export async function reachSts(
  { flags, signal }: Pick<CommandContext, "flags" | "signal">,
  { lookup, transport }: Services,
): Promise<SecurityTokenService> {
  const { url } = await lookup.endpoint("sso", { signal });
  const ssoDomain = flags["sso-domain"];
  return new SecurityTokenService(
    { url: url ?? "" },
    { transport, ...(ssoDomain !== undefined && { ssoDomain }) },
  );
}
