import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SamlToken } from "../../src/saml/index.ts";
import { SecurityTokenService, samlSecurity } from "../../src/sts/index.ts";
import { type SignatureAlgorithm, toSigner } from "../../src/xml/signer.ts";
import { makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { buildPeers } from "./build.ts";
import type { Running } from "./process.ts";
import { type SimulatorReady, serverOf, startSimulate } from "./programs.ts";
import { type Recorder, startRecorder } from "./recorder.ts";
import { javaWithKey, xmlsecWithAnchor } from "./signature-checkers.ts";
import { MESSAGE_SIGNATURE, xmlsecVerify } from "./xmlsec.ts";

/** A signed request as it was sent, and the certificate whose key signed it. */
interface SignedRequest {
  readonly xml: string;
  readonly certificate: string;
}

describe("what we sign, and what our simulator signs", () => {
  let group: Running<SimulatorReady>;
  let recorder: Recorder;
  let client: SecurityTokenService;
  let person: RsaIdentity;
  let solution: { readonly certificate: string; readonly key: string };
  beforeAll(async () => {
    await buildPeers();
    group = await startSimulate("--nodes", "1");
    const { url, caFile } = serverOf(group);
    recorder = await startRecorder({ url, ca: await readFile(caFile, "utf8") });
    client = new SecurityTokenService(`${recorder.url}/sts/STSService/${group.ready.ssoDomain}`);
    person = await makeRsaSelfSigned("a person's key");
    const { certFile, keyFile } = group.ready.solutionUsers[0]!;
    solution = { certificate: await readFile(certFile, "utf8"), key: await readFile(keyFile, "utf8") };
  });
  afterAll(async () => {
    await client?.close();
    await recorder?.[Symbol.asyncDispose]();
    await group?.stop();
  });

  const user = () => group.ready.users[1]!;
  const pair = (identity: RsaIdentity) => ({ certificate: identity.cert, key: identity.key });
  const sent = (action: string, certificate: string): SignedRequest => ({
    xml: recorder.last(action).request,
    certificate,
  });

  const recipes: Readonly<Record<string, (algorithm?: SignatureAlgorithm) => Promise<SignedRequest>>> = {
    "a holder-of-key token for a person": async (messageSignatureAlgorithm) => {
      await client.issue({ credential: user(), holderOfKey: pair(person), messageSignatureAlgorithm });
      return sent("Issue", person.cert);
    },
    "one for a solution user": async (messageSignatureAlgorithm) => {
      const options = { renewable: true, delegatable: true, audience: "https://relying.example/?a=1&b=2" };
      await client.issue({ credential: solution, ...options, messageSignatureAlgorithm });
      return sent("Issue", solution.certificate);
    },
    "one in exchange for another": async (messageSignatureAlgorithm) => {
      const token = await client.issue({ credential: solution });
      await client.issue({ credential: token, messageSignatureAlgorithm });
      return sent("Issue", solution.certificate);
    },
    "one to act as a user": async (messageSignatureAlgorithm) => {
      const actAs = await client.issue({
        credential: user(),
        delegatable: true,
        audience: ["https://one.example/", "https://two.example/"],
      });
      await client.issue({ credential: solution, actAs, messageSignatureAlgorithm });
      return sent("Issue", solution.certificate);
    },
    "a renewed one": async (messageSignatureAlgorithm) => {
      const token = await client.issue({ credential: solution, renewable: true });
      await client.renew(token, { messageSignatureAlgorithm });
      return sent("Renew", solution.certificate);
    },
  };

  describe.each(Object.entries(recipes))("the request for %s", (_name, request) => {
    it.each(["rsa-sha256", "rsa-sha384", "rsa-sha512"] as const)(
      "is signed as xmlsec1 sees it, by %s",
      async (algorithm) => {
        const { xml, certificate } = await request(algorithm);
        expect(xml).toContain(`#${algorithm}"`);
        const { code, stderr } = await xmlsecVerify(xml, certificate, MESSAGE_SIGNATURE);
        expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringContaining("(ok/all): 2/2") });
      },
    );

    it("is signed over Timestamp and Body as Java sees it", async () => {
      const { xml, certificate } = await request();
      const { code, stdout } = await javaWithKey(xml, certificate, "Security");
      expect({ code, signed: stdout.trim().split(" ").sort() }).toEqual({
        code: 0,
        signed: ["Body", "Timestamp"],
      });
    });

    it("no longer verifies when a byte of it changes, or with another key", async () => {
      const { xml, certificate } = await request();
      const changes = [
        xml.replace(/(<wsu:Expires>\d)\d/, "$19"),
        xml.replace(/(\/200512\/)(Issue|Renew)</, "$1Cancel<"),
      ];
      for (const changed of changes) {
        expect(changed).not.toBe(xml);
        expect((await xmlsecVerify(changed, certificate, MESSAGE_SIGNATURE)).code).not.toBe(0);
      }
      const other = certificate === person.cert ? solution.certificate : person.cert;
      expect((await xmlsecVerify(xml, other, MESSAGE_SIGNATURE)).code).not.toBe(0);
    });
  });

  it.each(["one in exchange for another", "one to act as a user", "a renewed one"])(
    "carries the assertion of the request for %s with its own signature whole",
    async (name) => {
      const { xml } = await recipes[name]!();
      expect(await xmlsecWithAnchor(xml, group.ready.stsSigningCaFile)).toMatchObject({ code: 0 });
    },
  );

  it("signs for the assertion's holder what goes to the other services", async () => {
    const token = await client.issue({ credential: solution });
    const xml = await samlSecurity(token).secure({
      bodyXml: '<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this></Login>',
      headerXml: "",
      operation: { namespace: "urn:vim25", local: "Login" },
      action: "urn:vim25/8.0.3.0",
      url: serverOf(group).url,
    });
    expect(await xmlsecVerify(xml, solution.certificate, MESSAGE_SIGNATURE)).toMatchObject({ code: 0 });
    expect(await xmlsecWithAnchor(xml, group.ready.stsSigningCaFile)).toMatchObject({ code: 0 });
    const java = await javaWithKey(xml, solution.certificate, "Security");
    expect(java.stdout.trim().split(" ").sort()).toEqual(["Body", "Timestamp"]);
  });

  it("signs by a key that is elsewhere as well", async () => {
    const local = toSigner(pair(person));
    const remote = { certificate: local.certificate, sign: local.sign.bind(local) };
    await client.issue({ credential: user(), holderOfKey: remote });
    const { xml } = sent("Issue", person.cert);
    expect(await xmlsecVerify(xml, person.cert, MESSAGE_SIGNATURE)).toMatchObject({ code: 0 });
  });

  describe("the assertions of the simulator", () => {
    const kinds: Readonly<Record<string, () => Promise<SamlToken>>> = {
      "a bearer's": () => client.issue({ credential: user(), lifetimeSeconds: 120 }),
      "a holder's": () => client.issue({ credential: user(), holderOfKey: pair(person), renewable: true }),
      "a delegate's": async () => {
        const actAs = await client.issue({ credential: user(), delegatable: true, audience: "urn:a&b" });
        return client.issue({ credential: solution, actAs });
      },
      "a renewed one": async () =>
        client.renew(await client.issue({ credential: solution, renewable: true }), {}),
    };
    const leafOf = (assertion: string) =>
      `-----BEGIN CERTIFICATE-----\n${/<ds:X509Certificate>([^<]+)/.exec(assertion)?.[1]?.trim()}\n-----END CERTIFICATE-----\n`;

    it.each(Object.entries(kinds))(
      "%s verifies from its chain in xmlsec1, and in Java",
      async (_name, issue) => {
        const { assertion } = await issue();
        expect(await xmlsecWithAnchor(assertion, group.ready.stsSigningCaFile)).toMatchObject({ code: 0 });
        expect((await xmlsecWithAnchor(assertion, group.ready.caFile)).code).not.toBe(0);
        expect((await javaWithKey(assertion, leafOf(assertion), "Assertion")).stdout).toBe("Assertion\n");
        const changed = assertion.replace(/(Name="[^"]*\/)isSolution/, "$1isAdmin");
        expect(changed).not.toBe(assertion);
        expect((await xmlsecWithAnchor(changed, group.ready.stsSigningCaFile)).code).not.toBe(0);
      },
    );

    it.each(["rsa-sha256", "rsa-sha384", "rsa-sha512"] as const)(
      "verify when signed by %s",
      async (algorithm) => {
        const { assertion } = await client.issue({ credential: user(), tokenSignatureAlgorithm: algorithm });
        expect(assertion).toContain(`#${algorithm}"`);
        expect(await xmlsecWithAnchor(assertion, group.ready.stsSigningCaFile)).toMatchObject({ code: 0 });
      },
    );
  });
});
