import { InvalidArgumentError } from "../../index.ts";
import { makeCall } from "../call.ts";
import type { Command } from "../command.ts";
import { readJsonData } from "../data.ts";
import { UsageError } from "../usage.ts";

export const command: Command = {
  async run(context) {
    const [service = "", operation = ""] = context.positionals;
    const input = (await readJsonData(context))?.value ?? {};
    if (typeof input !== "object" || Array.isArray(input)) {
      throw new UsageError(
        "the input of an operation is an object",
        'give it by name, as -d \'{"tag_id":"urn:…"}\'',
      );
    }
    return makeCall(context, {
      label: `${service} ${operation}`,
      open: "vapi",
      isMeant: ({ url }) => url.pathname === "/api",
      run: (vc, { signal }) =>
        vc.vapi.invoke(service, operation, input, { signal }).catch((error: unknown) => {
          throw inWordsOfJson(error);
        }),
    });
  },
};

/** The library tells of its functions, by which a program says what JSON cannot; here the wire's form says it. */
function inWordsOfJson(error: unknown): unknown {
  if (!(error instanceof InvalidArgumentError) || !error.hint?.includes("vapiStructure")) return error;
  const hint =
    'name it: {"STRUCTURE": {"<name>": {…}}}; a map is a list of {"STRUCTURE": {"map-entry": {"key": …, "value": …}}}; there are {"OPTIONAL": …}, {"SECRET": "…"} and {"BINARY": "<base64>"} too';
  return new InvalidArgumentError(error.message, { hint, cause: error });
}
