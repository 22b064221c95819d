import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { HttpStatusError, InvalidArgumentError, ProtocolError, TrustError } from "../../src/errors.ts";
import { Transport } from "../../src/net/transport.ts";
import { metadataAnchors, signingCertificateAnchors, verifyAssertion } from "../../src/saml/index.ts";
import { makeAuthority, makeCertificate } from "../helpers/certificates.ts";
import { issueAssertion, makeSts, NOW, type Sts } from "./assertions.ts";

interface Reply {
  readonly status?: number;
  readonly type?: string;
  readonly body: string;
}

let sts: Sts;
let next: Sts;
let server: Server;
let host: string;
let ca: string;
let transport: Transport;
let reply: Reply;
let asked: { readonly url: string | undefined; readonly session: string | string[] | undefined } | undefined;

beforeAll(async () => {
  [sts, next] = await Promise.all([makeSts(), makeSts("Next")]);
  const authority = await makeAuthority("TLS");
  const { cert, key } = await makeCertificate(authority, "vc");
  ca = authority.cert;
  server = createServer({ cert, key }, (request, response) => {
    asked = { url: request.url, session: request.headers["vmware-api-session-id"] };
    response.writeHead(reply.status ?? 200, { "content-type": reply.type ?? "text/xml" });
    response.end(reply.body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  transport = new Transport({ trust: { ca }, retry: false });
});

afterAll(async () => {
  await transport.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

beforeEach(() => {
  asked = undefined;
});

const base64 = (der: Buffer) => der.toString("base64").replace(/(.{64})/g, "$1\n");

function keyDescriptor(chain: readonly Buffer[], use?: string) {
  const certificates = chain
    .map((der) => `<ds:X509Certificate>\n${base64(der)}\n</ds:X509Certificate>`)
    .join("");
  return `<md:KeyDescriptor${use ? ` use="${use}"` : ""}><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data>${certificates}</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>`;
}

function metadata(...descriptors: string[]) {
  return `<?xml version="1.0" encoding="UTF-8"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://vc/websso/SAML2/Metadata/vsphere.local"><md:IDPSSODescriptor>${descriptors.join("")}</md:IDPSSODescriptor><md:SPSSODescriptor>${keyDescriptor([Buffer.from("not read")])}</md:SPSSODescriptor></md:EntityDescriptor>`;
}

describe("metadataAnchors", () => {
  test("takes the signing certificates, not their issuers nor those for other uses", async () => {
    reply = {
      body: metadata(
        keyDescriptor(sts.chain, "signing"),
        keyDescriptor([sts.root.der], "encryption"),
        keyDescriptor(next.chain),
        keyDescriptor(sts.chain, "signing"),
      ),
    };
    const anchors = await metadataAnchors(host, { transport });
    expect(anchors.map((a) => a.fingerprint256)).toEqual([
      sts.signing.certificate.fingerprint256,
      next.signing.certificate.fingerprint256,
    ]);
    expect(asked?.url).toBe("/websso/SAML2/Metadata");
    expect((await verifyAssertion(issueAssertion(sts), { anchors, at: NOW })).trust).toBe("anchor");
  });

  test("asks for another domain by its name, and reads a list of entities", async () => {
    const body = metadata(keyDescriptor(sts.chain)).replace(/<\?xml.*?\?>/, "");
    reply = {
      body: `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">${body}</md:EntitiesDescriptor>`,
    };
    expect(await metadataAnchors(`https://${host}/ui`, { transport, ssoDomain: "corp.local" })).toHaveLength(
      1,
    );
    expect(asked?.url).toBe("/websso/SAML2/Metadata/corp.local");
  });

  describe("reads, of several identity providers,", () => {
    const provider = (entityId: string, ...keys: string[]) =>
      metadata(...keys)
        .replace(/<\?xml.*?\?>/, "")
        .replace(/entityID="[^"]*"/, `entityID="${entityId}"`);
    const list = (...entities: string[]) =>
      `<md:EntitiesDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">${entities.join("")}</md:EntitiesDescriptor>`;
    const id = (domain: string, server = "127.0.0.1") => `https://${server}/websso/SAML2/Metadata/${domain}`;
    const signingOf = (of: Sts) => keyDescriptor(of.chain, "signing");

    async function found(body: string, ssoDomain?: string): Promise<string[]> {
      reply = { body };
      const anchors = await metadataAnchors(host, { transport, ssoDomain });
      return anchors.map((a) => a.fingerprint256);
    }

    test("none that is nested in the one asked for", async () => {
      const nested = provider("https://evil/websso/SAML2/Metadata/vsphere.local", signingOf(next));
      const body = metadata(signingOf(sts)).replace("</md:EntityDescriptor>", `${nested}$&`);
      expect(await found(body)).toEqual([sts.signing.certificate.fingerprint256]);
      await expect(found(metadata().replace("</md:EntityDescriptor>", `${nested}$&`))).rejects.toThrow(
        "without a signing certificate",
      );
    });

    test("only the one of the server and the domain", async () => {
      const own = [sts.signing.certificate.fingerprint256];
      const foreign = provider("https://adfs.example/adfs/services/trust", signingOf(next));
      const others = [foreign, provider(id("vsphere.local", "vc02.example"), signingOf(next))];
      for (const entity of [id("vsphere.local"), id("vsphere.local", "127.0.0.1:443"), id("VSPHERE.LOCAL")]) {
        const entities = [...others, provider(entity, signingOf(sts))];
        expect(await found(list(...entities))).toEqual(own);
        expect(await found(list(list(foreign), list(...entities)), "vsphere.local")).toEqual(own);
      }
      const domains = [
        provider(id("vsphere.local"), signingOf(next)),
        provider(id("corp.local"), signingOf(sts)),
      ];
      expect(await found(list(...domains), "corp.local")).toEqual(own);
    });

    test("none where it does not show which is meant", async () => {
      const several = [
        [provider(id("a"), signingOf(sts)), provider(id("b"), signingOf(next))],
        [provider(id("a"), signingOf(sts)), provider(id("a"), signingOf(next))],
        [provider("urn:a", signingOf(sts)), provider(id("a", "vc02.example"), signingOf(next))],
        [
          provider(id("a").replace("https:", "http:"), signingOf(sts)),
          provider(id("a", "127.0.0.1.example"), signingOf(next)),
        ],
      ];
      for (const entities of several) {
        await expect(found(list(...entities))).rejects.toThrow("of 2 identity providers");
      }
      await expect(found(list(...(several[0] ?? [])), "c")).rejects.toThrow(ProtocolError);
    });

    test("the only one, beside those that provide services", async () => {
      const service = provider(id("vsphere.local"), "").replace(/<md:IDPSSO.*<\/md:IDPSSODescriptor>/, "");
      expect(await found(list(service, provider("urn:alias", signingOf(sts))))).toEqual([
        sts.signing.certificate.fingerprint256,
      ]);
    });
  });

  test.each([
    ["404", { status: 404, body: "gone" }, "HTTP_STATUS"],
    ["401", { status: 401, body: "" }, "HTTP_STATUS"],
    ["a redirect", { status: 302, body: "" }, "HTTP_STATUS"],
    ["500", { status: 500, body: "<html>" }, "HTTP_STATUS"],
    ["nothing", { body: " " }, "RESPONSE_EMPTY"],
    ["a web page", { type: "text/html", body: "<!DOCTYPE html><html></html>" }, "RESPONSE_HTML"],
    ["text", { body: "hello" }, "RESPONSE_UNEXPECTED"],
    [
      "half of it",
      { body: '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata">' },
      "RESPONSE_UNEXPECTED",
    ],
    ["a DOCTYPE", { body: '<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>' }, "RESPONSE_UNEXPECTED"],
    ["other XML", { body: "<a/>" }, "RESPONSE_UNEXPECTED"],
    [
      "no signing certificate",
      { body: metadata(keyDescriptor([Buffer.from("x")], "encryption")) },
      "RESPONSE_UNEXPECTED",
    ],
    ["a broken certificate", { body: metadata(keyDescriptor([Buffer.from("x")])) }, "RESPONSE_UNEXPECTED"],
    ["too much", { body: `<a>${"x".repeat(2 ** 20)}</a>` }, "RESPONSE_UNEXPECTED"],
  ] as [string, Reply, string][])("refuses %s", async (_name, given, code) => {
    reply = given;
    const error = await metadataAnchors(host, { transport }).catch((e) => e);
    expect(error).toBeInstanceOf(code === "HTTP_STATUS" ? HttpStatusError : ProtocolError);
    expect([error.code, error.message]).toEqual([code, expect.stringContaining(`https://${host}/websso`)]);
    if (code === "HTTP_STATUS")
      expect([error.status, error.hint]).toEqual([given.status, expect.any(String)]);
  });

  test("asks nobody whom the transport does not trust", async () => {
    await using strict = new Transport({ retry: false });
    await expect(metadataAnchors(host, { transport: strict })).rejects.toThrow(TrustError);
    expect(asked).toBeUndefined();
  });

  test("cannot use a domain or a server that is none", async () => {
    for (const ssoDomain of ["", "a/b", "..\\x", "a?b", "a b"]) {
      await expect(metadataAnchors(host, { transport, ssoDomain })).rejects.toThrow(InvalidArgumentError);
    }
    await expect(metadataAnchors("user@host", { transport })).rejects.toThrow(InvalidArgumentError);
    expect(asked).toBeUndefined();
  });
});

describe("signingCertificateAnchors", () => {
  const sessionId = "0123456789abcdef0123456789abcdef";

  function info(active: Sts, ...all: Sts[]) {
    const chain = (s: Sts) => ({ cert_chain: [s.signing.cert, s.root.cert] });
    return JSON.stringify({ active_cert_chain: chain(active), signing_cert_chains: all.map(chain) });
  }

  test("takes the first certificate of each chain, the active one first", async () => {
    reply = { type: "application/json", body: info(next, sts, next) };
    const anchors = await signingCertificateAnchors(host, { transport, sessionId });
    expect(anchors.map((a) => a.fingerprint256)).toEqual([
      next.signing.certificate.fingerprint256,
      sts.signing.certificate.fingerprint256,
    ]);
    expect(asked).toEqual({
      url: "/api/vcenter/certificate-management/vcenter/signing-certificate",
      session: sessionId,
    });
  });

  test.each([
    [
      "a session that is over",
      { status: 401, body: '{"error_type":"UNAUTHENTICATED"}' },
      "HTTP_STATUS",
      "log in",
    ],
    ["a lack of privilege", { status: 403, body: "{}" }, "HTTP_STATUS", "System.Read"],
    ["an old server", { status: 404, body: "" }, "HTTP_STATUS", "7.0"],
    ["nothing", { body: "" }, "RESPONSE_EMPTY", ""],
    ["a web page", { body: "<html></html>" }, "RESPONSE_HTML", ""],
    ["half of it", { body: '{"active_cert_chain":' }, "RESPONSE_UNEXPECTED", ""],
    ["a number", { body: "5" }, "RESPONSE_UNEXPECTED", ""],
    ["null", { body: "null" }, "RESPONSE_UNEXPECTED", ""],
    ["no chains", { body: "{}" }, "RESPONSE_UNEXPECTED", ""],
    ["an empty chain", { body: '{"signing_cert_chains":[{"cert_chain":[]}]}' }, "RESPONSE_UNEXPECTED", ""],
    [
      "a chain that is no list",
      { body: '{"signing_cert_chains":[{"cert_chain":"x"}]}' },
      "RESPONSE_UNEXPECTED",
      "",
    ],
    [
      "a broken certificate",
      { body: '{"active_cert_chain":{"cert_chain":["x"]}}' },
      "RESPONSE_UNEXPECTED",
      "",
    ],
  ] as [string, Reply, string, string][])("refuses %s", async (_name, given, code, hint) => {
    reply = { type: "application/json", ...given };
    const error = await signingCertificateAnchors(host, { transport, sessionId }).catch((e) => e);
    expect(error).toBeInstanceOf(code === "HTTP_STATUS" ? HttpStatusError : ProtocolError);
    expect([error.code, error.hint ?? ""]).toEqual([code, expect.stringContaining(hint)]);
    expect(`${error.message}${error.hint}${JSON.stringify(error)}`).not.toContain(sessionId);
  });

  test("cannot use a session ID that would break the header", async () => {
    for (const bad of ["", "a\r\nb", "ä"]) {
      const error = await signingCertificateAnchors(host, { transport, sessionId: bad }).catch((e) => e);
      expect(error).toBeInstanceOf(InvalidArgumentError);
    }
    expect(asked).toBeUndefined();
  });
});
