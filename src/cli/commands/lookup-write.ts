import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { LookupService, MessageSecurity, ServiceRegistration } from "../../index.ts";
import {
  InvalidArgumentError,
  readCreateSpec,
  readSetSpec,
  SoapFaultError,
  VsphereSsoError,
} from "../../index.ts";
import type { Command, CommandContext } from "../command.ts";
import { EXIT } from "../exit-code.ts";
import { readSecurity } from "../identity.ts";
import { readInput } from "../input.ts";
import { formatJson } from "../output/json.ts";
import { registrationDiff } from "../output/registration-diff.ts";
import { printable } from "../output/text.ts";
import { connectionTo, withServices } from "../reach.ts";
import { UsageError } from "../usage.ts";

type Registration = Omit<ServiceRegistration, "issues">;

/** A change of one registration. */
interface Change {
  readonly serviceId: string;
  readonly done: "created" | "set" | "deleted";
  /** What the registration is to be, as far as that can be told beforehand; null for none. */
  plan(before: Registration | null): object | null;
  write(lookup: LookupService, security: MessageSecurity): Promise<void>;
}

export const create: Command = {
  async run(context) {
    const data = await readData(context);
    const isNew = lacksId(data);
    const { serviceId, spec } = readCreateSpec(isNew ? { ...data, serviceId: randomUUID() } : data);
    // Another run makes another UUID: one that nothing is done with is not shown.
    const shownId = isNew && !context.flags.yes ? "(a new UUID)" : serviceId;
    return apply(context, context.positionals[0], {
      serviceId,
      done: "created",
      plan: () => ({ ...spec, serviceId: shownId }),
      write: (lookup, security) => lookup.create(serviceId, spec, { security, signal: context.signal }),
    });
  },
};

export const set: Command = {
  async run(context) {
    const [serviceId = "", server] = context.positionals;
    const { fixed, spec } = readSetSpec(await readData(context));
    return apply(context, server, {
      serviceId,
      done: "set",
      plan: (before) => {
        checkFixed(fixed, before ?? { serviceId });
        const { siteId, ownerId, serviceType, nodeId } = before ?? {};
        return { ...spec, ownerId, serviceType, nodeId, serviceId, siteId };
      },
      write: (lookup, security) => lookup.set(serviceId, spec, { security, signal: context.signal }),
    });
  },
};

export const remove: Command = {
  async run(context) {
    const [serviceId = "", server] = context.positionals;
    return apply(context, server, {
      serviceId,
      done: "deleted",
      plan: () => null,
      write: (lookup, security) => lookup.delete(serviceId, { security, signal: context.signal }),
    });
  },
};

/** Shows what changes, and changes it where `--yes` says so. */
async function apply(context: CommandContext, server: string | undefined, change: Change): Promise<number> {
  const { flags, out, err } = context;
  connectionTo(context, server);
  if (!flags.yes) throw await proposal(context, server, change);
  const actorOf = await readSecurity(context, server);
  const { before, after } = await withServices(context, server, async (services) => {
    const { lookup } = services;
    const found = await current(context, lookup, change);
    const planned = change.plan(found);
    const actor = await actorOf(services);
    // An entry that exists already is the server's to refuse.
    if (found === null || change.done !== "created") err(registrationDiff(found, planned));
    try {
      await change.write(lookup, actor.security);
    } catch (error) {
      throw actor.explain(error);
    }
    return {
      before: found,
      after: planned === null ? null : await written(context, lookup, change, planned),
    };
  });
  if (flags.output === "json") out(formatJson({ before, after }));
  else out(`${change.done} ${printable(change.serviceId)}\n`);
  return EXIT.done;
}

/** The error of a command without `--yes`, after the change was shown as far as the server could be asked. */
async function proposal(
  context: CommandContext,
  server: string | undefined,
  change: Change,
): Promise<UsageError> {
  const { err } = context;
  const verb = { created: "create", set: "set", deleted: "delete" }[change.done];
  try {
    const before = await withServices(context, server, ({ lookup }) => current(context, lookup, change));
    if (before && change.done === "created") {
      err(`warning: there is a registration ${printable(change.serviceId)} already\n`);
    } else err(registrationDiff(before, change.plan(before)));
  } catch (error) {
    if (context.signal.aborted || !(error instanceof VsphereSsoError)) throw error;
    if (error instanceof InvalidArgumentError) throw error;
    err(`warning: ${printable(error.message)}\n`);
  }
  return new UsageError(
    `vsso lookup ${verb} changes nothing without --yes`,
    "add --yes, and credentials of an administrator or a solution user, to do what is shown",
  );
}

/**
 * The registration as it is; null when there is none and none is expected.
 *
 * @throws SoapFaultError when there is none of an entry that is to be changed.
 */
async function current(
  { signal }: CommandContext,
  lookup: LookupService,
  { serviceId, done }: Change,
): Promise<Registration | null> {
  try {
    const { issues: _, ...registration } = await lookup.get(serviceId, { signal });
    return registration;
  } catch (error) {
    if (done === "created" && error instanceof SoapFaultError && error.code === "ENTRY_NOT_FOUND")
      return null;
    throw error;
  }
}

/** The registration after the write. The write is done: that it cannot be read back is no failure of it. */
async function written(
  context: CommandContext,
  lookup: LookupService,
  change: Change,
  planned: object,
): Promise<object> {
  try {
    return (await current(context, lookup, change)) ?? planned;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    context.err(`warning: ${change.done}, but not read back: ${printable(why)}\n`);
    return planned;
  }
}

function checkFixed(fixed: Readonly<Record<string, unknown>>, before: object): void {
  const there = before as Readonly<Record<string, unknown>>;
  for (const [name, value] of Object.entries(fixed)) {
    if (isDeepStrictEqual(value, there[name])) continue;
    throw new InvalidArgumentError(
      `${name}: ${JSON.stringify(value)} is not what is registered, and set cannot change it`,
      { hint: `leave ${name} out, or delete the registration and create it anew` },
    );
  }
}

function lacksId(data: unknown): data is object {
  const isObject = typeof data === "object" && data !== null && !Array.isArray(data);
  return isObject && (data as { readonly serviceId?: unknown }).serviceId === undefined;
}

/** The JSON of `-d`: text, `@FILE`, or `-` for stdin. */
async function readData(context: CommandContext): Promise<unknown> {
  const { data } = context.flags;
  if (data === undefined) {
    throw new UsageError(
      "the registration is missing",
      "give it as -d JSON, -d @FILE or -d -, in the form that vsso lookup get -o json prints",
    );
  }
  const path = data === "-" ? "-" : data.startsWith("@") ? data.slice(1) : undefined;
  const text =
    path === undefined ? data : (await readInput(context, path, "the registration")).toString("utf8");
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new UsageError("the registration of -d is no JSON", "check it: quotes, commas, braces", { cause });
  }
}
