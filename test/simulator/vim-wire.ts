/** Speaks to a simulator's VIM doors with hand-written SOAP and JSON. */
import type { Simulator } from "../../src/simulator/index.ts";
import { VIM_NAMESPACE } from "../../src/xml/names.ts";
import { child, type XmlElement } from "../../src/xml/reader.ts";
import {
  at,
  type CallOptions,
  envelope,
  post,
  type Reply,
  returnvals,
  type SendOptions,
  send,
} from "./wire.ts";

export interface VimOptions extends CallOptions {
  /** Session ID to send in the cookie, between quotes. */
  readonly id?: string | undefined;
  /** Whole header element. */
  readonly header?: string;
}

/** `Type:value` of the receiver, the operation, and what follows `_this`. */
export function vim(
  simulator: Simulator,
  receiver: string,
  operation: string,
  content = "",
  options: VimOptions = {},
): Promise<Reply> {
  const { id, header, ...rest } = options;
  const body = `<${operation} xmlns="${VIM_NAMESPACE}">${self(receiver)}${content}</${operation}>`;
  return post(simulator, envelope(body, header), {
    path: "/sdk",
    action: "urn:vim25/8.0.3.0",
    ...rest,
    headers: { ...(id === undefined ? {} : { cookie: `vmware_soap_session="${id}"` }), ...rest.headers },
  });
}

/** A reference as `_this`. */
export function self(receiver: string): string {
  const [type = "", value = ""] = parted(receiver);
  return `<_this type="${type}">${value}</_this>`;
}

function parted(reference: string): readonly [string, string] {
  const colon = reference.indexOf(":");
  return [reference.slice(0, colon), reference.slice(colon + 1)];
}

export const SESSION_MANAGER = "SessionManager:SessionManager";
export const COLLECTOR = "PropertyCollector:propertyCollector";

/** `returnval` of an answer that has to be good; undefined where there is none. */
export function returned(reply: Reply, operation: string): XmlElement | undefined {
  return returnvals(reply, operation, VIM_NAMESPACE)[0];
}

/** The value of the one cookie that an answer sets, as it stands. */
export function cookieOf(reply: Reply): string | undefined {
  const header = reply.headers["set-cookie"];
  if (header === undefined) return undefined;
  if (!Array.isArray(header) || header.length !== 1) throw new Error("several cookies");
  return /^vmware_soap_session=([^;]*)/.exec(header[0]!)?.[1];
}

export const idOf = (reply: Reply): string => (cookieOf(reply) ?? "").replaceAll('"', "");

export interface VimSession {
  readonly id: string;
  readonly key: string;
  readonly userName: string;
}

export function loginContent(userName: string, password: string, locale = ""): string {
  return `<userName>${userName}</userName><password>${password}</password>${locale && `<locale>${locale}</locale>`}`;
}

/** Logs a user of the simulator in. */
export async function login(simulator: Simulator, index = 0, options: VimOptions = {}): Promise<VimSession> {
  const { username, password } = simulator.users[index]!;
  return sessionOf(
    await vim(simulator, SESSION_MANAGER, "Login", loginContent(username, password), options),
    "Login",
  );
}

/** The session that an answer opened. */
export function sessionOf(reply: Reply, operation: string): VimSession {
  const session = returned(reply, operation)!;
  return { id: idOf(reply), key: at(session, "key")!, userName: at(session, "userName")! };
}

/** Reads one property the way pyVmomi does. */
export function fetchProperty(
  simulator: Simulator,
  receiver: string,
  name: string,
  id?: string,
  options: VimOptions = {},
): Promise<Reply> {
  return vim(simulator, receiver, "Fetch", `<prop>${name}</prop>`, { ...options, id });
}

/** Name of the user that a session ID stands for; undefined for none. */
export async function userOf(simulator: Simulator, id: string): Promise<string | undefined> {
  const reply = await fetchProperty(simulator, SESSION_MANAGER, "currentSession", id);
  return at(returned(reply, "Fetch"), "userName");
}

export interface JsonOptions extends SendOptions {
  readonly release?: string;
  readonly id?: string | undefined;
  readonly json?: unknown;
}

/** Calls VI/JSON at `Type/moId/member`; a method where there is a body or its name begins in upper case. */
export function viJson(simulator: Simulator, target: string, options: JsonOptions = {}): Promise<Reply> {
  const { release = "8.0.3.0", id, json, ...rest } = options;
  const isMethod = /^[A-Z]/.test(target.split("/").at(-1) ?? "");
  const body = json === undefined ? {} : { body: typeof json === "string" ? json : JSON.stringify(json) };
  return send(simulator, `/sdk/vim25/${release}/${target}`, {
    method: isMethod ? "POST" : "GET",
    ...body,
    ...rest,
    headers: {
      ...(json === undefined ? {} : { "content-type": "application/json" }),
      ...(id === undefined ? {} : { "vmware-api-session-id": id }),
      ...rest.headers,
    },
  });
}

/** Body of an answer that has to be good. */
export function jsonOf(reply: Reply): unknown {
  if (reply.status !== 200) throw new Error(`status ${reply.status}: ${reply.text}`);
  if (reply.headers["content-type"] !== "application/json") throw new Error("not JSON");
  return JSON.parse(reply.text);
}

/** The element at a path of local names. */
export function inner(element: XmlElement | undefined, ...path: readonly string[]): XmlElement | undefined {
  let found = element;
  for (const local of path) found = found && child(found, found.namespace, local);
  return found;
}
