import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspectAssertion } from "../../src/saml/index.ts";
import { makeRsaSelfSigned } from "../helpers/rsa.ts";
import { buildPeers } from "./build.ts";
import { withFiles } from "./files.ts";
import type { Running } from "./process.ts";
import { type SimulatorReady, serverOf, startSimulate, vsso } from "./programs.ts";
import { xmlsecWithAnchor } from "./signature-checkers.ts";
import { govmomiSts, type StsServer, tokenOf } from "./sts-clients.ts";

describe("govmomi's STS client against our simulator", () => {
  let group: Running<SimulatorReady>;
  let sts: StsServer;
  let lookup: StsServer;
  beforeAll(async () => {
    await buildPeers();
    group = await startSimulate("--nodes", "1");
    const { url, caFile } = serverOf(group);
    sts = { url: `${url}/sts/STSService/${group.ready.ssoDomain}`, caFile };
    lookup = { url: `${url}/lookupservice/sdk`, caFile };
  });
  afterAll(async () => {
    await group?.stop();
  });

  const administrator = () => group.ready.users[0]!;
  const ordinary = () => group.ready.users[1]!;
  const solution = (index = 0) => group.ready.solutionUsers[index]!;
  /** The name without its domain, which is written in either case. */
  const nameOf = (subject: string) => subject.replace(/@.*$/, "").toLowerCase();
  const holderOf = async (certFile: string) =>
    Buffer.from((await readFile(certFile, "utf8")).replace(/-----[A-Z ]+-----|\s/g, ""), "base64");

  it("gets a bearer token by password, of the lifetime that it asked for", async () => {
    const answer = await govmomiSts("issue", sts, { user: administrator() });
    const info = inspectAssertion(tokenOf(answer));
    expect(info).toMatchObject({ kind: "bearer", renewable: false, delegatable: false });
    expect(nameOf(info.subject)).toBe("administrator");
    expect(info.notOnOrAfter.getTime() - info.notBefore.getTime()).toBe(300_000);
    expect(Date.parse(answer.created!)).toBe(info.notBefore.getTime());
    expect(Date.parse(answer.expires!)).toBe(info.notOnOrAfter.getTime());
  });

  it("gets a token that other programs and our own verify from its chain", async () => {
    const token = tokenOf(await govmomiSts("issue", sts, { user: administrator() }));
    const { stsSigningCaFile } = group.ready;
    expect(await xmlsecWithAnchor(token, stsSigningCaFile)).toMatchObject({ code: 0 });
    await withFiles({ "token.xml": token }, async ({ path }) => {
      const file = path("token.xml");
      expect(await vsso("token", "verify", file, "--anchor", stsSigningCaFile)).toMatchObject({ code: 0 });
      expect(await vsso("token", "verify", file, "--anchor", sts.caFile)).toMatchObject({ code: 1 });
    });
  });

  it("gets a holder-of-key token for a person, whose certificate is only the key", async () => {
    const key = await makeRsaSelfSigned("person's own key");
    await withFiles({ "cert.pem": key.cert, "key.pem": key.key }, async ({ path }) => {
      const request = { user: ordinary(), certFile: path("cert.pem"), keyFile: path("key.pem") };
      const info = inspectAssertion(tokenOf(await govmomiSts("issue", sts, request)));
      expect(info.kind).toBe("holder-of-key");
      expect(nameOf(info.subject)).toBe(nameOf(ordinary().username));
      expect(info.isSolution).toBe(false);
      expect(info.confirmation.certificate?.subject).toContain("person's own key");
    });
  });

  it("gets a holder-of-key token for a solution user by its certificate alone", async () => {
    const { name, certFile, keyFile } = solution();
    const request = { certFile, keyFile, flags: ["-renewable", "-delegatable", "-lifetime", "24h"] };
    const token = tokenOf(await govmomiSts("issue", sts, request));
    const info = inspectAssertion(token);
    expect(info).toMatchObject({
      kind: "holder-of-key",
      isSolution: true,
      renewable: true,
      delegatable: true,
      renewCount: 10,
      delegationCount: 10,
    });
    expect(nameOf(info.subject)).toBe(nameOf(name));
    expect(info.notOnOrAfter.getTime() - info.notBefore.getTime()).toBe(86_400_000);
    expect(token.replace(/\s/g, "")).toContain((await holderOf(certFile)).toString("base64"));
  });

  it("exchanges a holder-of-key token for another one", async () => {
    const { certFile, keyFile } = solution();
    const first = tokenOf(await govmomiSts("issue", sts, { certFile, keyFile }));
    const second = tokenOf(await govmomiSts("issue", sts, { keyFile, token: first }));
    const [before, after] = [first, second].map((token) => inspectAssertion(token));
    expect(after).toMatchObject({ kind: "holder-of-key", subject: before!.subject });
    expect(after!.id).not.toBe(before!.id);
    expect(after!.confirmation.certificate?.sha256).toBe(before!.confirmation.certificate?.sha256);
  });

  it("acts as a user, no longer than the user's own token lasts", async () => {
    const user = tokenOf(
      await govmomiSts("issue", sts, { user: ordinary(), flags: ["-delegatable", "-lifetime", "10m"] }),
    );
    const { name, certFile, keyFile } = solution();
    const flags = ["-act-as", "-delegatable", "-lifetime", "24h"];
    const info = inspectAssertion(
      tokenOf(await govmomiSts("issue", sts, { certFile, keyFile, token: user, flags })),
    );
    expect(info).toMatchObject({ kind: "holder-of-key", delegationCount: 9 });
    expect(nameOf(info.subject)).toBe(nameOf(ordinary().username));
    expect(info.delegates.map((each) => nameOf(each.subject))).toEqual([nameOf(name)]);
    expect(info.notOnOrAfter.getTime()).toBeLessThanOrEqual(inspectAssertion(user).notOnOrAfter.getTime());
  });

  it("renews a renewable token", async () => {
    const { certFile, keyFile } = solution();
    const first = tokenOf(await govmomiSts("issue", sts, { certFile, keyFile, flags: ["-renewable"] }));
    const renewed = await govmomiSts("renew", sts, {
      certFile,
      keyFile,
      token: first,
      flags: ["-lifetime", "1h"],
    });
    const [before, after] = [first, tokenOf(renewed)].map((token) => inspectAssertion(token));
    expect(after).toMatchObject({ kind: "holder-of-key", subject: before!.subject, renewable: true });
    expect(after!.id).not.toBe(before!.id);
    expect(after!.notOnOrAfter.getTime() - after!.notBefore.getTime()).toBe(3_600_000);
  });

  describe("is refused", () => {
    const faultOf = async (...request: Parameters<typeof govmomiSts>) => {
      const { fault } = await govmomiSts(...request);
      return fault && { code: fault.code.replace(/^.*:/, ""), string: fault.string };
    };

    it("with a wrong password", async () => {
      const user = { ...ordinary(), password: "not it" };
      expect(await faultOf("issue", sts, { user })).toEqual({
        code: "FailedAuthentication",
        string: "Invalid credentials",
      });
    });

    it("with a certificate that is no solution user's", async () => {
      const key = await makeRsaSelfSigned("a stranger");
      await withFiles({ "cert.pem": key.cert, "key.pem": key.key }, async ({ path }) => {
        const request = { certFile: path("cert.pem"), keyFile: path("key.pem") };
        expect(await faultOf("issue", sts, request)).toEqual({
          code: "FailedAuthentication",
          string: "Invalid credentials",
        });
      });
    });

    it("with a bearer token in the place of credentials", async () => {
      const token = tokenOf(await govmomiSts("issue", sts, { user: ordinary() }));
      expect(await faultOf("issue", sts, { keyFile: solution().keyFile, token })).toMatchObject({
        code: "UnsupportedSecurityToken",
        string: expect.stringContaining("Only HoK tokens are supported for authentication!"),
      });
    });

    it("to act as a user without being allowed to", async () => {
      const token = tokenOf(await govmomiSts("issue", sts, { user: ordinary(), flags: ["-delegatable"] }));
      const { certFile, keyFile } = solution(1);
      expect(await faultOf("issue", sts, { certFile, keyFile, token, flags: ["-act-as"] })).toMatchObject({
        code: "InvalidRequest",
        string: expect.stringContaining("Access not authorized!"),
      });
    });

    it("to act as a user whose token may not be delegated", async () => {
      const token = tokenOf(await govmomiSts("issue", sts, { user: ordinary() }));
      const { certFile, keyFile } = solution();
      expect(await faultOf("issue", sts, { certFile, keyFile, token, flags: ["-act-as"] })).toMatchObject({
        code: "InvalidRequest",
      });
    });

    it("to renew a token that is not renewable", async () => {
      const { certFile, keyFile } = solution();
      const token = tokenOf(await govmomiSts("issue", sts, { certFile, keyFile }));
      expect(await faultOf("renew", sts, { certFile, keyFile, token })).toMatchObject({
        code: "UnableToRenew",
      });
    });

    it("to renew a token by another key than its holder's", async () => {
      const token = tokenOf(await govmomiSts("issue", sts, { ...pair(solution()), flags: ["-renewable"] }));
      expect(await faultOf("renew", sts, { ...pair(solution(1)), token })).toEqual({
        code: "FailedAuthentication",
        string: "Invalid credentials",
      });
    });

    const pair = ({ certFile, keyFile }: { certFile: string; keyFile: string }) => ({ certFile, keyFile });
  });

  describe("its Lookup Service methods", () => {
    const flags = ["-service-id", "govmomi-peer"];

    it.each(["bearer", "holder-of-key"])("write with a %s token of an administrator", async (kind) => {
      const key = await makeRsaSelfSigned("administrator's key");
      await withFiles({ "cert.pem": key.cert, "key.pem": key.key }, async ({ path }) => {
        const pair = { certFile: path("cert.pem"), keyFile: path("key.pem") };
        const holder = kind === "bearer" ? {} : pair;
        const token = tokenOf(await govmomiSts("issue", sts, { user: administrator(), ...holder }));
        const named = async () => {
          const { stdout } = await vsso(
            ...[
              "lookup",
              "list",
              serverOf(group).authority,
              "--ca",
              sts.caFile,
              "--type",
              "peer",
              "-o",
              "json",
            ],
          );
          const { registrations } = JSON.parse(stdout) as { registrations: { serviceNameDefault: string }[] };
          return registrations.map((each) => each.serviceNameDefault);
        };
        expect(await govmomiSts("create", lookup, { ...holder, token, flags })).toEqual({});
        expect(await named()).toEqual(["create"]);
        expect((await govmomiSts("create", lookup, { ...holder, token, flags })).fault?.detail).toMatch(
          /EntryExists/,
        );
        expect(await govmomiSts("set", lookup, { ...holder, token, flags })).toEqual({});
        expect(await named()).toEqual(["set"]);
        expect(await govmomiSts("delete", lookup, { ...holder, token, flags })).toEqual({});
        expect(await named()).toEqual([]);
        expect((await govmomiSts("delete", lookup, { ...holder, token, flags })).fault?.detail).toMatch(
          /EntryNotFound/,
        );
      });
    });

    it("are refused to an ordinary user, and with a token that its key does not sign for", async () => {
      const token = tokenOf(await govmomiSts("issue", sts, { user: ordinary() }));
      expect((await govmomiSts("create", lookup, { token, flags })).fault?.detail).toMatch(/SecurityError/);
      const { certFile, keyFile } = solution();
      const held = tokenOf(await govmomiSts("issue", sts, { certFile, keyFile }));
      expect((await govmomiSts("create", lookup, { token: held, flags })).fault?.detail).toMatch(
        /SecurityError/,
      );
      const other = { certFile: solution(1).certFile, keyFile: solution(1).keyFile };
      expect((await govmomiSts("create", lookup, { ...other, token: held, flags })).fault?.detail).toMatch(
        /SecurityError/,
      );
    });
  });
});
