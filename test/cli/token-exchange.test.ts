import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { describe, expect, test } from "vitest";
import { run } from "../../src/cli/run.ts";
import { bearerAssertion } from "../oauth/assertion.ts";
import {
  type Answer,
  discovery,
  idToken,
  type Route,
  type Routes,
  startProvider,
  startVcenter,
} from "../oauth/servers.ts";
import { type CliOptions, jsonError, temporaryFolder, vsso } from "./host.ts";

const API = "/api/vcenter/authentication/token";
const ACCESS_TOKEN = idToken({ scope: "vcenter" });
const ID_TOKEN = idToken({ upn: "user@corp.example" });
const ASSERTION = bearerAssertion("user@CORP.EXAMPLE");
const ISSUED: Answer = {
  body: { access_token: Buffer.from(ASSERTION).toString("base64"), token_type: "N_A", expires_in: 300 },
};
const TOKENS: Answer = { body: { access_token: ACCESS_TOKEN, token_type: "bearer" } };

/** A vCenter, and how to ask it: `exchange` names and trusts it. */
async function vcenter(routes: Routes = { [API]: ISSUED }) {
  const { server, identity, requests } = await startVcenter(routes);
  const trusted = ["token", "exchange", server, "--pin", `SHA256:${identity.sha256}`];
  const exchange = (argv: readonly string[], options?: CliOptions) => vsso([...trusted, ...argv], options);
  return { server, requests, trusted, exchange };
}

async function provider(token: Route = TOKENS, routes: Routes = {}) {
  const started = await startProvider((issuer) => ({ ...discovery(issuer), "/token": token, ...routes }));
  const polls = () => started.requests.filter(({ path }) => path === "/token");
  return { ...started, polls };
}

async function file(content: string): Promise<string> {
  const path = join(await temporaryFolder(), "secret");
  await writeFile(path, content);
  return path;
}

describe("vsso token exchange of tokens that are at hand", () => {
  test("prints the assertion and a line feed", async () => {
    const { exchange, requests } = await vcenter();
    const tokens = ["--access-token-file", await file(`${ACCESS_TOKEN}\n`), "--id-token-file"];
    const result = await exchange([...tokens, await file(ID_TOKEN)]);
    expect(result).toMatchObject({ code: 0, out: `${ASSERTION}\n`, err: "" });
    expect(requests[0]?.form).toMatchObject({ subject_token: ACCESS_TOKEN, actor_token: ID_TOKEN });
  });

  test("reads one from stdin, and prints the JSON of token issue", async () => {
    const { exchange } = await vcenter();
    const stdin = Readable.from([Buffer.from(ACCESS_TOKEN)]);
    const result = await exchange(["--access-token-file", "-", "-o", "json"], { stdin });
    expect(result.code).toBe(0);
    const json = JSON.parse(result.out) as Record<string, unknown>;
    expect(Object.keys(json)).toEqual([
      "token",
      "kind",
      "subject",
      "issuer",
      "issuedAt",
      "notBefore",
      "notOnOrAfter",
      "renewable",
      "delegatable",
      "renewCount",
      "delegationCount",
    ]);
    expect(json).toMatchObject({ token: ASSERTION, kind: "bearer", subject: "user@CORP.EXAMPLE" });
  });

  test("writes the exact bytes to a file that only its owner reads", async () => {
    const { exchange } = await vcenter();
    const folder = await temporaryFolder();
    const path = join(folder, "token.xml");
    const result = await exchange(["--access-token-file", await file(ACCESS_TOKEN), "--out", path]);
    expect(result).toMatchObject({ code: 0, out: "" });
    expect(await readFile(path, "utf8")).toBe(ASSERTION);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["token.xml"]);
  });

  test("is refused with exit code 3, and without the token", async () => {
    const body = { error: "invalid_grant", error_description: `no such token: ${ACCESS_TOKEN}` };
    const { exchange } = await vcenter({ [API]: { status: 400, body } });
    const result = await exchange(["--access-token-file", await file(ACCESS_TOKEN), "-o", "json"]);
    expect(result).toMatchObject({ code: 3, out: "" });
    expect(jsonError(result)).toMatchObject({ code: "GRANT_REFUSED", hint: expect.any(String) });
    expect(result.err).not.toContain(ACCESS_TOKEN);
  });

  test("leaves the tokens out of a trace", async () => {
    const { exchange } = await vcenter();
    const trace = join(await temporaryFolder(), "trace");
    const tokens = ["--access-token-file", await file(ACCESS_TOKEN), "--id-token-file", await file(ID_TOKEN)];
    expect(await exchange([...tokens, "--trace", trace])).toMatchObject({ code: 0 });
    const written = await readFile(trace, "utf8");
    expect(written).toContain(API);
    for (const secret of [ACCESS_TOKEN, ID_TOKEN, Buffer.from(ASSERTION).toString("base64")]) {
      expect(written).not.toContain(secret.slice(0, 40));
    }
  });

  test("ends when it is interrupted", async () => {
    const controller = new AbortController();
    const { exchange } = await vcenter({
      [API]: () => {
        controller.abort();
        return new Promise<Answer>(() => undefined);
      },
    });
    const options = { signal: controller.signal };
    const result = await exchange(["--access-token-file", await file(ACCESS_TOKEN)], options);
    expect(result).toMatchObject({ code: 130, out: "", err: "" });
  });
});

describe("vsso token exchange --to jwt", () => {
  const JWT: Answer = {
    body: {
      access_token: ID_TOKEN,
      issued_token_type: "urn:ietf:params:oauth:token-type:id_token",
      token_type: "N_A",
      expires_in: 600,
    },
  };

  test("prints the JWT and a line feed", async () => {
    const { exchange, requests } = await vcenter({ [API]: JWT });
    const result = await exchange([
      "--to",
      "jwt",
      "--audience",
      "urn:nsx",
      "--token",
      await file(`${ASSERTION}\n`),
    ]);
    expect(result).toMatchObject({ code: 0, out: `${ID_TOKEN}\n`, err: "" });
    expect(requests[0]?.form).toMatchObject({
      subject_token: Buffer.from(ASSERTION).toString("base64"),
      audience: "urn:nsx",
    });
  });

  test("prints JSON, and takes the token from stdin", async () => {
    const { exchange } = await vcenter({ [API]: JWT });
    const stdin = Readable.from([Buffer.from(ASSERTION)]);
    const argv = ["--to", "jwt", "--audience", "urn:nsx", "--token", "-", "-o", "json"];
    const result = await exchange(argv, { stdin });
    expect(result.code).toBe(0);
    expect(JSON.parse(result.out)).toEqual({
      token: ID_TOKEN,
      issuedTokenType: "urn:ietf:params:oauth:token-type:id_token",
      expiresIn: 600,
    });
  });

  test("writes the exact bytes to a file", async () => {
    const { exchange } = await vcenter({ [API]: JWT });
    const path = join(await temporaryFolder(), "jwt");
    const token = await file(ASSERTION);
    const argv = ["--to", "jwt", "--audience", "urn:nsx", "--token", token, "--out", path, "-o", "json"];
    const result = await exchange(argv);
    expect(JSON.parse(result.out)).toMatchObject({ token: ID_TOKEN, expiresIn: 600 });
    expect(await readFile(path, "utf8")).toBe(ID_TOKEN);
  });

  test("takes the token of the environment", async () => {
    const { exchange } = await vcenter({ [API]: JWT });
    const env = { VSSO_TOKEN: await file(ASSERTION) };
    expect(await exchange(["--to", "jwt", "--audience", "urn:nsx"], { env })).toMatchObject({
      code: 0,
      out: `${ID_TOKEN}\n`,
    });
  });
});

describe("vsso token exchange --grant", () => {
  test("device shows on stderr where to go and what to enter", async () => {
    const device = {
      device_code: "device-code-1",
      user_code: "WDJB-MJHT\u001b[31m",
      verification_uri: "https://login.example/device",
      expires_in: 600,
      interval: 0.01,
    };
    const { issuer, polls } = await provider(TOKENS, { "/device": { body: device } });
    const { exchange, requests } = await vcenter();
    const result = await exchange(["--grant", "device", "--issuer", issuer, "--client-id", "vsso"]);
    expect(result).toMatchObject({ code: 0, out: `${ASSERTION}\n` });
    expect(result.err).toContain(
      "To sign in, open https://login.example/device and enter WDJB-MJHT\\u001b[31m\n",
    );
    expect(result.err).not.toContain("device-code-1");
    expect(polls()[0]?.form).toMatchObject({ device_code: "device-code-1", client_id: "vsso" });
    expect(requests[0]?.form.subject_token).toBe(ACCESS_TOKEN);
  });

  test("code shows on stderr what to open in a browser", async () => {
    const token = { body: { access_token: ACCESS_TOKEN, token_type: "bearer" } };
    const { issuer } = await provider(token);
    const { trusted } = await vcenter();
    let out = "";
    const visits: Promise<unknown>[] = [];
    const argv = ["--grant", "code", "--issuer", issuer, "--client-id", "vsso", "--scope", "api"];
    const code = await run({
      argv: [...trusted, ...argv, "--redirect-uri", "http://localhost/cb"],
      version: "1.2.3",
      env: { XDG_CONFIG_HOME: "/nonexistent" },
      stdin: () => Readable.from([]),
      out: (text) => {
        out += text;
      },
      err: (text) => {
        const url = /^http:\S+$/m.exec(text)?.[0];
        if (url === undefined) return;
        const query = new URL(url).searchParams;
        visits.push(fetch(`${query.get("redirect_uri")}?code=code-1&state=${query.get("state")}`));
      },
      terminal: { isTTY: false, write: () => undefined },
      columns: undefined,
      signal: new AbortController().signal,
      written: async () => undefined,
      runChild: () => Promise.reject(new Error("nothing to run")),
    });
    await Promise.all(visits);
    expect(visits).toHaveLength(1);
    expect({ code, out }).toEqual({ code: 0, out: `${ASSERTION}\n` });
  });

  test("client-credentials asks the Identity Broker of the vCenter", async () => {
    const { exchange, requests } = await vcenter({ [API]: ISSUED, "/acs/t/CUSTOMER/token": TOKENS });
    const secret = await file("client secret\n");
    const argv = ["--grant", "client-credentials", "--broker-tenant", "CUSTOMER", "--client-id", "vsso"];
    const result = await exchange([...argv, "--client-secret-file", secret]);
    expect(result).toMatchObject({ code: 0, out: `${ASSERTION}\n`, err: "" });
    expect(requests[0]?.headers.authorization).toBe(
      `Basic ${Buffer.from("vsso:client secret").toString("base64")}`,
    );
  });

  test("asks the provider that the vCenter is federated to, when nothing else is named", async () => {
    const { issuer, polls } = await provider();
    const own = {
      provider: "p-1",
      name: "Corp",
      config_tag: "Oauth2",
      is_default: true,
      oauth2: { auth_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token`, client_id: "x" },
    };
    const { exchange } = await vcenter({
      [API]: ISSUED,
      "/api/vcenter/identity/providers": { body: [{ ...own, provider: "p-0", is_default: false }, own] },
    });
    const secret = await file("secret");
    const argv = ["--grant", "client-credentials", "--client-id", "vsso", "--client-secret-file", secret];
    expect(await exchange(argv)).toMatchObject({ code: 0, out: `${ASSERTION}\n` });
    expect(polls()).toHaveLength(1);
  });

  test("says which providers there are when none is the default, and when there are none", async () => {
    const entry = (name: string) => ({
      provider: name,
      name,
      config_tag: "Oauth2",
      is_default: false,
      oauth2: { auth_endpoint: "https://a.example", token_endpoint: "https://a.example/t", client_id: "x" },
    });
    const argv = ["--grant", "device", "--client-id", "vsso"];
    const path = "/api/vcenter/identity/providers";
    const several = await (await vcenter({ [path]: { body: [entry("One"), entry("Two")] } })).exchange(argv);
    expect(several).toMatchObject({ code: 2, out: "" });
    expect(several.err).toMatch(/has no default among its identity providers: One, Two\n/);
    const none = await (await vcenter({ [path]: { body: [] } })).exchange(argv);
    expect(none).toMatchObject({ code: 2, out: "" });
    expect(none.err).toMatch(/is not federated to an identity provider\n/);
  });

  test("password takes user and password as everywhere", async () => {
    const { issuer, polls } = await provider();
    const { exchange } = await vcenter();
    const argv = [
      "--grant",
      "password",
      "--issuer",
      issuer,
      "--client-id",
      "vsso",
      "--user",
      "u@corp.example",
    ];
    const result = await exchange([...argv, "--password-file", await file("p&ss\n")]);
    expect(result).toMatchObject({ code: 0, out: `${ASSERTION}\n` });
    expect(polls()[0]?.form).toMatchObject({ username: "u@corp.example", password: "p&ss" });
    const own = await exchange(argv.slice(0, -2), {
      env: { VSSO_USER: "v@corp.example", VSSO_PASSWORD: "own" },
    });
    expect(own).toMatchObject({ code: 0 });
    expect(polls()[1]?.form).toMatchObject({ username: "v@corp.example", password: "own" });
  });

  test("password does not send the credentials of another family to the issuer that is named", async () => {
    const { issuer, polls } = await provider();
    const { exchange, server } = await vcenter();
    const argv = ["--grant", "password", "--issuer", issuer, "--client-id", "vsso"];
    const env = { GOVC_URL: server, GOVC_USERNAME: "u@corp.example", GOVC_PASSWORD: "govc-password" };
    const result = await exchange(argv, { env });
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toContain("not sent to");
    expect(polls()).toHaveLength(0);
  });

  test("is refused with exit code 3, and without the secret", async () => {
    const body = { error: "invalid_client", error_description: "wrong secret: client-secret" };
    const { issuer } = await provider({ status: 401, body });
    const { exchange, requests } = await vcenter();
    const secret = await file("client-secret");
    const argv = ["--grant", "client-credentials", "--issuer", issuer, "--client-id", "vsso"];
    const result = await exchange([...argv, "--client-secret-file", secret]);
    expect(result).toMatchObject({ code: 3, out: "" });
    expect(result.err).toContain("error[GRANT_REFUSED]");
    expect(result.err).not.toContain("client-secret");
    expect(requests).toHaveLength(0);
  });
});

describe("vsso token exchange refuses with exit code 2", () => {
  const issuer = ["--issuer", "https://login.example"];
  test.each([
    ["nothing to exchange", [], /--access-token-file FILE, or --grant/],
    ["two things to exchange", ["--access-token-file", "a", "--grant", "device"], /exclude each other/],
    ["another kind of token", ["--to", "saml1"], /one of: saml, jwt/],
    ["another grant", ["--grant", "magic", "--client-id", "x"], /one of: device, code/],
    ["a grant without a client", ["--grant", "device", ...issuer], /--client-id/],
    [
      "a client without its secret",
      ["--grant", "client-credentials", "--client-id", "x", ...issuer],
      /--client-secret-file/,
    ],
    ["a password grant without a user", ["--grant", "password", "--client-id", "x", ...issuer], /--user/],
    ["an issuer that is no URL", ["--grant", "device", "--client-id", "x", "--issuer", "corp"], /--issuer/],
    [
      "an issuer and a broker",
      ["--grant", "device", "--client-id", "x", ...issuer, "--broker-tenant", "T"],
      /exclude each other/,
    ],
    ["an ID token of a grant", ["--grant", "device", "--client-id", "x", "--id-token-file", "f"], /no use/],
    ["a client of no grant", ["--access-token-file", "f", "--client-id", "x"], /--client-id is of no use/],
    ["a redirect of another grant", ["--grant", "device", "--client-id", "x", "--redirect-uri", "u"], /code/],
    ["a SAML token for a SAML token", ["--token", "f"], /--token is of no use/],
    ["an audience for a SAML token", ["--access-token-file", "f", "--audience", "x"], /--audience is of no/],
    ["a JWT for nobody", ["--to", "jwt", "--token", "f"], /--audience/],
    [
      "a JWT for two",
      ["--to", "jwt", "--token", "f", "--audience", "x", "--audience", "y"],
      /one --audience/,
    ],
    ["a JWT of nothing", ["--to", "jwt", "--audience", "x"], /--token FILE/],
    ["a JWT of a grant", ["--to", "jwt", "--audience", "x", "--grant", "device"], /--grant is of no use/],
    ["a file that is not there", ["--access-token-file", "/nonexistent/file"], /nonexistent/],
    [
      "two readers of stdin",
      ["--access-token-file", "-", "--id-token-file", "-"],
      /--access-token-file - and --id-token-file - both read stdin/,
    ],
  ])("%s", async (_, argv, message) => {
    // Nothing is connected to: this server does not exist.
    const result = await vsso(["token", "exchange", "vc.invalid", ...argv]);
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(result.err).toMatch(message);
  });

  test("an empty token, an empty secret, a token that is none, and no server", async () => {
    const empty = await file("\n");
    const named = ["token", "exchange", "vc.invalid"];
    const token = await vsso([...named, "--access-token-file", empty]);
    expect(token).toMatchObject({ code: 2, err: expect.stringContaining("is empty") });
    const grant = ["--grant", "client-credentials", "--client-id", "x", ...issuer];
    const secret = await vsso([...named, ...grant, "--client-secret-file", empty]);
    expect(secret).toMatchObject({ code: 2, err: expect.stringContaining("holds no client secret") });
    const jwt = await vsso([...named, "--to", "jwt", "--audience", "x", "--token", await file(ID_TOKEN)]);
    expect(jwt).toMatchObject({ code: 1, err: expect.stringContaining("error[TOKEN_MALFORMED]") });
    const server = await vsso(["token", "exchange", "--access-token-file", empty]);
    expect(server).toMatchObject({ code: 2, err: expect.stringContaining("no server is named") });
  });
});
