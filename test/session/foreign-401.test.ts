import { describe, expect, test } from "vitest";
import { HttpStatusError } from "../../src/errors.ts";
import type { RestStyle } from "../../src/session/vapi-rest.ts";
import { failureOf } from "../net/servers.ts";
import { startRpc } from "./jsonrpc-server.ts";
import { type Answer, apiError, restError, startVapi } from "./vapi-server.ts";
import { startVimJson } from "./vim-json-server.ts";
import { startVim } from "./vim-server.ts";

const ID = "b00db39f948d13ea1e59b4d6fce56389";
const USER = { username: "alice@vsphere.local", password: "pass-word" };
const PATHS = { api: "/api/session", rest: "/rest/com/vmware/cis/session" };

interface Foreign extends Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What something before the server says with 401: nothing of it is about a session. */
const FOREIGN: readonly (readonly [string, Foreign])[] = [
  [
    "a page",
    {
      status: 401,
      headers: { "content-type": "text/html", "www-authenticate": 'Basic realm="corp proxy"' },
      body: "<html><body>Log in to the proxy</body></html>",
    },
  ],
  ["words", { status: 401, headers: { "content-type": "text/plain" }, body: "Jwt is missing" }],
  [
    "JSON of its own",
    { status: 401, headers: { "content-type": "application/json" }, body: '{"message":"no credentials"}' },
  ],
];

const STYLES = ["api", "rest"] as const satisfies readonly RestStyle[];

/** A server that gives sessions, and answers what is asked of one, and its end, as it is told. */
async function restServer(style: RestStyle, answer: Answer) {
  const asked = style === "api" ? `GET ${PATHS.api}` : `POST ${PATHS.rest}`;
  const made = { status: 201, body: { value: ID } };
  return startVapi({
    ...(style === "api" && { [`POST ${PATHS.api}`]: made }),
    [asked]: ({ headers }) => (headers["vmware-api-session-id"] === undefined ? made : answer),
    [`DELETE ${PATHS[style]}`]: answer,
  });
}

describe.each(FOREIGN)("401 with %s", (_, answer) => {
  test.each(STYLES)("is no end of a session of /%s", async (style) => {
    const server = await restServer(style, answer);
    const rest = server.rest();
    await rest.login(USER);
    expect(rest.style).toBe(style);
    expect((await failureOf(rest.current(), HttpStatusError)).status).toBe(401);
    expect(rest.sessionId).toBe(ID);
    const error = await failureOf(rest.logout(), HttpStatusError);
    expect(error.message).toContain(`DELETE ${PATHS[style]}`);
    expect(error.hint).toContain("proxy");
    expect(rest.sessionId).toBeUndefined();
  });

  test("tells nothing of an adopted session, nor which sessions the server has", async () => {
    const server = await startVapi({ [`GET ${PATHS.api}`]: answer, [`DELETE ${PATHS.api}`]: answer });
    const rest = server.rest();
    rest.adopt(ID, { owned: true });
    await failureOf(rest.current(), HttpStatusError);
    expect(rest.style).toBeUndefined();
    await failureOf(rest.logout(), HttpStatusError);
  });

  test("is no end of a session in a call either", async () => {
    const rest = (await startVapi({ "GET /api/vcenter/vm": answer })).rest();
    rest.adopt(ID);
    await failureOf(rest.get("/api/vcenter/vm"), HttpStatusError);
  });

  test("is no end of a session at JSON-RPC", async () => {
    const { status, headers, body } = answer;
    const { door } = await startRpc(
      Object.fromEntries(
        ["get", "delete"].map((operation) => [
          `com.vmware.cis.session/${operation}`,
          (_call, response) => {
            response.writeHead(status, headers).end(body);
            return undefined;
          },
        ]),
      ),
    );
    const rpc = door();
    rpc.adopt(ID, { owned: true });
    await failureOf(rpc.current(), HttpStatusError);
    await failureOf(rpc.logout(), HttpStatusError);
  });

  test("is no end of a session at VI/JSON", async () => {
    const manager = "SessionManager/SessionManager";
    const members = { [`GET ${manager}/currentSession`]: answer, [`POST ${manager}/Logout`]: answer };
    const vim = (await startVimJson({ members })).door();
    vim.adopt(ID, { owned: true });
    await failureOf(vim.current(), HttpStatusError);
    await failureOf(vim.logout(), HttpStatusError);
  });

  test("is no end of a session at SOAP", async () => {
    const server = await startVim({
      intercept: ({ operation }) => (operation === "RetrieveServiceContent" ? undefined : answer),
    });
    const vim = server.door();
    vim.adopt(ID, { owned: true });
    await failureOf(vim.current(), HttpStatusError);
    await failureOf(vim.logout(), HttpStatusError);
  });
});

describe("401 of the server itself", () => {
  const own: Readonly<Record<RestStyle, object>> = {
    api: apiError("UNAUTHENTICATED"),
    rest: restError("unauthenticated"),
  };

  test.each(STYLES.flatMap((style) => [[style, undefined] as const, [style, own[style]] as const]))(
    "is the end of a session of /%s: %j",
    async (style, body) => {
      const rest = (await restServer(style, { status: 401, body })).rest();
      await rest.login(USER);
      expect(await rest.current()).toBeNull();
      await rest.logout();
      expect([rest.sessionId, rest.style]).toEqual([undefined, style]);
    },
  );

  test("without a body is the end of a session at SOAP", async () => {
    const server = await startVim({
      intercept: ({ operation }) =>
        operation === "RetrieveServiceContent" ? undefined : { status: 401, body: "" },
    });
    const vim = server.door();
    vim.adopt(ID, { owned: true });
    expect(await vim.current()).toBeNull();
    await vim.logout();
  });
});
