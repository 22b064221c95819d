import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { inspect } from "node:util";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { TOKEN_CHANNEL, type TokenEvent } from "../../src/sts/index.ts";
import type { RsaIdentity } from "../helpers/rsa.ts";
import { assertionVerifies, assertionXml, signAssertion } from "./assertions.ts";
import {
  alice,
  failure,
  granted,
  keyPair,
  makeKey,
  responding,
  SOAP,
  soap,
  startSts,
  WST,
} from "./sts-server.ts";

let holder: RsaIdentity;
let other: RsaIdentity;

beforeAll(async () => {
  [holder, other] = await Promise.all([makeKey("holder"), makeKey("other")]);
});

const token = (content: string, rest = ""): string =>
  responding(`<wst:RequestedSecurityToken>${content}</wst:RequestedSecurityToken>${rest}`);

async function answered(answer: string) {
  const sts = await startSts(() => answer);
  return sts.client.issue({ credential: alice });
}

describe("a token in an answer", () => {
  test.each([
    ["in a collection", (assertion: string) => granted(assertion)],
    ["bare", (assertion: string) => granted(assertion, false)],
    [
      "in another order",
      (a: string) =>
        responding(
          `<wst:KeyType>x</wst:KeyType><wst:TokenType> URN:oasis:names:tc:saml:2.0:assertion </wst:TokenType><new xmlns="urn:new"/><wst:RequestedSecurityToken>\n${a}\n</wst:RequestedSecurityToken>`,
        ),
    ],
    ["without a type", (a: string) => token(a)],
  ])("is taken to the character, %s", async (_name, answer) => {
    const assertion = signAssertion(assertionXml(), other)
      .replace("<saml2:Issuer Format=", "<saml2:Issuer  Format =")
      .replace("alice@", "&#97;lice@");
    const { assertion: taken, subject } = await answered(answer(assertion));
    expect(taken).toBe(assertion);
    expect(subject).toBe("alice@VSPHERE.LOCAL");
    expect(assertionVerifies(taken, other)).toBe(true);
  });

  test("brings along the declarations that it inherits, and verifies by itself", async () => {
    const xs = ` xmlns:xs="http://www.w3.org/2001/XMLSchema"`;
    const xsi = ` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"`;
    const saml2 = ` xmlns:saml2="urn:oasis:names:tc:SAML:2.0:assertion"`;
    const signed = signAssertion(assertionXml(), other);
    const bare = [xs, xsi, saml2].reduce((text, each) => text.replace(each, ""), signed);
    const answer = token(bare)
      .replace("<S:Envelope", `<S:Envelope${xs}${saml2}`)
      .replace("<S:Body", `<S:Body${xsi}`);
    const { assertion } = await answered(answer);
    expect(assertion).toContain(bare.slice("<saml2:Assertion".length));
    expect(assertionVerifies(assertion, other)).toBe(true);
  });

  test("is the one granted, whatever other assertions stand around it, and however its ID is written", async () => {
    const other = assertionXml({ subject: "mallory" });
    const mine = assertionXml();
    const id = /ID="(_[^"]*)"/.exec(mine)?.[1] ?? "";
    const written = [
      mine,
      mine.replace(`ID="${id}"`, `ID='&#95;${id.slice(1)}'`),
      mine.replace(`ID="${id}"`, `ID\n=\t"${id}"`),
    ];
    const decoy = other.replace(/ ID="[^"]*"/, ` ID="_2" Consent=" ID='${id}' "`);
    const response = "<wst:RequestSecurityTokenResponse>";
    const requested = "<wst:RequestedSecurityToken>";
    for (const assertion of written) {
      const around = [
        token(assertion).replace("<S:Body>", `<S:x>${decoy}</S:x><S:Body>`),
        token(assertion).replace("</wsse:Security>", `${decoy}</wsse:Security>`),
        token(assertion).replace(response, `${response}<wst:Other>${decoy}</wst:Other>`),
        token(assertion).replace(
          response,
          `${response}<wst:Other>${requested.replace(">", "/>")}</wst:Other>`,
        ),
        token(assertion).replace(
          response,
          `<o>${requested}${decoy}</wst:RequestedSecurityToken></o>${response}`,
        ),
        token(assertion, `<wst:Other>${decoy}</wst:Other>`),
      ];
      for (const answer of around) {
        const taken = await answered(answer);
        expect(taken.assertion).toBe(assertion);
        expect(taken.info.id).toBe(id);
      }
    }
  });

  test("may be of any prefix", async () => {
    const { assertion } = await answered(token(assertionXml().replaceAll("saml2", "S")));
    expect(assertion).toMatch(/^<S:Assertion xmlns:S="urn:oasis/);
  });

  test("is in nothing that prints", async () => {
    const issued = await answered(granted(assertionXml()));
    expect(
      inspect(issued, { depth: 9, showHidden: true }) + JSON.stringify(issued) + String(issued),
    ).not.toContain("AttributeStatement");
  });
});

describe("an answer that grants nothing usable", () => {
  test.each([
    [
      "no response",
      soap(`<wst:RequestSecurityTokenResponseCollection xmlns:wst="${WST}"/>`),
      /holds 0 responses/,
    ],
    [
      "two responses",
      soap(
        `<wst:RequestSecurityTokenResponseCollection xmlns:wst="${WST}"><wst:RequestSecurityTokenResponse/><wst:RequestSecurityTokenResponse/></wst:RequestSecurityTokenResponseCollection>`,
      ),
      /holds 2 responses/,
    ],
    ["another answer", soap("<ListResponse xmlns='urn:lookup'/>"), /\{urn:lookup\}ListResponse instead of/],
    ["the same of WS-Trust 1.2", soap('<RequestSecurityTokenResponse xmlns="urn:t"/>'), /instead of/],
    ["neither token nor context", responding(""), /without a token/],
    ["an empty token", token(""), /grants nothing instead/],
    ["two tokens", token(assertionXml() + assertionXml()), /grants Assertion, Assertion instead/],
    ["two places for tokens", token(assertionXml(), "<wst:RequestedSecurityToken/>"), /several tokens/],
    [
      "SAML 1.1",
      token('<Assertion xmlns="urn:oasis:names:tc:SAML:1.0:assertion"/>'),
      /grants Assertion instead/,
    ],
    [
      "an encrypted assertion",
      token('<s:EncryptedAssertion xmlns:s="urn:oasis:names:tc:SAML:2.0:assertion"/>'),
      /grants EncryptedAssertion/,
    ],
    [
      "another type",
      token(assertionXml(), "<wst:TokenType>urn:oasis:names:tc:SAML:1.0:assertion</wst:TokenType>"),
      /type "urn:oasis:names:tc:SAML:1.0:assertion" instead/,
    ],
    [
      "a header that must be understood",
      token(assertionXml()).replace("<S:Header>", `<S:Header><x xmlns="urn:x" S:mustUnderstand="1"/>`),
      /must be understood/,
    ],
  ])("is told from one that does: %s", async (_name, answer, text) => {
    const error = await failure(answered(answer));
    expect(error.code).toBe("RESPONSE_UNEXPECTED");
    expect(error.message).toMatch(text);
    expect(error.message).toContain("/sts/STSService");
  });

  test.each([
    [
      "an assertion without conditions",
      token(assertionXml().replace(/<saml2:Conditions.*<\/saml2:Conditions>/, "")),
      "TOKEN_MALFORMED",
    ],
    ["an empty body", "", "RESPONSE_EMPTY"],
    ["a page", "<html>hello</html>", "RESPONSE_HTML"],
    ["a cut answer", granted(assertionXml()).slice(0, -90), "RESPONSE_TRUNCATED"],
    ["a DOCTYPE", `<!DOCTYPE x>${granted(assertionXml()).replace(/^<\?.*?\?>/, "")}`, "XML_DOCTYPE"],
    [
      "SOAP 1.2",
      granted(assertionXml()).replace(SOAP, "http://www.w3.org/2003/05/soap-envelope"),
      "RESPONSE_NOT_SOAP",
    ],
    ["JSON", '{"a":1}', "RESPONSE_NOT_SOAP"],
    ["3 MB", token(`${assertionXml()}${" ".repeat(3 << 20)}`), "XML_LIMIT"],
    ["50 MB", " ".repeat(50 << 20), "RESPONSE_TOO_LARGE"],
    ["very many elements", token(`${assertionXml()}${"<a/>".repeat(60_000)}`), "XML_LIMIT"],
  ])("fails by what it is: %s", async (_name, answer, code) => {
    expect(await failure(answered(answer))).toMatchObject({ code });
  });
});

describe("a token that is not what was asked for", () => {
  test.each([
    ["holder-of-key instead of bearer", false, () => assertionXml({ holder })],
    ["bound to another key", true, () => assertionXml({ holder: other })],
  ])("is refused: %s", async (_name, bound, assertion) => {
    const sts = await startSts(() => granted(assertion()));
    const error = await failure(
      sts.client.issue({ credential: alice, ...(bound && { holderOfKey: keyPair(holder) }) }),
    );
    expect(error).toMatchObject({ name: "TokenError", code: "TOKEN_UNUSABLE" });
  });
});

describe("a bearer token for a request with a key", () => {
  test("is taken, without the key, and tells what was asked for", async () => {
    const sts = await startSts(() => granted(assertionXml()));
    const token = await sts.client.issue({ credential: alice, holderOfKey: keyPair(holder) });
    expect(token).toMatchObject({ kind: "bearer", requestedKind: "holder-of-key", signer: undefined });
    expect(await sts.client.issue({ credential: alice })).toMatchObject({ requestedKind: "bearer" });
  });
});

describe("the lifetime granted", () => {
  test("is the token's, beside what was asked for, on the token and on the channel", async () => {
    const events: unknown[] = [];
    const listener = (event: unknown): void => {
      events.push(event);
    };
    subscribe(TOKEN_CHANNEL, listener);
    onTestFinished(() => {
      unsubscribe(TOKEN_CHANNEL, listener);
    });
    const sts = await startSts(() => granted(assertionXml({ lifetimeSeconds: 300, delegationCount: 10 })));
    const asked = await sts.client.issue({ credential: alice, lifetimeSeconds: 3600 });
    expect(asked).toMatchObject({ requestedLifetimeSeconds: 3600, grantedLifetimeSeconds: 300 });
    const left = await sts.client.issue({ credential: alice });
    expect(left.requestedLifetimeSeconds).toBeUndefined();
    const event: TokenEvent = {
      host: sts.server.authority,
      operation: "issue",
      kind: "bearer",
      requestedKind: "bearer",
      requestedLifetimeSeconds: 3600,
      grantedLifetimeSeconds: 300,
      renewable: false,
      delegatable: true,
    };
    expect(events).toEqual([event, { ...event, requestedLifetimeSeconds: undefined }]);
  });
});
