import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { attribute, parseXml, type XmlElement } from "../../src/xml/reader.ts";
import { holderOf } from "./holder.ts";
import * as sts from "./sts-wire.ts";
import type { Reply } from "./wire.ts";

const DELEGATABLE = "<wst:Delegatable>true</wst:Delegatable>";
const RENEWABLE = '<wst:Renewing Allow="true" OK="false"/>';
const FIXED = '<wst:Renewing Allow="false" OK="false"/>';
const invalidCredentials = { code: `{${sts.WST}}FailedAuthentication`, text: "Invalid credentials" };
const request = (text: string) => ({ code: `{${sts.WST}}InvalidRequest`, text });

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator({ nodes: 1 });
});
afterEach(() => {
  simulator.faults = {};
});
afterAll(() => simulator.close());

const actAs = (assertion: string): string => `<a:ActAs xmlns:a="${sts.WST14}">${assertion}</a:ActAs>`;
const asSolution = (content: string, index = 0, type = "Issue"): Promise<Reply> => {
  const user = sts.solutionUser(simulator, index);
  const text = sts.message(sts.timestamp() + sts.binaryToken(user), sts.rst({ content, type }));
  return sts.postSts(simulator, sts.signed(text, user.key), { action: sts.actionOf(type) });
};
const byToken = (token: string, content: string, index = 0): Promise<Reply> => {
  const text = sts.message(sts.timestamp() + token, sts.rst({ content }));
  const keyInfo = sts.byAssertion(sts.idOf(token));
  return sts.postSts(simulator, sts.signed(text, sts.solutionUser(simulator, index).key, { keyInfo }));
};
const conditions = (assertion: string): XmlElement => sts.find(parseXml(assertion), "Conditions")!;
const proxyCount = (assertion: string): string | undefined =>
  attribute(sts.find(conditions(assertion), "ProxyRestriction")!, "", "Count");
const renewCount = (assertion: string): string | undefined => {
  const found = conditions(assertion).children.find((c) => c.xsiType?.local === "RenewRestrictionType");
  return found && attribute(found, "", "Count");
};
const delegates = (assertion: string): string[] => {
  const found = conditions(assertion).children.find((c) => c.xsiType?.local === "DelegationRestrictionType");
  return found?.children.map((delegate) => delegate.children[0]!.text) ?? [];
};
const confirmedBy = (assertion: string): string | undefined =>
  sts.find(parseXml(assertion), "Subject", "SubjectConfirmation", "NameID")?.text;
const subjectOf = (assertion: string): string | undefined =>
  sts.find(parseXml(assertion), "Subject", "NameID")?.text;
const endOf = (assertion: string): number =>
  Date.parse(attribute(conditions(assertion), "", "NotOnOrAfter")!);

describe("ActAs at the simulated STS", () => {
  it("gives a solution a token about the user, bound to the solution's key", async () => {
    const user = await sts.bearer(simulator, 1, DELEGATABLE);
    const token = sts.assertionIn(await asSolution(actAs(user) + DELEGATABLE));
    const name = `${simulator.solutionUsers[0]!.name}@vsphere.local`;
    expect(proxyCount(user)).toBe("10");
    expect(subjectOf(token)).toBe("operator@VSPHERE.LOCAL");
    expect(delegates(token)).toEqual([name]);
    expect(confirmedBy(token)).toBe(name);
    expect(proxyCount(token)).toBe("9");
    expect(endOf(token)).toBe(endOf(user));
    expect(token).toContain("cm:holder-of-key");
    const delegation = conditions(token).children[1]!;
    expect(delegation.xsiType?.namespace).toBe("urn:oasis:names:tc:SAML:2.0:conditions:delegation");
    expect(attribute(delegation.children[0]!, "", "DelegationInstant")).toMatch(/^20.*Z$/);
    expect(conditions(token).children.map(({ local }) => local)).toEqual([
      "ProxyRestriction",
      "Condition",
      "Condition",
    ]);
  });

  it("carries the audience of the user's token, byte by byte as it came", async () => {
    const audience =
      '<wst:Participants><wst:Participant><w:EndpointReference xmlns:w="http://www.w3.org/2005/08/addressing">' +
      "<w:Address>urn:a</w:Address></w:EndpointReference></wst:Participant></wst:Participants>";
    const user = await sts.bearer(simulator, 1, DELEGATABLE + audience);
    const token = sts.assertionIn(await asSolution(actAs(user)));
    expect(token).toContain("<saml2:Audience>urn:a</saml2:Audience>");
    expect(proxyCount(token)).toBe("0");
  });

  it("hands a token on and on, until its count is used up", async () => {
    const strict = await startSimulator({ nodes: 1, tokens: { delegationCount: 1 } });
    const previous = simulator;
    simulator = strict;
    try {
      const user = await sts.bearer(simulator, 1, DELEGATABLE);
      const token = sts.assertionIn(await asSolution(actAs(user) + DELEGATABLE));
      expect(proxyCount(token)).toBe("0");
      expect(sts.stsFault(await asSolution(actAs(token)))).toEqual(
        request("Cannot continue delegation chain"),
      );
    } finally {
      simulator = previous;
      await strict.close();
    }
  });

  it("refuses a token that is not delegatable", async () => {
    const user = await sts.bearer(simulator, 1);
    expect(proxyCount(user)).toBe("0");
    expect(sts.stsFault(await asSolution(actAs(user)))).toEqual(request("Cannot continue delegation chain"));
  });

  it("refuses a solution that is not among the ActAsUsers, until it is", async () => {
    const user = await sts.bearer(simulator, 1, DELEGATABLE);
    expect(sts.stsFault(await asSolution(actAs(user), 1))).toEqual(request("Access not authorized!"));
    const account = `${simulator.solutionUsers[1]!.name}@vsphere.local`;
    simulator.faults = { addedMemberships: [{ account, group: "ActAsUsers" }] };
    expect((await asSolution(actAs(user), 1)).status).toBe(200);
  });

  it("refuses a delegate", async () => {
    const user = await sts.bearer(simulator, 1, DELEGATABLE);
    const token = sts.assertionIn(await asSolution(actAs(user) + DELEGATABLE));
    const account = "operator@vsphere.local";
    simulator.faults = { addedMemberships: [{ account, group: "ActAsUsers" }] };
    const fault = sts.stsFault(await byToken(token, actAs(user)));
    expect(fault).toEqual(request("A delegate cannot act as another user"));
  });

  it("has to be signed, asks for no bearer token, and excludes DelegateTo", async () => {
    const user = await sts.bearer(simulator, 1, DELEGATABLE);
    const { username, password } = simulator.users[0]!;
    const unsigned = sts.message(
      sts.timestamp() + sts.usernameToken(username, password),
      sts.rst({ content: actAs(user) }),
    );
    expect(sts.stsFault(await sts.postSts(simulator, unsigned)).code).toBe(`{${sts.WSSE}}InvalidSecurity`);
    expect(sts.stsFault(await asSolution(actAs(user) + sts.keyType("Bearer")))).toEqual({
      code: `{${sts.WSSE}}InvalidSecurity`,
      text: "Cannot issue delegated bearer token",
    });
    const both = actAs(user) + delegateTo(simulator.solutionUsers[1]!.name);
    expect(sts.stsFault(await asSolution(both)).code).toBe(`{${sts.WST}}RequestFailed`);
  });

  it("fails where white space comes before the token", async () => {
    const user = await sts.bearer(simulator, 1, DELEGATABLE);
    expect(sts.stsFault(await asSolution(actAs(`\n${user}`)))).toEqual({
      code: `{${sts.WST}}RequestFailed`,
      text: "The specified request failed.",
    });
  });

  it("refuses a token that is not good, or of a user who is gone", async () => {
    const user = await sts.bearer(simulator, 1, DELEGATABLE);
    const forged = user.replace("operator@VSPHERE.LOCAL", "Administrator@VSPHERE.LOCAL");
    expect(sts.stsFault(await asSolution(actAs(forged)))).toEqual(invalidCredentials);
    simulator.faults = { disabledAccounts: ["operator@vsphere.local"] };
    expect(sts.stsFault(await asSolution(actAs(user)))).toEqual(invalidCredentials);
  });

  it("lets the delegate get another token of the same chain", async () => {
    const user = await sts.bearer(simulator, 1, DELEGATABLE);
    const token = sts.assertionIn(await asSolution(actAs(user) + DELEGATABLE));
    const next = sts.assertionIn(await byToken(token, DELEGATABLE));
    expect(subjectOf(next)).toBe("operator@VSPHERE.LOCAL");
    expect(delegates(next)).toEqual(delegates(token));
    expect(proxyCount(next)).toBe("8");
    expect(endOf(next)).toBe(endOf(user));
  });
});

function delegateTo(name: string): string {
  return (
    `<wst:DelegateTo><wsse:UsernameToken xmlns:wsse="${sts.WSSE}"><wsse:Username>${name}</wsse:Username>` +
    "</wsse:UsernameToken></wst:DelegateTo>"
  );
}

describe("DelegateTo at the simulated STS", () => {
  const asPerson = (content: string): Promise<Reply> => {
    const { username, password } = simulator.users[1]!;
    const security = sts.timestamp() + sts.usernameToken(username, password);
    return sts.postSts(simulator, sts.message(security, sts.rst({ content })));
  };

  it("gives a token that the named solution user holds", async () => {
    const user = sts.solutionUser(simulator, 1);
    for (const name of [user.name, `${user.name}@vsphere.local`]) {
      const token = sts.assertionIn(
        await asPerson(delegateTo(name) + DELEGATABLE + sts.keyType("PublicKey")),
      );
      expect(subjectOf(token)).toBe("operator@VSPHERE.LOCAL");
      expect(confirmedBy(token)).toBe(`${user.name}@vsphere.local`);
      const certificate = sts.find(
        parseXml(token),
        "Subject",
        "SubjectConfirmation",
        "SubjectConfirmationData",
        "KeyInfo",
        "X509Data",
        "X509Certificate",
      )!.text;
      expect(certificate.replaceAll("\n", "")).toBe(user.cert.replace(/-----[^-]+-----|\s/g, ""));
      expect((await byToken(token, "", 1)).status).toBe(200);
    }
  });

  it("gives a token that is worth nothing once the delegate is disabled", async () => {
    const { name } = simulator.solutionUsers[1]!;
    const content = delegateTo(name) + DELEGATABLE + RENEWABLE + sts.keyType("PublicKey");
    const token = sts.assertionIn(await asPerson(content));
    const uses = [
      () => byToken(token, "", 1),
      () => asSolution(`<wst:RenewTarget>${token}</wst:RenewTarget>`, 1, "Renew"),
      () => asSolution(actAs(token)),
    ];
    for (const use of uses) expect((await use()).status).toBe(200);
    simulator.faults = { disabledAccounts: [`${name}@vsphere.local`] };
    for (const use of uses) expect(sts.stsFault(await use())).toEqual(invalidCredentials);
  });

  it("refuses a delegate that is none, a bearer token, and UseKey", async () => {
    for (const name of ["nobody", "operator@vsphere.local", ""]) {
      expect(sts.stsFault(await asPerson(delegateTo(name)))).toEqual(request("Invalid delegate"));
    }
    const to = delegateTo(simulator.solutionUsers[1]!.name);
    expect(sts.stsFault(await asPerson(to + sts.keyType("Bearer"))).text).toBe(
      "Cannot issue delegated bearer token",
    );
    expect(sts.stsFault(await asPerson(`${to}<wst:UseKey Sig="_x"/>`)).code).toBe(
      `{${sts.WST}}InvalidRequest`,
    );
  });
});

describe("Renew at the simulated STS", () => {
  const target = (assertion: string): string => `<wst:RenewTarget>${assertion}</wst:RenewTarget>`;
  const renew = (assertion: string, content = "", index = 0): Promise<Reply> =>
    asSolution(content + target(assertion), index, "Renew");

  it("gives a token of new times, in a bare response", async () => {
    const old = await sts.holderOfKey(simulator, 0, RENEWABLE + DELEGATABLE);
    const from = Date.now() + 5000;
    const reply = await renew(old, sts.lifetime(from, from + 60_000));
    const answer = sts.response(reply);
    expect(answer.local).toBe("RequestSecurityTokenResponse");
    expect(answer.children.map(({ local }) => local)).toEqual([
      "RequestedSecurityToken",
      "Lifetime",
      "TokenType",
      "Renewing",
    ]);
    expect(answer.children[3]!.attributes.map(({ local, value }) => [local, value])).toEqual([
      ["Allow", "true"],
      ["OK", "false"],
    ]);
    const token = sts.assertionIn(reply);
    expect(sts.idOf(token)).not.toBe(sts.idOf(old));
    expect(endOf(token)).toBe(from + 60_000);
    expect([subjectOf(token), proxyCount(token), renewCount(token)]).toEqual([subjectOf(old), "10", "10"]);
  });

  it("ignores what it is asked about delegation, kind and renewal", async () => {
    const old = await sts.holderOfKey(simulator, 0, RENEWABLE);
    const token = sts.assertionIn(await renew(old, DELEGATABLE + FIXED + sts.keyType("Bearer")));
    expect([proxyCount(token), renewCount(token)]).toEqual(["0", "10"]);
    expect(token).toContain("cm:holder-of-key");
  });

  it("counts down what a delegate renews, to the end", async () => {
    const strict = await startSimulator({ nodes: 1, tokens: { renewCount: 2 } });
    const previous = simulator;
    simulator = strict;
    try {
      const user = await sts.bearer(simulator, 1, DELEGATABLE);
      let token = sts.assertionIn(await asSolution(actAs(user) + RENEWABLE));
      expect(renewCount(token)).toBe("2");
      token = sts.assertionIn(await renew(token));
      expect(renewCount(token)).toBe("1");
      const last = await renew(token);
      token = sts.assertionIn(last);
      expect(renewCount(token)).toBeUndefined();
      expect(attribute(sts.find(sts.response(last), "Renewing")!, "", "Allow")).toBe("false");
      expect(delegates(token)).toHaveLength(1);
      expect(sts.stsFault(await renew(token)).code).toBe(`{${sts.WST}}UnableToRenew`);
    } finally {
      simulator = previous;
      await strict.close();
    }
  });

  it("refuses a token that is not renewable", async () => {
    const old = await sts.holderOfKey(simulator, 0, FIXED);
    expect(sts.stsFault(await renew(old))).toEqual({
      code: `{${sts.WST}}UnableToRenew`,
      text: "Unable to renew non-renewable token",
    });
  });

  it("refuses a bearer token", async () => {
    expect(sts.stsFault(await renew(await sts.bearer(simulator))).code).toBe(
      `{${sts.WSSE}}UnsupportedSecurityToken`,
    );
  });

  it("refuses another key, a forged token, and one that has ended", async () => {
    const old = await sts.holderOfKey(simulator, 0, RENEWABLE);
    expect(sts.stsFault(await renew(old, "", 1))).toEqual(invalidCredentials);
    expect(sts.stsFault(await renew(old.replace('Count="10"', 'Count="11"')))).toEqual(invalidCredentials);
    const now = Date.now();
    const ended = await sts.holderOfKey(simulator, 0, RENEWABLE + sts.lifetime(now - 599_000, now - 598_000));
    simulator.faults = { clockSkewSeconds: 30 };
    expect(sts.stsFault(await renew(ended))).toEqual(invalidCredentials);
  });

  it("fails without a target, with white space in it, and unsigned", async () => {
    const old = await sts.holderOfKey(simulator, 0, RENEWABLE);
    const failed = `{${sts.WST}}RequestFailed`;
    expect(sts.stsFault(await asSolution("", 0, "Renew")).code).toBe(failed);
    expect(sts.stsFault(await renew(`\n${old}`))).toEqual({
      code: failed,
      text: "The specified request failed.",
    });
    const unsigned = sts.message(sts.timestamp(), sts.rst({ type: "Renew", content: target(old) }));
    expect(sts.stsFault(await sts.postSts(simulator, unsigned, { action: sts.actionOf("Renew") }))).toEqual({
      code: failed,
      text: "Cannot find certificate to use.",
    });
  });

  it("takes one assertion, in the target and not in the header", async () => {
    const old = await sts.holderOfKey(simulator, 0, RENEWABLE);
    const user = sts.solutionUser(simulator);
    const text = sts.message(
      sts.timestamp() + sts.binaryToken(user) + (await sts.holderOfKey(simulator)),
      sts.rst({ type: "Renew", content: target(old) }),
    );
    const reply = await sts.postSts(simulator, sts.signed(text, user.key), { action: sts.actionOf("Renew") });
    expect(sts.stsFault(reply)).toEqual(request("Request should contain only one assertion!"));
  });
});

describe("Validate at the simulated STS", () => {
  const STATUS = `${sts.WST}/RSTR/Status`;
  const validate = (content: string, tokenType = STATUS): Promise<Reply> =>
    sts.postSts(simulator, sts.message(sts.timestamp(), sts.rst({ type: "Validate", tokenType, content })), {
      action: sts.actionOf("Validate"),
    });
  const status = async (assertion: string): Promise<string | undefined> => {
    const answer = sts.response(await validate(`<wst:ValidateTarget>${assertion}</wst:ValidateTarget>`));
    expect(answer.children.map(({ local }) => local)).toEqual(["Status", "TokenType"]);
    expect(answer.children[1]!.text).toBe(STATUS);
    return sts.find(answer, "Status", "Code")?.text.replace(`${sts.WST}/status/`, "");
  };

  it("says what a token is worth, to anyone", async () => {
    const user = await sts.bearer(simulator, 1, DELEGATABLE);
    for (const token of [
      user,
      `\n ${user}\n`,
      await sts.holderOfKey(simulator),
      sts.assertionIn(await asSolution(actAs(user))),
    ]) {
      expect(await status(token)).toBe("valid");
    }
    expect(await status(user.replace("operator@V", "Operator@V"))).toBe("invalid");
    expect(await status(user.replace(/<ds:Signature .*<\/ds:Signature>/s, ""))).toBe("invalid");
  });

  it("says invalid once the groups are others, the user is gone, or the token has ended", async () => {
    const user = await sts.bearer(simulator, 1);
    const account = "operator@vsphere.local";
    simulator.faults = { addedMemberships: [{ account, group: "Auditors" }] };
    expect(await status(user)).toBe("invalid");
    expect(await status(await sts.bearer(simulator, 1))).toBe("valid");
    simulator.faults = { disabledAccounts: [account] };
    expect(await status(user)).toBe("invalid");
    simulator.faults = {};
    expect(await status(user)).toBe("valid");
    const now = Date.now();
    const ended = await sts.bearer(simulator, 1, sts.lifetime(now - 599_000, now - 598_000));
    expect(await status(ended)).toBe("valid");
    simulator.faults = { clockSkewSeconds: 30 };
    expect(await status(ended)).toBe("invalid");
  });

  it("fails without a token to look at, and for another type of answer", async () => {
    const failed = `{${sts.WST}}RequestFailed`;
    expect(sts.stsFault(await validate("")).code).toBe(failed);
    expect(
      sts.stsFault(await validate("<wst:ValidateTarget><x xmlns='urn:x'/></wst:ValidateTarget>")).code,
    ).toBe(failed);
    const user = await sts.bearer(simulator);
    const target = `<wst:ValidateTarget>${user}</wst:ValidateTarget>`;
    expect(sts.stsFault(await validate(target, sts.SAML2_TYPE)).code).toBe(`{${sts.WST}}InvalidRequest`);
  });
});

describe("lifetimes at the simulated STS", () => {
  const issue = (content: string): Promise<Reply> => {
    const { username, password } = simulator.users[0]!;
    const now = Date.now() + (simulator.faults.clockSkewSeconds ?? 0) * 1000;
    const security = sts.timestamp(now) + sts.usernameToken(username, password);
    return sts.postSts(simulator, sts.message(security, sts.rst({ content })));
  };

  it("begin no further from now than the tolerance", async () => {
    const now = Date.now();
    for (const start of [now - 660_000, now + 660_000]) {
      const fault = sts.stsFault(await issue(sts.lifetime(start, start + 300_000)));
      expect(fault.code).toBe(`{${sts.WST}}InvalidTimeRange`);
      expect(fault.text).toMatch(
        /^The token authority rejected an issue request for TimePeriod \[startTime=.+ UTC 20\d\d, endTime=.+ UTC 20\d\d\] :: The requested token start time differs from the issue instant more than the acceptable deviation \(clock tolerance\) of 600000 ms\. .*This might be due to a clock skew problem\.$/,
      );
    }
    expect((await issue(sts.lifetime(now + 590_000, now + 700_000))).status).toBe(200);
  });

  it("end after they begin", async () => {
    const now = Date.now();
    for (const end of [now, now - 1000]) {
      expect(sts.stsFault(await issue(sts.lifetime(now, end)))).toEqual({
        code: `{${sts.WST}}InvalidTimeRange`,
        text: "Invalid token lifetime",
      });
    }
  });

  it("have to be readable", async () => {
    const content = `<wst:Lifetime><u:Created xmlns:u="${sts.WSU}">now</u:Created></wst:Lifetime>`;
    expect(sts.stsFault(await issue(content)).code).toBe(`{${sts.WSSE}}InvalidSecurity`);
  });

  it("end with the certificate of the holder", async () => {
    const notAfter = Math.floor(Date.now() / 1000) * 1000 + 3_600_000;
    const holder = holderOf("CN=laptop", { notAfter });
    const { username, password } = simulator.users[0]!;
    const security = sts.timestamp() + sts.usernameToken(username, password) + sts.binaryToken(holder);
    const text = sts.signed(
      sts.message(security, sts.rst({ content: sts.keyType("PublicKey") })),
      holder.key,
    );
    expect(endOf(sts.assertionIn(await sts.postSts(simulator, text)))).toBe(notAfter + 1);
  });

  it("are none while the certificate that signs has expired", async () => {
    simulator.faults = { expiredSigningCertificate: true };
    const fault = sts.stsFault(await issue(""));
    expect(fault.code).toBe(`{${sts.WST}}InvalidTimeRange`);
    expect(fault.text).toMatch(
      /^The token authority rejected an issue request for TimePeriod \[.+\] :: Signing certificate is not valid at .+, cert validity: TimePeriod \[startTime=.+, endTime=.+\]$/,
    );
  });

  it("are of the clock of the server, which the Date header tells", async () => {
    simulator.faults = { clockSkewSeconds: -7200 };
    const reply = await issue("");
    const begin = Date.parse(attribute(conditions(sts.assertionIn(reply)), "", "NotBefore")!);
    expect(Math.abs(begin - Date.parse(String(reply.headers.date)))).toBeLessThan(2000);
    expect(Date.now() - begin).toBeGreaterThan(7_190_000);
    simulator.faults = { clockSkewSeconds: 7200 };
    const { username, password } = simulator.users[0]!;
    const text = sts.message(sts.timestamp() + sts.usernameToken(username, password), sts.rst());
    expect(sts.stsFault(await sts.postSts(simulator, text)).code).toBe(`{${sts.WSSE}}MessageExpired`);
  });

  it("follow the policy, as does the signature", async () => {
    const strict = await startSimulator({
      nodes: 1,
      tokens: {
        clockToleranceSeconds: 0,
        maxBearerLifetimeSeconds: 300,
        maxHolderOfKeyLifetimeSeconds: 600,
        signatureAlgorithm: "rsa-sha1",
      },
    });
    const previous = simulator;
    simulator = strict;
    try {
      const bearer = await sts.bearer(simulator);
      const holder = await sts.holderOfKey(simulator);
      const length = (text: string): number =>
        endOf(text) - Date.parse(attribute(conditions(text), "", "NotBefore")!);
      expect([length(bearer), length(holder)]).toEqual([300_000, 600_000]);
      expect(bearer).toContain(`<ds:SignatureMethod Algorithm="${sts.DS}rsa-sha1"/>`);
      const now = Date.now();
      expect(sts.stsFault(await issue(sts.lifetime(now - 5000, now + 5000))).text).toContain(" of 0 ms.");
    } finally {
      simulator = previous;
      await strict.close();
    }
  });

  it.each([
    [{ clockToleranceSeconds: -1 }],
    [{ maxBearerLifetimeSeconds: 0.5 }],
    [{ signatureAlgorithm: "md5" as "rsa-sha1" }],
    [{ maxLifetime: 1 } as object],
  ])("refuse the policy %j", async (tokens) => {
    await expect(startSimulator({ tokens })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      hint: expect.stringMatching(/\.$/),
    });
  });
});
