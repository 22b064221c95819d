/** VI/JSON in a few lines, written from the fact sheet and not from the client; it ends with the test. */
import { randomUUID } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { onTestFinished } from "vitest";
import { VimJson, type VimJsonOptions } from "../../src/session/vim-json.ts";
import { startPlainServer } from "../net/servers.ts";

export const USER = { username: "VSPHERE.LOCAL\\alice", password: "pa$$w0rd-of-alice" };
const HEADER = "vmware-api-session-id";

export interface SeenRequest {
  readonly method: string;
  /** As it came, with query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent as it is, all else as JSON; nothing where it is undefined. */
  readonly body?: unknown;
}

export interface VimJsonServerOptions {
  /** Releases that are known; none for a server without VI/JSON. Default those up to 8.0.3.0. */
  readonly releases?: readonly string[];
  /** What a path below an unknown release, or all of VI/JSON where there is none, is answered with. Default 404. */
  readonly unknown?: Answer;
  /** What `hello` is answered with; by default a release of those that are known. */
  readonly hello?: Answer | ((request: SeenRequest) => Answer);
  /** Answers in front of all others, by `METHOD Type/moId/member`. */
  readonly members?: Readonly<Record<string, Answer | ((request: SeenRequest) => Answer)>>;
  /** What a call without a session is answered with. Default 500 with the fault. */
  readonly unauthenticated?: Answer;
  readonly sessionManager?: string;
}

export interface VimJsonServer {
  readonly origin: string;
  readonly requests: readonly SeenRequest[];
  /** `METHOD /path` of each, without query. */
  readonly lines: readonly string[];
  readonly sessions: Set<string>;
  door(options?: VimJsonOptions): VimJson;
}

export function fault(typeName: string, more: object = {}, status = 500): Answer {
  return { status, body: { _typeName: typeName, faultstring: `${typeName} it is.`, ...more } };
}

export const NOT_AUTHENTICATED: Answer = fault("NotAuthenticated", {
  faultstring: "The session is not authenticated.",
  object: { _typeName: "ManagedObjectReference", type: "Folder", value: "group-d1" },
  privilegeId: "System.View",
});

export const PAGE_404: Answer = {
  status: 404,
  headers: { "content-type": "text/html" },
  body: "<html><body>Not Found</body></html>",
};

export async function startVimJson(options: VimJsonServerOptions = {}): Promise<VimJsonServer> {
  const {
    releases = ["8.0.3.0", "8.0.2.0", "8.0.1.0"],
    unknown = PAGE_404,
    sessionManager = "SessionManager",
  } = options;
  const requests: SeenRequest[] = [];
  const sessions = new Set<string>();

  const hello = (request: SeenRequest): Answer => {
    const { hello: answer } = options;
    if (answer) return typeof answer === "function" ? answer(request) : answer;
    if (releases.length === 0) return PAGE_404;
    const { api_releases: offered } = JSON.parse(request.body) as { api_releases: string[] };
    return { body: { api_release: offered.find((release) => releases.includes(release)) ?? "" } };
  };

  const member = (path: string, request: SeenRequest): Answer => {
    const given = options.members?.[`${request.method} ${path}`];
    if (given) return typeof given === "function" ? given(request) : given;
    const id = request.headers[HEADER];
    const known = typeof id === "string" && sessions.has(id);
    switch (`${request.method} ${path}`) {
      case "GET ServiceInstance/ServiceInstance/content":
        return {
          body: {
            _typeName: "ServiceContent",
            about: { _typeName: "AboutInfo", apiType: "VirtualCenter", apiVersion: releases[0] },
            sessionManager: {
              _typeName: "ManagedObjectReference",
              type: "SessionManager",
              value: sessionManager,
            },
          },
        };
      case `POST SessionManager/${sessionManager}/Login`: {
        const { userName, password } = JSON.parse(request.body) as Record<string, string>;
        if (id !== undefined || userName !== USER.username || password !== USER.password) {
          return fault("InvalidLogin", {
            faultstring: "Cannot complete login due to an incorrect user name or password.",
          });
        }
        const made = randomUUID();
        sessions.add(made);
        return { headers: { [HEADER]: made }, body: userSession() };
      }
      case `GET SessionManager/${sessionManager}/currentSession`:
        return known ? { body: userSession() } : {};
      case `POST SessionManager/${sessionManager}/Logout`:
        if (!known) break;
        sessions.delete(id);
        return { status: 204 };
      case "GET Folder/group-d1/name":
        if (!known) break;
        return { body: '"Datacenters"' };
    }
    return known ? fault("ManagedObjectNotFound") : (options.unauthenticated ?? NOT_AUTHENTICATED);
  };

  const { port } = await startPlainServer(async (message, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of message) chunks.push(chunk as Buffer);
    const { method = "", url: target = "", headers } = message;
    const request = { method, target, headers, body: Buffer.concat(chunks).toString("utf8") };
    requests.push(request);
    const [, release = "", path] = /^\/sdk\/vim25\/([^/]+)\/([^/]+\/[^/]+\/[^/]+)$/.exec(target) ?? [];
    let answer: Answer = PAGE_404;
    if (target === "/api/vcenter/system?action=hello" && method === "POST") answer = hello(request);
    else if (path !== undefined) answer = releases.includes(release) ? member(path, request) : unknown;
    const { status = 200, body } = answer;
    const json = body !== undefined && typeof body !== "string";
    response.writeHead(status, { ...(json && { "content-type": "application/json" }), ...answer.headers });
    response.end(json ? JSON.stringify(body) : body);
  });
  const origin = `http://127.0.0.1:${port}`;
  return {
    origin,
    requests,
    get lines() {
      return requests.map(({ method, target }) => `${method} ${target.replace(/\?.*/, "")}`);
    },
    sessions,
    door(given = {}) {
      const door = new VimJson("vc01.test", { baseUrl: origin, retry: false, ...given });
      onTestFinished(() => door.close());
      return door;
    },
  };
}

function userSession(): object {
  return {
    _typeName: "UserSession",
    key: "52773cd3-35c6-b40a-17f1-fe664a9f08f3",
    userName: USER.username,
    fullName: "Alice",
    loginTime: "2026-11-21T15:00:00.123456Z",
    lastActiveTime: "2026-11-21T15:01:00Z",
    locale: "en",
    messageLocale: "en",
  };
}
