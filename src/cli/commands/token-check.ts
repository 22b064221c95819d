import { SamlToken, VerificationError, type VerifyOptions, verifyAssertion } from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { wholeNumber } from "../command-line.ts";
import { environmentCredentials, readSource } from "../credentials.ts";
import { EXIT } from "../exit-code.ts";
import { readInput } from "../input.ts";
import { formatJson } from "../output/json.ts";
import { printable } from "../output/text.ts";
import { connectionTo, withServices } from "../reach.ts";
import { reachSts } from "../sts.ts";
import { requiredToken } from "../token.ts";
import { UsageError } from "../usage.ts";

/** A day: what differs more is no matter of clocks. */
const MAX_TOLERANCE_SECONDS = 86_400;

/** The server's word on a token. */
export const validate: Command = {
  async run(context) {
    const { flags, positionals, out, signal } = context;
    const [server] = positionals;
    connectionTo(context, server);
    const source = requiredToken(context, environmentCredentials(context, server));
    const token = SamlToken.from(await readSource(context, source, "the token"));
    const { valid, code, reason } = await withServices(context, server, async (services) => {
      const sts = await reachSts(context, services);
      return sts.validate(token, { signal });
    });
    if (flags.output === "json") out(formatJson({ valid, code, reason }));
    else out(`${valid ? "valid" : "invalid"}${reason ? `: ${printable(reason)}` : ""}\n`);
    return valid ? EXIT.done : EXIT.refused;
  },
};

/** Our own word on a token, from its signature and the anchors given. */
export const verify: Command = {
  async run(context) {
    const { flags, positionals, out } = context;
    const [path = ""] = positionals;
    const options = await readVerifyOptions(context);
    const assertion = await readInput(context, path, "the token");
    try {
      const verified = await verifyAssertion(assertion, options);
      const { kind, subject, issuer, notBefore, notOnOrAfter, audiences } = verified.info;
      const fields = { kind, subject, issuer, notBefore, notOnOrAfter, audiences };
      if (flags.output === "json") {
        out(formatJson({ verified: true, reason: null, ...fields, chain: verified.chain }));
        return EXIT.done;
      }
      const [signer] = verified.chain;
      const anchor = verified.chain.at(-1);
      const lines = [
        "verified",
        `kind       ${kind}`,
        `subject    ${subject}`,
        `issuer     ${issuer}`,
        `valid      ${notBefore.toISOString()} to ${notOnOrAfter.toISOString()}`,
        ...audiences.map((audience) => `audience   ${audience}`),
        `signed by  ${signer?.subject} ${signer?.sha256}`,
        `anchor     ${anchor?.subject} ${anchor?.sha256}`,
      ];
      out(lines.map((line) => `${printable(line)}\n`).join(""));
      return EXIT.done;
    } catch (error) {
      // The error says it all to a person; a program reads the result from stdout.
      if (error instanceof VerificationError && flags.output === "json") {
        out(formatJson({ verified: false, reason: error.reason }));
      }
      throw error;
    }
  },
};

async function readVerifyOptions(context: CommandContext): Promise<VerifyOptions> {
  const { flags } = context;
  const { anchor: files, audience, at, tolerance, cert } = flags;
  if (!files) {
    throw new UsageError(
      "vsso token verify needs the certificates to trust signatures from",
      "add --anchor FILE with the STS signing certificate or its authority; the KeyInfo of a token proves nothing",
    );
  }
  const anchors = await Promise.all(files.map((file) => readInput(context, file, "the anchor")));
  return {
    anchors,
    ...(at !== undefined && { at: readTime(at) }),
    ...(tolerance !== undefined && {
      toleranceSeconds: wholeNumber("tolerance", tolerance, 0, MAX_TOLERANCE_SECONDS),
    }),
    ...(audience !== undefined && { audience }),
    ...(cert !== undefined && { holderOfKey: await readInput(context, cert, "the certificate") }),
  };
}

function readTime(text: string): Date {
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.test(text);
  const time = new Date(isTime ? text : Number.NaN);
  if (!Number.isNaN(time.getTime())) return time;
  throw new UsageError(`--at ${text} is no time`, "write it as 2026-01-31T12:00:00Z (RFC 3339)");
}
