import { chmod, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { type Simulator, type SimulatorSolutionUser, startSimulator } from "../../src/simulator/index.ts";
import { encryptedKey, makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { assertionXml } from "../sts/assertions.ts";
import { authority, type CliOptions, type CliResult, jsonError, temporaryFolder, vsso } from "./host.ts";
import { answering, typing } from "./terminal.ts";

/** `token issue -o json`, in the order of its keys. */
interface TokenJson {
  readonly token: string;
  readonly kind: string;
  readonly subject: string;
  readonly issuer: string;
  readonly issuedAt: string;
  readonly notBefore: string;
  readonly notOnOrAfter: string;
  readonly renewable: boolean;
  readonly delegatable: boolean;
  readonly renewCount: number | null;
  readonly delegationCount: number | null;
}

const KEYS = [
  "token",
  "kind",
  "subject",
  "issuer",
  "issuedAt",
  "notBefore",
  "notOnOrAfter",
  "renewable",
  "delegatable",
  "renewCount",
  "delegationCount",
];
const RFC3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

let simulator: Simulator;
let server: string;
let ca: readonly string[];
let admin: { readonly username: string; readonly password: string };
let operator: { readonly username: string; readonly password: string };
let solution: SimulatorSolutionUser;
let second: SimulatorSolutionUser;
let stranger: RsaIdentity;

beforeAll(async () => {
  [simulator, stranger] = await Promise.all([startSimulator({ nodes: 2 }), makeRsaSelfSigned("stranger")]);
  server = authority(simulator);
  ca = ["--ca", simulator.caFile];
  [admin, operator] = [simulator.users[0]!, simulator.users[1]!];
  [solution, second] = [simulator.solutionUsers[0]!, simulator.solutionUsers[1]!];
});
beforeEach(() => {
  simulator.faults = {};
});
afterAll(() => simulator.close());

function issue(argv: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return vsso(["token", "issue", server, ...ca, ...argv], options);
}

/** With Administrator's password in the environment. */
function asAdmin(...argv: string[]): Promise<CliResult> {
  return issue(["--user", admin.username, ...argv], { env: { VSSO_PASSWORD: admin.password } });
}

function keyOf({ certFile, keyFile }: SimulatorSolutionUser): string[] {
  return ["--cert", certFile, "--key", keyFile];
}

function parse({ code, out, err }: CliResult): TokenJson {
  expect({ code, err }).toEqual({ code: 0, err: "" });
  return JSON.parse(out) as TokenJson;
}

async function fileOf(content: string | Buffer, name = "file"): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  return path;
}

async function strangerFiles(key: string = stranger.key): Promise<string[]> {
  return ["--cert", await fileOf(stranger.cert), "--key", await fileOf(key)];
}

describe("vsso token issue", () => {
  it("--user prints the assertion's exact bytes and one line feed", async () => {
    const { code, out, err } = await asAdmin();
    expect({ code, err }).toEqual({ code: 0, err: "" });
    expect(out).toMatch(/^<saml2:Assertion [\s\S]*<\/saml2:Assertion>\n$/);
    const text = out.slice(0, -1);
    const verified = await vsso([
      "token",
      "verify",
      await fileOf(text),
      "--anchor",
      simulator.stsSigningCaFile,
    ]);
    expect(verified.code).toBe(0);
  });

  it("-o json has the contract's keys in their order", async () => {
    const token = parse(await asAdmin("-o", "json"));
    expect(Object.keys(token)).toEqual(KEYS);
    expect(token).toMatchObject({
      token: expect.stringMatching(/^<saml2:Assertion .*<\/saml2:Assertion>$/s),
      kind: "bearer",
      subject: "Administrator@VSPHERE.LOCAL",
      issuer: expect.stringMatching(/^https:\/\/.*\/websso\/SAML2\/Metadata\/vsphere\.local$/),
      renewable: false,
      delegatable: false,
      renewCount: null,
      delegationCount: 0,
    });
    for (const time of [token.issuedAt, token.notBefore, token.notOnOrAfter]) expect(time).toMatch(RFC3339);
  });

  it("finds the STS in one listing, and asks it once", async () => {
    const before = simulator.requests.length;
    await asAdmin();
    expect(simulator.requests.slice(before).map(({ operation }) => operation)).toEqual(["List", "Issue"]);
  });

  it("asks for what the options say", async () => {
    const token = parse(
      await issue(
        [
          ...["--user", admin.username, "--hok", ...(await strangerFiles())],
          ...["--lifetime", "120", "--renewable", "--delegatable"],
          ...["--audience", "urn:a", "--audience", "urn:b", "-o", "json"],
        ],
        { env: { VSSO_PASSWORD: admin.password } },
      ),
    );
    expect(Date.parse(token.notOnOrAfter) - Date.parse(token.notBefore)).toBe(120_000);
    expect(token).toMatchObject({ renewable: true, delegatable: true, renewCount: 10, delegationCount: 10 });
    const { out } = await vsso(["token", "inspect", await fileOf(token.token), "-o", "json"]);
    expect(JSON.parse(out)).toMatchObject({ audiences: ["urn:a", "urn:b"] });
  });

  it("says that a bearer token is renewed by nobody, and gives it out", async () => {
    const { code, out, err } = await asAdmin("--renewable");
    expect(code).toBe(0);
    expect(out).toMatch(/^<saml2:Assertion/);
    expect(err).toBe("warning: the STS renews no bearer token, whatever --renewable asks for: add --hok\n");
  });

  it.each(["2592000", "3155760000"])(
    "asks for a lifetime of %s s, and says what is granted",
    async (seconds) => {
      const { code, err } = await issue(["--hok", ...keyOf(solution), "--lifetime", seconds]);
      expect(code).toBe(0);
      expect(err).toBe(
        seconds === "2592000"
          ? ""
          : `warning: a lifetime of ${seconds} s was asked for, 2592000 s are granted\n`,
      );
    },
  );

  it("says why the key of a solution user is none for a person", async () => {
    const result = await issue(["--hok", ...keyOf(solution), "--user", admin.username, "-o", "json"], {
      env: { VSSO_PASSWORD: admin.password },
    });
    expect(result).toMatchObject({ code: 1, out: "" });
    expect(jsonError(result)).toMatchObject({
      code: "INVALID_REQUEST",
      hint: expect.stringContaining("give another certificate with it (a self-signed one will do)"),
    });
  });

  it("says when less is granted than was asked", async () => {
    const { code, out, err } = await asAdmin("--lifetime", "7200");
    expect(code).toBe(0);
    expect(out).toMatch(/^<saml2:Assertion/);
    expect(err).toBe("warning: a lifetime of 7200 s was asked for, 3600 s are granted\n");
  });

  it.each<[string, () => Promise<CliResult>]>([
    [
      "--password-stdin",
      () =>
        issue(["--user", admin.username, "--password-stdin"], {
          stdin: Readable.from([`${admin.password}\n`]),
        }),
    ],
    [
      "--password-file",
      async () => issue(["--user", admin.username, "--password-file", await fileOf(`${admin.password}\n`)]),
    ],
    [
      "the environment",
      () => issue([], { env: { VSSO_USER: admin.username, VSSO_PASSWORD: admin.password } }),
    ],
    [
      "GOVC_URL",
      () => {
        const info = [admin.username, admin.password].map(encodeURIComponent).join(":");
        const env = { GOVC_URL: `https://${info}@${server}/sdk`, GOVC_TLS_CA_CERTS: simulator.caFile };
        return vsso(["token", "issue"], { env });
      },
    ],
    ["a terminal", () => issue(["--user", admin.username], { stdin: typing(`${admin.password}\r`) })],
    [
      "the name as DOMAIN\\user",
      () => issue(["--user", "VSPHERE.LOCAL\\Administrator"], { env: { VSSO_PASSWORD: admin.password } }),
    ],
  ])("takes the password of %s", async (_, run) => {
    expect(await run()).toMatchObject({ code: 0, out: expect.stringMatching(/^<saml2:Assertion/) });
  });

  it("does not send GOVC's credentials to a server of the command line that is another", async () => {
    const env = { GOVC_URL: authority(simulator, 2), GOVC_USERNAME: admin.username, GOVC_PASSWORD: "S3cret" };
    const before = simulator.requests.length;
    const { code, out, err } = await issue([], { env });
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain(
      `error[USAGE]: no user is named; the credentials of GOVC_* are for ${authority(simulator, 2)} and are not sent to ${server}\n`,
    );
    expect(simulator.requests.length).toBe(before);
    const own = { ...env, GOVC_URL: `https://${server}`, GOVC_PASSWORD: admin.password };
    expect((await issue([], { env: own })).code).toBe(0);
  });

  describe("--lookup-url", () => {
    let stranger: Simulator;
    beforeAll(async () => {
      stranger = await startSimulator({ nodes: 1 });
    });
    afterAll(() => stranger.close());

    it("of another host than the family's server is sent none of its credentials", async () => {
      const url = `${stranger.servers[0]?.url}/lookupservice/sdk`;
      const env = { GOVC_URL: "vc01.sim.example", GOVC_USERNAME: admin.username, GOVC_PASSWORD: "S3cret" };
      const before = [simulator, stranger].map(({ requests }) => requests.length);
      for (const argv of [
        [],
        ["vc01.sim.example"],
        ["--user", admin.username],
        ["--server", "vc01.sim.example"],
      ]) {
        const all = ["token", "issue", ...argv, "--lookup-url", url, "--ca", stranger.caFile];
        const { code, out, err } = await vsso(all, { env });
        expect({ code, out }).toEqual({ code: 2, out: "" });
        expect(err).toContain(
          "; the credentials of GOVC_* are for vc01.sim.example and are not sent to 127.0.0.1, which --lookup-url names\n",
        );
        expect(err).not.toContain("S3cret");
      }
      const keys = {
        GOVC_URL: "vc01.sim.example",
        GOVC_CERTIFICATE: solution.certFile,
        GOVC_PRIVATE_KEY: solution.keyFile,
      };
      const hok = await vsso(["token", "issue", "--hok", "--lookup-url", url], { env: keys });
      expect(hok).toMatchObject({
        code: 2,
        err: expect.stringContaining("not sent to 127.0.0.1, which --lookup-url"),
      });
      expect([simulator, stranger].map(({ requests }) => requests.length)).toEqual(before);
    });

    it("of the family's own host, whatever the port, is asked with them", async () => {
      const url = `${simulator.servers[1]?.url}/lookupservice/sdk`;
      const env = { GOVC_URL: server, GOVC_USERNAME: admin.username, GOVC_PASSWORD: admin.password };
      expect(await vsso(["token", "issue", ...ca, "--lookup-url", url], { env })).toMatchObject({
        code: 0,
        err: "",
      });
    });
  });

  describe("--hok", () => {
    it("is the solution user's, with no password, whatever the environment says", async () => {
      for (const env of [{}, { VSSO_USER: admin.username, VSSO_PASSWORD: "wrong" }, { VSSO_TOKEN: "<x/>" }]) {
        const token = parse(await issue(["--hok", ...keyOf(solution), "-o", "json"], { env }));
        expect(token).toMatchObject({ kind: "holder-of-key", subject: `${solution.name}@vsphere.local` });
      }
    });

    it("takes certificate and key of the environment, and one file that holds both", async () => {
      const env = { VSSO_CERT: solution.certFile, VSSO_KEY: solution.keyFile };
      expect(parse(await issue(["--hok", "-o", "json"], { env })).kind).toBe("holder-of-key");
      const both = `${await readFile(solution.keyFile, "utf8")}${await readFile(solution.certFile, "utf8")}`;
      const argv = ["--hok", "--cert", await fileOf(both), "-o", "json"];
      expect(parse(await issue(argv)).subject).toBe(`${solution.name}@vsphere.local`);
    });

    it("with --user is a person's, for any key", async () => {
      const env = { VSSO_PASSWORD: admin.password };
      const argv = ["--hok", ...(await strangerFiles()), "--user", admin.username, "-o", "json"];
      const token = parse(await issue(argv, { env }));
      expect(token).toMatchObject({ kind: "holder-of-key", subject: "Administrator@VSPHERE.LOCAL" });
      const { out } = await vsso(["token", "inspect", await fileOf(token.token), "-o", "json"]);
      expect(JSON.parse(out)).toMatchObject({
        confirmation: { certificate: { sha256: stranger.certificate.fingerprint256 } },
      });
    });

    it("with --user needs the password", async () => {
      const { code, err } = await issue(["--hok", ...keyOf(solution), "--user", admin.username]);
      expect(code).toBe(2);
      expect(err).toContain(`error[USAGE]: no password of ${admin.username} is given\n`);
    });

    it("decrypts the key with a passphrase of the terminal", async () => {
      const files = await strangerFiles(encryptedKey(stranger, "sesame"));
      const argv = [
        "--hok",
        ...files,
        "--user",
        admin.username,
        "--password-file",
        await fileOf(admin.password),
      ];
      expect(await issue(argv, { stdin: typing("sesame\r") })).toMatchObject({ code: 0 });
      const { code, err } = await issue(argv);
      expect(code).toBe(2);
      expect(err).toMatch(/^error\[USAGE\]: .*is encrypted.*\n {2}try: .*openssl pkey/);
    });

    it("asks for the passphrase and for the password, one after the other", async () => {
      const files = await strangerFiles(encryptedKey(stranger, "sesame"));
      const stdin = answering(["sesame\r"], [`${admin.password}\r`]);
      const { code, err } = await issue(["--hok", ...files, "--user", admin.username], { stdin });
      expect(code).toBe(0);
      expect(err).toBe(`Passphrase of --key ${files[3]}: \nPassword of ${admin.username}: \n`);
    });

    it("with a certificate that no solution user has is refused, exit code 3", async () => {
      const result = await issue(["--hok", ...(await strangerFiles()), "-o", "json"]);
      expect(result).toMatchObject({ code: 3, out: "" });
      expect(jsonError(result).code).toBe("AUTHENTICATION_FAILED");
    });

    it("with a token asks by the token", async () => {
      const env = { VSSO_PASSWORD: admin.password };
      const holder = await strangerFiles();
      const first = parse(await issue(["--hok", ...holder, "--user", admin.username, "-o", "json"], { env }));
      const file = await fileOf(`${first.token}\n`);
      const again = parse(await issue(["--hok", ...holder, "--token", file, "-o", "json"]));
      expect(again).toMatchObject({ kind: "holder-of-key", subject: first.subject });
      expect(again.token).not.toBe(first.token);
      const bearer = parse(await issue([...holder, "--token", file, "-o", "json"]));
      expect(bearer).toMatchObject({ kind: "bearer", subject: first.subject });
      // A bearer token authenticates nobody, and another key is not the token's.
      const useless = await issue(["--hok", ...holder, "--token", await fileOf(bearer.token)]);
      expect(useless.code).toBe(1);
      expect(useless.err).toMatch(/^error\[TOKEN_UNUSABLE\]: /);
      const wrong = await issue(["--hok", ...keyOf(solution), "--token", file]);
      expect(wrong.code).toBe(1);
      expect(wrong.err).toMatch(/^error\[TOKEN_UNUSABLE\]: /);
    });

    it("--act-as speaks for a user", async () => {
      const user = parse(await asAdmin("--delegatable", "-o", "json"));
      const file = await fileOf(user.token);
      const argv = ["--hok", ...keyOf(solution), "--act-as", file, "-o", "json"];
      const token = parse(await issue(argv));
      expect(token).toMatchObject({ kind: "holder-of-key", subject: "Administrator@VSPHERE.LOCAL" });
      const { out } = await vsso(["token", "inspect", await fileOf(token.token), "-o", "json"]);
      expect(JSON.parse(out)).toMatchObject({ delegates: [{ subject: `${solution.name}@vsphere.local` }] });
      // The second solution user is no member of ActAsUsers.
      const refused = await issue(["--hok", ...keyOf(second), "--act-as", file]);
      expect(refused).toMatchObject({ code: 1, out: "" });
      expect(refused.err).toContain("Access not authorized!");
    });
  });

  describe("--out", () => {
    it("writes the exact bytes for its owner alone, and prints none of them", async () => {
      const folder = await temporaryFolder();
      const file = join(folder, "token.xml");
      await writeFile(file, "of yesterday", { mode: 0o644 });
      await chmod(file, 0o644);
      expect(await asAdmin("--out", file)).toMatchObject({ code: 0, out: "", err: "" });
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(await readFile(file, "utf8")).toMatch(/^<saml2:Assertion [\s\S]*<\/saml2:Assertion>$/);
      expect(await readdir(folder)).toEqual(["token.xml"]);
      const token = parse(await asAdmin("--out", file, "-o", "json"));
      expect(Object.keys(token)).toEqual(KEYS);
      expect(await readFile(file, "utf8")).toBe(token.token);
    });

    it("follows a link, and leaves what is no file in its place", async () => {
      const folder = await temporaryFolder();
      await writeFile(join(folder, "real"), "");
      await symlink(join(folder, "real"), join(folder, "link"));
      expect((await asAdmin("--out", join(folder, "link"))).code).toBe(0);
      expect(await readFile(join(folder, "real"), "utf8")).toMatch(/^<saml2:Assertion/);
      expect((await asAdmin("--out", "/dev/null")).code).toBe(0);
      expect((await stat("/dev/null")).isCharacterDevice()).toBe(true);
    });

    it("that cannot be written is found out before anything is asked", async () => {
      const folder = await temporaryFolder();
      const before = simulator.requests.length;
      for (const file of [folder, join(folder, "missing", "token.xml")]) {
        const { code, err } = await asAdmin("--out", file);
        expect(code).toBe(2);
        expect(err).toContain(`error[USAGE]: ${file} cannot be written\n`);
      }
      expect(simulator.requests.length).toBe(before);
    });

    it("keeps what it held when no token is granted", async () => {
      const folder = await temporaryFolder();
      const file = join(folder, "token.xml");
      await writeFile(file, "of yesterday");
      const refused = await issue(["--user", admin.username, "--out", file], {
        env: { VSSO_PASSWORD: "no" },
      });
      expect(refused.code).toBe(3);
      expect(await readFile(file, "utf8")).toBe("of yesterday");
      expect(await readdir(folder)).toEqual(["token.xml"]);
    });
  });

  describe("is refused with exit code 3 for", () => {
    it.each<[string, object, string, string]>([
      ["a wrong password", {}, "Wr0ng-one", "AUTHENTICATION_FAILED"],
      ["a locked account", { lockedAccounts: ["operator@vsphere.local"] }, "", "ACCOUNT_LOCKED"],
      ["an expired password", { expiredPasswords: ["operator@vsphere.local"] }, "", "PASSWORD_EXPIRED"],
    ])("%s, once, without showing it", async (_, faults, password, code) => {
      simulator.faults = faults;
      const secret = password || operator.password;
      const before = simulator.requests.length;
      const result = await issue(["--user", operator.username, "-o", "json"], {
        env: { VSSO_PASSWORD: secret },
      });
      expect(result).toMatchObject({ code: 3, out: "" });
      expect(jsonError(result)).toMatchObject({ code, hint: expect.any(String) });
      expect(result.err).not.toContain(secret);
      expect(simulator.requests.length - before).toBe(2);
    });
  });

  it.each<[string, number, RegExp]>([
    ["ahead", 3600, /this machine's clock is 60 min behind the server's/],
    ["behind", -3600, /this machine's clock is 60 min ahead of the server's/],
  ])("a server's clock that is %s by an hour is named", async (_, clockSkewSeconds, way) => {
    simulator.faults = { clockSkewSeconds };
    const { code, err } = await asAdmin();
    expect(code).toBe(1);
    expect(err).toMatch(/^error\[(?:MESSAGE_EXPIRED|INVALID_TIME_RANGE)\]: /);
    expect(err).toMatch(way);
  });

  it("reaches an STS that is registered by a name that does not resolve", async () => {
    simulator.faults = { unresolvableUrls: [1] };
    expect(await asAdmin()).toMatchObject({ code: 0, out: expect.stringMatching(/^<saml2:Assertion/) });
  });

  it("says so when no STS is registered", async () => {
    simulator.faults = { missingServices: [1, 2].map((node) => ({ node, service: "sso" as const })) };
    const { code, out, err } = await asAdmin();
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toMatch(/^error\[ENDPOINT_NOT_FOUND\]: .*Security Token Service\n {2}try: /);
  });

  it("an SSO domain that the server has not is an error", async () => {
    const { code, err } = await asAdmin("--sso-domain", "other.local");
    expect(code).toBe(1);
    expect(err).toContain("other.local");
    expect((await asAdmin("--sso-domain", "vsphere.local")).code).toBe(0);
  });

  it.each<[string, () => readonly string[], string]>([
    ["no user", () => [], "no user is named"],
    ["no password", () => ["--user", "a@b"], "no password of a@b is given"],
    ["--hok without a certificate", () => ["--hok"], "--hok needs the certificate"],
    [
      "--hok of a person without a certificate",
      () => ["--hok", "--user", "a@b"],
      "--hok needs the certificate",
    ],
    ["--hok with a key alone", () => ["--hok", "--key", solution.keyFile], "--key needs the certificate"],
    ["--hok without a key", () => ["--hok", "--cert", solution.certFile], "private key of --cert is missing"],
    ["a certificate without --hok", () => ["--user", "a@b", ...keyOf(solution)], "--cert is of use for"],
    ["a token without its key", () => ["--token", "t.xml"], "--token needs the certificate"],
    ["a user and a token", () => ["--user", "a@b", "--token", "t.xml"], "exclude each other"],
    ["a key without --hok", () => ["--user", "a@b", "--key", solution.keyFile], "--key is of use for"],
    ["--out to stdout", () => ["--user", "a@b", "--out", "-"], "--out - names no file"],
    [
      "a lifetime beyond all dates",
      () => ["--user", "a@b", "--lifetime", "3155760001"],
      "--lifetime 3155760001",
    ],
    ["a lifetime of nothing", () => ["--user", "a@b", "--lifetime", "0"], "--lifetime 0"],
    ["a lifetime that is none", () => ["--user", "a@b", "--lifetime", "1h"], "--lifetime 1h"],
    [
      "a token that cannot be read",
      () => [...keyOf(solution), "--token", "/nonexistent"],
      "cannot read the token",
    ],
  ])("with %s is an error of usage, before anything is asked", async (_, argv, message) => {
    const before = simulator.requests.length;
    const { code, out, err } = await issue(argv());
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(/^error\[USAGE\]: .+\n(?: {2}cause: .+\n)? {2}try: .+\n$/);
    expect(err).toContain(message);
    expect(simulator.requests.length).toBe(before);
  });

  it("--act-as of who cannot sign is an error of usage", async () => {
    const file = await fileOf("<x/>");
    const { code, err } = await asAdmin("--act-as", file);
    expect(code).toBe(2);
    expect(err).toContain("--act-as needs a holder-of-key token");
  });

  it("is interrupted with exit code 130 when the password is refused to be typed", async () => {
    const { code, out } = await issue(["--user", admin.username], { stdin: typing("\u0003") });
    expect({ code, out }).toEqual({ code: 130, out: "" });
  });

  it("--trace and -v hold neither password nor token", async () => {
    const trace = join(await temporaryFolder(), "trace");
    const result = await asAdmin("--trace", trace, "-v");
    expect(result.code).toBe(0);
    const text = await readFile(trace, "utf8");
    expect(text).toContain("/sts/STSService/vsphere.local");
    expect(text).toMatch(/<(?:\w+:)?Password[^>]*>\[redacted\]</);
    expect(text).toMatch(/<saml2:Assertion [^>]*>\[redacted\]</);
    const signature = /<ds:SignatureValue>([^<]{40})/.exec(result.out)?.[1];
    expect(signature).toMatch(/./);
    for (const shown of [text, result.err]) {
      expect(shown).not.toContain(admin.password);
      expect(shown).not.toContain(signature);
    }
    expect(result.err).toMatch(/^token: .*"kind":"bearer"/m);
  });
});

describe("vsso token renew", () => {
  const renewable = async (...argv: string[]): Promise<TokenJson> =>
    parse(await issue(["--hok", ...keyOf(solution), "--renewable", "-o", "json", ...argv]));

  it("gives a token of the same subject and key with a later end", async () => {
    const old = await renewable("--lifetime", "60");
    const file = await fileOf(`${old.token}\n`);
    const argv = ["token", "renew", server, ...ca, "--token", file, ...keyOf(solution)];
    const fresh = parse(await vsso([...argv, "--lifetime", "300", "-o", "json"]));
    expect(Object.keys(fresh)).toEqual(KEYS);
    expect(fresh).toMatchObject({ kind: "holder-of-key", subject: old.subject });
    expect(Date.parse(fresh.notOnOrAfter)).toBeGreaterThan(Date.parse(old.notOnOrAfter));
    const stdin = Readable.from([old.token]);
    const piped = await vsso(["token", "renew", server, ...ca, "--token", "-", ...keyOf(solution)], {
      stdin,
    });
    expect(piped.out).toMatch(/^<saml2:Assertion [\s\S]*<\/saml2:Assertion>\n$/);
    // In place.
    expect(await vsso([...argv, "--out", file])).toMatchObject({ code: 0, out: "" });
    expect(await readFile(file, "utf8")).not.toContain(old.token);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
  });

  it("takes token, certificate and key of the environment", async () => {
    const { token } = await renewable();
    for (const VSSO_TOKEN of [token, await fileOf(token)]) {
      const env = { VSSO_TOKEN, VSSO_CERT: solution.certFile, VSSO_KEY: solution.keyFile };
      expect((await vsso(["token", "renew", server, ...ca], { env })).code).toBe(0);
    }
  });

  it.each<[string, number, string, () => Promise<string[]>]>([
    [
      "a token that is not renewable",
      1,
      "TOKEN_NOT_RENEWABLE",
      async () => {
        const { token } = parse(await issue(["--hok", ...keyOf(solution), "-o", "json"]));
        return ["--token", await fileOf(token), ...keyOf(solution)];
      },
    ],
    [
      "a bearer token",
      1,
      "TOKEN_UNUSABLE",
      async () => ["--token", await fileOf(parse(await asAdmin("-o", "json")).token)],
    ],
    [
      "the key of another one",
      1,
      "TOKEN_UNUSABLE",
      async () => ["--token", await fileOf((await renewable()).token), ...keyOf(second)],
    ],
    [
      "a token that expired",
      3,
      "TOKEN_EXPIRED",
      async () => {
        const issuedAt = new Date("2020-01-01T00:00:00Z");
        const token = assertionXml({ holder: stranger, renewCount: 5, issuedAt });
        return ["--token", await fileOf(token), ...(await strangerFiles())];
      },
    ],
    ["no key", 2, "USAGE", async () => ["--token", await fileOf((await renewable()).token)]],
    ["no token", 2, "USAGE", async () => keyOf(solution)],
    ["an empty token", 1, "TOKEN_MALFORMED", async () => ["--token", await fileOf(""), ...keyOf(solution)]],
    [
      "what is too large for a token",
      1,
      "TOKEN_MALFORMED",
      async () => ["--token", await fileOf(Buffer.alloc(5_000_000, " ")), ...keyOf(solution)],
    ],
    ["no assertion", 1, "TOKEN_MALFORMED", async () => ["--token", await fileOf("hi"), ...keyOf(solution)]],
  ])("with %s is refused here, exit code %i", async (_, exit, code, options) => {
    const argv = await options();
    const before = simulator.requests.length;
    const result = await vsso(["token", "renew", server, ...ca, ...argv, "-o", "json"]);
    expect(result).toMatchObject({ code: exit, out: "" });
    expect(jsonError(result)).toMatchObject({ code, hint: expect.any(String) });
    // The STS may have been looked for, but was not asked.
    expect(simulator.requests.slice(before).map(({ operation }) => operation)).not.toContain("Renew");
  });
});

describe("vsso token validate", () => {
  it("is the server's word: 0 and 1", async () => {
    const { token } = parse(await asAdmin("-o", "json"));
    const validate = (text: string, ...more: string[]) =>
      vsso(["token", "validate", server, ...ca, "--token", "-", ...more], { stdin: Readable.from([text]) });
    expect(await validate(token)).toMatchObject({ code: 0, out: "valid\n", err: "" });
    const json = await validate(`\uFEFF${token}\n`, "-o", "json");
    expect(json.code).toBe(0);
    expect(JSON.parse(json.out)).toEqual({
      valid: true,
      code: "http://docs.oasis-open.org/ws-sx/ws-trust/200512/status/valid",
      reason: null,
    });
    const forged = await validate(token.replace(">Administrator@", ">Operator@"), "-o", "json");
    expect(forged).toMatchObject({ code: 1, err: "" });
    expect(JSON.parse(forged.out)).toMatchObject({ valid: false, code: expect.stringMatching(/\/invalid$/) });
    expect(Object.keys(JSON.parse(forged.out) as object)).toEqual(["valid", "code", "reason"]);
    expect((await validate(token.replace(">Administrator@", ">Operator@"))).out).toMatch(/^invalid/);
  });

  it("changes with the group memberships, which verify cannot know", async () => {
    const { token } = parse(await asAdmin("-o", "json"));
    const file = await fileOf(token);
    simulator.faults = { addedMemberships: [{ account: admin.username, group: "ActAsUsers" }] };
    expect((await vsso(["token", "validate", server, ...ca, "--token", file])).code).toBe(1);
    expect((await vsso(["token", "verify", file, "--anchor", simulator.stsSigningCaFile])).code).toBe(0);
  });

  it("needs a token, and one that is one", async () => {
    expect((await vsso(["token", "validate", server, ...ca])).code).toBe(2);
    for (const text of ["hello", "", "\n"]) {
      const wrong = await vsso(["token", "validate", server, ...ca, "--token", await fileOf(text)]);
      expect(wrong.code).toBe(1);
      expect(wrong.err).toMatch(/^error\[TOKEN_MALFORMED\]: /);
    }
  });
});

describe("tokens of a server that is not there or not trusted", () => {
  it("exit with the codes of trust and reach, before the password is sent", async () => {
    const env = { VSSO_PASSWORD: admin.password };
    const untrusted = await vsso(["token", "issue", server, "--user", admin.username], { env });
    expect(untrusted).toMatchObject({ code: 4, out: "" });
    expect(untrusted.err).not.toContain(admin.password);
    const gone = await startSimulator({ nodes: 1 });
    onTestFinished(() => gone.close());
    const nobody = authority(gone);
    await gone.close();
    const unreachable = await vsso(["token", "issue", nobody, "--insecure", "--user", "a@b"], { env });
    expect(unreachable).toMatchObject({ code: 5, out: "" });
  });
});
