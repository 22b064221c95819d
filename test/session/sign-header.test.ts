import { createHash, createVerify, type KeyObject, sign } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { InvalidArgumentError, SignerError, TokenError } from "../../src/errors.ts";
import { SamlToken } from "../../src/saml/token.ts";
import { type SignedRequest, type SignHeaderOptions, signHeader } from "../../src/session/sign-header.ts";
import type { RsaIdentity } from "../helpers/rsa.ts";
import { failureOf } from "../net/servers.ts";
import { assertionXml, signAssertion } from "../sts/assertions.ts";
import { keyPair, makeKey } from "../sts/sts-server.ts";

const LOGIN: SignedRequest = { method: "POST", path: "/api/session", host: "vc01.corp.example" };
/** SHA-256 of nothing, as everybody who sends an empty body sends it. */
const EMPTY_SHA256 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

let holder: RsaIdentity;
let stranger: RsaIdentity;
let bearer: SamlToken;
let token: SamlToken;

beforeAll(async () => {
  const [h, s, issuer] = await Promise.all([makeKey("holder"), makeKey("stranger"), makeKey("issuer")]);
  holder = h;
  stranger = s;
  bearer = SamlToken.from(signAssertion(assertionXml({ delegationCount: 1 }), issuer));
  token = SamlToken.from(signAssertion(assertionXml({ holder, delegationCount: 1 }), issuer), {
    holderOfKey: keyPair(holder),
  });
});

/** The parameters of a header, read by the rules of the fact sheet alone. */
function parametersOf(header: string): Map<string, string> {
  expect(header.startsWith("SIGN ")).toBe(true);
  return new Map(
    header
      .slice("SIGN ".length)
      .split(", ")
      .map((part) => {
        const at = part.indexOf("=");
        const value = part.slice(at + 1);
        expect(value).toMatch(/^".*"$/);
        return [part.slice(0, at), value.slice(1, -1)] as const;
      }),
  );
}

/** What has to be signed, byte by byte: six items, each with a line feed, the digest as it is. */
function expectedBytes(items: readonly string[], body: string | Uint8Array, hash: string): Buffer {
  const digest = createHash(hash).update(body).digest();
  return Buffer.concat([
    ...items.map((item) => Buffer.from(`${item}\n`, "latin1")),
    digest,
    Buffer.from([0x0a]),
  ]);
}

function verifies(data: Buffer, value: string, hash: string, key: KeyObject): boolean {
  return createVerify(hash).update(data).verify(key, value, "base64");
}

interface Case {
  readonly name: string;
  readonly request: SignedRequest;
  readonly options?: SignHeaderOptions;
  readonly items: readonly string[];
  readonly algorithm?: readonly [string, string];
}

const CASES: readonly Case[] = [
  {
    name: "a name without a port, as port 80",
    request: LOGIN,
    items: ["POST", "/api/session", "vc01.corp.example", "80"],
  },
  {
    name: "a name in capitals, as lower case",
    request: { ...LOGIN, host: "VC01.Corp.Example" },
    items: ["POST", "/api/session", "vc01.corp.example", "80"],
  },
  {
    name: "the port that the URL says",
    request: { ...LOGIN, host: "127.0.0.1", port: 8989 },
    items: ["POST", "/api/session", "127.0.0.1", "8989"],
  },
  {
    name: "an IPv4 address, without brackets",
    request: { ...LOGIN, host: "192.0.2.7" },
    items: ["POST", "/api/session", "192.0.2.7", "80"],
  },
  {
    name: "an IPv6 address, with brackets put around it",
    request: { ...LOGIN, host: "2001:DB8::7", port: 5480 },
    items: ["POST", "/api/session", "[2001:db8::7]", "5480"],
  },
  {
    name: "an IPv6 address that has its brackets",
    request: { ...LOGIN, host: "[::1]" },
    items: ["POST", "/api/session", "[::1]", "80"],
  },
  {
    name: "the path of the old API",
    request: { ...LOGIN, path: "/rest/com/vmware/cis/session" },
    items: ["POST", "/rest/com/vmware/cis/session", "vc01.corp.example", "80"],
  },
  {
    name: "a path without its query",
    request: { ...LOGIN, method: "post", path: "/rest/com/vmware/cis/session?~action=get" },
    items: ["POST", "/rest/com/vmware/cis/session", "vc01.corp.example", "80"],
  },
  {
    name: "a body",
    request: { ...LOGIN, method: "PUT", path: "/api/x", body: Buffer.from([0, 10, 200, 255]) },
    items: ["PUT", "/api/x", "vc01.corp.example", "80"],
  },
  {
    name: "another port on demand",
    request: { ...LOGIN, port: 8989 },
    options: { signedPort: 443 },
    items: ["POST", "/api/session", "vc01.corp.example", "443"],
  },
  {
    name: "with SHA-384",
    request: LOGIN,
    options: { algorithm: "rsa-sha384" },
    items: ["POST", "/api/session", "vc01.corp.example", "80"],
    algorithm: ["RSA-SHA384", "sha384"],
  },
  {
    name: "with SHA-512 and a body",
    request: { ...LOGIN, body: Buffer.from("{}") },
    options: { algorithm: "rsa-sha512" },
    items: ["POST", "/api/session", "vc01.corp.example", "80"],
    algorithm: ["RSA-SHA512", "sha512"],
  },
];

describe("the SIGN header of a bearer token", () => {
  test("is the token, compressed, and nothing else", async () => {
    const parameters = parametersOf(await signHeader(bearer, LOGIN));
    expect([...parameters.keys()]).toEqual(["token"]);
    const packed = Buffer.from(parameters.get("token") ?? "", "base64");
    expect(gunzipSync(packed).toString("utf8")).toBe(bearer.assertion);
    expect(packed.toString("base64")).toBe(parameters.get("token"));
  });

  test("is not made of a token that no server takes any more", async () => {
    const late = { clockOffsetMs: 2 * 3600_000 };
    const error = await failureOf(signHeader(bearer, LOGIN, late), TokenError);
    expect(error.code).toBe("TOKEN_EXPIRED");
    expect(await signHeader(bearer, LOGIN, { ...late, allowExpired: true })).toMatch(/^SIGN token="/);
  });
});

describe("the SIGN header of a holder-of-key token", () => {
  test.each(CASES)(
    "signs $name",
    async ({ request, options, items, algorithm = ["RSA-SHA256", "sha256"] }) => {
      const before = Date.now();
      const header = await signHeader(token, request, options);
      const parameters = parametersOf(header);
      expect([...parameters.keys()]).toEqual(["token", "signature_alg", "signature", "nonce", "bodyhash"]);
      expect(gunzipSync(Buffer.from(parameters.get("token") ?? "", "base64")).toString()).toBe(
        token.assertion,
      );
      const [name, hash] = algorithm;
      const nonce = parameters.get("nonce") ?? "";
      expect(parameters.get("signature_alg")).toBe(name);
      const body = request.body ?? "";
      expect(parameters.get("bodyhash")).toBe(createHash(hash).update(body).digest("base64"));
      const data = expectedBytes([nonce, ...items], body, hash);
      expect(verifies(data, parameters.get("signature") ?? "", hash, holder.publicKey)).toBe(true);
      expect(verifies(data, parameters.get("signature") ?? "", hash, stranger.publicKey)).toBe(false);
      const [time = "", random = ""] = nonce.split(":");
      expect(nonce).toMatch(/^[1-9]\d{12}:\d{1,19}$/);
      expect(Number(time)).toBeGreaterThanOrEqual(before);
      expect(Number(time)).toBeLessThanOrEqual(Date.now());
      expect(BigInt(random) < 2n ** 63n).toBe(true);
    },
  );

  test("has the hash of an empty body", async () => {
    expect(parametersOf(await signHeader(token, LOGIN)).get("bodyhash")).toBe(EMPTY_SHA256);
  });

  test("has a nonce of its own each time, by the server's clock", async () => {
    const headers = await Promise.all(
      Array.from({ length: 20 }, () => signHeader(token, LOGIN, { clockOffsetMs: -60_000 })),
    );
    const nonces = headers.map((header) => parametersOf(header).get("nonce") ?? "");
    expect(new Set(nonces).size).toBe(20);
    for (const nonce of nonces) expect(Number(nonce.split(":")[0])).toBeLessThan(Date.now() - 59_000);
  });

  test("is signed by a key that is not in this process", async () => {
    const seen: string[] = [];
    const remote = SamlToken.from(token.assertion, {
      holderOfKey: {
        certificate: holder.certificate,
        async sign(data, algorithm) {
          seen.push(algorithm);
          return sign("sha256", data, holder.privateKey);
        },
      },
    });
    const parameters = parametersOf(await signHeader(remote, LOGIN));
    expect(seen).toEqual(["rsa-sha256"]);
    const items = [parameters.get("nonce") ?? "", "POST", "/api/session", "vc01.corp.example", "80"];
    const data = expectedBytes(items, "", "sha256");
    expect(verifies(data, parameters.get("signature") ?? "", "sha256", holder.publicKey)).toBe(true);
  });

  test("is not made where the key is missing", async () => {
    const error = await failureOf(signHeader(SamlToken.from(token.assertion), LOGIN), TokenError);
    expect(error).toMatchObject({ code: "TOKEN_UNUSABLE", hint: expect.stringContaining("private key") });
  });

  test("is not made of what a failing or foreign key returns", async () => {
    const with_ = (made: (data: Uint8Array) => Uint8Array): SamlToken =>
      SamlToken.from(token.assertion, {
        holderOfKey: { certificate: holder.certificate, sign: async (data) => made(data) },
      });
    const broken = with_(() => {
      throw new Error("the key store is locked");
    });
    const failed = await failureOf(signHeader(broken, LOGIN), SignerError);
    expect((failed.cause as Error).message).toBe("the key store is locked");
    const foreign = with_((data) => sign("sha256", data, stranger.privateKey));
    await failureOf(signHeader(foreign, LOGIN), InvalidArgumentError);
  });

  test("knows no other algorithms", async () => {
    const options = { algorithm: "rsa-sha1" } as unknown as SignHeaderOptions;
    const error = await failureOf(signHeader(token, LOGIN, options), InvalidArgumentError);
    expect(error.hint).toContain("rsa-sha512");
  });
});
