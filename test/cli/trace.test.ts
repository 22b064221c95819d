import { chmod, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redactBody, redactUrl } from "../../src/cli/output/redact.ts";
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

  it("does not hide that the server is none", async () => {
    const { code, err } = await vsso(["nodes", "not a server", "--trace", await traceFile()]);
    expect(code).toBe(2);
    expect(err).toContain("Not a server");
  });
});

describe("redaction of messages", () => {
  it.each([
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
    ["JSON that was cut", '{"access_token":"S3cre', '{"access_token":"[redacted]'],
    [
      "tokens within the JSON of vAPI",
      '{"spec":{"subject_token":"S3","audience":"a"}}',
      '{"spec":{"subject_token":"[redacted]","audience":"a"}}',
    ],
    ["no error's code", '{"error":"invalid_grant","code":"kept"}', '{"error":"invalid_grant","code":"kept"}'],
    [
      "no text that mentions them",
      "the access_token = none; password=kept",
      "the access_token = none; password=kept",
    ],
    ["nothing else", "<Passwords>kept</Passwords> Password", "<Passwords>kept</Passwords> Password"],
  ])("takes %s", (_, message, redacted) => {
    expect(redactBody(message)).toBe(redacted);
  });

  it("of a hostile message ends", () => {
    const hostile = "<Password ".repeat(200_000) + "<Password>".repeat(200_000);
    expect(redactBody(hostile)).toMatch(/<Password>\[redacted\]$/);
    const json = `${'"password":"'.repeat(100_000)}${"\\".repeat(100_001)}`;
    expect(redactBody(json).length).toBeLessThan(json.length * 2);
  });

  it("takes secrets of a query", () => {
    expect(redactUrl("https://idp.example/cb?state=s&code=S3&access_token=S3#x")).toBe(
      "https://idp.example/cb?state=s&code=[redacted]&access_token=[redacted]#x",
    );
  });
});
