import { createPrivateKey, X509Certificate } from "node:crypto";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { inspect } from "node:util";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { ConnectionError, InvalidArgumentError, TrustError } from "../../src/errors.ts";
import { Transport, type TransportOptions } from "../../src/net/transport.ts";
import { type Identity, makeAuthority, makeCertificate, makeSelfSigned } from "../helpers/certificates.ts";
import { startProxy } from "../helpers/proxy.ts";
import { encryptedKey, makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";

let authority: Identity;
let server: Identity;
let client: Identity;
let rsa: RsaIdentity;

beforeAll(async () => {
  authority = await makeAuthority("CA");
  [server, client, rsa] = await Promise.all([
    makeCertificate(authority, "vc"),
    makeSelfSigned("extension"),
    makeRsaSelfSigned("rsa extension"),
  ]);
});

interface Asking {
  readonly port: number;
  /** Fingerprints of the certificates that were shown, undefined for none. */
  readonly shown: (string | undefined)[];
  /** `Host` headers. */
  readonly hosts: (string | undefined)[];
}

/** A server that asks for a certificate and goes on without one. */
async function startAsking(identity: Identity = server): Promise<Asking> {
  const shown: Asking["shown"] = [];
  const hosts: Asking["hosts"] = [];
  const listener = createSecureServer(
    { cert: identity.cert, key: identity.key, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      shown.push((request.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256);
      hosts.push(request.headers.host);
      response.end("served");
    },
  );
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    listener.closeAllConnections();
    listener.close();
  });
  return { port: (listener.address() as AddressInfo).port, shown, hosts };
}

/** Port 80 of a vCenter: CONNECT to the virtual host leads to `target`, all else nowhere. */
async function startReverseProxy(target: number) {
  const asked: (string | undefined)[] = [];
  const sockets = new Set<Socket>();
  const listener = createServer();
  listener.on("connection", (socket: Socket) => sockets.add(socket));
  listener.on("connect", (request, socket: Socket) => {
    asked.push(request.url);
    if (request.url !== "sdkTunnel:8089") {
      socket.end("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    const upstream = connect(target, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 OK\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on("error", () => socket.destroy());
    socket.on("error", () => upstream.destroy());
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return { port: (listener.address() as AddressInfo).port, asked };
}

function transport(options: TransportOptions): Transport {
  const made = new Transport({ trust: { ca: authority.cert }, retry: false, ...options });
  onTestFinished(() => made.close());
  return made;
}

const identity = () => ({ certificate: client.cert, key: client.key });

describe("a client certificate", () => {
  test("is shown to a server that asks, whichever way the server is trusted", async () => {
    const { port, shown } = await startAsking();
    for (const trust of [{ ca: authority.cert }, { pins: [server.sha256] }, { insecure: true }]) {
      await transport({ trust, clientCertificate: identity() }).request(`https://127.0.0.1:${port}/`, {
        method: "GET",
      });
    }
    expect(shown).toEqual([client.sha256, client.sha256, client.sha256]);
  });

  test("is shown by nobody who was given none", async () => {
    const { port, shown } = await startAsking();
    await transport({}).request(`https://127.0.0.1:${port}/`, { method: "GET" });
    expect(shown).toEqual([undefined]);
  });

  test("may be bytes, objects of node:crypto, or have an encrypted key", async () => {
    const { port, shown } = await startAsking();
    const forms = [
      { certificate: Buffer.from(client.cert), key: new TextEncoder().encode(client.key) },
      { certificate: new X509Certificate(client.cert), key: createPrivateKey(client.key) },
      { certificate: rsa.cert, key: encryptedKey(rsa, "phrase"), passphrase: "phrase" },
      {
        certificate: rsa.cert + authority.cert,
        key: encryptedKey(rsa, "phrase", "pkcs1"),
        passphrase: "phrase",
      },
    ];
    for (const clientCertificate of forms) {
      await transport({ clientCertificate }).request(`https://127.0.0.1:${port}/`, { method: "GET" });
    }
    const fingerprint = rsa.certificate.fingerprint256;
    expect(shown).toEqual([client.sha256, client.sha256, fingerprint, fingerprint]);
  });

  test("is not shown to a proxy, not even one that asks", async () => {
    const { port, shown } = await startAsking();
    const proxy = await startProxy({ tls: { cert: server.cert, key: server.key } });
    onTestFinished(() => proxy.close());
    const options = { clientCertificate: identity(), proxy: `https://127.0.0.1:${proxy.port}` };
    await transport(options).request(`https://127.0.0.1:${port}/`, { method: "GET" });
    expect([shown, proxy.tunnels]).toEqual([[client.sha256], [`127.0.0.1:${port}`]]);

    const asking = await startAsking();
    const refused = transport({ ...options, proxy: `https://127.0.0.1:${asking.port}` });
    await expect(refused.request(`https://127.0.0.1:${port}/`, { method: "GET" })).rejects.toThrow();
    expect(asking.shown.filter((each) => each !== undefined)).toEqual([]);
  });

  test.each([
    ["a path", () => ({ certificate: "/etc/cert.pem", key: client.key })],
    ["a key that is a certificate", () => ({ certificate: client.cert, key: client.cert })],
    ["a certificate that is a key", () => ({ certificate: client.key, key: client.key })],
    ["another's key", () => ({ certificate: client.cert, key: server.key })],
    [
      "an encrypted key without its passphrase",
      () => ({ certificate: rsa.cert, key: encryptedKey(rsa, "phrase") }),
    ],
    [
      "a wrong passphrase",
      () => ({ certificate: rsa.cert, key: encryptedKey(rsa, "p"), passphrase: "secret-q" }),
    ],
    ["a public key", () => ({ certificate: client.cert, key: rsa.publicKey })],
    ["nothing", () => ({ certificate: undefined, key: undefined }) as never],
    [
      "a certificate that was cut",
      () => ({ certificate: `${client.cert.slice(0, 200)}\n-----END CERTIFICATE-----`, key: client.key }),
    ],
  ])("cannot be %s", (_what, make) => {
    const attempt = () => transport({ clientCertificate: make() });
    expect(attempt).toThrow(InvalidArgumentError);
    try {
      attempt();
    } catch (error) {
      expect(inspect(error)).not.toMatch(/secret-q|-----BEGIN/);
    }
  });
});

describe("the tunnel of extensions", () => {
  test("leads through CONNECT to the virtual host, the certificate judged as the vCenter's own", async () => {
    const asking = await startAsking();
    const proxy = await startReverseProxy(asking.port);
    for (const trust of [{ ca: authority.cert }, { pins: [server.sha256] }]) {
      const through = transport({ trust, clientCertificate: identity(), sdkTunnelPort: proxy.port });
      const reply = await through.request("https://127.0.0.1/sdk", { method: "GET" });
      expect(reply.body.toString()).toBe("served");
    }
    expect(proxy.asked).toEqual(["sdkTunnel:8089", "sdkTunnel:8089"]);
    expect(asking.shown).toEqual([client.sha256, client.sha256]);
    expect(asking.hosts).toEqual(["127.0.0.1", "127.0.0.1"]);
  });

  test("goes to the address put in the vCenter's place, and not through a proxy", async () => {
    const named = await makeCertificate(authority, "vc01", { names: ["vc01.corp.example"] });
    const asking = await startAsking(named);
    const proxy = await startReverseProxy(asking.port);
    const through = transport({
      sdkTunnelPort: 80,
      addresses: { "vc01.corp.example:80": `127.0.0.1:${proxy.port}` },
      proxy: "http://127.0.0.1:1",
    });
    await through.request("https://vc01.corp.example/sdk", { method: "GET" });
    expect(proxy.asked).toEqual(["sdkTunnel:8089"]);
  });

  test("is not trusted for a name that is not the vCenter's", async () => {
    const named = await makeCertificate(authority, "sdkTunnel", { names: ["sdktunnel"] });
    const asking = await startAsking(named);
    const proxy = await startReverseProxy(asking.port);
    const through = transport({ sdkTunnelPort: proxy.port });
    await expect(through.request("https://127.0.0.1/sdk", { method: "GET" })).rejects.toMatchObject({
      code: "TRUST_REFUSED",
      reason: "name-mismatch",
    });
    const other = transport({ trust: { pins: [client.sha256] }, sdkTunnelPort: proxy.port });
    await expect(other.request("https://127.0.0.1/sdk", { method: "GET" })).rejects.toBeInstanceOf(
      TrustError,
    );
    expect(asking.shown).toEqual([]);
  });

  test("says so when the port is no reverse proxy of a vCenter", async () => {
    const proxy = await startProxy({ answer: "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" });
    onTestFinished(() => proxy.close());
    const through = transport({ sdkTunnelPort: proxy.port });
    const error: unknown = await through
      .request("https://127.0.0.1/sdk", { method: "GET" })
      .catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(ConnectionError);
    expect(error).toMatchObject({ code: "PROXY_REFUSED", systemCode: "HTTP_404", host: "127.0.0.1:443" });
    expect(error).toHaveProperty("hint", expect.stringContaining("reverse proxy"));
  });

  test.each([0, -1, 65_536, 1.5, Number.NaN])("is at no port %d", (sdkTunnelPort) => {
    expect(() => transport({ sdkTunnelPort })).toThrow(InvalidArgumentError);
  });
});
