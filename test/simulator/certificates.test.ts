import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { connect, type PeerCertificate } from "node:tls";
import { AsnConvert } from "@peculiar/asn1-schema";
import { AuthorityKeyIdentifier, Certificate, SubjectKeyIdentifier } from "@peculiar/asn1-x509";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { all, at, list } from "./wire.ts";

const BASIC_CONSTRAINTS = "2.5.29.19";
const KEY_USAGE = "2.5.29.15";
const EXTENDED_KEY_USAGE = "2.5.29.37";
const SUBJECT_ALTERNATIVE_NAME = "2.5.29.17";
const SUBJECT_KEY_ID = "2.5.29.14";
const AUTHORITY_KEY_ID = "2.5.29.35";

describe("certificates of the simulator", () => {
  let simulator: Simulator;
  let chains: X509Certificate[][];

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2 });
    chains = await Promise.all(
      simulator.servers.map(({ port }) => servedChain(simulator.ca, port, "127.0.0.1")),
    );
  });
  afterAll(() => simulator.close());

  it.each(["127.0.0.1", "::1", "localhost", "vc02.sim.example"])(
    "are accepted for %s with the authority alone",
    async (name) => {
      expect(await servedChain(simulator.ca, simulator.servers[1]!.port, name)).toHaveLength(2);
    },
  );

  it.each(["vc01.sim.example", "127.0.0.2", "sim.example"])("are refused for %s", async (name) => {
    await expect(servedChain(simulator.ca, simulator.servers[1]!.port, name)).rejects.toMatchObject({
      code: "ERR_TLS_CERT_ALTNAME_INVALID",
    });
  });

  it("are refused without the authority", async () => {
    await expect(servedChain(undefined, simulator.servers[0]!.port, "127.0.0.1")).rejects.toMatchObject({
      code: "SELF_SIGNED_CERT_IN_CHAIN",
    });
  });

  it("are served over TLS 1.2 and TLS 1.3", async () => {
    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      const socket = connect({
        port: simulator.servers[0]!.port,
        host: "127.0.0.1",
        ca: simulator.ca,
        minVersion: version,
        maxVersion: version,
      });
      await once(socket, "secureConnect");
      expect(socket.getProtocol()).toBe(version);
      socket.destroy();
    }
  });

  it("are signed by the authority, with distinct keys and serial numbers", () => {
    const ca = new X509Certificate(simulator.ca);
    const certificates = [ca, ...chains.map(([leaf]) => leaf!)];
    for (const certificate of certificates) {
      expect(certificate.verify(ca.publicKey)).toBe(true);
      expect(certificate.checkIssued(ca)).toBe(true);
      expect(certificate.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: "prime256v1" });
      // 128 bits with the highest bit clear: positive in DER.
      expect(certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    }
    expect(new Set(certificates.map((c) => c.serialNumber)).size).toBe(3);
    expect(
      new Set(certificates.map((c) => fingerprint(c.publicKey.export({ type: "spki", format: "der" })))).size,
    ).toBe(3);
  });

  it("name the loopback addresses and the instance, for servers only", () => {
    const [leaf] = chains[0]!;
    expect(leaf!.subjectAltName).toBe(
      "DNS:vc01.sim.example, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
    );
    expect(leaf!.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(leaf!.ca).toBe(false);
    expect(new X509Certificate(simulator.ca).ca).toBe(true);
  });

  it("are valid now, from an hour ago, for more than a year", () => {
    const [leaf] = chains[0]!;
    const age = Date.now() - Date.parse(leaf!.validFrom);
    expect(age).toBeGreaterThan(50 * 60_000);
    expect(age).toBeLessThan(24 * 3_600_000);
    expect(Date.parse(leaf!.validTo) - Date.now()).toBeGreaterThan(365 * 86_400_000);
    expect(Date.parse(new X509Certificate(simulator.ca).validTo)).toBeGreaterThan(Date.parse(leaf!.validTo));
  });

  it("hold every extension that strict verifiers ask for", () => {
    const ca = extensionsOf(new X509Certificate(simulator.ca));
    const leaf = extensionsOf(chains[1]![0]!);

    expect([...ca.keys()].sort()).toEqual([SUBJECT_KEY_ID, KEY_USAGE, BASIC_CONSTRAINTS].sort());
    expect(ca.get(BASIC_CONSTRAINTS)).toEqual({ critical: true, der: "30060101ff020100" });
    // keyCertSign and cRLSign
    expect(ca.get(KEY_USAGE)).toEqual({ critical: true, der: "03020106" });
    expect([...leaf.keys()].sort()).toEqual(
      [
        BASIC_CONSTRAINTS,
        KEY_USAGE,
        EXTENDED_KEY_USAGE,
        SUBJECT_ALTERNATIVE_NAME,
        SUBJECT_KEY_ID,
        AUTHORITY_KEY_ID,
      ].sort(),
    );
    expect(leaf.get(BASIC_CONSTRAINTS)).toEqual({ critical: true, der: "3000" });
    // digitalSignature; an elliptic key encrypts nothing
    expect(leaf.get(KEY_USAGE)).toEqual({ critical: true, der: "03020780" });
    const issuerId = AsnConvert.parse(
      Buffer.from(leaf.get(AUTHORITY_KEY_ID)!.der, "hex"),
      AuthorityKeyIdentifier,
    );
    const authorityId = AsnConvert.parse(
      Buffer.from(ca.get(SUBJECT_KEY_ID)!.der, "hex"),
      SubjectKeyIdentifier,
    );
    expect(Buffer.from(issuerId.keyIdentifier!.buffer).toString("hex")).toBe(
      Buffer.from(authorityId.buffer).toString("hex"),
    );
  });

  it("stand in every registration as bare base64 of the leaf", async () => {
    for (const [index, server] of simulator.servers.entries()) {
      const rows = await list(simulator, `<nodeId>${server.nodeId}</nodeId>`);
      const trusts = rows
        .flatMap((row) => all(row, "serviceEndpoints"))
        .filter((endpoint) => at(endpoint, "url")?.startsWith("https:"))
        .flatMap((endpoint) => all(endpoint, "sslTrust").map((trust) => trust.text));
      expect(trusts.length).toBeGreaterThan(30);
      expect(new Set(trusts)).toEqual(new Set([chains[index]![0]!.raw.toString("base64")]));
    }
  });

  it("differ between two simulators, issuer name included", async () => {
    const other = await startSimulator({ nodes: 1 });
    await other.close();
    expect(new X509Certificate(other.ca).subject).not.toBe(new X509Certificate(simulator.ca).subject);
  });
});

/** Connects to a node of the loopback address as if it had that name; the chain served, leaf first. */
async function servedChain(ca: string | undefined, port: number, name: string): Promise<X509Certificate[]> {
  const socket = connect({
    port,
    host: "127.0.0.1",
    ...(ca === undefined ? {} : { ca }),
    ...(/^[\d.:]+$/.test(name) ? {} : { servername: name }),
    checkServerIdentity: (_host, certificate) => checkName(name, certificate),
  });
  try {
    await once(socket, "secureConnect");
    const leaf = socket.getPeerX509Certificate();
    const chain: X509Certificate[] = [];
    for (
      let at = leaf;
      at && !chain.some((c) => c.fingerprint256 === at?.fingerprint256);
      at = at.issuerCertificate
    ) {
      chain.push(at);
    }
    return chain;
  } finally {
    socket.destroy();
  }
}

/** Node's own check, for a name other than the address connected to. */
function checkName(name: string, certificate: PeerCertificate): Error | undefined {
  const leaf = new X509Certificate(certificate.raw);
  const matched = /^[\d.:]+$/.test(name) ? leaf.checkIP(name) : leaf.checkHost(name);
  if (matched) return undefined;
  return Object.assign(new Error(`${name} is not in the certificate`), {
    code: "ERR_TLS_CERT_ALTNAME_INVALID",
  });
}

function extensionsOf(certificate: X509Certificate): Map<string, { critical: boolean; der: string }> {
  const parsed = AsnConvert.parse(certificate.raw, Certificate);
  return new Map(
    (parsed.tbsCertificate.extensions ?? []).map((extension) => [
      extension.extnID,
      {
        critical: extension.critical,
        der: Buffer.from(extension.extnValue.buffer).toString("hex"),
      },
    ]),
  );
}

function fingerprint(der: Buffer): string {
  return createHash("sha256").update(der).digest("hex");
}
