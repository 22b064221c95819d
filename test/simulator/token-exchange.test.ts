import { generateKeyPairSync, type KeyObject, sign, verify, X509Certificate } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { attribute, parseXml } from "../../src/xml/reader.ts";
import * as sts from "./sts-wire.ts";
import { type Reply, send } from "./wire.ts";

const TYPE = "urn:ietf:params:oauth:token-type";
const GRANT = "urn:ietf:params:oauth:grant-type:token-exchange";
const ISSUER = "https://idp.corp.example/";
const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
const ecKeys = generateKeyPairSync("ec", { namedCurve: "P-256" });

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({
    nodes: 2,
    identityProvider: {
      issuer: ISSUER,
      jwks: {
        keys: [
          { ...keys.publicKey.export({ format: "jwk" }), kid: "one", use: "sig" },
          { ...ecKeys.publicKey.export({ format: "jwk" }), kid: "two" },
        ],
      },
    },
    oauthClients: [{ id: "app:1", secret: "s e/cret", groups: ["vsphere.local\\Administrators"] }],
  });
});
afterEach(() => {
  simulator.faults = {};
});
afterAll(() => simulator.close());

interface Signing {
  readonly header?: object;
  readonly key?: KeyObject;
}

/** A token of the identity provider, signed with RS256. */
function jwt(claims: object, { header = {}, key = keys.privateKey }: Signing = {}): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const now = Math.floor(Date.now() / 1000);
  const all = { iss: ISSUER, sub: "alice", upn: "alice@corp.example", exp: now + 600, ...claims };
  const text = `${part({ alg: "RS256", kid: "one", ...header })}.${part(all)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}

type Fields = Readonly<Record<string, string>>;

const exchange = (fields: Fields, authorization?: string): Promise<Reply> =>
  send(simulator, "/api/vcenter/authentication/token", {
    body: new URLSearchParams({ grant_type: GRANT, ...fields }).toString(),
    headers: {
      "content-type": "application/x-www-form-urlencoded",
      ...(authorization !== undefined && { authorization }),
    },
  });
const toSaml = (token: string, fields: Fields = {}, authorization = `Bearer ${token}`): Promise<Reply> =>
  exchange(
    {
      subject_token: token,
      subject_token_type: `${TYPE}:access_token`,
      requested_token_type: `${TYPE}:saml2`,
      ...fields,
    },
    authorization,
  );
const bodyOf = (reply: Reply) => JSON.parse(reply.text) as Record<string, unknown>;
const samlOf = (reply: Reply): string => {
  expect(reply.status, reply.text).toBe(200);
  return Buffer.from(String(bodyOf(reply).access_token), "base64").toString();
};
const groupsOf = (assertion: string): string[] =>
  sts
    .findAll(sts.find(parseXml(assertion), "AttributeStatement")!, "Attribute")
    .filter((a) => attribute(a, "", "FriendlyName") === "Groups")
    .flatMap((a) => a.children.map(({ text }) => text));
const refusal = (error: "invalid_grant" | "invalid_request") => ({
  error_type: error.toUpperCase(),
  messages: [
    { id: `com.vmware.vcenter.tokenservice.${error}`, default_message: expect.any(String), args: [] },
  ],
});
const isValid = async (assertion: string): Promise<boolean> => {
  const body = sts.rst({
    type: "Validate",
    tokenType: `${sts.WST}/RSTR/Status`,
    content: `<wst:ValidateTarget>${assertion}</wst:ValidateTarget>`,
  });
  const reply = await sts.postSts(simulator, sts.message(sts.timestamp(), body), {
    action: sts.actionOf("Validate"),
  });
  return reply.text.includes("/status/valid<");
};

describe("the exchange of access tokens for SAML tokens", () => {
  it("gives a bearer token about the user whom the provider names", async () => {
    const access = jwt({ groups: ["Admins", "vsphere.local\\Administrators"] });
    const id = jwt({ given_name: "Alice", family_name: "Adams", email: "a@corp.example" });
    const reply = await toSaml(access, { actor_token: id, actor_token_type: `${TYPE}:id_token` });
    const token = samlOf(reply);
    expect(bodyOf(reply)).toMatchObject({ issued_token_type: `${TYPE}:saml2`, token_type: "N_A" });
    expect(bodyOf(reply).expires_in).toBeGreaterThan(590);
    expect(bodyOf(reply).expires_in).toBeLessThanOrEqual(600);
    expect(sts.find(parseXml(token), "Subject", "NameID")?.text).toBe("alice@corp.example");
    expect(groupsOf(token)).toEqual(["corp.example\\Admins", "vsphere.local\\Administrators"]);
    expect(token).toContain("cm:bearer");
    expect(await isValid(token)).toBe(true);
  });

  it("takes tokens in base64, signed by any key of the set, without an ID token", async () => {
    const access = jwt({}, { header: { alg: "ES256", kid: "two" }, key: ecKeys.privateKey });
    const encoded = Buffer.from(access).toString("base64");
    expect((await toSaml(encoded, {}, `Bearer ${access}`)).status).toBe(200);
    const service = jwt({ sub: "batch", upn: undefined });
    expect(sts.find(parseXml(samlOf(await toSaml(service))), "Subject", "NameID")?.text).toBe(
      "batch@external",
    );
  });

  it("needs the access token as the authorization of the call", async () => {
    const token = jwt({});
    for (const authorization of ["", `Bearer ${jwt({ jti: "2" })}`, `Basic ${token}`]) {
      const reply = await toSaml(token, {}, authorization);
      expect(reply.status).toBe(401);
      expect(bodyOf(reply)).toMatchObject({ error_type: "UNAUTHENTICATED" });
    }
  });

  const past = Math.floor(Date.now() / 1000) - 3600;
  it.each([
    ["of another issuer", () => jwt({ iss: "https://other.example/" })],
    ["without an issuer", () => jwt({ iss: undefined })],
    [
      "of another key",
      () => jwt({}, { key: generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey }),
    ],
    ["that names a key it is not signed with", () => jwt({}, { header: { kid: "two" } })],
    ["without an algorithm", () => jwt({}, { header: { alg: "none" } })],
    ["of a symmetric algorithm", () => jwt({}, { header: { alg: "HS256" } })],
    ["that has expired", () => jwt({ exp: past })],
    ["that never expires", () => jwt({ exp: undefined })],
    ["that is not valid yet", () => jwt({ nbf: past + 7200 })],
    ["that names nobody", () => jwt({ sub: undefined, upn: undefined })],
    ["about a user of the SSO domain", () => jwt({ upn: "Administrator@vsphere.local" })],
    [
      "with a changed payload",
      () => jwt({}).replace(/\.[^.]+\./, `.${Buffer.from('{"iss":"x"}').toString("base64url")}.`),
    ],
    ["that is none", () => "abc"],
  ])("refuses a token %s", async (_name, make) => {
    const reply = await toSaml(make());
    expect(reply.status).toBe(400);
    expect(bodyOf(reply)).toEqual(refusal("invalid_grant"));
  });

  it("refuses an ID token of someone else, or of a type it does not say", async () => {
    const access = jwt({});
    const other = await toSaml(access, {
      actor_token: jwt({ sub: "bob" }),
      actor_token_type: `${TYPE}:id_token`,
    });
    expect(bodyOf(other)).toEqual(refusal("invalid_grant"));
    expect(bodyOf(await toSaml(access, { actor_token: access }))).toEqual(refusal("invalid_request"));
  });

  it.each([
    [{ grant_type: "password" }],
    [{ subject_token: "" }],
    [{ subject_token_type: `${TYPE}:refresh_token` }],
    [{ requested_token_type: `${TYPE}:jwt` }],
  ])("refuses the request %j", async (fields) => {
    expect(bodyOf(await toSaml(jwt({}), fields as Fields))).toEqual(refusal("invalid_request"));
  });

  it("refuses JSON, and any other method", async () => {
    const path = "/api/vcenter/authentication/token";
    const json = await send(simulator, path, { body: "{}", headers: { "content-type": "application/json" } });
    expect(bodyOf(json)).toEqual(refusal("invalid_request"));
    expect((await send(simulator, path)).status).toBe(405);
  });

  it("gives none while the certificate that signs has expired", async () => {
    simulator.faults = { expiredSigningCertificate: true };
    const reply = await toSaml(jwt({}));
    expect(bodyOf(reply)).toEqual(refusal("invalid_grant"));
    expect(reply.text).toContain("Signing certificate is not valid");
  });

  it("has a deprecated twin that speaks JSON", async () => {
    const token = jwt({});
    const twin = (body: string, authorization: string): Promise<Reply> =>
      send(simulator, "/rest/vcenter/tokenservice/token-exchange", {
        body,
        headers: { "content-type": "application/json", authorization },
      });
    const spec = {
      grant_type: GRANT,
      subject_token: token,
      subject_token_type: `${TYPE}:access_token`,
      requested_token_type: `${TYPE}:saml2`,
    };
    const good = await twin(JSON.stringify({ spec }), `Bearer ${token}`);
    const { value } = JSON.parse(good.text) as { value: { access_token: string } };
    expect(Buffer.from(value.access_token, "base64").toString()).toMatch(/^<saml2:Assertion /);
    for (const body of ["", "{}", "[]", JSON.stringify({ spec: { ...spec, grant_type: "x" } })]) {
      const bad = await twin(body, `Bearer ${token}`);
      expect(bad.status).toBe(400);
      expect(bodyOf(bad)).toMatchObject({
        type: "com.vmware.vcenter.tokenservice.invalid_request",
        value: { messages: [{ default_message: expect.any(String) }] },
      });
    }
    expect(bodyOf(await twin(JSON.stringify({ spec }), ""))).toMatchObject({
      type: "com.vmware.vapi.std.errors.unauthenticated",
    });
  });
});

describe("the exchange of SAML tokens for ID tokens", () => {
  const toJwt = (assertion: string, fields: Fields = {}): Promise<Reply> =>
    exchange({
      subject_token: Buffer.from(assertion).toString("base64"),
      subject_token_type: `${TYPE}:saml2`,
      requested_token_type: `${TYPE}:id_token`,
      audience: "vmware-tes:vc:nsxd-v2:nsx",
      ...fields,
    });

  it("gives none for a token of an account that is disabled", async () => {
    const assertion = await sts.bearer(simulator, 1);
    expect((await toJwt(assertion)).status).toBe(200);
    simulator.faults = { disabledAccounts: [simulator.users[1]!.username] };
    try {
      const reply = await toJwt(assertion);
      expect(reply.text).toContain("The SAML token is not valid.");
      expect(bodyOf(reply).access_token).toBeUndefined();
    } finally {
      simulator.faults = {};
    }
  });

  it("gives a token for the audience, signed with the key of SAML tokens", async () => {
    const assertion = await sts.bearer(simulator);
    const reply = await toJwt(assertion);
    expect(bodyOf(reply)).toMatchObject({ issued_token_type: `${TYPE}:id_token`, token_type: "N_A" });
    const [header, payload, signature] = String(bodyOf(reply).access_token).split(".") as [
      string,
      string,
      string,
    ];
    const claims = JSON.parse(Buffer.from(payload, "base64url").toString()) as Record<string, unknown>;
    expect(claims).toMatchObject({
      iss: `${simulator.servers[0]!.url}/openidconnect/vsphere.local`,
      sub: "Administrator@VSPHERE.LOCAL",
      aud: "vmware-tes:vc:nsxd-v2:nsx",
    });
    const certificate = sts.find(parseXml(assertion), "Signature", "KeyInfo", "X509Data", "X509Certificate")!;
    const { publicKey } = new X509Certificate(Buffer.from(certificate.text, "base64"));
    const signed = Buffer.from(`${header}.${payload}`);
    expect(verify("sha256", signed, publicKey, Buffer.from(signature, "base64url"))).toBe(true);
  });

  it("refuses a token that is forged, bound to a key, or none, and a request without audience", async () => {
    const assertion = await sts.bearer(simulator);
    for (const token of [
      assertion.replace("Administrator@V", "administrator@V"),
      await sts.holderOfKey(simulator),
      "<x/>",
      "hello",
      `<!DOCTYPE x>${assertion}`,
    ]) {
      expect(bodyOf(await toJwt(token))).toEqual(refusal("invalid_grant"));
    }
    expect(bodyOf(await toJwt(assertion, { audience: "" }))).toEqual(refusal("invalid_request"));
  });
});

describe("the identity broker", () => {
  const basic = (id: string, secret: string): string =>
    `Basic ${Buffer.from(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`).toString("base64")}`;
  const ask = (fields: Fields, authorization = basic("app:1", "s e/cret"), node = 1): Promise<Reply> =>
    send(simulator, "/acs/t/CUSTOMER/token", {
      node,
      body: new URLSearchParams(fields).toString(),
      headers: { "content-type": "application/x-www-form-urlencoded", authorization },
    });

  it("gives a client an access token that the exchange takes, at any node", async () => {
    const reply = await ask({ grant_type: "client_credentials" }, undefined, 2);
    expect(bodyOf(reply)).toMatchObject({ token_type: "Bearer", expires_in: 3600 });
    expect(bodyOf(reply).id_token).toBeUndefined();
    const token = samlOf(await toSaml(String(bodyOf(reply).access_token)));
    expect(sts.find(parseXml(token), "Subject", "NameID")?.text).toBe("app:1@vsphere.local");
    expect(groupsOf(token)).toEqual(["vsphere.local\\Administrators"]);
  });

  it("gives a user of the SSO domain an access token and an ID token", async () => {
    const { username, password } = simulator.users[1]!;
    const reply = await ask({ grant_type: "password", username, password, scope: "openid group" });
    const { access_token, id_token } = bodyOf(reply) as Record<string, string>;
    const saml = await toSaml(access_token!, {
      actor_token: id_token!,
      actor_token_type: `${TYPE}:id_token`,
    });
    const token = samlOf(saml);
    expect(sts.find(parseXml(token), "Subject", "NameID")?.text).toBe("operator@VSPHERE.LOCAL");
    expect(await isValid(token)).toBe(true);
  });

  it.each([
    [
      { grant_type: "password", username: "operator@vsphere.local", password: "wrong" },
      undefined,
      400,
      "invalid_grant",
    ],
    [{ grant_type: "password", username: "operator@vsphere.local" }, undefined, 400, "invalid_request"],
    [{ grant_type: "authorization_code" }, undefined, 400, "unsupported_grant_type"],
    [{ grant_type: "client_credentials" }, basic("app:1", "other"), 401, "invalid_client"],
    [{ grant_type: "client_credentials" }, basic("nobody", "s e/cret"), 401, "invalid_client"],
    [{ grant_type: "client_credentials" }, "", 401, "invalid_client"],
    [{ grant_type: "client_credentials" }, "Basic %", 401, "invalid_client"],
  ])("answers %j (%s) with %i %s", async (fields, authorization, status, error) => {
    const reply = await ask(fields as Fields, authorization);
    expect(reply.status).toBe(status);
    expect(bodyOf(reply)).toMatchObject({ error });
    expect(reply.headers["www-authenticate"]).toBe(status === 401 ? 'Basic realm="acs"' : undefined);
  });

  it("has one tenant, and takes forms", async () => {
    expect((await send(simulator, "/acs/t/OTHER/token", { body: "" })).status).toBe(404);
    expect((await send(simulator, "/acs/t/CUSTOMER/token")).status).toBe(405);
    expect((await send(simulator, "/acs/t/CUSTOMER/token", { body: "{}" })).status).toBe(400);
  });
});

describe("certificates that verify tokens", () => {
  it("are in the metadata, for anyone, of the domain or of none named", async () => {
    for (const path of ["/websso/SAML2/Metadata", "/websso/SAML2/Metadata/vsphere.local"]) {
      const reply = await send(simulator, path);
      expect(reply.status).toBe(200);
      expect(reply.headers["content-disposition"]).toBe('attachment; filename="vsphere.local.xml"');
      const root = parseXml(reply.text);
      expect(attribute(root, "", "entityID")).toBe(
        `${simulator.servers[0]!.url}/websso/SAML2/Metadata/vsphere.local`,
      );
      const descriptor = sts.find(root, "IDPSSODescriptor", "KeyDescriptor")!;
      expect(attribute(descriptor, "", "use")).toBe("signing");
      const [leaf, authority] = sts
        .findAll(sts.find(descriptor, "KeyInfo", "X509Data")!, "X509Certificate")
        .map(({ text }) => new X509Certificate(Buffer.from(text, "base64")));
      expect(leaf!.verify(authority!.publicKey)).toBe(true);
      expect(authority!.toString()).toBe(simulator.stsSigningCa);
    }
  });

  it("are behind a session in the REST API", async () => {
    const path = "/api/vcenter/certificate-management/vcenter/signing-certificate";
    const reply = await send(simulator, path);
    expect(reply.status).toBe(401);
    expect(bodyOf(reply)).toMatchObject({ error_type: "UNAUTHENTICATED" });
  });
});

describe("an identity provider", () => {
  it("may be given by its one key", async () => {
    const publicKey = keys.publicKey.export({ type: "spki", format: "pem" }).toString();
    const other = await startSimulator({ nodes: 1, identityProvider: { issuer: ISSUER, publicKey } });
    const previous = simulator;
    simulator = other;
    try {
      expect((await toSaml(jwt({}))).status).toBe(200);
    } finally {
      simulator = previous;
      await other.close();
    }
  });

  it.each([[{ publicKey: "x" }], [{ jwks: { keys: [{ kty: "RSA" }] } }]])(
    "has to have keys: %j",
    async (key) => {
      await expect(startSimulator({ identityProvider: { issuer: ISSUER, ...key } })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    },
  );
});
