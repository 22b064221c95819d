import type { Command, CommandContext } from "../command.ts";
import { wholeNumber } from "../command-line.ts";
import { environmentCredentials } from "../credentials.ts";
import { EXIT } from "../exit-code.ts";
import { readActAs, readRequester } from "../identity.ts";
import { connectionTo, withServices } from "../reach.ts";
import { reachSts } from "../sts.ts";
import { giveToken, loadToken, requiredToken } from "../token.ts";

/** A hundred years, which a date can still hold. What is too long for the STS it grants as less, which is told. */
const MAX_LIFETIME_SECONDS = 3_155_760_000;

export const issue: Command = {
  async run(context) {
    const { flags, positionals, signal } = context;
    const [server] = positionals;
    const lifetimeSeconds = lifetimeOf(context);
    connectionTo(context, server);
    const requester = await readRequester(context, server);
    const actAs = await readActAs(context, requester);
    const token = await giveToken(context, () =>
      withServices(context, server, async (services) => {
        const sts = await reachSts(context, services);
        return sts.issue({
          ...requester,
          lifetimeSeconds,
          renewable: flags.renewable ?? false,
          delegatable: flags.delegatable ?? false,
          ...(actAs && { actAs }),
          ...(flags.audience && { audience: flags.audience }),
          signal,
        });
      }),
    );
    if (flags.renewable && token.kind === "bearer") {
      context.err("warning: the STS renews no bearer token, whatever --renewable asks for: add --hok\n");
    }
    return EXIT.done;
  },
};

export const renew: Command = {
  async run(context) {
    const { positionals, signal } = context;
    const [server] = positionals;
    const lifetimeSeconds = lifetimeOf(context);
    connectionTo(context, server);
    const env = environmentCredentials(context, server);
    const token = await loadToken(context, requiredToken(context, env), env);
    await giveToken(context, () =>
      withServices(context, server, async (services) => {
        const sts = await reachSts(context, services);
        return sts.renew(token, { lifetimeSeconds, signal });
      }),
    );
    return EXIT.done;
  },
};

function lifetimeOf({ flags }: CommandContext): number | undefined {
  return flags.lifetime === undefined
    ? undefined
    : wholeNumber("lifetime", flags.lifetime, 1, MAX_LIFETIME_SECONDS);
}
