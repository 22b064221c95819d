import { getEventListeners } from "node:events";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import {
  AbortedError,
  ConnectionError,
  HttpStatusError,
  InvalidArgumentError,
  ProtocolError,
  TaskError,
  VapiError,
} from "../../src/errors.ts";
import { startTask, type TaskInfo, VapiTask } from "../../src/session/task.ts";
import { VapiRest } from "../../src/session/vapi-rest.ts";
import { failureOf, startPlainServer, unusedPort } from "../net/servers.ts";
import { type Answer, apiError, type Route, restError, startVapi } from "./vapi-server.ts";

const ID = "8a1c0f2e-1b:3d4c5b6a-0000-4000-8000-112233445566:com.vmware.appliance.infraprofile";
const PATH = `/api/cis/tasks/${ID}`;
const FAST = { intervalMs: 1, maxIntervalMs: 2 };

function info(status: string, more: object = {}): object {
  return { status, service: "com.vmware.x", operation: "import$task", cancelable: true, ...more };
}

const progress = (completed: number, message: object = {}): object => ({
  progress: {
    total: 100,
    completed,
    message: { id: "p", default_message: "{0} of {1}", args: [], ...message },
  },
});

/** A server whose task goes from answer to answer, staying with the last. */
async function serverOf(
  answers: readonly Answer[],
  routes: Readonly<Record<string, Route>> = {},
  path = PATH,
) {
  let next = 0;
  const server = await startVapi({
    [`GET ${path}`]: () => answers[Math.min(next++, answers.length - 1)] ?? {},
    ...routes,
  });
  return { server, rest: server.rest() };
}

describe("an operation begun as a task", () => {
  test("is asked for as one, and followed to its result", async () => {
    const { server, rest } = await serverOf(
      [
        { body: info("PENDING") },
        { body: info("RUNNING", progress(10, { args: ["10", "100"] })) },
        { body: info("RUNNING", progress(10, { args: ["10", "100"] })) },
        { body: info("BLOCKED", progress(60)) },
        { body: info("SUCCEEDED", { ...progress(100), result: { status: "VALID" } }) },
      ],
      { "POST /api/appliance/infraprofile/configs": { status: 202, body: JSON.stringify(ID) } },
    );
    const task = await startTask(rest, {
      method: "POST",
      path: "/api/appliance/infraprofile/configs?action=validate",
      body: { spec: 1 },
    });
    expect(task.id).toBe(ID);
    const seen: string[] = [];
    const onProgress = (state: TaskInfo): void => {
      seen.push(`${state.status} ${state.progress?.completed ?? "-"} ${state.progress?.message ?? ""}`);
    };
    expect(await task.wait({ ...FAST, onProgress })).toEqual({ status: "VALID" });
    expect(seen).toEqual([
      "PENDING - ",
      "RUNNING 10 10 of 100",
      "BLOCKED 60 {0} of {1}",
      "SUCCEEDED 100 {0} of {1}",
    ]);
    expect(server.requests[0]).toMatchObject({
      method: "POST",
      target: "/api/appliance/infraprofile/configs?action=validate&vmw-task=true",
      body: '{"spec":1}',
    });
    expect(server.requests.slice(1).map(({ target }) => target)).toEqual(Array(5).fill(PATH));
  });

  test.each([
    ["in the path", "/api/x?vmw-task=true&action=import", undefined],
    ["in the query", "/api/x?action=import", { "vmw-task": "true" }],
  ])("is asked for once where the caller has it %s", async (_, path, query) => {
    const { server, rest } = await serverOf([], { "POST /api/x": { body: JSON.stringify(ID) } });
    await startTask(rest, { method: "POST", path, query });
    expect(server.requests[0]?.target.match(/vmw-task/g)).toHaveLength(1);
  });

  test("of the old API is looked for there, without its wrapper", async () => {
    const { server, rest } = await serverOf(
      [{ body: { value: info("SUCCEEDED") } }],
      { "POST /rest/appliance/update/staged": { body: { value: ID } } },
      `/rest/cis/tasks/${ID}`,
    );
    const task = await startTask(rest, { method: "POST", path: "/rest/appliance/update/staged" });
    expect(await task.wait(FAST)).toBeNull();
    expect(server.requests[1]?.target).toBe(`/rest/cis/tasks/${ID}`);
  });

  test.each([
    ["null", {}],
    ["an object", { body: { task: ID } }],
    ["an empty text", { body: '""' }],
  ])("is none when the answer is %s", async (_, answer) => {
    const { rest } = await serverOf([], { "POST /api/x": answer });
    const error = await failureOf(startTask(rest, { method: "POST", path: "/api/x" }), ProtocolError);
    expect(error.hint).toContain("no form as a task");
  });

  test("that is refused fails as the call does", async () => {
    const { rest } = await serverOf([], {
      "POST /api/x": { status: 404, body: apiError("OPERATION_NOT_FOUND") },
    });
    const error = await failureOf(startTask(rest, { method: "POST", path: "/api/x" }), VapiError);
    expect(error.errorType).toBe("OPERATION_NOT_FOUND");
  });
});

describe("a task", () => {
  test("tells all that the server says of it", async () => {
    const { rest } = await serverOf([
      {
        body: {
          ...info("SUCCEEDED", progress(3)),
          description: { id: "d", default_message: "Import of %s", args: ["profile"] },
          start_time: "2026-11-21T10:00:00.000Z",
          end_time: "soon",
          result: "r",
        },
      },
    ]);
    expect(await new VapiTask(rest, ID).get()).toEqual({
      id: ID,
      status: "SUCCEEDED",
      progress: { total: 100, completed: 3, message: "{0} of {1}" },
      description: "Import of profile",
      service: "com.vmware.x",
      operation: "import$task",
      cancelable: true,
      startTime: new Date("2026-11-21T10:00:00Z"),
      endTime: null,
      result: "r",
      error: null,
    });
  });

  test.each([
    ["of /api", apiError("NOT_ALLOWED_IN_CURRENT_STATE", { default_message: "Not {0}.", args: ["now"] })],
    ["of /rest", restError("not_allowed_in_current_state", { default_message: "Not now." })],
  ])("that failed is an error with the server's own %s as its cause", async (_, error) => {
    const { rest } = await serverOf([{ body: info("RUNNING") }, { body: info("FAILED", { error }) }]);
    const failed = await failureOf(new VapiTask(rest, ID).wait(FAST), TaskError);
    expect(failed).toMatchObject({ code: "TASK_FAILED", task: ID });
    expect(failed.message).toContain("Not now.");
    expect(failed.cause).toMatchObject({ code: "VAPI_ERROR", errorType: "NOT_ALLOWED_IN_CURRENT_STATE" });
  });

  test("that failed without a word is an error all the same", async () => {
    const { rest } = await serverOf([{ body: info("FAILED") }]);
    const failed = await failureOf(new VapiTask(rest, ID).wait(FAST), TaskError);
    expect([failed.code, failed.cause]).toEqual(["TASK_FAILED", undefined]);
    expect(failed.message).toContain("import$task");
  });

  test("is cancelled by an action, and ends so", async () => {
    let cancelled = false;
    const canceled = info("FAILED", { error: apiError("CANCELED") });
    const { server, rest } = await serverOf([], {
      [`GET ${PATH}`]: () => ({ body: cancelled ? canceled : info("RUNNING") }),
      [`POST ${PATH}`]: () => {
        cancelled = true;
        return { status: 204 };
      },
    });
    const task = new VapiTask(rest, ID);
    const end = failureOf(task.wait(FAST), TaskError);
    await task.cancel();
    expect(await end).toMatchObject({ code: "TASK_CANCELED", task: ID });
    const cancel = server.requests.find(({ method }) => method === "POST");
    expect(cancel).toMatchObject({ target: `${PATH}?action=cancel`, body: "" });
  });

  test.each([
    ["a state that nobody knows", { body: info("DONE") }],
    ["no state", { body: {} }],
    ["a text", { body: '"RUNNING"' }],
    ["nothing", { status: 204 }],
  ])("is not made of %s", async (_, answer) => {
    const { rest } = await serverOf([answer]);
    await failureOf(new VapiTask(rest, ID).wait(FAST), ProtocolError);
  });

  test("that is not there is the server's error, at once", async () => {
    const { server, rest } = await serverOf([{ status: 404, body: apiError("NOT_FOUND") }]);
    await failureOf(new VapiTask(rest, ID).wait(FAST), VapiError);
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    ["slashes", "a/b", "/api/cis/tasks/a%2Fb"],
    ["a question", "a?b#c", "/api/cis/tasks/a%3Fb%23c"],
    ["letters beyond ASCII", "ä", "/api/cis/tasks/%C3%A4"],
  ])("may have an ID with %s", async (_, id, path) => {
    const { server, rest } = await serverOf([{ body: info("SUCCEEDED") }], {}, path);
    await new VapiTask(rest, id).wait(FAST);
    expect(server.requests[0]?.target).toBe(path);
  });

  test.each(["", "..", "."])("has no ID of %j", async (id) => {
    const { rest } = await serverOf([]);
    expect(() => new VapiTask(rest, id)).toThrow(InvalidArgumentError);
  });

  test("may be in another place", async () => {
    const tasksPath = "/api/appliance/task";
    const { rest } = await serverOf([{ body: info("SUCCEEDED") }], {}, `${tasksPath}/${ID}`);
    expect(await new VapiTask(rest, ID, { tasksPath }).wait(FAST)).toBeNull();
  });
});

describe("waiting for a task", () => {
  const RUNNING = { body: info("RUNNING") };
  const DONE = { body: info("SUCCEEDED", { result: "done" }) };

  test("rides out services that restart", async () => {
    const { rest } = await serverOf([
      RUNNING,
      { status: 503 },
      { status: 503, headers: { "content-type": "text/html" }, body: "<html></html>" },
      { status: 503, body: apiError("SERVICE_UNAVAILABLE") },
      { status: 502 },
      { status: 504, body: "<html></html>" },
      RUNNING,
      DONE,
    ]);
    const seen: string[] = [];
    const onProgress = ({ status }: TaskInfo): void => void seen.push(status);
    expect(await new VapiTask(rest, ID).wait({ ...FAST, onProgress })).toBe("done");
    expect(seen).toEqual(["RUNNING", "SUCCEEDED"]);
  });

  test("rides out connections that break", async () => {
    let calls = 0;
    const { port } = await startPlainServer((request, response) => {
      calls += 1;
      if (calls < 4) request.socket.destroy();
      else response.end(JSON.stringify(info("SUCCEEDED", { result: calls })));
    });
    const rest = new VapiRest("vc01.test", { baseUrl: `http://127.0.0.1:${port}`, retry: false });
    expect(await new VapiTask(rest, ID).wait(FAST)).toBe(4);
    await rest.close();
  });

  test("ends with the failure when the server stays away", async () => {
    const rest = new VapiRest("vc01.test", {
      baseUrl: `http://127.0.0.1:${await unusedPort()}`,
      retry: false,
    });
    const error = await failureOf(new VapiTask(rest, ID).wait({ ...FAST, outageMs: 20 }), ConnectionError);
    expect(error.systemCode).toBe("ECONNREFUSED");
    await rest.close();
    const { rest: other } = await serverOf([{ status: 502 }]);
    await failureOf(new VapiTask(other, ID).wait({ ...FAST, outageMs: 20 }), HttpStatusError);
  });

  test("ends at once with what does not pass", async () => {
    const { server, rest } = await serverOf([RUNNING, { status: 401, body: apiError("UNAUTHENTICATED") }]);
    const error = await failureOf(new VapiTask(rest, ID).wait(FAST), VapiError);
    expect(error.code).toBe("NOT_AUTHENTICATED");
    expect(server.requests).toHaveLength(2);
  });

  test("ends with the signal and leaves the task alone", async () => {
    const { server, rest } = await serverOf([RUNNING]);
    const controller = new AbortController();
    const onProgress = (): void => controller.abort(new Error("enough"));
    const { signal } = controller;
    const wait = new VapiTask(rest, ID).wait({ intervalMs: 60_000, onProgress, signal });
    const error = await failureOf(wait, AbortedError);
    expect(error.message).toContain("goes on at the server");
    expect((error.cause as Error).message).toBe("enough");
    expect(server.requests.map(({ method }) => method)).toEqual(["GET"]);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("cancels the task with the signal where that is wanted", async () => {
    const { server, rest } = await serverOf([RUNNING], { [`POST ${PATH}`]: { status: 204 } });
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    const options = { intervalMs: 60_000, onProgress, signal: controller.signal, cancelOnAbort: true };
    const error = await failureOf(new VapiTask(rest, ID).wait(options), AbortedError);
    expect(error.message).toContain("asked to cancel");
    expect(server.requests.at(-1)?.target).toBe(`${PATH}?action=cancel`);
  });

  test("says when the task could not be cancelled", async () => {
    const { rest } = await serverOf([RUNNING], {
      [`POST ${PATH}`]: { status: 400, body: apiError("UNSUPPORTED") },
    });
    const controller = new AbortController();
    const onProgress = (): void => controller.abort();
    const options = { intervalMs: 60_000, onProgress, signal: controller.signal, cancelOnAbort: true };
    expect((await failureOf(new VapiTask(rest, ID).wait(options), AbortedError)).message).toContain(
      "could not",
    );
  });

  test("does not begin under a signal that has fired", async () => {
    const { server, rest } = await serverOf([RUNNING]);
    await failureOf(new VapiTask(rest, ID).wait({ signal: AbortSignal.abort() }), AbortedError);
    expect(server.requests).toHaveLength(0);
  });

  test("passes on what the caller's own function throws", async () => {
    const { server, rest } = await serverOf([RUNNING]);
    const onProgress = (): void => {
      throw new RangeError("mine");
    };
    await failureOf(new VapiTask(rest, ID).wait({ ...FAST, onProgress }), RangeError);
    expect(server.requests).toHaveLength(1);
  });

  test("goes state by state for who iterates", async () => {
    const { rest } = await serverOf([{ body: info("PENDING") }, RUNNING, RUNNING, DONE]);
    const seen: string[] = [];
    for await (const { status } of new VapiTask(rest, ID).events(FAST)) seen.push(status);
    expect(seen).toEqual(["PENDING", "RUNNING", "SUCCEEDED"]);
  });

  test.each([{ intervalMs: 0 }, { maxIntervalMs: -1 }, { outageMs: Number.NaN }])(
    "is not done by %j",
    async (options) => {
      const { rest } = await serverOf([RUNNING]);
      await failureOf(new VapiTask(rest, ID).wait(options), InvalidArgumentError);
    },
  );
});

describe("what was sent in confidence", () => {
  const SECRET = "VerySecretPassw0rd";
  const SESSION = "b00db39f948d13ea1e59b4d6fce56389";
  const shown = (error: Error): string =>
    [String(error), error.stack, inspect(error, { depth: 9 }), JSON.stringify(error)].join("\n");

  async function started(answers: readonly Answer[], id = ID) {
    const path = `/api/cis/tasks/${id}`;
    const { rest } = await serverOf(answers, { "POST /api/x": { body: JSON.stringify(id) } }, path);
    rest.adopt(SESSION);
    return startTask(rest, { method: "POST", path: "/api/x", body: { spec: { password: SECRET } } });
  }

  test.each([
    ["a secret of the request that began it", SECRET],
    ["the session", SESSION],
  ])("is not repeated by the error of a task: %s", async (_, secret) => {
    const error = apiError("INVALID_ARGUMENT", { default_message: `Bad: ${secret}` });
    const task = await started([{ body: info("FAILED", { error, operation: secret }) }]);
    const failed = await failureOf(task.wait(FAST), TaskError);
    expect(failed.cause).toMatchObject({ errorType: "INVALID_ARGUMENT" });
    expect(shown(failed)).not.toContain(secret);
  });

  test("is not repeated by the name of an operation", async () => {
    const failures = [{ operation: SECRET }, { operation: SESSION, error: apiError("CANCELED") }];
    for (const failure of failures) {
      const task = await started([{ body: info("FAILED", failure) }]);
      expect(shown(await failureOf(task.wait(FAST), TaskError))).not.toContain(failure.operation);
    }
  });

  test("is not repeated by a look that fails", async () => {
    const message = { default_message: `Bad: ${SECRET}` };
    const task = await started([{ status: 400, body: apiError("ERROR", message) }]);
    expect(shown(await failureOf(task.wait(FAST), VapiError))).not.toContain(SECRET);
    expect(shown(await failureOf(task.cancel(), HttpStatusError))).not.toContain(SECRET);
  });

  test("is not repeated where the caller names it to a task of another program", async () => {
    const error = apiError("ERROR", { default_message: `Bad: ${SECRET}` });
    const { rest } = await serverOf([{ body: info("FAILED", { error }) }]);
    const task = new VapiTask(rest, ID, { secrets: [SECRET] });
    expect(shown(await failureOf(task.wait(FAST), TaskError))).not.toContain(SECRET);
    expect(inspect(task, { depth: 9, showHidden: true })).not.toContain(SECRET);
  });

  test.each([SECRET, SESSION])("is the ID of no task", async (secret) => {
    const error = await failureOf(started([], `task-${secret}`), ProtocolError);
    expect(shown(error)).not.toContain(secret);
  });

  test("is not in the way of a task whose ID holds a short text by chance", async () => {
    const { rest } = await serverOf([{ body: info("FAILED") }], {
      "POST /api/x": { body: JSON.stringify(ID) },
    });
    const body = { password: "appliance" };
    const task = await startTask(rest, { method: "POST", path: "/api/x", body });
    expect(task.id).toBe(ID);
    expect(shown(await failureOf(task.wait(FAST), TaskError))).not.toContain("appliance");
  });

  test("nor does a terminal act on an ID or an operation", async () => {
    const operation = "import\u001b[2J";
    const id = "task\u001b[2J";
    const { rest } = await serverOf(
      [{ body: info("FAILED", { operation }) }],
      {},
      `/api/cis/tasks/${encodeURIComponent(id)}`,
    );
    const failed = await failureOf(new VapiTask(rest, id).wait(FAST), TaskError);
    expect(failed.message).not.toContain("\u001b");
  });
});

describe("many tasks", () => {
  test("wait with one signal, which has one listener", async () => {
    const { rest } = await serverOf([{ body: info("RUNNING") }]);
    const controller = new AbortController();
    const { signal } = controller;
    const waits: Promise<unknown>[] = [];
    let counted = 0;
    const seen = new Promise<void>((resolve) => {
      const onProgress = (): void => {
        if (++counted === 20) resolve();
      };
      for (let task = 0; task < 20; task++) {
        waits.push(new VapiTask(rest, ID).wait({ intervalMs: 60_000, onProgress, signal }));
      }
    });
    const ends = waits.map((wait) => failureOf(wait, AbortedError));
    await seen;
    // Each goes to sleep when it has told.
    await new Promise(setImmediate);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    controller.abort();
    await Promise.all(ends);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });
});

test("a result that is nested deeper than JSON is written is passed on", async () => {
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  const { rest } = await serverOf([{ body: `{"status":"SUCCEEDED","result":${deep}}` }]);
  expect(Array.isArray(await new VapiTask(rest, ID).wait(FAST))).toBe(true);
});
