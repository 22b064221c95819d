import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspectAssertion } from "../../src/saml/index.ts";
import { buildPeers, buildPython } from "./build.ts";
import type { Running } from "./process.ts";
import { type SimulatorReady, serverOf, startSimulate } from "./programs.ts";
import { xmlsecWithAnchor } from "./signature-checkers.ts";
import { pyVmomiSts, type StsServer, tokenOf } from "./sts-clients.ts";

describe("pyVmomi's STS client against our simulator", () => {
  let group: Running<SimulatorReady>;
  let sts: StsServer;
  beforeAll(async () => {
    await Promise.all([buildPeers(), buildPython()]);
    group = await startSimulate("--nodes", "1");
    const { url, caFile } = serverOf(group);
    sts = { url: `${url}/sts/STSService/${group.ready.ssoDomain}`, caFile };
  });
  afterAll(async () => {
    await group?.stop();
  });

  const ordinary = () => group.ready.users[1]!;
  const solution = (index = 0) => {
    const { certFile, keyFile } = group.ready.solutionUsers[index]!;
    return { certFile, keyFile };
  };
  const nameOf = (subject: string) => subject.replace(/@.*$/, "").toLowerCase();
  const secondsOf = ({ notBefore, notOnOrAfter }: { notBefore: Date; notOnOrAfter: Date }) =>
    (notOnOrAfter.getTime() - notBefore.getTime()) / 1000;

  it("gets a bearer token by password", async () => {
    const token = tokenOf(await pyVmomiSts("bearer", sts, { user: ordinary() }));
    const info = inspectAssertion(token);
    expect(info).toMatchObject({ kind: "bearer", renewable: false, delegatable: false, delegationCount: 0 });
    expect(nameOf(info.subject)).toBe(nameOf(ordinary().username));
    expect(secondsOf(info)).toBe(600);
  });

  it("gets a holder-of-key token for a solution user", async () => {
    const flags = ["--renewable", "--delegatable", "--lifetime", "7200"];
    const token = tokenOf(await pyVmomiSts("hok", sts, { ...solution(), flags }));
    const info = inspectAssertion(token);
    expect(info).toMatchObject({
      kind: "holder-of-key",
      renewable: true,
      delegatable: true,
      isSolution: true,
    });
    expect(nameOf(info.subject)).toBe(nameOf(group.ready.solutionUsers[0]!.name));
    expect(secondsOf(info)).toBe(7200);
  });

  it("gets a token that verifies as it writes it down", async () => {
    const token = tokenOf(await pyVmomiSts("hok", sts, solution()));
    expect(await xmlsecWithAnchor(token, group.ready.stsSigningCaFile)).toMatchObject({ code: 0 });
  });

  it.each(["bearer", "holder-of-key"])("acts as the user of a %s token", async (kind) => {
    const flags = ["--delegatable"];
    const subject = kind === "bearer" ? { user: ordinary() } : solution(1);
    const token = tokenOf(await pyVmomiSts(kind === "bearer" ? "bearer" : "hok", sts, { ...subject, flags }));
    const info = inspectAssertion(tokenOf(await pyVmomiSts("hok", sts, { ...solution(), token })));
    expect(info).toMatchObject({ kind: "holder-of-key", subject: inspectAssertion(token).subject });
    expect(info.delegates.map((each) => nameOf(each.subject))).toEqual([
      nameOf(group.ready.solutionUsers[0]!.name),
    ]);
  });

  it("exchanges a holder-of-key token for another one", async () => {
    const first = tokenOf(await pyVmomiSts("hok", sts, solution()));
    const { keyFile } = solution();
    const second = tokenOf(await pyVmomiSts("by-token", sts, { keyFile, token: first }));
    const [before, after] = [first, second].map((token) => inspectAssertion(token));
    expect(after).toMatchObject({ kind: "holder-of-key", subject: before!.subject });
    expect(after!.id).not.toBe(before!.id);
  });

  it("reads our faults: those of credentials, of keys and of rights", async () => {
    const wrong = await pyVmomiSts("bearer", sts, { user: { ...ordinary(), password: "<&'\"" } });
    expect(wrong.fault).toEqual({
      code: expect.stringMatching(/^\w+:FailedAuthentication$/),
      string: "Invalid credentials",
    });
    const token = tokenOf(await pyVmomiSts("hok", sts, solution()));
    const other = await pyVmomiSts("by-token", sts, { keyFile: solution(1).keyFile, token });
    expect(other.fault?.code).toMatch(/:FailedCheck$/);
    const bearer = tokenOf(await pyVmomiSts("bearer", sts, { user: ordinary(), flags: ["--delegatable"] }));
    const unauthorized = await pyVmomiSts("hok", sts, { ...solution(1), token: bearer });
    expect(unauthorized.fault?.code).toMatch(/:InvalidRequest$/);
  });
});
