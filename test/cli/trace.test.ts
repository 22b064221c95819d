import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redactBody, redactUrl } from "../../src/cli/output/redact.ts";
import { Trace } from "../../src/cli/output/trace.ts";
import { Transport } from "../../src/net/transport.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { authority, jsonError, servedFingerprints, temporaryFolder, vsso } from "./host.ts";
import { listAnswer, startImposter, vcenterRow } from "./servers.ts";

describe("--trace", () => {
  let simulator: Simulator;
  let argv: readonly string[];

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 2 });
    argv = [authority(simulator), "--ca", simulator.caFile];
  });
  afterAll(() => simulator.close());

  const traceFile = async (): Promise<string> => join(await temporaryFolder(), "trace");

  it("writes requests and replies to a file that only its owner can read", async () => {
    const file = await traceFile();
    const plain = await vsso(["discover", ...argv]);
    expect(await vsso(["discover", ...argv, "--trace", file])).toEqual(plain);
    expect(plain.code).toBe(0);
    const { mode } = await stat(file);
    expect(mode & 0o777).toBe(0o600);
    const text = await readFile(file, "utf8");
    const url = `https://${authority(simulator)}/lookupservice/sdk`;
    expect(text).toMatch(
      new RegExp(`^\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z > POST ${url}\\n> content-type: text/xml`),
    );
    expect(text).toContain('\n> soapaction: "urn:lookup/2.0"\n');
    expect(text).toMatch(new RegExp(`^\\S+Z < 200 ${url}$`, "m"));
    expect(text).toContain("\n< server: envoy\n");
    expect(text).toContain("<List ");
    expect(text).toContain("vc02.sim.example");
  });

  it("makes an existing file private and starts it anew", async () => {
    const file = await traceFile();
    await writeFile(file, "of yesterday\n", { mode: 0o644 });
    await chmod(file, 0o644);
    expect((await vsso(["lookup", "site", ...argv, "--trace", file])).code).toBe(0);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, "utf8")).not.toContain("of yesterday");
  });

  it("holds every exchange of the command, one after the other", async () => {
    const file = await traceFile();
    // By pin the second node is asked with a transport of its own.
    const [leaf = ""] = await servedFingerprints(simulator.servers[0]!.port);
    const pinned = ["discover", authority(simulator), "--pin", leaf, "--about", "--trace", file];
    expect((await vsso(pinned)).code).toBe(0);
    const text = await readFile(file, "utf8");
    expect(
      text
        .match(/^\S+Z > POST \S+$/gm)
        ?.map((line) => line.replace(/^\S+Z > POST /, ""))
        .sort(),
    ).toEqual(
      [
        `https://${authority(simulator)}/lookupservice/sdk`,
        `https://${authority(simulator)}/sdk`,
        `https://${authority(simulator, 2)}/sdk`,
        `https://${authority(simulator, 2)}/sdk`,
      ].sort(),
    );
    expect(text.match(/^\S+Z ! \S+ .*not trusted/gm)).toHaveLength(1);
  });

  it("leaves secrets and control characters out", async () => {
    const file = await traceFile();
    const imposter = await startImposter({
      "/lookupservice/sdk": {
        ...listAnswer(`${vcenterRow("vc01\u009b31m")}<dbPass>S3cret</dbPass>`),
        headers: {
          "set-cookie": "JSESSIONID=S3cret",
          "vmware-api-session-id": "S3cret",
          "x-harmless": "yes",
          location: "https://idp.example/cb?state=s&code=S3cret",
        },
      },
    });
    expect((await vsso(["lookup", "list", imposter.server, ...imposter.pin, "--trace", file])).code).toBe(0);
    const text = await readFile(file, "utf8");
    expect(text).not.toContain("S3cret");
    expect(text).toContain("\n< set-cookie: [redacted]\n");
    expect(text).toContain("\n< vmware-api-session-id: [redacted]\n");
    expect(text).toContain("<dbPass>[redacted]</dbPass>");
    expect(text).toContain("\n< x-harmless: yes\n");
    expect(text).toContain("\n< location: https://idp.example/cb?state=s&code=[redacted]\n");
    expect(text).toContain("vc01\\u009b31m");
    expect(text).not.toContain("\u009b");
  });

  it.each([
    ["discover", "no such folder"],
    ["nodes", "no such folder"],
    ["lookup site", "a folder"],
  ])("of %s to %s is an error of usage, before anything is asked", async (command, where) => {
    const folder = await temporaryFolder();
    const file = where === "a folder" ? folder : join(folder, "missing", "trace");
    const before = simulator.requests.length;
    const result = await vsso([...command.split(" "), ...argv, "--trace", file, "-o", "json"]);
    expect(result).toMatchObject({ code: 2, out: "" });
    expect(jsonError(result)).toMatchObject({
      code: "USAGE",
      message: `the trace cannot be written to ${file}`,
    });
    expect(simulator.requests.length).toBe(before);
  });

  it("holds no session, though the answer has no name for it, but holds what refuses one", async () => {
    const imposter = await startImposter({
      "/api/session": { status: 201, body: '"S3cret"' },
      "/rest/com/vmware/cis/session": { status: 401, body: '{"error_type":"UNAUTHENTICATED"}' },
    });
    const file = await traceFile();
    const [, pin = ""] = imposter.pin;
    await using transport = new Transport({ trust: { pins: [pin] } });
    {
      await using trace = await Trace.open(file);
      for (const path of ["/api/session", "/rest/com/vmware/cis/session"]) {
        await trace.of(transport).request(`https://${imposter.server}${path}`, { method: "POST" });
      }
    }
    const text = await readFile(file, "utf8");
    expect(text).not.toContain("S3cret");
    expect(text).toContain("[redacted: a session]");
    expect(text).toContain('{"error_type":"UNAUTHENTICATED"}');
  });

  it("holds no session ID that a server repeats, however it does", async () => {
    const imposter = await startImposter({
      "/api/echo": {
        body: '{"you":"sent 0123456789abcdef","basic":"dXNlcjpwYXNz"}',
        headers: { "x-echo": "0123456789abcdef" },
      },
      "/sdk/echo": { body: "<a>cookie-0123 and 0123456789abcdef</a>" },
    });
    const file = await traceFile();
    const [, pin = ""] = imposter.pin;
    await using transport = new Transport({ trust: { pins: [pin] } });
    {
      await using trace = await Trace.open(file);
      const request = (path: string, headers: Record<string, string>) =>
        trace.of(transport).request(`https://${imposter.server}${path}`, { method: "POST", headers });
      await request("/api/echo", {
        "vmware-api-session-id": "0123456789abcdef",
        authorization: "Basic dXNlcjpwYXNz",
      });
      await request("/sdk/echo", { cookie: 'vmware_soap_session="cookie-0123"; a=b' });
    }
    const text = await readFile(file, "utf8");
    expect(text).not.toMatch(/0123456789abcdef|cookie-0123|dXNlcjpwYXNz/);
    expect(text).toContain("sent [redacted]");
    expect(text).toContain("x-echo: [redacted]");
    expect(text).toContain("<a>[redacted] and [redacted]</a>");
  });

  it.each([
    "/sdk/vim25/8.0.3.0/SessionManager/SessionManager/AcquireCloneTicket",
    "/sdk/vim25/8.0.3.0/VirtualMachine/vm-1/AcquireMksTicket",
  ])("holds no ticket that is answered under no name, at %s", (path) => {
    expect(redactBody('"S3cret"', `https://h${path}`)).toBe("[redacted: a session]");
    expect(redactBody('"harmless"', "https://h/sdk/vim25/8.0.3.0/Folder/group-d1/name")).toBe('"harmless"');
  });

  it("does not hide that the server is none", async () => {
    const { code, err } = await vsso(["nodes", "not a server", "--trace", await traceFile()]);
    expect(code).toBe(2);
    expect(err).toContain("Not a server");
  });
});

describe("redaction of messages", () => {
  it.each([
    [
      "a session cookie in a SOAP header",
      "<h><vcSessionCookie>S3</vcSessionCookie></h>",
      "<h><vcSessionCookie>[redacted]</vcSessionCookie></h>",
    ],
    [
      "a clone ticket",
      "<CloneSession><cloneTicket>S3</cloneTicket></CloneSession>",
      "<CloneSession><cloneTicket>[redacted]</cloneTicket></CloneSession>",
    ],
    [
      "the answer to AcquireCloneTicket",
      "<AcquireCloneTicketResponse><returnval>S3</returnval></AcquireCloneTicketResponse>",
      "<AcquireCloneTicketResponse>[redacted]</AcquireCloneTicketResponse>",
    ],
    [
      "a session made by JSON-RPC",
      '{"result":{"output":{"SECRET":"S3"}}}',
      '{"result":{"output":{"SECRET":"[redacted]"}}}',
    ],
    [
      "a session sent by JSON-RPC",
      '{"ctx":{"securityCtx":{"schemeId":"x","sessionId":"S3"}}}',
      '{"ctx":{"securityCtx":{"schemeId":"x","sessionId":"[redacted]"}}}',
    ],
    [
      "credentials of JSON-RPC",
      '{"securityCtx":{"userName":"u","password":"S3","samlToken":"S3","accessToken":"S3"}}',
      '{"securityCtx":{"userName":"u","password":"[redacted]","samlToken":"[redacted]","accessToken":"[redacted]"}}',
    ],
    [
      "a password",
      "<wsse:Password Type='x'>S3</wsse:Password>",
      "<wsse:Password Type='x'>[redacted]</wsse:Password>",
    ],
    ["without prefix", "<a><password>S3</password></a>", "<a><password>[redacted]</password></a>"],
    [
      "several",
      "<dbUser>S3</dbUser><dbPass>S3</dbPass>",
      "<dbUser>[redacted]</dbUser><dbPass>[redacted]</dbPass>",
    ],
    [
      "a whole assertion",
      "<s:Assertion ID='_1'><s:Issuer>S3</s:Issuer></s:Assertion><b/>",
      "<s:Assertion ID='_1'>[redacted]</s:Assertion><b/>",
    ],
    ["what a cut message still holds", "<a><Password>S3", "<a><Password>[redacted]"],
    [
      "content that looks like an element",
      "<Password><![CDATA[</b>S3]]></Password>",
      "<Password>[redacted]</Password>",
    ],
    ["an empty element", "<Password /><b>kept</b>", "<Password /><b>kept</b>"],
    [
      "a SecurID passcode",
      "<wsse:Passcode>123456</wsse:Passcode>",
      "<wsse:Passcode>[redacted]</wsse:Passcode>",
    ],
    [
      "a leg of SPNEGO",
      '<wst:BinaryExchange ValueType="v">YII=</wst:BinaryExchange>',
      '<wst:BinaryExchange ValueType="v">[redacted]</wst:BinaryExchange>',
    ],
    [
      "what a smart card signed",
      "<UserCertificateToken><SignatureValue>S3</SignatureValue></UserCertificateToken><b/>",
      "<UserCertificateToken>[redacted]</UserCertificateToken><b/>",
    ],
    [
      "fields of a form",
      "grant_type=password&username=me&password=S3%20cret&client_secret=S3&scope=openid",
      "grant_type=password&username=me&password=[redacted]&client_secret=[redacted]&scope=openid",
    ],
    [
      "tokens of a form, the first field too",
      "subject_token=eyJ.S3&subject_token_type=jwt&actor_token=S3&code=S3&code_verifier=S3&assertion=S3",
      "subject_token=[redacted]&subject_token_type=jwt&actor_token=[redacted]&code=[redacted]&code_verifier=[redacted]&assertion=[redacted]",
    ],
    [
      "tokens in JSON",
      '{"access_token":"S3","id_token" : "S3","refresh_token":"S\\"3","expires_in":60,"token_type":"bearer"}',
      '{"access_token":"[redacted]","id_token" : "[redacted]","refresh_token":"[redacted]","expires_in":60,"token_type":"bearer"}',
    ],
    [
      "tokens within the JSON of vAPI",
      '{"spec":{"subject_token":"S3","audience":"a"}}',
      '{"spec":{"subject_token":"[redacted]","audience":"a"}}',
    ],
    ["no error's code", '{"error":"invalid_grant","code":"kept"}', '{"error":"invalid_grant","code":"kept"}'],
    [
      "of attributes that hold tags",
      '<a p="<"><Password Type="/>">S3</Password></a>',
      '<a p="<"><Password Type="/>">[redacted]</Password></a>',
    ],
    [
      "up to the end tag of the very name",
      "<s:Assertion><s:AssertionIDRef>S3</s:AssertionIDRef>S3</s:Assertion><b/>",
      "<s:Assertion>[redacted]</s:Assertion><b/>",
    ],
    [
      "up to the end tag of the same level",
      "<Assertion><Advice><Assertion/><Assertion>S3</Assertion></Advice>S3</Assertion><b>kept</b>",
      "<Assertion>[redacted]</Assertion><b>kept</b>",
    ],
    [
      "an end within CDATA",
      "<Password><![CDATA[</Password>S3]]></Password>",
      "<Password>[redacted]</Password>",
    ],
    [
      "an end within a comment",
      "<Password><!--</Password>-->S3</Password>",
      "<Password>[redacted]</Password>",
    ],
    [
      "a comment",
      "<a><!--<Password>-->x<Password>S3</Password></a>",
      "<a><!--[redacted]-->x<Password>[redacted]</Password></a>",
    ],
    ["any prefix", `<pä:Password>S3</pä:Password>`, "<pä:Password>[redacted]</pä:Password>"],
    [
      "a long prefix",
      `<${"p".repeat(300)}:Password>S3</${"p".repeat(300)}:Password>`,
      `<${"p".repeat(300)}:Password>[redacted]</${"p".repeat(300)}:Password>`,
    ],
    [
      "a line within a tag",
      "<wsse:Password\n Type='a'\n>S3</wsse:Password\n>",
      "<wsse:Password\n Type='a'\n>[redacted]</wsse:Password\n>",
    ],
    [
      "secret attributes",
      `<a password='S3' sessionId="S3" id="kept"/>`,
      `<a password='[redacted]' sessionId="[redacted]" id="kept"/>`,
    ],
    [
      "the key of a session",
      "<LoginResponse><returnval><key>S3</key></returnval></LoginResponse>",
      "<LoginResponse>[redacted]</LoginResponse>",
    ],
    [
      "a message in a message",
      "<detail>&lt;wsse:Password Type='x'&gt;S3&lt;/wsse:Password&gt;</detail>",
      "<detail>&lt;wsse:Password Type=&apos;x&apos;&gt;[redacted]&lt;/wsse:Password&gt;</detail>",
    ],
    [
      "a message in CDATA",
      "<detail><![CDATA[<Password>S3</Password>]]></detail>",
      "<detail><![CDATA[<Password>[redacted]</Password>]]></detail>",
    ],
    ["a message behind words", "<f>bad: &amp;lt;Password&amp;gt;S3</f>", "<f>[redacted]</f>"],
    ["what was cut in a tag", '<a><b>kept</b><Password Type="S3', "<a><b>kept</b>[redacted]"],
    [
      "no words of a fault",
      "<faultstring>Invalid password of &lt;5 users</faultstring>",
      "<faultstring>Invalid password of &lt;5 users</faultstring>",
    ],
    ["no text like a tag", '{"a":"<5 minutes","b":"<unset>"}', '{"a":"<5 minutes","b":"<unset>"}'],
    [
      "a certificate's neighbours only",
      `<sslTrust>MII${"Q".repeat(900)}</sslTrust>`,
      `<sslTrust>MII${"Q".repeat(900)}</sslTrust>`,
    ],
    [
      "JSON in JSON",
      JSON.stringify({ a: JSON.stringify({ password: "S3", b: "kept" }) }),
      JSON.stringify({ a: JSON.stringify({ password: "[redacted]", b: "kept" }) }),
    ],
    [
      "XML in JSON",
      JSON.stringify({ a: "<Password>S3</Password>" }),
      JSON.stringify({ a: "<Password>[redacted]</Password>" }),
    ],
    ["JSON in XML", '<a>{"password":"S3"}</a>', "<a>{&quot;password&quot;:&quot;[redacted]&quot;}</a>"],
    [
      "an array of tokens",
      '{"access_token":["S3",{"a":["S3"]}],"b":[1,"kept"]}',
      '{"access_token":"[redacted]","b":[1,"kept"]}',
    ],
    [
      "an object and a number",
      '{"password":{"SECRET":"S3"},"passcode":123456,"b":1}',
      '{"password":"[redacted]","passcode":"[redacted]","b":1}',
    ],
    [
      "other spellings",
      '{"refreshToken":"S3","new-password":"S3","clientSecret":"S3","token":"S3","passw\\u006frd":"S3"}',
      '{"refreshToken":"[redacted]","new-password":"[redacted]","clientSecret":"[redacted]","token":"[redacted]","passw\\u006frd":"[redacted]"}',
    ],
    [
      "no member that says there is none",
      '{"password":null,"token":true,"n":12345678901234567890}',
      '{"password":null,"token":true,"n":12345678901234567890}',
    ],
    [
      "space of any length",
      `{"client_secret"${" ".repeat(90)}:${"\n".repeat(90)}"S3"}`,
      `{"client_secret"${" ".repeat(90)}:${"\n".repeat(90)}"[redacted]"}`,
    ],
    [
      "a token under another name",
      JSON.stringify({ value: `eyJ${"a".repeat(60)}.S3` }),
      '{"value":"[redacted]"}',
    ],
    [
      "a token in Base64",
      `<v>${Buffer.from(`<saml2:Assertion>${"x".repeat(40)}`).toString("base64")}</v>`,
      "<v>[redacted]</v>",
    ],
    ["JSON behind a byte order mark", '\uFEFF{"password":"S3"}', '{"password":"[redacted]"}'],
    [
      "fields in other spellings",
      "Password=S3&pass%77ord=S3&a=kept",
      "Password=[redacted]&pass%77ord=[redacted]&a=kept",
    ],
    ["JSON in a form", "a=%7B%22password%22%3A%22S3%22%7D&b=kept", "a=[redacted]&b=kept"],
    ["nothing else", "<Passwords>kept</Passwords> Password", "<Passwords>kept</Passwords> Password"],
  ])("takes %s", (_, message, redacted) => {
    expect(redactBody(message)).toBe(redacted);
  });

  it("of a hostile message ends", () => {
    const unreadable = "[redacted: cannot be read]";
    expect(redactBody("<Password ".repeat(200_000) + "<Password>".repeat(200_000))).toBe(unreadable);
    expect(redactBody("<Password>".repeat(200_000))).toBe("<Password>[redacted]");
    expect(redactBody(`${'"password":"'.repeat(100_000)}${"\\".repeat(100_001)}`)).toBe(unreadable);
    expect(redactBody(`<a>${"<b ".repeat(200_000)}`)).toBe(`<a>${"<b ".repeat(200_000)}`);
    const nested = `${"[".repeat(500_000)}{"password":"S3"}${"]".repeat(500_000)}`;
    expect(redactBody(nested)).toBe(nested.replace("S3", "[redacted]"));
    let deep = '{"password":"S3"}';
    for (let depth = 0; depth < 12; depth++) deep = JSON.stringify([deep]);
    expect(redactBody(deep)).not.toContain("S3");
  });

  it.each<[string, (secret: string) => string]>([
    ["a JSON string", (secret) => `{"password":"${secret}"}`],
    ["another JSON string", (secret) => `{"a":"${secret}","password":"S3"}`],
    ["an element", (secret) => `<Password>${secret}</Password>`],
    ["an attribute", (secret) => `<Password a="${secret}">S3</Password>`],
    ["a form", (secret) => `password=${secret}`],
    ["a text", (secret) => `the password is S3 ${secret}`],
  ])("of tens of millions of characters in %s ends", (_, message) => {
    expect(redactBody(message("x".repeat(30_000_000)))).not.toContain("S3");
    expect(redactBody(message("\\\\".repeat(15_000_000))).includes("S3")).toBe(false);
  });

  it.each([
    ["JSON that was cut", '{"access_token":"S3cre'],
    ["escaped XML", "&lt;wsse:Password&gt;S3&lt;/wsse:Password&gt;"],
    ["an escaped form", "%7B%22password%22%3A%22S3"],
    ["a page", "<!doctype html><pre>&lt;Assertion&gt;S3</pre>"],
    ["a page with a void element", "<html><br><input name=password value=S3></html>"],
    ["words", "the access_token = none; password is S3"],
    ["tags that do not match", "<a><Password>S3</a></Password>"],
    ["a document type", "<!DOCTYPE a [<!ENTITY p 'S3'>]><Password>&p;</Password>"],
    ["UTF-16", Buffer.from("<Password>S3</Password>", "utf16le").toString("utf8")],
    ["a location", "location: http://x/?code=S3"],
  ])("leaves nothing of %s, which cannot be read", (_, message) => {
    expect(redactBody(message)).toBe("[redacted: cannot be read]");
  });

  it.each(["<html><br><h1>502 Bad Gateway</h1></html>", "upstream connect error", "", " \n"])(
    "leaves %j, which holds no secret",
    (message) => expect(redactBody(message)).toBe(message),
  );

  it.each([
    "/session",
    "/api/session",
    "/api/session/",
    "/rest/com/vmware/cis/session",
    "/rest/com/vmware/cis/session?~action=get",
  ])("shows nothing of %s", (path) => {
    for (const body of ['"S3"', '{"value":"S3"}', "S3"]) {
      expect(redactBody(body, `https://vc01${path}`)).toBe("[redacted: a session]");
    }
    expect(redactBody("", `https://vc01${path}`)).toBe("");
    expect(redactBody('{"value":"kept"}', "https://vc01/api/sessions")).toBe('{"value":"kept"}');
  });

  it("takes secrets of a fragment and of names in other spellings", () => {
    expect(
      redactUrl("https://idp.example/cb?accessToken=S3&co%64e=S3&a=%7B%22password%22%3A1%7D#id_token=S3&b=1"),
    ).toBe(
      "https://idp.example/cb?accessToken=[redacted]&co%64e=[redacted]&a=[redacted]#id_token=[redacted]&b=1",
    );
  });

  it("takes secrets of a query", () => {
    expect(redactUrl("https://idp.example/cb?state=s&code=S3&access_token=S3#x")).toBe(
      "https://idp.example/cb?state=s&code=[redacted]&access_token=[redacted]#x",
    );
  });
});
