import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { HttpStatusError, SessionLimitError, VapiError } from "../../src/errors.ts";
import {
  parseChallenges,
  readVapiError,
  type VapiErrorContext,
  vapiErrorOf,
} from "../../src/session/vapi-error.ts";

const URL = "https://vc01.test/api/session";
const REALM = "0123456789abcdef0123456789abcdef01234567";
/** As a vCenter writes it. */
const CHALLENGE = `Basic realm="VAPI endpoint",SIGN realm=${REALM},service="VAPI endpoint",sts="https://vc01.test/sts/STSService/vsphere.local"`;
const CHALLENGES = [
  { scheme: "Basic", parameters: { realm: "VAPI endpoint" } },
  {
    scheme: "SIGN",
    parameters: {
      realm: REALM,
      service: "VAPI endpoint",
      sts: "https://vc01.test/sts/STSService/vsphere.local",
    },
  },
];
const CAP_TEXT =
  "User session count is limited to 550. Existing session count is 551 for user administrator@vsphere.local.";
const CAP_ID = "com.vmware.vapi.endpoint.failedToLoginMaxUserSessionCountReached";
const PAGE = "<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head></html>";

interface Reply {
  readonly status?: number;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | string[]>>;
}

function read(reply: Reply, context: Partial<VapiErrorContext> = {}) {
  const { status = 400, body = "", headers = {} } = reply;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return readVapiError(
    { status, headers, text, url: URL },
    { door: "vapi-rest", what: "GET /api/vcenter/vm", ...context },
  );
}

function vapi(reply: Reply, context: Partial<VapiErrorContext> = {}): VapiError {
  const error = read(reply, context);
  if (error instanceof VapiError) return error;
  throw error;
}

function limit(reply: Reply): SessionLimitError {
  const error = read(reply, { login: true });
  if (error instanceof SessionLimitError) return error;
  throw error;
}

const oldForm = (name: string, message: object, more: object = {}): object => ({
  type: `com.vmware.vapi.std.errors.${name}`,
  value: { messages: [{ args: [], ...message }], ...more },
});
const newForm = (error_type: string, message: object, more: object = {}): object => ({
  error_type,
  messages: [{ args: [], ...message }],
  ...more,
});

describe("an error of vAPI", () => {
  const required = {
    id: "com.vmware.vapi.endpoint.method.authentication.required",
    default_message: "Authentication required.",
  };

  test.each([
    ["/rest", oldForm("unauthenticated", required)],
    ["/api", newForm("UNAUTHENTICATED", required)],
    ["/rest with the type inside", { value: { error_type: "UNAUTHENTICATED", messages: [required] } }],
    ["a server that names no type", { messages: [required] }],
  ])("is read in the form of %s", (_, body) => {
    const error = vapi({ status: 401, body });
    expect(error).toMatchObject({
      code: "NOT_AUTHENTICATED",
      errorType: "UNAUTHENTICATED",
      door: "vapi-rest",
      status: 401,
      url: URL,
      messages: [{ id: required.id, text: "Authentication required.", args: [] }],
    });
    expect(error.message).toBe(
      'GET /api/vcenter/vm failed with UNAUTHENTICATED (HTTP 401): "Authentication required."',
    );
    expect(error.body).toBe(JSON.stringify(body));
    expect(Object.keys(error)).not.toContain("body");
  });

  test.each([
    ["unauthenticated", 401, "NOT_AUTHENTICATED"],
    ["unauthorized", 403, "NO_PERMISSION"],
    ["service_unavailable", 503, "SERVICE_UNAVAILABLE"],
    ["not_found", 404, "VAPI_ERROR"],
    ["already_in_desired_state", 400, "VAPI_ERROR"],
    ["internal_server_error", 500, "VAPI_ERROR"],
    ["timed_out", 504, "VAPI_ERROR"],
  ])("%s with status %i has the code %s", (name, status, code) => {
    const error = vapi({ status, body: oldForm(name, {}) });
    expect(error).toMatchObject({ code, errorType: name.toUpperCase(), status });
  });

  test("keeps a type of a service of its own", () => {
    const body = { type: "com.vmware.vcenter.tokenservice.invalid_grant", value: { messages: [] } };
    expect(vapi({ body }).errorType).toBe("INVALID_GRANT");
  });

  test("at a login means that the credential was refused", () => {
    const error = vapi({ status: 401, body: oldForm("unauthenticated", {}) }, { login: true });
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", hint: expect.stringContaining("lock-out") });
    const hinted = vapi(
      { status: 401, body: newForm("UNAUTHENTICATED", {}) },
      { login: true, authenticationHint: "H" },
    );
    expect(hinted.hint).toBe("H");
  });

  test("is read whatever the status", () => {
    for (const status of [200, 302, 418, 500, 599]) {
      expect(vapi({ status, body: newForm("UNAUTHORIZED", {}) }).code).toBe("NO_PERMISSION");
    }
  });

  test.each([
    ["{0} and {1}", ["a", "b"], "a and b"],
    ["%s before %s", ["a", "b"], "a before b"],
    ["%2$s before %1$s", ["a", "b"], "b before a"],
    ["a place too many: {0} {1} %s", ["a"], "a place too many: a {1} a"],
    ["filled in already: vm-1", ["vm-1"], "filled in already: vm-1"],
    ["an argument like a place: {0}", ["{1} %s"], "an argument like a place: {1} %s"],
    ["a number: %d", [5], "a number: 5"],
  ])("fills the arguments into %j", (default_message, args, text) => {
    const error = vapi({ body: newForm("ERROR", { id: "m", default_message, args }) });
    expect(error.messages).toEqual([{ id: "m", text, args: args.map(String) }]);
  });

  test("fills in named arguments, and prefers the text in the language asked for", () => {
    const params = { vm: { s: "vm-1" }, n: { i: 3 }, __proto__: { s: "no" } };
    const named = newForm("ERROR", { id: "m", default_message: "{vm} has {n} of {toString}", params });
    expect(vapi({ body: named }).messages[0]?.text).toBe("vm-1 has 3 of {toString}");
    const localized = newForm("ERROR", { id: "m", default_message: "No", localized: "Nein" });
    expect(vapi({ body: localized }).message).toContain('"Nein"');
  });

  test("shows the ID of a message without a text", () => {
    expect(vapi({ body: newForm("ERROR", { id: "com.vmware.only.an.id" }) }).message).toContain(
      '"com.vmware.only.an.id"',
    );
  });

  test.each([
    ["messages that are no list", { error_type: "NOT_FOUND", messages: "none" }],
    ["a message that is null", { error_type: "NOT_FOUND", messages: [null, 1, "x", []] }],
    [
      "texts that are no texts",
      { error_type: "NOT_FOUND", messages: [{ id: 1, default_message: {}, args: {} }] },
    ],
    ["no messages", { error_type: "NOT_FOUND" }],
    ["null for messages", { type: "com.vmware.vapi.std.errors.not_found", value: null }],
    ["a prototype", JSON.parse('{"error_type":"NOT_FOUND","messages":[],"__proto__":{"challenge":"x"}}')],
  ])("bears %s", (_, body) => {
    const error = vapi({ status: 404, body });
    expect(error.errorType).toBe("NOT_FOUND");
    expect(error.challenges).toEqual([]);
    for (const message of error.messages) expect(typeof message.text).toBe("string");
  });

  test("is cut where it goes on without end", () => {
    const messages = Array.from({ length: 5000 }, () => ({ id: "i", default_message: "x".repeat(10_000) }));
    const error = vapi({ body: { error_type: "ERROR", messages } });
    expect(error.messages.length).toBeLessThan(100);
    expect(error.message.length).toBeLessThan(400);
  });

  test("shows nothing that acts on a terminal", () => {
    const error = vapi({ body: newForm("\u001b[2JEVIL", { default_message: "a\u001b[31mb\nc" }) });
    expect(error.errorType).toBe("ERROR");
    expect(error.message).not.toMatch(/[\u0000-\u001f]/);
  });
});

describe("a cap on sessions", () => {
  test.each([
    [
      "by ID and text, with 503",
      503,
      newForm("SERVICE_UNAVAILABLE", { id: CAP_ID, default_message: CAP_TEXT }),
    ],
    ["in the old form", 503, oldForm("service_unavailable", { id: CAP_ID, default_message: CAP_TEXT })],
    ["with 401", 401, oldForm("unauthenticated", { id: CAP_ID, default_message: CAP_TEXT })],
    ["with 429", 429, newForm("SERVICE_UNAVAILABLE", { id: "x", default_message: CAP_TEXT })],
    ["by text alone", 500, newForm("ERROR", { id: "x", default_message: CAP_TEXT })],
    ["in a body that is no JSON", 503, CAP_TEXT],
  ])("is known %s", (_, status, body) => {
    const error = limit({ status, body });
    expect(error).toMatchObject({ code: "SESSION_LIMIT", limit: 550, status, door: "vapi-rest" });
    expect(error.hint).toContain("end sessions");
  });

  test("tells the limit, the number and the user", () => {
    const body = newForm("SERVICE_UNAVAILABLE", { id: CAP_ID, default_message: CAP_TEXT });
    expect(limit({ status: 503, body })).toMatchObject({
      limit: 550,
      current: 551,
      user: "administrator@vsphere.local",
    });
  });

  test("is known by the ID of any cap, without figures", () => {
    const id = "com.vmware.vapi.endpoint.failedToLoginMaxSessionCountReached";
    const error = limit({
      status: 503,
      body: newForm("SERVICE_UNAVAILABLE", { id, default_message: "Full." }),
    });
    expect([error.limit, error.current, error.user]).toEqual([undefined, undefined, undefined]);
    expect(error.message).toContain('"Full."');
  });

  test("is found behind another message", () => {
    const messages = [
      { id: "first", default_message: "Login failed." },
      { id: CAP_ID, default_message: CAP_TEXT },
    ];
    expect(limit({ status: 503, body: { error_type: "SERVICE_UNAVAILABLE", messages } }).limit).toBe(550);
  });

  test.each([
    ["a page", PAGE, { "content-type": "text/html" }],
    ["plain text", "no healthy upstream", { "content-type": "text/plain" }],
    ["no body", "", {}],
    ["an error of vAPI", newForm("SERVICE_UNAVAILABLE", { id: "x", default_message: "Starting." }), {}],
    ["JSON of something else", { error: "upstream" }, {}],
  ])("is told apart from a restart, which answers 503 with %s", (_, body, headers) => {
    const error = vapi({ status: 503, body, headers }, { login: true });
    expect(error).toMatchObject({
      code: "SERVICE_UNAVAILABLE",
      errorType: "SERVICE_UNAVAILABLE",
      hint: expect.stringContaining("in a minute"),
    });
  });
});

describe("an answer without an error of vAPI", () => {
  test("says by 401 alone that there is no session, as vcsim does", () => {
    expect(vapi({ status: 401 }).code).toBe("NOT_AUTHENTICATED");
    expect(vapi({ status: 401 }, { login: true }).code).toBe("AUTHENTICATION_FAILED");
    expect(vapi({ status: 403, body: "Forbidden" }).code).toBe("NO_PERMISSION");
    expect(vapi({ status: 429 }).code).toBe("SERVICE_UNAVAILABLE");
  });

  test("is a proxy's where 401 comes with a page, but for the endpoint's own challenge", () => {
    const headers = { "content-type": "text/html", "www-authenticate": 'Basic realm="corp proxy"' };
    const error = read({ status: 401, body: "<html></html>", headers });
    expect(error).toBeInstanceOf(HttpStatusError);
    expect(error.hint).toContain("proxy");
    const own = { ...headers, "www-authenticate": CHALLENGE };
    expect(vapi({ status: 401, body: "<html></html>", headers: own }).challenges).toEqual(CHALLENGES);
  });

  test("is something else's where 401 comes with words, but where a login is refused", () => {
    const answer = { status: 401, body: "Jwt is missing" };
    expect(read(answer)).toBeInstanceOf(HttpStatusError);
    expect(vapi(answer, { login: true }).code).toBe("AUTHENTICATION_FAILED");
    const headers = { "www-authenticate": CHALLENGE };
    expect(vapi({ ...answer, headers }).code).toBe("NOT_AUTHENTICATED");
  });

  test.each([
    [301, "redirects"],
    [404, "path"],
    [405, "method"],
    [500, "vCenter"],
    [502, "proxy"],
    [504, "proxy"],
  ])("with status %i is an HttpStatusError with advice", (status, advice) => {
    const error = read({ status, body: "<html>gone</html>" });
    expect(error).toBeInstanceOf(HttpStatusError);
    expect(error).toMatchObject({ status, url: URL, hint: expect.stringContaining(advice) });
    expect(error.message).toContain("<html>gone</html>");
  });

  test.each([
    ["a page with a type", { type: "about:blank", title: "Not Found" }],
    ["a list", []],
    ["a text", "plain"],
    ["a message of something else", { messages: ["nope"] }],
  ])("is no error of vAPI: %s", (_, body) => {
    expect(read({ status: 404, body })).toBeInstanceOf(HttpStatusError);
  });
});

describe("what was sent in confidence", () => {
  const secret = "VerySecretPassw0rd";
  const context = { secrets: [secret] };

  test.each([
    ["the text of a message", newForm("ERROR", { id: "i", default_message: `no ${secret}` })],
    ["an argument", newForm("ERROR", { id: "i", default_message: "no {0}", args: [secret] })],
    ["the ID of a message", newForm("ERROR", { id: secret, default_message: "no" })],
    ["a localized text", newForm("ERROR", { id: "i", localized: secret })],
    ["the type", { error_type: secret, messages: [{ id: "i" }] }],
    ["a challenge", newForm("ERROR", { id: "i" }, { challenge: `Basic realm="${secret}"` })],
    ["base64", newForm("ERROR", { id: "i", default_message: Buffer.from(secret).toString("base64") })],
    ["the text of a page", `<html>${secret}</html>`],
  ])("is not repeated from %s", (_, body) => {
    const error = read({ status: 400, body }, context);
    const shown = [String(error), error.stack, inspect(error, { depth: 9 }), JSON.stringify(error)].join();
    expect(shown).not.toContain(secret);
    expect(shown).not.toContain(Buffer.from(secret).toString("base64"));
  });

  test("is not repeated from the end of one message, nor hides the others", () => {
    const messages = [
      { id: "a", default_message: `it begins with ${secret.slice(0, 8)}` },
      { id: "b", default_message: "harmless", args: ["x"] },
    ];
    const error = vapi({ body: { error_type: "ERROR", messages } }, context);
    expect(error.messages.map(({ text }) => text)).toEqual([expect.stringContaining("left out"), "harmless"]);
    expect(error.messages[1]).toEqual({ id: "b", text: "harmless", args: ["x"] });
  });

  test("does not hide the names of standard errors", () => {
    const error = vapi({ body: newForm("NOT_FOUND", {}) }, { secrets: ["not_found"] });
    expect(error.errorType).toBe("NOT_FOUND");
  });
});

describe("an error out of another envelope", () => {
  test("is typed the same way", () => {
    const error = vapiErrorOf(
      {
        errorType: "com.vmware.vapi.std.errors.unauthenticated",
        messages: [{ id: "i", default_message: "No {0}", args: ["way"] }],
        challenge: CHALLENGE,
        status: 200,
        url: "https://vc01.test/api",
      },
      { door: "vapi-jsonrpc", what: "com.vmware.cis.session.create", login: true },
    );
    expect(error).toMatchObject({
      code: "AUTHENTICATION_FAILED",
      door: "vapi-jsonrpc",
      messages: [{ text: "No way" }],
      challenges: CHALLENGES,
    });
  });
});

describe("challenges", () => {
  test("are read from the body of an error", () => {
    const body = newForm("UNAUTHENTICATED", { id: "i" }, { challenge: CHALLENGE });
    expect(vapi({ status: 401, body }).challenges).toEqual(CHALLENGES);
    const old = oldForm("unauthenticated", { id: "i" }, { challenge: CHALLENGE });
    expect(vapi({ status: 401, body: old }).challenges).toEqual(CHALLENGES);
  });

  test.each([
    ["one field", CHALLENGE],
    ["several fields", CHALLENGE.split(/,(?=SIGN)/)],
  ])("are read from %s of WWW-Authenticate", (_, header) => {
    const headers = { "www-authenticate": header };
    expect(vapi({ status: 401, headers }).challenges).toEqual(CHALLENGES);
    expect(vapi({ status: 401, headers, body: newForm("UNAUTHENTICATED", {}) }).challenges).toEqual(
      CHALLENGES,
    );
  });

  test.each([
    ["a scheme alone", "Negotiate", [{ scheme: "Negotiate", parameters: {} }]],
    [
      "a scheme alone before another",
      'Negotiate, Basic realm="a"',
      [
        { scheme: "Negotiate", parameters: {} },
        { scheme: "Basic", parameters: { realm: "a" } },
      ],
    ],
    [
      "a token68",
      "NTLM TlRMTVNTUAAC==, Bearer error=invalid_token",
      [
        { scheme: "NTLM", parameters: {} },
        { scheme: "Bearer", parameters: { error: "invalid_token" } },
      ],
    ],
    [
      "commas, equal signs and quotes between quotes",
      'Basic realm="a, \\"b\\" c=d", charset=UTF-8',
      [{ scheme: "Basic", parameters: { realm: 'a, "b" c=d', charset: "UTF-8" } }],
    ],
    ["names in capitals", "SIGN REALM=x", [{ scheme: "SIGN", parameters: { realm: "x" } }]],
    ["space around equal signs", 'Basic realm = "x"', [{ scheme: "Basic", parameters: { realm: "x" } }]],
    ["the first of two values", "Basic realm=a, realm=b", [{ scheme: "Basic", parameters: { realm: "a" } }]],
    ["nothing", "", []],
    ["separators alone", " , ,, ", []],
  ])("may be %s", (_, text, expected) => {
    expect(parseChallenges(text)).toEqual(expected);
  });

  test("are not made of nonsense, nor take long over it", () => {
    expect(parseChallenges('"=",;;"')).toEqual([]);
    expect(parseChallenges('Basic realm="never closed, x')[0]?.scheme).toBe("Basic");
    for (const text of [
      "a ".repeat(50_000),
      'Basic a="'.repeat(20_000),
      ",".repeat(100_000),
      "=".repeat(100_000),
    ]) {
      expect(parseChallenges(text).length).toBeLessThanOrEqual(16);
    }
  });

  test("leave prototypes alone", () => {
    const [challenge] = parseChallenges('Basic __proto__="x", realm=a');
    expect(Object.getPrototypeOf(challenge?.parameters)).toBe(Object.prototype);
    expect(Object.keys(challenge?.parameters ?? {})).toEqual(["__proto__", "realm"]);
  });
});
