import { makeCall } from "../call.ts";
import type { Command } from "../command.ts";
import { readJsonData } from "../data.ts";
import { EXIT } from "../exit-code.ts";
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
    await makeCall(context, {
      label: `${service} ${operation}`,
      open: "vapi",
      isMeant: ({ pathname }) => pathname === "/api",
      run: (vc) => vc.vapi.invoke(service, operation, input, { signal: context.signal }),
    });
    return EXIT.done;
  },
};
