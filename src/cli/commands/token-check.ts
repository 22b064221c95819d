import {
  SamlToken,
  TokenError,
  VerificationError,
  type VerifiedAssertion,
  type VerifyOptions,
  verifyAssertion,
} from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { wholeNumber } from "../command-line.ts";
import { environmentCredentials, readTokenSource } from "../credentials.ts";
import { EXIT } from "../exit-code.ts";
import { readInput, readTokenInput } from "../input.ts";
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
    const token = SamlToken.from(await readTokenSource(context, source));
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
    try {
      const verified = await verifyInput(context, path, options);
      const { kind, subject, issuer, notBefore, notOnOrAfter, audiences } = verified.info;
      const fields = { kind, subject, issuer, notBefore, notOnOrAfter, audiences };
      if (flags.output === "json") {
        const { anchoredBy, chain } = verified;
        out(formatJson({ verified: true, reason: null, ...fields, anchoredBy, chain }));
        return EXIT.done;
      }
      const [signer] = verified.chain;
      const anchor = verified.chain.at(-1);
      const reach =
        verified.anchoredBy === "authority"
          ? " (an authority: any certificate it issued could have signed)"
          : "";
      const lines = [
        "verified",
        `kind       ${kind}`,
        `subject    ${subject}`,
        `issuer     ${issuer}`,
        `valid      ${notBefore.toISOString()} to ${notOnOrAfter.toISOString()}`,
        ...audiences.map((audience) => `audience   ${audience}`),
        `signed by  ${signer?.subject} ${signer?.sha256}`,
        `anchor     ${anchor?.subject} ${anchor?.sha256}${reach}`,
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

/** What is too large to be a token does not verify, as anything else that is none. */
async function verifyInput(
  context: CommandContext,
  path: string,
  options: VerifyOptions,
): Promise<VerifiedAssertion> {
  let assertion: Buffer;
  try {
    assertion = await readTokenInput(context, path);
  } catch (error) {
    if (!(error instanceof TokenError)) throw error;
    const { message, hint } = error;
    throw new VerificationError(`Not verified: ${message}`, { reason: "malformed", hint, cause: error });
  }
  return verifyAssertion(assertion, options);
}

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
  const day = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i.exec(text)?.[1];
  const time = new Date(text);
  if (day !== undefined && isDay(day) && !Number.isNaN(time.getTime())) return time;
  throw new UsageError(`--at ${text} is no time`, "write it as 2026-01-31T12:00:00Z (RFC 3339)");
}

/** Of a day that the month has not, `Date` makes one of the next month. */
function isDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}
