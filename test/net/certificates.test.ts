import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  AbortedError,
  ConnectionError,
  InvalidArgumentError,
  TimeoutError,
  TrustError,
} from "../../src/errors.ts";
import { describeCertificate, fetchServedChain, parseCertificates } from "../../src/net/certificates.ts";
import { type Identity, makeAuthority, makeCertificate, makeSelfSigned } from "../helpers/certificates.ts";
import { startProxy } from "../helpers/proxy.ts";
import { failureOf, startRawServer, startSecureServer, unusedPort } from "./servers.ts";

let root: Identity;
let intermediate: Identity;
let other: Identity;
let leaf: Identity;

beforeAll(async () => {
  [root, other] = await Promise.all([makeAuthority("Root"), makeAuthority("Other")]);
  intermediate = await makeCertificate(root, "Issuing", { ca: true });
  leaf = await makeCertificate(intermediate, "leaf", { subject: "C=US, O=Corp, CN=leaf" });
});

describe("describeCertificate", () => {
  test("gives fingerprints, names, times and PEM", () => {
    const described = describeCertificate(leaf.der);
    expect(described).toMatchObject({
      sha256: leaf.sha256,
      sha1: leaf.sha1,
      subject: "C=US, O=Corp, CN=leaf",
      issuer: "CN=Issuing",
      ca: false,
    });
    expect(described.notBefore).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(Date.parse(described.notAfter)).toBeGreaterThan(Date.now());
    expect(described.names).toContain("DNS:localhost");
    expect(new X509Certificate(described.pem).fingerprint256).toBe(leaf.sha256);
    expect(describeCertificate(new X509Certificate(root.cert)).ca).toBe(true);
  });

  test("does not let control characters of a name through", async () => {
    const hostile = await makeSelfSigned("x", { subject: "CN=evil\u001b[2Jname\u202e" });
    expect(describeCertificate(hostile.der).subject).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
  });

  test("refuses bytes that are no certificate", () => {
    expect(() => describeCertificate(Buffer.from("rubbish"))).toThrow(InvalidArgumentError);
    expect(() => describeCertificate(leaf.der.subarray(0, 100))).toThrow(InvalidArgumentError);
    expect(() => describeCertificate(Buffer.alloc(0))).toThrow(InvalidArgumentError);
  });
});

describe("parseCertificates", () => {
  const fingerprints = (data: string | Uint8Array) =>
    parseCertificates(data, "test").map((certificate) => certificate.fingerprint256);

  test("reads several of one text, whatever stands between them and however lines end", () => {
    const text = `subject=Root\r\n${root.cert.replaceAll("\n", "\r\n")}\n# next\n${leaf.cert}`;
    expect(fingerprints(text)).toEqual([root.sha256, leaf.sha256]);
    expect(fingerprints(Buffer.from(text))).toEqual([root.sha256, leaf.sha256]);
  });

  test("reads DER", () => {
    expect(fingerprints(leaf.der)).toEqual([leaf.sha256]);
  });

  test("refuses what holds none, and names the one that is broken", () => {
    expect(() => fingerprints("hello")).toThrow("no certificate");
    expect(() => fingerprints(leaf.key)).toThrow("no certificate");
    const broken = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    expect(() => fingerprints(root.cert + broken)).toThrow("certificate 2");
  });
});

describe("fetchServedChain", () => {
  const loopback = (port: number) => ({ host: "127.0.0.1", port });

  test.each(["TLSv1.2", "TLSv1.3"] as const)(
    "shows all certificates served with %s, unrelated ones too",
    async (version) => {
      const server = await startSecureServer(leaf, { version, above: [intermediate, other, root] });
      const chain = await fetchServedChain(loopback(server.port));
      expect(chain.certificates.map((each) => each.sha256)).toEqual(
        [leaf, intermediate, other, root].map((each) => each.sha256),
      );
      expect(chain.host).toBe(`127.0.0.1:${server.port}`);
      expect(chain.byDefault).toMatchObject({ trusted: false, reason: "unknown-issuer" });
      expect(chain.byOptions).toBeUndefined();
      await server.idle();
      expect(server.received).toBe(0);
    },
  );

  test("judges by the options given as well", async () => {
    const server = await startSecureServer(leaf, { above: [intermediate] });
    const judged = async (trust: NonNullable<Parameters<typeof fetchServedChain>[1]>["trust"]) =>
      (await fetchServedChain(loopback(server.port), { ...(trust ? { trust } : {}) })).byOptions;
    expect(await judged({ ca: root.cert })).toEqual({ trusted: true });
    expect(await judged({ pins: [leaf.sha256] })).toEqual({ trusted: true });
    expect(await judged({ pins: [root.sha256] })).toMatchObject({ trusted: false, reason: "pin-mismatch" });
    expect(await judged({ ca: other.cert })).toMatchObject({ trusted: false, reason: "unknown-issuer" });
  });

  test("goes through a proxy and to the address given", async () => {
    const proxy = await startProxy();
    onTestFinished(proxy.close);
    const server = await startSecureServer(leaf);
    const chain = await fetchServedChain(
      { host: "vc01.example", port: 443 },
      {
        proxy: `http://127.0.0.1:${proxy.port}`,
        addresses: { "vc01.example": `127.0.0.1:${server.port}` },
        trust: { ca: intermediate.cert },
      },
    );
    expect(chain.certificates[0]?.sha256).toBe(leaf.sha256);
    expect(chain.byOptions).toMatchObject({ trusted: false, reason: "name-mismatch" });
    expect(new Set(server.serverNames)).toEqual(new Set(["vc01.example"]));
    expect(new Set(proxy.tunnels)).toEqual(new Set([`127.0.0.1:${server.port}`]));
  });

  test("fails clearly where there is no server, no TLS or no answer", async () => {
    const refused = await failureOf(fetchServedChain(loopback(await unusedPort())), ConnectionError);
    expect(refused.systemCode).toBe("ECONNREFUSED");
    const plain = await startRawServer((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const noTls = await failureOf(fetchServedChain(loopback(plain.port)), ConnectionError);
    expect(noTls.message).toContain("TLS");
    const silent = await startRawServer(() => undefined);
    await failureOf(fetchServedChain(loopback(silent.port), { timeoutMs: 50 }), TimeoutError);
    const controller = new AbortController();
    const hanging = await startRawServer(() => controller.abort());
    await failureOf(fetchServedChain(loopback(hanging.port), { signal: controller.signal }), AbortedError);
    await Promise.all([silent.idle(), hanging.idle()]);
  });

  test("a proxy's own certificate is no verdict on the server", async () => {
    const proxy = await startProxy({ tls: await makeSelfSigned("proxy") });
    onTestFinished(proxy.close);
    const server = await startSecureServer(leaf);
    const options = { proxy: `https://127.0.0.1:${proxy.port}`, trust: { ca: root.cert } };
    const error = await failureOf(fetchServedChain(loopback(server.port), options), TrustError);
    expect(error.host).toBe(`127.0.0.1:${proxy.port}`);
    expect(server.connections).toBe(0);
  });
});
