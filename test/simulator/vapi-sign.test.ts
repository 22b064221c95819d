import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { holderOf } from "./holder.ts";
import { bearer, holderOfKey, solutionUser } from "./sts-wire.ts";
import {
  basic,
  call,
  delegatableBearer,
  delegatableHolder,
  freshNonce,
  type HolderToken,
  json,
  NEW,
  OLD,
  packed,
  post,
  type SignOptions,
  sendRaw,
  signHeader,
  signParameters,
} from "./vapi-wire.ts";
import type { Reply } from "./wire.ts";

let simulator: Simulator;
let token: string;
let holder: HolderToken;
let address: { readonly host: string; readonly port: string };
const others: Simulator[] = [];
beforeAll(async () => {
  simulator = await startSimulator({ nodes: 1 });
  token = await delegatableBearer(simulator);
  holder = await delegatableHolder(simulator);
  address = addressOf(simulator);
}, 60_000);
afterEach(() => {
  simulator.faults = {};
});
afterAll(() => Promise.all([simulator, ...others].map((each) => each.close())));

function addressOf({ servers }: Simulator): { host: string; port: string } {
  return { host: "127.0.0.1", port: String(servers[0]!.port) };
}

const signIn = (authorization: string, path = OLD): Promise<Reply> =>
  post(simulator, path, { authorization });
const bearerHeader = (text: string): string => signHeader({ token: packed(text) });
const parameters = (options: Partial<SignOptions> = {}): Record<string, string> =>
  signParameters(holder, { ...address, ...options });

describe("Authorization: SIGN with a bearer token", () => {
  it.each([OLD, NEW])("makes a session of the token's subject at %s", async (path) => {
    const reply = await signIn(bearerHeader(token), path);
    expect(reply.status, reply.text).toBe(path === OLD ? 200 : 201);
    const body = json(reply) as string | { value: string };
    const session = typeof body === "string" ? body : body.value;
    expect(json(await call(simulator, "GET", NEW, { session }))).toMatchObject({
      user: "Administrator@vsphere.local",
    });
  });

  it("takes the scheme in any case, values without quotes, and a token in pieces", async () => {
    const text = packed(token);
    expect((await signIn(`sign token=${text}`)).status).toBe(200);
    const [first, second] = [text.slice(0, 1000), text.slice(1000)];
    expect((await signIn(`SIGN token="${first}",token="${second}"`)).status).toBe(200);
    const split = await sendRaw(simulator, OLD, "POST", [
      ["content-length", "0"],
      ["authorization", `SIGN token="${first}"`],
      ["authorization", `SIGN token="${second}"`],
    ]);
    expect(split.status).toBe(200);
  });

  it("answers for one call too, without a session", async () => {
    const before = simulator.sessions.length;
    const headers = { authorization: bearerHeader(token) };
    expect((await call(simulator, "GET", "/api/vcenter/vm", { headers })).status).toBe(200);
    expect(simulator.sessions).toHaveLength(before);
  });

  it("is refused where the token is not whole, not packed, or not one of this group", async () => {
    const text = packed(token);
    const other = await startSimulator({ nodes: 1 });
    others.push(other);
    const bad = [
      "SIGN ",
      `SIGN token="${token.slice(0, 20)}"`,
      `SIGN token="${Buffer.from(token).toString("base64")}"`,
      `SIGN token="${gzipSync(token).toString("base64url")}-_"`,
      `SIGN token="${text.slice(0, -8)}"`,
      `SIGN token="${text}", other="x"`,
      `SIGN ${text}`,
      `SIGNtoken="${text}"`,
      bearerHeader(token.replace("Administrator@", "operator@")),
      bearerHeader(token.replace("<saml2:Conditions", `<saml2:Conditions a="b"`)),
      bearerHeader("<a/>"),
      bearerHeader(`${token}${token}`),
      bearerHeader(await delegatableBearer(other)),
      `SIGN token="${gzipSync(Buffer.alloc(3_000_000, 32)).toString("base64")}"`,
    ];
    for (const authorization of bad) expect((await signIn(authorization)).status, authorization).toBe(401);
  });

  it("is refused beside another scheme, and with the parameters of a signature", async () => {
    const both = await sendRaw(simulator, OLD, "POST", [
      ["content-length", "0"],
      ["authorization", bearerHeader(token)],
      ["authorization", basic(simulator)],
    ]);
    expect(both.status).toBe(401);
    for (const name of ["nonce", "signature", "signature_alg", "bodyhash"]) {
      const { [name]: value = "" } = parameters();
      expect((await signIn(signHeader({ token: packed(token), [name]: value }))).status).toBe(401);
    }
  });

  it("is refused outside the token's time, and for a subject that is disabled", async () => {
    simulator.faults = { disabledAccounts: ["Administrator@vsphere.local"] };
    expect((await signIn(bearerHeader(token))).status).toBe(401);
    simulator.faults = { clockSkewSeconds: -1000 };
    expect((await signIn(bearerHeader(token))).status).toBe(401);
    simulator.faults = { clockSkewSeconds: 3600 + 300 };
    expect((await signIn(bearerHeader(token))).status).toBe(200);
    simulator.faults = { clockSkewSeconds: 3600 + 700 };
    expect((await signIn(bearerHeader(token))).status).toBe(401);
  });

  it("is refused for another audience, and for a token that cannot be delegated", async () => {
    const participants = (uri: string): string =>
      "<wst:Delegatable>true</wst:Delegatable>" +
      `<wst:Participants xmlns:wsa="http://www.w3.org/2005/08/addressing"><wst:Primary><wsa:EndpointReference>` +
      `<wsa:Address>${uri}</wsa:Address></wsa:EndpointReference></wst:Primary></wst:Participants>`;
    const audience = (uri: string): Promise<string> => bearer(simulator, 0, participants(uri));
    expect((await signIn(bearerHeader(await audience("https://other.example/sdk")))).status).toBe(401);
    const own = await audience(`https://127.0.0.1:${address.port}/sdk`);
    expect((await signIn(bearerHeader(own))).status).toBe(200);
    expect((await signIn(bearerHeader(await bearer(simulator)))).status).toBe(401);
  });
});

describe("Authorization: SIGN with a holder-of-key token", () => {
  it.each([
    [OLD, "SHA256"],
    [NEW, "SHA256"],
    [OLD, "SHA384"],
    [OLD, "SHA512"],
  ] as const)("makes a session at %s with RSA-%s", async (path, algorithm) => {
    const reply = await signIn(signHeader(parameters({ path, algorithm })), path);
    expect(reply.status, reply.text).toBe(path === OLD ? 200 : 201);
  });

  it("takes the parameters in any order, with or without the hash of an empty body, or another hash of it", async () => {
    const { token: packedToken = "", ...rest } = parameters();
    expect((await signIn(signHeader({ ...rest, token: packedToken }))).status).toBe(200);
    expect((await signIn(signHeader(parameters({ stated: false })))).status).toBe(200);
    const bodyHash = createHash("sha512").digest();
    expect((await signIn(signHeader(parameters({ bodyHash })))).status).toBe(200);
  });

  it("takes port 80 for a Host without a port, and the host in small letters", async () => {
    const { authorization, host } = {
      authorization: signHeader(parameters({ host: "vc01.sim.example", port: "80" })),
      host: "VC01.sim.example",
    };
    expect((await post(simulator, OLD, { authorization, host })).status).toBe(200);
    const v6 = signHeader(parameters({ host: "[::1]", port: "8443" }));
    expect((await post(simulator, OLD, { authorization: v6, host: "[::1]:8443" })).status).toBe(200);
  });

  it("takes each nonce once, for as long as it is fresh", async () => {
    const header = signHeader(parameters());
    expect((await signIn(header)).status).toBe(200);
    expect((await signIn(header)).status).toBe(401);
    const other = signHeader(parameters({ nonce: freshNonce(Date.now() - 500_000) }));
    expect((await signIn(other)).status).toBe(200);
    expect((await signIn(other)).status).toBe(401);
  });

  it.each([
    ["too old", () => freshNonce(Date.now() - 700_000)],
    ["from the future", () => freshNonce(Date.now() + 700_000)],
    ["with leading zeros", () => `0${freshNonce()}`],
    ["in seconds", () => freshNonce(Math.floor(Date.now() / 1000))],
    ["without a random part", () => `${Date.now()}:`],
    ["without a time", () => ":12345"],
    ["without a colon", () => String(Date.now())],
  ])("refuses a nonce %s", async (_, nonce) => {
    expect((await signIn(signHeader(parameters({ nonce: nonce() })))).status).toBe(401);
  });

  it.each<[string, Partial<SignOptions>]>([
    ["another path", { path: NEW }],
    ["the path with a query", { path: `${OLD}?a=b` }],
    ["another method", { method: "GET" }],
    ["a method in small letters", { method: "post" }],
    ["another host", { host: "localhost" }],
    ["another port", { port: "443" }],
    ["port 80 where another was given", { port: "80" }],
    ["the hash of another body", { body: "{}" }],
  ])("refuses a signature over %s", async (_, options) => {
    expect((await signIn(signHeader(parameters(options)))).status).toBe(401);
  });

  it.each<[string, (good: Record<string, string>) => Record<string, string>]>([
    ["without a signature at all", ({ token: only = "" }) => ({ token: only })],
    ["without a nonce", ({ nonce: _, ...rest }) => rest],
    ["without an algorithm", ({ signature_alg: _, ...rest }) => rest],
    ["without a signature value", ({ signature: _, ...rest }) => rest],
    ["with a hash that is not signed", ({ bodyhash: _, ...rest }) => rest],
    ["with RSA-SHA1", (good) => ({ ...good, signature_alg: "RSA-SHA1" })],
    ["with the JSON name of the algorithm", (good) => ({ ...good, signature_alg: "RS256" })],
    ["with another algorithm than it was made by", (good) => ({ ...good, signature_alg: "RSA-SHA512" })],
    ["with another nonce than was signed", (good) => ({ ...good, nonce: freshNonce() })],
    ["with a changed signature", (good) => ({ ...good, signature: `AAAA${good.signature?.slice(4)}` })],
    [
      "with a signature in base64url",
      (good) => ({ ...good, signature: good.signature?.replace(/[+/]/g, "_") ?? "" }),
    ],
  ])("is refused %s", async (name, change) => {
    let good = parameters();
    // Only a value that holds one of the letters in question shows the difference.
    while (name.endsWith("base64url") && !/[+/]/.test(good.signature ?? "")) good = parameters();
    expect((await signIn(signHeader(change(good)))).status).toBe(401);
  });

  it("is refused when another key signed, or the base string has the digest as text", async () => {
    const stranger = { ...holderOf("CN=stranger"), token: holder.token };
    expect((await signIn(signHeader(signParameters(stranger, address)))).status).toBe(401);
    const bodyHash = Buffer.from(createHash("sha256").digest("base64"));
    const textual = { ...parameters({ bodyHash }), bodyhash: createHash("sha256").digest("base64") };
    expect((await signIn(signHeader(textual))).status).toBe(401);
  });

  it("is refused for a token that cannot be delegated", async () => {
    const plain = { ...solutionUser(simulator), token: await holderOfKey(simulator) };
    expect((await signIn(signHeader(signParameters(plain, address)))).status).toBe(401);
  });

  it("covers the body of a single call", async () => {
    const path = "/rest/vcenter/vm/vm-12/power/start";
    const body = "{}";
    const good = signHeader(parameters({ path, body }));
    // A solution user of the group is no administrator here: recognised, and not allowed.
    const headers = { authorization: good, "content-type": "application/json" };
    expect((await call(simulator, "POST", path, { headers, body })).status).toBe(403);
    const other = { ...headers, authorization: signHeader(parameters({ path, body })) };
    expect((await call(simulator, "POST", path, { headers: other, body: "{ }" })).status).toBe(401);
    const unstated = signHeader(parameters({ path, body, stated: false }));
    const without = { ...headers, authorization: unstated };
    expect((await call(simulator, "POST", path, { headers: without, body })).status).toBe(401);
  });
});

describe("what is not known of SIGN at real servers", () => {
  it("may be set the other way", async () => {
    const other = await startSimulator({
      nodes: 1,
      behaviours: {
        signedPort: "443-unless-given",
        signedQuery: true,
        apiSessionTakesHolderOfKey: false,
        vapiTakesBearer: false,
        vapiWantsDelegatable: false,
        vapiClockToleranceSeconds: 60,
      },
    });
    others.push(other);
    const own = { ...solutionUser(other), token: await holderOfKey(other) };
    const place = addressOf(other);
    const attempt = (options: Partial<SignOptions>, path = OLD, host?: string): Promise<Reply> =>
      post(other, path, {
        authorization: signHeader(signParameters(own, { ...place, ...options })),
        ...(host !== undefined && { host }),
      });
    expect((await attempt({})).status).toBe(200);
    expect((await attempt({ path: NEW }, NEW)).status).toBe(401);
    expect((await attempt({ path: `${OLD}?a=b` }, `${OLD}?a=b`)).status).toBe(200);
    expect((await attempt({ path: OLD }, `${OLD}?a=b`)).status).toBe(401);
    expect((await attempt({ host: "localhost", port: "443" }, OLD, "localhost")).status).toBe(200);
    expect((await attempt({ host: "localhost", port: "80" }, OLD, "localhost")).status).toBe(401);
    expect((await attempt({ nonce: freshNonce(Date.now() - 90_000) })).status).toBe(401);
    const plain = signHeader({ token: packed(await bearer(other)) });
    expect((await post(other, OLD, { authorization: plain })).status).toBe(401);
  });

  it("has port 80 whatever was given, where set so", async () => {
    const other = await startSimulator({ nodes: 1, behaviours: { signedPort: "always-80" } });
    others.push(other);
    const own = await delegatableHolder(other);
    const at = (port: string): Promise<Reply> =>
      post(other, OLD, { authorization: signHeader(signParameters(own, { host: "127.0.0.1", port })) });
    expect((await at("80")).status).toBe(200);
    expect((await at(addressOf(other).port)).status).toBe(401);
  });

  it.each([{ signedPort: "8080" }, { vapiClockToleranceSeconds: -1 }, { noSuch: true }, { signedQuery: 1 }])(
    "is refused as %j",
    async (behaviours) => {
      await expect(startSimulator({ nodes: 1, behaviours: behaviours as object })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    },
  );
});
