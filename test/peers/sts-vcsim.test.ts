import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspectAssertion, SamlToken, verifyAssertion } from "../../src/saml/index.ts";
import { SecurityTokenService } from "../../src/sts/index.ts";
import { makeRsaAuthority, makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { assertionXml } from "../sts/assertions.ts";
import { buildPeers } from "./build.ts";
import { withFiles } from "./files.ts";
import type { Running } from "./process.ts";
import { serverOf, startVcsim, type VcsimReady, vsso } from "./programs.ts";
import { xmlsecWithAnchor } from "./signature-checkers.ts";
import { govmomiSts, tokenOf } from "./sts-clients.ts";

/** A moment at which the one token of vcsim, issued by a vCenter in 2018, was valid. */
const THEN = new Date("2018-03-04T00:25:00Z");

describe("our STS client against vcsim", () => {
  let vcsim: Running<VcsimReady>;
  let client: SecurityTokenService;
  let key: RsaIdentity;
  let url: string;
  /** What govmomi's own client gets. */
  let reference: string;
  const user = { username: "Administrator@vsphere.local", password: "VMware1!" };
  beforeAll(async () => {
    await buildPeers();
    vcsim = await startVcsim();
    const server = serverOf(vcsim);
    url = `${server.url}/sts/STSService/vsphere.local`;
    client = new SecurityTokenService(url, { trust: { ca: await readFile(server.caFile, "utf8") } });
    key = await makeRsaSelfSigned("our key");
    reference = tokenOf(await govmomiSts("issue", { url, caFile: server.caFile }, { user }));
  });
  afterAll(async () => {
    await client?.close();
    await vcsim?.stop();
  });

  const holderOfKey = () => ({ certificate: key.cert, key: key.key });
  /** Certificates of the token's KeyInfo, in PEM. */
  const chain = () =>
    [...reference.matchAll(/<ds:X509Certificate>([^<]+)/g)].map(([, text = ""]) =>
      new X509Certificate(Buffer.from(text, "base64")).toString(),
    );

  describe("over the wire", () => {
    it("gets the token to the byte, and it stays usable, expired as it is", async () => {
      const token = await client.issue({ credential: user });
      expect(token.assertion).toBe(reference);
      expect(token.kind).toBe("bearer");
      expect(token.remainingSeconds()).toBe(0);
    });

    it("is given the same bearer token when it asks for one that is bound to a key", async () => {
      const token = await client.issue({ credential: user, holderOfKey: holderOfKey() });
      expect(token.assertion).toBe(reference);
      expect(token).toMatchObject({ kind: "bearer", requestedKind: "holder-of-key", signer: undefined });
      expect((await client.issue({ credential: holderOfKey() })).assertion).toBe(reference);
    });

    it("is given the same token for a renewal", async () => {
      // Signed by nobody: vcsim looks at no token.
      const text = assertionXml({ holder: key, renewCount: 1, subject: "Administrator@VSPHERE.LOCAL" });
      const renewed = await client.renew(SamlToken.from(text, { holderOfKey: holderOfKey() }));
      expect(renewed.assertion).toBe(reference);
    });

    it("knows that a bearer token is not renewed", async () => {
      const token = await client.issue({ credential: user });
      await expect(client.renew(token)).rejects.toMatchObject({ code: "TOKEN_UNUSABLE" });
    });

    it("prints it by the command, found through the Lookup Service", async () => {
      const server = serverOf(vcsim);
      await withFiles(
        { password: user.password, "cert.pem": key.cert, "key.pem": key.key },
        async ({ path }) => {
          const common = [server.authority, "--ca", server.caFile];
          const login = ["--user", user.username, "--password-file", path("password")];
          const printed = await vsso("token", "issue", ...common, ...login);
          expect({ code: printed.code, stdout: printed.stdout }).toEqual({
            code: 0,
            stdout: `${reference}\n`,
          });
          const hok = ["--hok", "--cert", path("cert.pem"), "--key", path("key.pem")];
          const held = await vsso("token", "issue", ...common, ...hok);
          expect({ code: held.code, stdout: held.stdout }).toEqual({ code: 0, stdout: `${reference}\n` });
          expect(held.stderr).toBe(
            "warning: a holder-of-key token was asked for, a bearer token is granted\n",
          );
          const saved = path("saved.xml");
          expect((await vsso("token", "issue", ...common, ...login, "--out", saved)).code).toBe(0);
          expect(await readFile(saved, "utf8")).toBe(reference);
        },
      );
    });

    it("is told that the STS of vcsim does not validate", async () => {
      await expect(client.validate(reference)).rejects.toMatchObject({ code: "HTTP_STATUS" });
    });
  });

  describe("the token of a real vCenter", () => {
    it("is shown whole", () => {
      expect(inspectAssertion(reference)).toMatchObject({
        id: "_1881a9ba-4a76-4baa-839b-36e2cba10743",
        kind: "bearer",
        subject: "Administrator@VSPHERE.LOCAL",
        subjectFormat: "http://schemas.xmlsoap.org/claims/UPN",
        issuer: expect.stringMatching(/^https:\/\/.+\/websso\/SAML2\/Metadata\/vsphere\.local$/),
        issuedAt: new Date("2018-03-04T00:27:56.409Z"),
        renewCount: null,
        delegates: [],
        audiences: [],
        unknownConditions: [],
        isSolution: false,
        groups: expect.arrayContaining(["vsphere.local\\Administrators"]),
        authentication: [{ context: "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport" }],
        signature: {
          signatureAlgorithm: "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
          inclusivePrefixes: ["xs", "xsi"],
        },
        certificates: [
          { subject: expect.stringContaining("ssoserverSign") },
          { subject: expect.stringContaining("VMware Engineering") },
        ],
        bytes: Buffer.byteLength(reference),
      });
    });

    it("verified as it was issued, with its own authority as anchor", async () => {
      const verified = await verifyAssertion(reference, { anchors: chain()[1]!, at: THEN });
      expect(verified.info.subject).toBe("Administrator@VSPHERE.LOCAL");
      expect(await withAuthorityFile((file) => xmlsecWithAnchor(reference, file, THEN))).toMatchObject({
        code: 0,
      });
    });

    it("verified with its signing certificate as anchor too", async () => {
      await expect(verifyAssertion(reference, { anchors: chain()[0]!, at: THEN })).resolves.toBeDefined();
    });

    it("is refused as of today", async () => {
      const verified = verifyAssertion(reference, { anchors: chain()[1]! });
      await expect(verified).rejects.toMatchObject({ code: "TOKEN_NOT_VERIFIED", reason: "expired" });
    });

    it("is refused with another anchor, one of the same name too", async () => {
      const [, authority] = chain().map((each) => new X509Certificate(each));
      const stranger = await makeRsaAuthority("a stranger");
      const namesake = await makeRsaAuthority("a namesake", {
        subject: authority!.subject.split("\n").join(", "),
        notBefore: new Date("2018-01-01T00:00:00Z"),
      });
      for (const { cert } of [stranger, namesake, key]) {
        const verified = verifyAssertion(reference, { anchors: cert, at: THEN });
        await expect(verified).rejects.toMatchObject({ code: "TOKEN_NOT_VERIFIED", reason: "untrusted" });
      }
    });

    it("is refused with any byte changed that means something", async () => {
      const anchors = chain()[1]!;
      // KeyInfo is not signed. A certificate in it is, by the anchor, unless it no longer says that it is the anchor's.
      const authority = new X509Certificate(anchors);
      const start = reference.lastIndexOf("<ds:X509Certificate>");
      const end = reference.indexOf("</ds:X509Data>");
      const accepted: number[] = [];
      let changes = 0;
      for (let index = 3; index < reference.length; index += 13) {
        const byte = reference[index]!;
        if (/\s/.test(byte)) continue;
        const changed = `${reference.slice(0, index)}${byte === "x" ? "y" : "x"}${reference.slice(index + 1)}`;
        const outcome = await verifyAssertion(changed, { anchors, at: THEN }).catch((error) => error);
        changes++;
        if (outcome?.code === "TOKEN_NOT_VERIFIED") continue;
        accepted.push(index);
        expect(outcome, `byte ${index}`).toMatchObject({ trust: "anchor" });
        const [, text = ""] = [...changed.matchAll(/<ds:X509Certificate>([^<]+)/g)][1]!;
        expect(new X509Certificate(Buffer.from(text, "base64")).checkIssued(authority)).toBe(false);
      }
      expect(changes).toBeGreaterThan(500);
      expect(accepted.filter((index) => index < start || index > end)).toEqual([]);
      expect(accepted.length).toBeLessThan(40);
    });

    it("is judged the same by the command", async () => {
      const [leaf = "", authority = ""] = chain();
      const changed = reference.replace("Administrator@", "Administratos@");
      await withFiles(
        { "token.xml": reference, "changed.xml": changed, "own.pem": authority, "other.pem": key.cert, leaf },
        async ({ path }) => {
          const verify = async (token: string, anchor: string, ...rest: string[]) =>
            (await vsso("token", "verify", path(token), "--anchor", path(anchor), ...rest)).code;
          const then = ["--at", "2018-03-04T00:25:00Z"];
          expect(await verify("token.xml", "own.pem", ...then)).toBe(0);
          expect(await verify("token.xml", "leaf", ...then)).toBe(0);
          expect(await verify("token.xml", "own.pem")).toBe(1);
          expect(await verify("token.xml", "own.pem", "--at", "2018-03-04T01:25:00Z")).toBe(1);
          expect(await verify("token.xml", "own.pem", "--at", "2018-03-03T00:25:00Z")).toBe(1);
          expect(await verify("token.xml", "own.pem", ...then, "--audience", "https://other.example")).toBe(
            1,
          );
          expect(await verify("changed.xml", "own.pem", ...then)).toBe(1);
          expect(await verify("token.xml", "other.pem", ...then)).toBe(1);
          expect((await vsso("token", "inspect", path("token.xml"))).stdout).toContain("ssoserverSign");
        },
      );
    });

    async function withAuthorityFile<T>(use: (file: string) => Promise<T>): Promise<T> {
      return withFiles({ "authority.pem": chain()[1]! }, ({ path }) => use(path("authority.pem")));
    }
  });
});
