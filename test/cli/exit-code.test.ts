import { describe, expect, it } from "vitest";
import { exitCodeOf } from "../../src/cli/exit-code.ts";
import {
  HttpStatusError,
  LoginSuspendedError,
  SessionLimitError,
  StoreError,
  TaskError,
  UnsupportedError,
  VapiError,
  VimFaultError,
} from "../../src/errors.ts";

const vapi = { door: "vapi-rest", errorType: "ERROR" } as const;
const vim = { door: "vim-soap", fault: "Fault", faultString: "" } as const;
const status = (code: number) => new HttpStatusError("x", { status: code, url: "https://h/api" });

describe("the exit code of an error at a session", () => {
  it.each([
    ["a login that is refused", new VapiError("AUTHENTICATION_FAILED", "x", vapi), 3],
    ["a session that has ended, at vAPI", new VapiError("NOT_AUTHENTICATED", "x", vapi), 3],
    ["a session that has ended, at VIM", new VimFaultError("NOT_AUTHENTICATED", "x", vim), 3],
    ["401 without an error of vAPI", status(401), 3],
    ["no permission", new VimFaultError("NO_PERMISSION", "x", vim), 1],
    ["403 without an error of vAPI", status(403), 1],
    ["the limit of sessions", new SessionLimitError("x", { door: "vapi-rest" }), 1],
    ["another error of vAPI", new VapiError("VAPI_ERROR", "x", vapi), 1],
    ["another fault of VIM", new VimFaultError("VIM_FAULT", "x", vim), 1],
    ["a door that is not there", new UnsupportedError("x"), 1],
    ["a task that failed", new TaskError("TASK_FAILED", "x", { task: "t" }), 1],
    ["services that restart", new VapiError("SERVICE_UNAVAILABLE", "x", vapi), 5],
    ["503 of a proxy", status(503), 5],
    [
      "logins that are suspended",
      new LoginSuspendedError("x", { principal: "u", until: new Date(), hint: "wait" }),
      3,
    ],
    ["a store that cannot be reached", new StoreError("STORE_UNAVAILABLE", "x"), 1],
    ["a store that is busy", new StoreError("STORE_BUSY", "x"), 1],
    ["a lock that was lost", new StoreError("STORE_LOCK_LOST", "x"), 1],
    ["an entry that cannot be read", new StoreError("STORE_UNREADABLE", "x"), 1],
  ])("%s", (_, error, code) => {
    expect(exitCodeOf(error)).toBe(code);
  });
});
