import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { ProtocolError, TokenError, TrustError } from "../../src/errors.ts";
import { repeatsSecret } from "../../src/net/secret-words.ts";
import { redactError } from "../../src/sts/secrets.ts";
import { assertionXml } from "./assertions.ts";
import { alice, failure, granted, responding, SOAP, startSts, stsFault, WST } from "./sts-server.ts";

const LEFT_OUT = "the server's words are left out: they repeat a secret";
const PASSWORD = `Tr0ub "4"  d'or&<é>`;
const xml = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const everyCharacter = (text: string, write: (code: number) => string): string =>
  [...text].map((character) => write(character.codePointAt(0) ?? 0)).join("");
/** All that an error shows, in one text. */
const shown = (error: Error): string =>
  [inspect(error, { depth: 9, showHidden: true }), JSON.stringify(error), `${error}`, error.stack].join("\n");

/** What servers, proxies and pages make of a text. */
const FORMS: readonly (readonly [string, (secret: string) => string])[] = [
  ["as it is", (secret) => secret],
  ["in upper case", (secret) => secret.toUpperCase()],
  ["in lower case", (secret) => secret.toLowerCase()],
  ["as XML", xml],
  ["as XML twice", (secret) => xml(xml(secret))],
  ["as HTML with quotes", (secret) => xml(secret).replaceAll('"', "&quot;").replaceAll("'", "&#39;")],
  ["as decimal references", (secret) => everyCharacter(secret, (code) => `&#${code};`)],
  ["as hexadecimal references", (secret) => everyCharacter(secret, (code) => `&#x${code.toString(16)};`)],
  ["with white space collapsed", (secret) => secret.replaceAll(/\s+/g, " ")],
  ["with hard spaces", (secret) => secret.replaceAll(" ", "&nbsp;")],
  ["wrapped", (secret) => secret.replaceAll(/(.{3})/g, "$1\r\n")],
  ["as JSON", (secret) => JSON.stringify(secret)],
  [
    "as JSON in ASCII",
    (secret) => everyCharacter(secret, (code) => `\\u${code.toString(16).padStart(4, "0")}`),
  ],
  ["as JSON in JSON", (secret) => JSON.stringify(JSON.stringify(secret))],
  ["in a URL", encodeURIComponent],
  ["in a form", (secret) => new URLSearchParams({ p: secret }).toString()],
  ["in a URL in XML", (secret) => xml(`?a=1&p=${encodeURIComponent(secret)}`)],
  ["in base64", (secret) => Buffer.from(secret).toString("base64")],
  ["in base64url", (secret) => Buffer.from(secret).toString("base64url")],
  ["in Basic", (secret) => Buffer.from(`alice:${secret}`).toString("base64")],
  ["in Basic of another name", (secret) => Buffer.from(`bob@x:${secret} `).toString("base64")],
  ["in hex", (secret) => Buffer.from(secret).toString("hex")],
  ["in Latin 1 read as UTF-8", (secret) => Buffer.from(secret, "latin1").toString("utf8")],
  ["in UTF-8 read as Latin 1", (secret) => Buffer.from(secret).toString("latin1")],
];

describe("a secret is found in a text that has it", () => {
  test.each(FORMS)("%s", (name, write) => {
    for (const secret of [
      PASSWORD,
      "correct horse  battery",
      "ab%41&amp;c",
      "a+b\\nc/d=",
      "straße 12",
      "🔑 key?",
    ]) {
      const text = write(secret);
      // A sign that was lost leaves too little to tell the rest by.
      if (/latin/i.test(name) && /🔑/u.test(secret)) continue;
      expect(repeatsSecret(`you sent ${text} here`, [secret]), `${secret} as ${text}`).toBe(true);
    }
  });

  test.each(["a", "1", "x9", "abc", "é", "   ", "<&>"])("though it is as short as %j", (secret) => {
    expect(repeatsSecret(`you sent ${secret}.`, ["else where", secret])).toBe(true);
    expect(repeatsSecret(`you sent ${xml(secret)}.`, [secret])).toBe(true);
    expect(repeatsSecret("QQQ", [secret])).toBe(false);
  });

  test("and in no other", () => {
    for (const text of [
      "",
      "Invalid credentials",
      "The specified request failed.",
      "Tr0ub in the middle",
      `<a b="c">é</a>`,
    ]) {
      expect(repeatsSecret(text, [PASSWORD, "correct horse battery"])).toBe(false);
    }
    expect(repeatsSecret("anything", [])).toBe(false);
    expect(repeatsSecret("anything", [""])).toBe(false);
  });
});

describe("a server's words", () => {
  test.each(FORMS)(
    "are left out of a fault, and out of a page's quotation, with the password %s",
    async (_n, write) => {
      const text = write(PASSWORD);
      for (const answer of [
        stsFault(WST, "RequestFailed", xml(`cannot use ${text}`)),
        { status: 400, headers: { "content-type": "text/plain" }, body: `${"-".repeat(90)}${text} and more` },
      ]) {
        const sts = await startSts(() => answer);
        const error = await failure(
          sts.client.issue({ credential: { username: "alice", password: PASSWORD } }),
        );
        expect(error.message).toContain(LEFT_OUT);
        expect(shown(error)).not.toContain(text);
      }
    },
  );

  test("are left out wherever a fault has them, its meaning kept", async () => {
    const secret = "Tr0ub4dor";
    const fault = (code: string, words: string, detail: string): string =>
      `<S:Envelope xmlns:S="${SOAP}"><S:Body><S:Fault><faultcode xmlns:c="${WST}">${code}</faultcode><faultstring>${words}</faultstring><detail>${detail}</detail></S:Fault></S:Body></S:Envelope>`;
    for (const [body, code] of [
      [fault(secret, "words", "<a/>"), "SOAP_FAULT"],
      [fault(`c:${secret}`, "words", "<a/>"), "SOAP_FAULT"],
      [fault(`${secret}:c`, "words", "<a/>"), "SOAP_FAULT"],
      [fault("c:FailedAuthentication", `${secret} is locked`, "<a/>"), "ACCOUNT_LOCKED"],
      [fault("c:FailedAuthentication", "words", `<${secret}/>`), "AUTHENTICATION_FAILED"],
      [fault("c:FailedAuthentication", "words", `<a xmlns="urn:${secret}"/>`), "AUTHENTICATION_FAILED"],
      [
        fault("c:FailedAuthentication", "words", `<a><reason>${secret}</reason></a>`),
        "AUTHENTICATION_FAILED",
      ],
      [fault("c:FailedAuthentication", "words", `<a><${secret}>x</${secret}></a>`), "AUTHENTICATION_FAILED"],
    ] as const) {
      const sts = await startSts(() => ({ status: 500, body }));
      const error = await failure(sts.client.issue({ credential: { username: "alice", password: secret } }));
      expect(error).toMatchObject({ name: "StsFaultError", code });
      expect(shown(error)).not.toMatch(/Tr0ub4dor/i);
    }
  });

  test("stay where they repeat nothing, though the secret is short or is in words of ours", async () => {
    for (const password of ["zz9", "Security Token Service", "FailedAuthentication"]) {
      const sts = await startSts(() => stsFault(WST, "FailedAuthentication", "Invalid credentials"));
      const error = await failure(sts.client.issue({ credential: { username: "alice", password } }));
      expect(error.message).toMatch(/refused Issue: FailedAuthentication: Invalid credentials$/);
    }
  });

  test("are left out for a short password that they repeat", async () => {
    const sts = await startSts(() => stsFault(WST, "FailedAuthentication", "zz9 is wrong"));
    const error = await failure(sts.client.issue({ credential: { username: "alice", password: "zz9" } }));
    expect(error).toMatchObject({ code: "AUTHENTICATION_FAILED", faultString: LEFT_OUT });
    expect(shown(error)).not.toContain("zz9");
  });

  test.each([
    ["a page behind much white space", { status: 400, body: `${" ".repeat(380)}Tr0ub4dor is what you sent` }],
    ["a page of the status 404", { status: 404, body: "you sent Tr0ub4dor" }],
    ["a page", { status: 200, body: "<html>Tr0ub4dor</html>" }],
    ["an element", { status: 200, body: `<Tr0ub4dor/>` }],
    ["an end tag", { status: 200, body: `<a></Tr0ub4dor>` }],
    [
      "another answer",
      { status: 200, body: responding("").replaceAll("SecurityTokenResponse", "Tr0ub4dor") },
    ],
    [
      "a type",
      { status: 200, body: granted(assertionXml()).replaceAll("SAML:2.0:assertion</wst", "Tr0ub4dor</wst") },
    ],
    [
      "another token",
      {
        status: 200,
        body: responding("<wst:RequestedSecurityToken><Tr0ub4dor/></wst:RequestedSecurityToken>"),
      },
    ],
    [
      "a token that cannot be read",
      { status: 200, body: granted(assertionXml().replace(/Version="2.0"/, 'Version="Tr0ub4dor"')) },
    ],
    [
      "a cut reply",
      {
        status: 200,
        headers: { "content-length": "999", connection: "close" },
        body: `<a>${"-".repeat(99)}Tr0ub4dor and more`,
      },
    ],
    [
      "a cut reply, cut again within the password",
      {
        status: 200,
        headers: { "content-length": "999", connection: "close" },
        body: `<a>${"-".repeat(111)}Tr0ub4dor and more`,
      },
    ],
  ])("are left out of every other error, and of its causes: %s", async (_name, answer) => {
    const sts = await startSts(() => answer, { retry: false });
    const error = await failure(
      sts.client.issue({ credential: { username: "alice", password: "Tr0ub4dor" } }),
    );
    expect(shown(error)).toContain(LEFT_OUT);
    expect(shown(error)).not.toMatch(/Tr0/i);
  });
});

describe("an error", () => {
  const request = { operation: "Issue", url: "https://vc/sts" };

  test("loses what it quotes at every depth, and keeps its frames, names and codes", () => {
    const deepest = Object.assign(new Error("secret1"), { data: { list: ["a", "SECRET1"] } });
    const cause = new AggregateError([deepest, new Error("fine")], "secret1 too", { cause: "secret1" });
    const error = new ProtocolError("RESPONSE_HTML", 'it said "the sec…', { url: "https://vc/sts", cause });
    const frames = error.stack?.split("\n").slice(1);
    redactError(error, ["secret1"], request);
    expect(shown(error)).not.toMatch(/secret1|sec…/i);
    expect(error).toMatchObject({
      message: `Issue failed at https://vc/sts: ${LEFT_OUT}`,
      code: "RESPONSE_HTML",
      url: "https://vc/sts",
    });
    expect(error.stack?.split("\n").slice(1)).toEqual(frames);
    expect(deepest.data.list[0]).toBe("a");
  });

  test("that quotes nothing of them stays as it is", () => {
    const message = 'https://vc/sts answered with HTTP status 400: "no"';
    for (const secrets of [[], ["vc/sts"], ["zz"], ["none of it"]]) {
      const error = new TokenError("TOKEN_MALFORMED", message, { cause: new Error("x") });
      const { stack } = error;
      redactError(error, secrets, request);
      expect(error).toMatchObject({ message, stack });
    }
  });

  test("of the caller's signal is not touched", async () => {
    const reason = new Error(`stop ${alice.password}`);
    const sts = await startSts(() => granted(assertionXml()));
    const caller = new AbortController();
    setImmediate(() => caller.abort(reason));
    const error = await failure(sts.client.issue({ credential: alice, signal: caller.signal }));
    expect(error.cause).toBe(reason);
    expect(reason.message).toBe(`stop ${alice.password}`);
  });
});

describe("an error of the connection, where a token was to be sent", () => {
  const signature = Buffer.alloc(256, "signature of the token").toString("base64");
  const token = `<saml2:Assertion IssueInstant="2026-11-21T19:40:00Z"><Issuer>https://vc01.sim.example/websso/SAML2/Metadata/vsphere.local</Issuer><SignatureValue>${signature}</SignatureValue></saml2:Assertion>`;
  const request = { operation: "POST /api/session", url: "https://vc01.sim.example/api/session" };
  const trustError = (subject: string): TrustError => {
    const certificate = {
      sha256: "AA:BB",
      subject,
      issuer: "CN=CA, O=vc01.sim.example",
      notBefore: "2026-11-21T19:40:00Z",
      notAfter: "2027-11-21T19:40:00Z",
    };
    const message = `The TLS certificate of vc01.sim.example:443 is not trusted; served: subject ${subject}, valid ${certificate.notBefore}`;
    return new TrustError(message, {
      host: "vc01.sim.example:443",
      reason: "self-signed",
      certificate,
    });
  };

  test("keeps the names and dates that a certificate and the token share", () => {
    const [error, before] = [trustError("CN=vc01.sim.example"), trustError("CN=vc01.sim.example")];
    redactError(error, [token], request);
    expect([error.message, error.certificate]).toEqual([before.message, before.certificate]);
  });

  test("keeps its dates and fingerprints, whatever the password", () => {
    const error = trustError("CN=x");
    redactError(error, ["2026", "aa:bb"], request);
    expect(error.certificate).toMatchObject({ sha256: "AA:BB", notBefore: "2026-11-21T19:40:00Z" });
  });

  test.each([
    ["the token", token],
    ["its signature", signature],
    ["a piece of its signature", signature.slice(90, 130)],
    ["it in base64", Buffer.from(token).toString("base64")],
  ])("shows no certificate that repeats %s", (_, words) => {
    const error = trustError(`CN=${words}`);
    redactError(error, [token], request);
    expect(shown(error)).not.toContain(words);
    expect(error.certificate!.subject).toBe(LEFT_OUT);
  });
});
