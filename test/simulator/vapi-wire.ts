/** Speaks to the simulator's vAPI with hand-made HTTP, signed by node:crypto and by no code of ours. */
import { createHash, randomBytes, randomUUID, sign } from "node:crypto";
import { Agent, type RequestOptions, request } from "node:https";
import { gzipSync } from "node:zlib";
import type { Simulator } from "../../src/simulator/index.ts";
import { bearer, type Holder, holderOfKey, solutionUser } from "./sts-wire.ts";
import { type Reply, type SendOptions, send } from "./wire.ts";

export const OLD = "/rest/com/vmware/cis/session";
export const NEW = "/api/session";
const SECURITY = "com.vmware.vapi.std.security.";
const DELEGATABLE = "<wst:Delegatable>true</wst:Delegatable>";

export const json = (reply: Reply): unknown => JSON.parse(reply.text);

export function basicOf(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** Basic of a user of the simulator. */
export function basic(simulator: Simulator, index = 0): string {
  const { username, password } = simulator.users[index]!;
  return basicOf(username, password);
}

export function post(
  simulator: Simulator,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: string | undefined = undefined,
): Promise<Reply> {
  return send(simulator, path, {
    method: "POST",
    headers: {
      "content-length": String(Buffer.byteLength(body ?? "")),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...headers,
    },
    ...(body !== undefined && { body }),
  });
}

/** ID of a new session. */
export async function login(simulator: Simulator, index = 0, node = 1): Promise<string> {
  const reply = await send(simulator, NEW, {
    node,
    method: "POST",
    headers: { authorization: basic(simulator, index) },
  });
  if (reply.status !== 201) throw new Error(`status ${reply.status}: ${reply.text}`);
  return json(reply) as string;
}

export interface ResourceOptions extends SendOptions {
  readonly session?: string;
  readonly json?: unknown;
}

/** A call with a session, with a JSON body where there is one. */
export function call(
  simulator: Simulator,
  method: string,
  path: string,
  { session, json: value, ...options }: ResourceOptions = {},
): Promise<Reply> {
  return send(simulator, path, {
    ...options,
    method,
    headers: {
      ...(session !== undefined && { "vmware-api-session-id": session }),
      ...(value !== undefined && { "content-type": "application/json" }),
      ...options.headers,
    },
    ...(value !== undefined && { body: JSON.stringify(value) }),
  });
}

/** A bearer token that vAPI takes. */
export const delegatableBearer = (simulator: Simulator, index = 0): Promise<string> =>
  bearer(simulator, index, DELEGATABLE);

export interface HolderToken extends Holder {
  readonly token: string;
}

/** A holder-of-key token that vAPI takes, with its key. */
export async function delegatableHolder(simulator: Simulator): Promise<HolderToken> {
  return { ...solutionUser(simulator), token: await holderOfKey(simulator, 0, DELEGATABLE) };
}

export const packed = (token: string): string => gzipSync(token).toString("base64");

export interface SignOptions {
  readonly path?: string;
  readonly method?: string;
  readonly nonce?: string;
  readonly body?: string;
  readonly host: string;
  readonly port: string;
  readonly algorithm?: "SHA256" | "SHA384" | "SHA512";
  /** Whether the hash of the body is stated. Default true. */
  readonly stated?: boolean;
  readonly bodyHash?: Buffer;
}

export const freshNonce = (at = Date.now()): string =>
  `${at}:${BigInt(`0x${randomBytes(7).toString("hex")}`)}`;

/** Parameters of `Authorization: SIGN` for a holder-of-key token. */
export function signParameters(holder: HolderToken, options: SignOptions): Record<string, string> {
  const { path = OLD, method = "POST", body = "", algorithm = "SHA256", stated = true } = options;
  const nonce = options.nonce ?? freshNonce();
  const hash = options.bodyHash ?? createHash(algorithm.toLowerCase()).update(body).digest();
  const base = Buffer.concat([
    Buffer.from(`${nonce}\n${method}\n${path}\n${options.host}\n${options.port}\n`),
    stated ? hash : Buffer.alloc(0),
    Buffer.from("\n"),
  ]);
  return {
    token: packed(holder.token),
    signature_alg: `RSA-${algorithm}`,
    signature: sign(algorithm.toLowerCase(), base, holder.key).toString("base64"),
    nonce,
    ...(stated && { bodyhash: hash.toString("base64") }),
  };
}

export function signHeader(parameters: Readonly<Record<string, string>>): string {
  const parts = Object.entries(parameters).map(([name, value]) => `${name}="${value}"`);
  return `SIGN ${parts.join(", ")}`;
}

/** One request with several headers of one name, which fetch would join. */
export function sendRaw(
  simulator: Simulator,
  path: string,
  method: string,
  headers: readonly (readonly [string, string])[],
): Promise<Reply> {
  const { host, port } = simulator.servers[0]!;
  const options: RequestOptions = {
    agent: new Agent({ keepAlive: false, ca: simulator.ca }),
    host,
    port,
    path,
    method,
    headers: [["host", `${host}:${port}`], ...headers].flat() as unknown as Record<string, string>,
  };
  return new Promise((resolve, reject) => {
    const sent = request(options, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (piece: string) => {
        text += piece;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text }),
      );
    });
    sent.on("error", reject);
    sent.end();
  });
}

export interface RpcOptions {
  readonly service?: string;
  readonly operation?: string;
  readonly security?: object | undefined;
  readonly input?: object;
  readonly application?: object | null;
}

export function rpcMessage(options: RpcOptions = {}): Record<string, unknown> {
  const { service = "com.vmware.cis.session", operation = "create", security, input = {} } = options;
  return {
    jsonrpc: "2.0",
    method: "invoke",
    id: randomUUID(),
    params: {
      serviceId: service,
      operationId: operation,
      ctx: {
        appCtx: options.application === undefined ? { opId: "test" } : options.application,
        ...(security && { securityCtx: security }),
      },
      input: { STRUCTURE: { "operation-input": input } },
    },
  };
}

export function postRpc(
  simulator: Simulator,
  message: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Reply> {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  return post(simulator, "/api", { "content-type": "application/json", ...headers }, text);
}

export const rpc = (simulator: Simulator, options: RpcOptions): Promise<Reply> =>
  postRpc(simulator, rpcMessage(options));

export const scheme = (name: string, members: object = {}): object => ({
  schemeId: SECURITY + name,
  ...members,
});

export function userPass(simulator: Simulator, index = 0): object {
  const { username, password } = simulator.users[index]!;
  return scheme("user_pass", { userName: username, password });
}

export const bySession = (sessionId: string): object => scheme("session_id", { sessionId });

/** `result.output` of an answer that has to be good. */
export function output(reply: Reply): unknown {
  const { result } = json(reply) as { result?: { output?: unknown; error?: unknown } };
  if (reply.status !== 200 || !result || result.error !== undefined) throw new Error(reply.text);
  return result.output;
}

/** Name of the standard error of an answer, which the header has to tell too. */
export function rpcFault(reply: Reply): string {
  const { result } = json(reply) as { result?: { error?: { ERROR: Record<string, unknown> } } };
  const [name, further] = Object.keys(result?.error?.ERROR ?? {});
  if (reply.status !== 200 || name === undefined || further) throw new Error(reply.text);
  if (reply.headers["vapi-error"] !== name) throw new Error("the header tells another error");
  return name.replace("com.vmware.vapi.std.errors.", "");
}

/** Code of an error of the protocol. */
export const rpcCode = (reply: Reply): number | undefined =>
  (json(reply) as { error?: { code: number } }).error?.code;

export const ID = /^[0-9a-f]+$/;
