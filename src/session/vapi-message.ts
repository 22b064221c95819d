import type { VapiMessage } from "../errors.ts";
import { LEFT_OUT, repeatsSecret } from "../net/secret-words.ts";
import { isObject, type JsonObject, own, ownText } from "./json-text.ts";

/** More messages, or longer ones, tell nobody more; and each is looked through for secrets. */
const MAX_MESSAGES = 16;
const MAX_LENGTH = 2048;
const MAX_ARGUMENTS = 16;
const MAX_ARGUMENT_LENGTH = 512;
/** As much as is looked through at once. */
const MAX_TOTAL = 16_000;
/** Texts times secrets: more is not looked through one by one. */
const MAX_SEARCHES = 512;

/** Where a template wants an argument: `%s`, `%1$s`, `{0}`, `{name}`. */
const PLACEHOLDER = /%(?:(\d{1,2})\$)?[sd]|\{(\d{1,2}|[A-Za-z_]\w{0,63})\}/g;

/**
 * The messages of an error, their arguments filled in where the text still has places for them; a text that repeats
 * a secret is left out.
 */
export function messagesOf(value: unknown, secrets: readonly string[]): readonly VapiMessage[] {
  if (!Array.isArray(value)) return [];
  const messages: VapiMessage[] = [];
  const texts: string[] = [];
  let total = 0;
  for (const each of value.slice(0, MAX_MESSAGES).filter(isObject)) {
    const message = readMessage(each);
    const parts = [message.id, message.text, ...message.args];
    total += parts.join("").length;
    // The first one is there in any case, it being what is shown.
    if (total > MAX_TOTAL && messages.length > 0) break;
    messages.push(message);
    texts.push(...parts);
  }
  // Once for all: it takes long. Dots part the texts as an ellipsis would, for secrets that are broken off.
  if (secrets.length === 0 || !repeatsSecret(texts.join(".."), secrets)) return messages;
  const all = texts.length * secrets.length > MAX_SEARCHES;
  const guarded = (text: string): string => (all || repeatsSecret(text, secrets) ? LEFT_OUT : text);
  return messages.map(({ id, text, args }) => ({
    id: guarded(id),
    text: guarded(text),
    args: args.map(guarded),
  }));
}

/** One message (`com.vmware.vapi.std.localizable_message`) as text. */
export function messageText(value: unknown): string {
  return isObject(value) ? textOf(value, argumentsOf(value)) : "";
}

function readMessage(message: JsonObject): VapiMessage {
  const args = argumentsOf(message);
  return { id: (ownText(message, "id") ?? "").slice(0, MAX_LENGTH), text: textOf(message, args), args };
}

function textOf(message: JsonObject, args: readonly string[]): string {
  const localized = ownText(message, "localized");
  if (localized !== undefined) return localized.slice(0, MAX_LENGTH);
  const template = (ownText(message, "default_message") ?? "").slice(0, MAX_LENGTH);
  const params = own(message, "params");
  let next = 0;
  const filled = template.replace(PLACEHOLDER, (place: string, position?: string, name?: string) => {
    if (name !== undefined) {
      return (/^\d/.test(name) ? args[Number(name)] : parameterOf(params, name)) ?? place;
    }
    return args[position === undefined ? next++ : Number(position) - 1] ?? place;
  });
  return filled.slice(0, MAX_LENGTH);
}

function argumentsOf(message: JsonObject): string[] {
  const args = own(message, "args");
  return (Array.isArray(args) ? args : [])
    .slice(0, MAX_ARGUMENTS)
    .filter((arg) => typeof arg === "string" || typeof arg === "number" || typeof arg === "boolean")
    .map((arg) => String(arg).slice(0, MAX_ARGUMENT_LENGTH));
}

/** A named argument: `{s}` text, `{i}` whole number, `{d}` number, `{dt}` time (`localization_param`). */
function parameterOf(params: unknown, name: string): string | undefined {
  const param = isObject(params) ? own(params, name) : undefined;
  if (!isObject(param)) return undefined;
  const value = ["s", "i", "d", "dt"]
    .map((kind) => own(param, kind))
    .find((each) => typeof each === "string" || typeof each === "number");
  return value === undefined ? undefined : String(value);
}
