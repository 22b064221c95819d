import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { AbortedError, InvalidArgumentError, TimeoutError, TrustError } from "../../src/errors.ts";
import { parseServer } from "../../src/net/authority.ts";
import { KnownHosts } from "../../src/net/known-hosts.ts";
import type { TransportOptions } from "../../src/net/transport.ts";
import type { TrustOptions } from "../../src/net/trust.ts";
import { type Identity, makeAuthority, makeCertificate, makeSelfSigned } from "../helpers/certificates.ts";
import { startProxy } from "../helpers/proxy.ts";
import { failureOf, makeTransport, startPlainServer, startSecureServer, type TestServer } from "./servers.ts";

let root: Identity;
let intermediate: Identity;
let publicRoot: Identity;
let leaf: Identity;
let issued: Identity;
let selfSigned: Identity;
let expired: Identity;
let future: Identity;
let misnamed: Identity;
let expiredIssued: Identity;

beforeAll(async () => {
  [root, publicRoot] = await Promise.all([makeAuthority("Corp Root"), makeAuthority("Public Root")]);
  intermediate = await makeCertificate(root, "Corp Issuing", { ca: true });
  [leaf, issued, selfSigned, expired, future, misnamed, expiredIssued] = await Promise.all([
    makeCertificate(root, "leaf"),
    makeCertificate(intermediate, "issued"),
    makeSelfSigned("self"),
    makeSelfSigned("expired", { names: ["elsewhere.example"], notBeforeDays: -20, notAfterDays: -10 }),
    makeCertificate(root, "future", { notBeforeDays: 5 }),
    makeCertificate(root, "misnamed", { names: ["elsewhere.example"] }),
    makeCertificate(root, "expired issued", { notBeforeDays: -20, notAfterDays: -10 }),
  ]);
});

interface Reach {
  readonly host?: string;
  readonly options?: Omit<TransportOptions, "trust">;
}

async function get(server: TestServer, trust: TrustOptions | undefined, reach: Reach = {}): Promise<string> {
  const transport = makeTransport({ ...reach.options, ...(trust ? { trust } : {}), retry: false });
  const url = `https://${reach.host ?? "127.0.0.1"}:${server.port}/`;
  const { body } = await transport.request(url, { method: "POST", body: "secret" });
  return body.toString();
}

/** The refusal, after making sure that no byte of the request came through. */
async function refusalOf(server: TestServer, trust?: TrustOptions, reach?: Reach): Promise<TrustError> {
  const error = await failureOf(get(server, trust, reach), TrustError);
  await server.idle();
  expect(server.connections).toBeGreaterThan(0);
  expect(server.received).toBe(0);
  return error;
}

const known = (server: TestServer, thumbprint: string): KnownHosts =>
  new KnownHosts(`127.0.0.1:${server.port} ${thumbprint}\n`);

describe.each(["TLSv1.2", "TLSv1.3"] as const)("with %s", (version) => {
  describe("without options", () => {
    test("refuses a certificate that signed itself, and says what was served", async () => {
      const server = await startSecureServer(selfSigned, { version });
      const error = await refusalOf(server);
      expect(error).toMatchObject({
        reason: "self-signed",
        host: `127.0.0.1:${server.port}`,
        certificate: { sha256: selfSigned.sha256, subject: "CN=self", issuer: "CN=self" },
      });
      expect(error.message).toContain(selfSigned.sha256);
      expect(error.hint).toContain(`--pin SHA256:${selfSigned.sha256}`);
      expect(error.hint).toContain("--ca FILE");
    });

    test("refuses the certificate of an unknown authority", async () => {
      const server = await startSecureServer(leaf, { version });
      expect((await refusalOf(server)).reason).toBe("unknown-issuer");
    });
  });

  test("accepts what the system's authorities issued, on every connection", async () => {
    const folder = mkdtempSync(join(tmpdir(), "roots-"));
    const file = join(folder, "roots.pem");
    writeFileSync(file, `# the system's\n${root.cert}`);
    vi.stubEnv("SSL_CERT_FILE", file);
    onTestFinished(() => {
      vi.unstubAllEnvs();
      rmSync(folder, { recursive: true });
    });
    const server = await startSecureServer(leaf, { version });
    const transport = makeTransport({ retry: false });
    const ask = () =>
      transport.request(`https://127.0.0.1:${server.port}/`, {
        method: "GET",
        headers: { connection: "close" },
      });
    await ask();
    await ask();
    expect(server.connections).toBe(2);
    const before = server.received;
    for (const refused of [misnamed, selfSigned, expiredIssued]) {
      server.present(refused);
      await failureOf(ask(), TrustError);
    }
    await server.idle();
    expect(server.received).toBe(before);
  });

  describe("with authorities", () => {
    test("accepts a certificate that they issued, over a second connection too", async () => {
      const server = await startSecureServer(leaf, { version });
      const transport = makeTransport({ trust: { ca: root.cert } });
      const url = `https://localhost:${server.port}/`;
      await Promise.all([
        transport.request(url, { method: "GET" }),
        transport.request(url, { method: "GET" }),
      ]);
      expect(server.connections).toBe(2);
      expect(server.serverNames).toEqual(["localhost", "localhost"]);
    });

    test("accepts an intermediate authority that stands alone", async () => {
      const server = await startSecureServer(issued, { version });
      await expect(get(server, { ca: intermediate.cert })).resolves.toBe("served");
    });

    test.each([
      ["an unknown issuer", () => selfSigned, "self-signed"],
      ["an expired one", () => expiredIssued, "expired"],
      ["one that is not valid yet", () => future, "not-yet-valid"],
      ["one for another name", () => misnamed, "name-mismatch"],
    ] as const)("refuses %s", async (_name, identity, reason) => {
      const server = await startSecureServer(identity(), { version });
      expect((await refusalOf(server, { ca: root.cert })).reason).toBe(reason);
    });
  });

  describe("with the pin of the server's certificate", () => {
    test("accepts it though it is expired and for another name", async () => {
      const server = await startSecureServer(expired, { version });
      await expect(get(server, { pins: [expired.sha256] })).resolves.toBe("served");
    });

    test("checks every connection, not only the first", async () => {
      const server = await startSecureServer(selfSigned, { version });
      const transport = makeTransport({ trust: { pins: [selfSigned.sha256] }, retry: false });
      const url = `https://127.0.0.1:${server.port}/`;
      const close = { method: "GET", headers: { connection: "close" } } as const;
      await transport.request(url, close);
      await transport.request(url, close);
      expect(server.connections).toBe(2);
      const before = server.received;
      server.present(leaf);
      const error = await failureOf(transport.request(url, close), TrustError);
      await server.idle();
      expect([error.reason, error.certificate?.sha256]).toEqual(["pin-mismatch", leaf.sha256]);
      expect(server.connections).toBe(3);
      expect(server.received).toBe(before);
    });

    test("accepts the old and the new one during a rotation, and nothing else", async () => {
      const server = await startSecureServer(selfSigned, { version });
      const pins = [selfSigned.sha256, expired.sha256];
      await expect(get(server, { pins })).resolves.toBe("served");
      server.present(expired);
      await expect(get(server, { pins })).resolves.toBe("served");
      server.present(leaf);
      expect((await failureOf(get(server, { pins }), TrustError)).reason).toBe("pin-mismatch");
    });

    test("does not fall back to authorities when it does not match", async () => {
      const server = await startSecureServer(leaf, { version });
      const error = await refusalOf(server, { pins: [selfSigned.sha256], ca: root.cert, insecure: true });
      expect(error.reason).toBe("pin-mismatch");
    });

    test("warns about SHA-1, and compares it", async () => {
      const warnings: string[] = [];
      const server = await startSecureServer(selfSigned, { version });
      const options = { onWarning: (message: string) => void warnings.push(message) };
      await expect(get(server, { pins: [selfSigned.sha1] }, { options })).resolves.toBe("served");
      expect(warnings).toEqual([expect.stringContaining("SHA-1")]);
      expect((await failureOf(get(server, { pins: [leaf.sha1] }), TrustError)).reason).toBe("pin-mismatch");
    });
  });

  describe("with the pin of an authority", () => {
    test("accepts a certificate that verifies up to it, whether it was served or given", async () => {
      const server = await startSecureServer(leaf, { version, above: [root] });
      await expect(get(server, { pins: [root.sha256] })).resolves.toBe("served");
      server.present(leaf);
      await expect(get(server, { pins: [root.sha256], ca: root.cert })).resolves.toBe("served");
      expect((await failureOf(get(server, { pins: [root.sha256] }), TrustError)).reason).toBe("pin-mismatch");
    });

    test("accepts the pin of an intermediate authority", async () => {
      const server = await startSecureServer(issued, { version, above: [intermediate] });
      await expect(get(server, { pins: [intermediate.sha256] })).resolves.toBe("served");
      await expect(get(server, { pins: [root.sha256], ca: root.cert })).resolves.toBe("served");
    });

    test("takes a single connection from the second time on", async () => {
      const server = await startSecureServer(leaf, { version, above: [root] });
      const transport = makeTransport({ trust: { pins: [root.sha256] } });
      const close = { method: "GET", headers: { connection: "close" } } as const;
      await transport.request(`https://127.0.0.1:${server.port}/`, close);
      expect(server.connections).toBe(2);
      await transport.request(`https://127.0.0.1:${server.port}/`, close);
      expect(server.connections).toBe(3);
    });

    test("follows a rotation of the authority on a transport that has seen the old one", async () => {
      const next = await makeAuthority("Corp Root 2");
      const renewed = await makeCertificate(next, "renewed");
      const server = await startSecureServer(leaf, { version, above: [root] });
      const transport = makeTransport({ trust: { pins: [root.sha256, next.sha256] }, retry: false });
      const ask = () =>
        transport.request(`https://127.0.0.1:${server.port}/`, {
          method: "GET",
          headers: { connection: "close" },
        });
      await ask();
      server.present(renewed, [next]);
      expect((await ask()).status).toBe(200);
      const stranger = await makeAuthority("Stranger");
      server.present(await makeCertificate(stranger, "strange"), [stranger]);
      expect((await failureOf(ask(), TrustError)).reason).toBe("pin-mismatch");
    });

    test("refuses a server that appends the pinned authority to a chain it does not belong to", async () => {
      const server = await startSecureServer(selfSigned, { version, above: [publicRoot] });
      expect((await refusalOf(server, { pins: [publicRoot.sha256] })).reason).toBe("pin-mismatch");
      const other = await startSecureServer(issued, { version, above: [intermediate, publicRoot, root] });
      expect((await refusalOf(other, { pins: [publicRoot.sha256] })).reason).toBe("pin-mismatch");
    });

    test("refuses a forger who uses the authority's name with a key of their own", async () => {
      const forger = await makeAuthority("Corp Root");
      for (const withoutAuthorityKeyId of [false, true]) {
        const forged = await makeCertificate(forger, "leaf", { withoutAuthorityKeyId });
        const server = await startSecureServer(forged, { version, above: [root] });
        const error = await refusalOf(server, { pins: [root.sha256] });
        expect(["pin-mismatch", "rejected"]).toContain(error.reason);
        expect(error.certificate?.sha256).toBe(forged.sha256);
      }
    });

    test("refuses a certificate issued by a pinned certificate that is no authority", async () => {
      const abused = await makeCertificate(leaf, "abused");
      const server = await startSecureServer(abused, { version, above: [leaf, root] });
      const error = await refusalOf(server, { pins: [leaf.sha256] });
      expect(["pin-mismatch", "rejected"]).toContain(error.reason);
    });

    test("refuses another name and an expired certificate", async () => {
      const server = await startSecureServer(misnamed, { version, above: [root] });
      expect((await refusalOf(server, { pins: [root.sha256] })).reason).toBe("name-mismatch");
      const late = await startSecureServer(expiredIssued, { version, above: [root] });
      expect((await refusalOf(late, { pins: [root.sha256] })).reason).toBe("expired");
    });
  });

  describe("with known hosts", () => {
    test("accepts the certificate kept, by SHA-256 or SHA-1", async () => {
      const server = await startSecureServer(expired, { version });
      await expect(get(server, { knownHosts: known(server, expired.sha256) })).resolves.toBe("served");
      const warnings: string[] = [];
      const options = { onWarning: (message: string) => void warnings.push(message) };
      await expect(get(server, { knownHosts: known(server, expired.sha1) }, { options })).resolves.toBe(
        "served",
      );
      expect(warnings).toHaveLength(1);
    });

    test("refuses another certificate, even one that the authorities given issued", async () => {
      const server = await startSecureServer(leaf, { version });
      const trust = { knownHosts: known(server, selfSigned.sha256), ca: root.cert, insecure: true };
      const error = await refusalOf(server, trust);
      expect(error.reason).toBe("known-hosts-mismatch");
      expect(error.hint).toContain("known hosts");
    });

    test("does not take a kept authority for the server's certificate", async () => {
      const server = await startSecureServer(leaf, { version, above: [root] });
      const error = await refusalOf(server, { knownHosts: known(server, root.sha256) });
      expect(error.reason).toBe("known-hosts-mismatch");
    });

    test("leaves servers without an entry to the authorities", async () => {
      const server = await startSecureServer(leaf, { version });
      const knownHosts = new KnownHosts(`127.0.0.1:1 ${selfSigned.sha256}\n`);
      await expect(get(server, { knownHosts, ca: root.cert })).resolves.toBe("served");
      server.present(selfSigned);
      const error = await failureOf(get(server, { knownHosts, ca: root.cert }), TrustError);
      expect(error.reason).toBe("self-signed");
    });
  });

  describe("through a proxy", () => {
    test("checks the pin inside the tunnel, before the request", async () => {
      const proxy = await startProxy();
      onTestFinished(proxy.close);
      const reach = { options: { proxy: `http://127.0.0.1:${proxy.port}` } };
      const server = await startSecureServer(selfSigned, { version });
      await refusalOf(server, { pins: [leaf.sha256] }, reach);
      await refusalOf(server, { knownHosts: known(server, leaf.sha256) }, reach);
      await expect(get(server, { pins: [selfSigned.sha256] }, reach)).resolves.toBe("served");
      expect(proxy.tunnels).toEqual(Array(3).fill(`127.0.0.1:${server.port}`));
    });

    test("verifies a pinned authority and the name of the server, not of the proxy", async () => {
      const proxy = await startProxy();
      onTestFinished(proxy.close);
      const named = await makeCertificate(root, "named", { names: ["vc01.example"] });
      const server = await startSecureServer(named, { version, above: [root] });
      const options = {
        proxy: `http://127.0.0.1:${proxy.port}`,
        addresses: {
          [`vc01.example:${server.port}`]: "127.0.0.1",
          [`vc02.example:${server.port}`]: "127.0.0.1",
        },
      };
      const trust = { pins: [root.sha256] };
      const wrong = await refusalOf(server, trust, { host: "vc02.example", options });
      expect([wrong.reason, wrong.host]).toEqual(["name-mismatch", `vc02.example:${server.port}`]);
      await expect(get(server, trust, { host: "vc01.example", options })).resolves.toBe("served");
      expect(server.serverNames).toContain("vc01.example");
    });
  });

  describe("with an address in the server's place", () => {
    test("asks for and checks the server's name", async () => {
      const named = await makeCertificate(root, "named", { names: ["vc01.example"] });
      const server = await startSecureServer(named, { version });
      const addresses = {
        "vc01.example:443": `127.0.0.1:${server.port}`,
        "vc02.example:443": `127.0.0.1:${server.port}`,
      };
      const transport = makeTransport({ trust: { ca: root.cert }, addresses, retry: false });
      const error = await failureOf(
        transport.request("https://vc02.example/", { method: "GET" }),
        TrustError,
      );
      await server.idle();
      expect([error.reason, error.host, server.received]).toEqual(["name-mismatch", "vc02.example:443", 0]);
      expect((await transport.request("https://vc01.example/", { method: "GET" })).status).toBe(200);
      expect(server.serverNames.at(-1)).toBe("vc01.example");
    });

    test("checks an address that was asked for against the certificate, not the one dialled", async () => {
      const server = await startSecureServer(leaf, { version });
      const addresses = { "192.0.2.7": `127.0.0.1:${server.port}` };
      const transport = makeTransport({ trust: { ca: root.cert }, addresses, retry: false });
      const error = await failureOf(transport.request("https://192.0.2.7/", { method: "GET" }), TrustError);
      await server.idle();
      expect([error.reason, server.received]).toEqual(["name-mismatch", 0]);
      server.present(await makeCertificate(root, "by address", { names: ["192.0.2.7"] }));
      expect((await transport.request("https://192.0.2.7/", { method: "GET" })).status).toBe(200);
      expect(server.serverNames).toEqual([]);
    });

    test("applies the pin and the known host of the server asked for", async () => {
      const server = await startSecureServer(selfSigned, { version });
      const addresses = { "vc01.example:443": `127.0.0.1:${server.port}` };
      const knownHosts = new KnownHosts();
      knownHosts.set(parseServer("vc01.example"), selfSigned.sha256);
      for (const trust of [{ pins: [selfSigned.sha256] }, { knownHosts }]) {
        const transport = makeTransport({ trust, addresses });
        expect((await transport.request("https://vc01.example/", { method: "GET" })).status).toBe(200);
      }
      const wrong = makeTransport({ trust: { pins: [leaf.sha256] }, addresses });
      await failureOf(wrong.request("https://vc01.example/", { method: "GET" }), TrustError);
    });
  });

  test("insecure accepts anything and says so once", async () => {
    const server = await startSecureServer(expired, { version });
    const warnings: string[] = [];
    const transport = makeTransport({
      trust: { insecure: true },
      onWarning: (message) => void warnings.push(message),
    });
    for (let call = 0; call < 2; call++) {
      await transport.request(`https://127.0.0.1:${server.port}/`, {
        method: "GET",
        headers: { connection: "close" },
      });
    }
    expect(server.connections).toBe(2);
    expect(warnings).toEqual([expect.stringContaining("not verified")]);
  });
});

test("two servers on one host are judged apart, by port", async () => {
  const first = await startSecureServer(selfSigned);
  const second = await startSecureServer(expired);
  const knownHosts = new KnownHosts(
    `127.0.0.1:${first.port} ${selfSigned.sha256}\n127.0.0.1:${second.port} ${leaf.sha256}\n`,
  );
  const transport = makeTransport({ trust: { knownHosts }, retry: false });
  await transport.request(`https://127.0.0.1:${first.port}/`, { method: "GET" });
  await failureOf(transport.request(`https://127.0.0.1:${second.port}/`, { method: "GET" }), TrustError);
  expect(second.received).toBe(0);
});

test("a certificate whose subject and issuer are empty is judged like any other", async () => {
  const nameless = await makeSelfSigned("nameless", { subject: "" });
  const server = await startSecureServer(nameless);
  for (const trust of [undefined, { pins: [leaf.sha256] }, { ca: root.cert }]) {
    const error = await refusalOf(server, trust);
    expect(error.certificate).toMatchObject({ sha256: nameless.sha256, subject: "", issuer: "" });
  }
  for (const trust of [{ pins: [nameless.sha256] }, { insecure: true }]) {
    expect(await get(server, trust)).toBe("served");
  }
});

test("a pin that does not match hints at the authority that may not be served", async () => {
  const server = await startSecureServer(issued, { above: [intermediate] });
  const { reason, hint } = await refusalOf(server, { pins: [root.sha256] });
  expect(reason).toBe("pin-mismatch");
  expect(hint).toContain("--ca FILE with it beside the pin");
  expect(await get(server, { pins: [root.sha256], ca: root.cert })).toBe("served");
});

describe("a file of trust", () => {
  const folder = (): string => {
    const path = mkdtempSync(join(tmpdir(), "trust-"));
    onTestFinished(() => rmSync(path, { recursive: true }));
    return path;
  };

  test.each(["ca", "knownHosts"] as const)("that could not be read is read again: %s", async (option) => {
    const server = await startSecureServer(selfSigned);
    const file = join(folder(), "file");
    mkdirSync(file);
    const transport = makeTransport({ trust: { [option]: file }, retry: false });
    const ask = () => transport.request(`https://127.0.0.1:${server.port}/`, { method: "GET" });
    expect((await failureOf(ask(), InvalidArgumentError)).message).toContain(file);
    rmdirSync(file);
    writeFileSync(
      file,
      option === "ca" ? selfSigned.cert : `127.0.0.1:${server.port} ${selfSigned.sha256}\n`,
    );
    expect((await ask()).status).toBe(200);
  });

  test.skipIf(process.platform === "win32").each(["ca", "knownHosts"] as const)(
    "that is a pipe without a writer is waited for no longer than a call may take: %s",
    async (option) => {
      const server = await startSecureServer(selfSigned);
      const pipe = join(folder(), "pipe");
      execFileSync("mkfifo", [pipe]);
      const url = `https://127.0.0.1:${server.port}/`;
      const trust = { [option]: pipe };
      try {
        const slow = makeTransport({ trust, connectTimeoutMs: 30 }).request(url, { method: "GET" });
        expect((await failureOf(slow, TimeoutError)).phase).toBe("connect");
        const caller = new AbortController();
        setTimeout(() => caller.abort(), 30);
        const aborted = makeTransport({ trust }).request(url, { method: "GET", signal: caller.signal });
        await failureOf(aborted, AbortedError);
        expect(server.connections).toBe(0);
      } finally {
        // Lets go of the readers.
        closeSync(openSync(pipe, "r+"));
      }
    },
  );
});

test("a fault of the program is not taken for one of the network", async () => {
  const defect = new TypeError("not a function");
  const knownHosts = Object.assign(new KnownHosts(), {
    lookup() {
      throw defect;
    },
  });
  const transport = makeTransport({ trust: { knownHosts }, retry: { baseDelayMs: 1 } });
  await expect(transport.request("https://127.0.0.1:1/", { method: "GET" })).rejects.toBe(defect);
});

describe("the certificate that was served", () => {
  const at = (server: TestServer) => ({ host: "127.0.0.1", port: server.port });

  test("is told however it came to be trusted, for the last connection", async () => {
    const server = await startSecureServer(leaf);
    for (const trust of [
      { insecure: true },
      { pins: [leaf.sha256] },
      { ca: root.cert },
      { knownHosts: known(server, leaf.sha256) },
    ]) {
      const transport = makeTransport({ trust });
      expect(transport.servedCertificate(at(server))).toBeUndefined();
      await transport.request(`https://127.0.0.1:${server.port}/`, { method: "GET" });
      expect(transport.servedCertificate(at(server))).toEqual({
        sha256: leaf.sha256,
        subject: "CN=leaf",
        issuer: "CN=Corp Root",
        notBefore: expect.stringMatching(/^\d{4}-.*Z$/),
        notAfter: expect.stringMatching(/^\d{4}-.*Z$/),
      });
      expect(transport.servedCertificate({ host: "localhost", port: server.port })).toBeUndefined();
    }
  });

  test("changes with the server's, and not to one that was refused", async () => {
    const server = await startSecureServer(leaf);
    const transport = makeTransport({ trust: { ca: root.cert }, retry: false });
    const ask = () =>
      transport.request(`https://127.0.0.1:${server.port}/`, {
        method: "GET",
        headers: { connection: "close" },
      });
    await ask();
    server.present(selfSigned);
    await failureOf(ask(), TrustError);
    expect(transport.servedCertificate(at(server))?.sha256).toBe(leaf.sha256);
    const next = await makeCertificate(root, "next");
    server.present(next);
    await ask();
    expect(transport.servedCertificate(at(server))?.sha256).toBe(next.sha256);
  });

  test("is none where there is no TLS", async () => {
    const { port } = await startPlainServer();
    const transport = makeTransport();
    await transport.request(`http://127.0.0.1:${port}/`, { method: "GET" });
    expect(transport.servedCertificate({ host: "127.0.0.1", port })).toBeUndefined();
  });
});

const hasIpv6 = Object.values(networkInterfaces()).some((all) => all?.some((each) => each.address === "::1"));

describe.skipIf(!hasIpv6)("a server at an IPv6 address", () => {
  const ask = async (options: TransportOptions, host = "[::1]", port?: number): Promise<string> => {
    const server = await startSecureServer(leaf, { address: "::1" });
    const transport = makeTransport({ ...options, retry: false });
    const url = `https://${host}:${port ?? server.port}/`;
    return (await transport.request(url, { method: "GET" })).body.toString();
  };

  test("is verified by authority, by pin and by the known hosts, and must be named", async () => {
    for (const trust of [{ ca: root.cert }, { pins: [leaf.sha256] }]) {
      expect(await ask({ trust })).toBe("served");
    }
    const server = await startSecureServer(leaf, { address: "::1" });
    const other = await startSecureServer(misnamed, { address: "::1" });
    const knownHosts = new KnownHosts(
      `[0:0::1]:${server.port} ${leaf.sha256}\n[::1]:${other.port} ${leaf.sha256}\n`,
    );
    const transport = makeTransport({ trust: { knownHosts }, retry: false });
    expect((await transport.request(`https://[::1]:${server.port}/`, { method: "GET" })).status).toBe(200);
    const error = await failureOf(
      transport.request(`https://[::1]:${other.port}/`, { method: "GET" }),
      TrustError,
    );
    expect([error.host, error.reason]).toEqual([`[::1]:${other.port}`, "known-hosts-mismatch"]);
    const byName = makeTransport({ trust: { ca: root.cert }, retry: false });
    const refused = byName.request(`https://[::1]:${other.port}/`, { method: "GET" });
    expect((await failureOf(refused, TrustError)).reason).toBe("name-mismatch");
    expect(other.serverNames).toEqual([]);
  });

  test("is reached through a proxy, and in the place of another", async () => {
    const proxy = await startProxy();
    onTestFinished(proxy.close);
    const server = await startSecureServer(leaf, { address: "::1" });
    const trust = { ca: root.cert };
    const through = makeTransport({ trust, proxy: `http://127.0.0.1:${proxy.port}` });
    expect((await through.request(`https://[::1]:${server.port}/`, { method: "GET" })).status).toBe(200);
    expect(proxy.tunnels).toEqual([`[::1]:${server.port}`]);
    for (const [name, address] of [
      ["localhost:443", `[::1]:${server.port}`],
      [`localhost:${server.port}`, "::1"],
      [`localhost:${server.port}`, "[::1]"],
    ] as const) {
      const mapped = makeTransport({ trust, addresses: { [name]: address } });
      expect((await mapped.request(`https://${name}/`, { method: "GET" })).status).toBe(200);
    }
  });
});

describe("options that cannot be used", () => {
  const refused = (trust: TrustOptions) =>
    failureOf(
      (async () => makeTransport({ trust }).request("https://127.0.0.1:1/", { method: "GET" }))(),
      InvalidArgumentError,
    );

  test.each([
    ["an unreadable pin", { pins: ["SHA256:AB:CD"] }, "fingerprint"],
    ["a missing file of authorities", { ca: "/nowhere/ca.pem" }, "/nowhere/ca.pem"],
    ["authorities without a certificate", { ca: "-----BEGIN NOTHING-----" }, "no certificate"],
    [
      "a broken certificate",
      { ca: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" },
      "certificate 1",
    ],
    ["an empty list of authorities", { ca: [] }, "empty"],
    ["an empty list of pins", { pins: [] }, "empty"],
  ] as const)("%s", async (_name, trust, words) => {
    expect((await refused(trust)).message).toContain(words);
  });

  test("an entry of the known hosts that cannot be read is not taken for none", async () => {
    const error = await refused({ knownHosts: new KnownHosts("127.0.0.1:1 AB:CD\n") });
    expect(error.message).toContain("Line 1");
  });
});
