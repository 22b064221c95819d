import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { beforeAll, describe, expect, it } from "vitest";
import type { CommandContext } from "../../src/cli/command.ts";
import { environmentCredentials, keySource, loadSigner, readPassword } from "../../src/cli/credentials.ts";
import { familyCredentials } from "../../src/cli/environment.ts";
import type { Flags } from "../../src/cli/options.ts";
import { encryptedKey, makeRsaSelfSigned, type RsaIdentity } from "../helpers/rsa.ts";
import { temporaryFolder } from "./host.ts";
import { FakeTerminal, typing } from "./terminal.ts";

interface Setting {
  readonly flags?: Flags;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: Readable;
  readonly signal?: AbortSignal;
  readonly word?: string;
}

function contextOf(setting: Setting) {
  let err = "";
  const context: Pick<CommandContext, "flags" | "env" | "stdin" | "err" | "signal"> = {
    flags: setting.flags ?? {},
    env: setting.env ?? {},
    stdin: () => setting.stdin ?? Readable.from([]),
    err: (text) => {
      err += text;
    },
    signal: setting.signal ?? new AbortController().signal,
  };
  return { context, said: () => err };
}

async function password(user: string, setting: Setting): Promise<string> {
  const { context } = contextOf(setting);
  return readPassword(context, user, environmentCredentials(context, setting.word));
}

async function fileOf(content: string | Buffer, name = "file"): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, content);
  return path;
}

describe("credentials of the environment", () => {
  it.each<[string, Record<string, string>, object]>([
    [
      "VSSO",
      {
        VSSO_USER: "u",
        VSSO_PASSWORD: "p",
        VSSO_PASSWORD_FILE: "f",
        VSSO_CERT: "c",
        VSSO_KEY: "k",
        VSSO_TOKEN: "t",
      },
      { family: "VSSO", user: "u", password: "p", passwordFile: "f", cert: "c", key: "k", token: "t" },
    ],
    [
      "GOVC",
      { GOVC_USERNAME: "u", GOVC_PASSWORD: "p", GOVC_CERTIFICATE: "c", GOVC_PRIVATE_KEY: "k" },
      { family: "GOVC", user: "u", password: "p", cert: "c", key: "k" },
    ],
    [
      "VSPHERE",
      { VSPHERE_USER: "u", VSPHERE_PASSWORD: "p" },
      { family: "VSPHERE", user: "u", password: "p" },
    ],
    [
      "GOVC by its URL",
      { GOVC_URL: "https://administrator%40vsphere.local:p%2F%40%3As@vc01/sdk" },
      { family: "GOVC", server: "vc01", user: "administrator@vsphere.local", password: "p/@:s" },
    ],
    [
      "GOVC by a URL with a bare domain",
      { GOVC_URL: "administrator@vsphere.local:pa:ss@vc01" },
      { user: "administrator@vsphere.local", password: "pa:ss" },
    ],
    ["GOVC by a URL with a user alone", { GOVC_URL: "root@vc01" }, { user: "root", password: undefined }],
    [
      "GOVC, of which a variable replaces its part of the URL",
      { GOVC_URL: "root:old@vc01", GOVC_PASSWORD: "new" },
      { user: "root", password: "new" },
    ],
    [
      "GOVC, the user likewise",
      { GOVC_URL: "root:secret@vc01", GOVC_USERNAME: "other" },
      { user: "other", password: "secret" },
    ],
    [
      "one family as a whole, the first that names a server, a user or a password",
      { VSSO_CERT: "c", GOVC_USERNAME: "g", VSPHERE_USER: "v", VSPHERE_PASSWORD: "p" },
      { family: "GOVC", user: "g", password: undefined, cert: undefined },
    ],
    ["a family of settings alone, where no other is", { VSSO_CERT: "c" }, { family: "VSSO", cert: "c" }],
    ["none that is empty", { VSSO_USER: "", GOVC_USERNAME: "g" }, { family: "GOVC", user: "g" }],
  ])("are those of %s", (_, env, expected) => {
    expect(familyCredentials(env)).toMatchObject(expected);
  });

  it("with a % that means nothing are refused without being quoted", () => {
    expect(() => familyCredentials({ GOVC_URL: "https://root:S3%zzcret@vc01" })).toThrow(/percent-encoded/);
    try {
      familyCredentials({ GOVC_URL: "https://root:S3%zzcret@vc01" });
    } catch (error) {
      expect(String(error)).not.toMatch(/S3|cret/);
    }
  });

  it.each<[string, Record<string, string>, string, boolean]>([
    ["GOVC", { GOVC_URL: "vc01.corp.example" }, "vc01.corp.example", true],
    [
      "GOVC by another spelling",
      { GOVC_URL: "https://VC01.corp.example:443/sdk" },
      "vc01.corp.example",
      true,
    ],
    ["GOVC by a URL", { GOVC_URL: "vc01.corp.example:443" }, "https://vc01.corp.example/ui", true],
    ["GOVC of another port", { GOVC_URL: "vc01.corp.example:8443" }, "vc01.corp.example", false],
    ["GOVC of another host", { GOVC_URL: "vc01.corp.example" }, "vc02.corp.example", false],
    ["GOVC by a short name", { GOVC_URL: "vc01.corp.example" }, "vc01", false],
    ["GOVC without a server", {}, "vc01.corp.example", false],
    ["VSPHERE", { VSPHERE_SERVER: "vc01.corp.example", VSPHERE_USER: "u" }, "vc01.corp.example", true],
    ["VSPHERE of another host", { VSPHERE_SERVER: "vc01", VSPHERE_USER: "u" }, "vc02", false],
    ["VSSO, whatever the server", { VSSO_SERVER: "vc01", VSSO_USER: "u" }, "vc02", true],
  ])("go to a server of the command line: %s", (_, names, word, sent) => {
    const govc = { GOVC_USERNAME: "u", GOVC_PASSWORD: "S3cret" };
    const env = Object.keys(names).some((name) => /VSPHERE|VSSO/.test(name)) ? names : { ...govc, ...names };
    for (const setting of [
      { env, flags: {}, word },
      { env, flags: { server: word }, word: undefined },
    ]) {
      const credentials = environmentCredentials(setting, setting.word);
      expect(credentials.user).toBe(sent ? "u" : undefined);
      expect(credentials.password === undefined).toBe(!(sent && "GOVC_URL" in env));
      if (sent) expect(credentials.withheld).toBeUndefined();
      else expect(credentials.withheld).toMatch(new RegExp(`not sent to ${word}$`));
    }
  });

  it.each<[string, string | undefined, string, string | undefined]>([
    ["of the family's host", undefined, "https://VC01.corp.example./lookupservice/sdk", undefined],
    [
      "of another port of it",
      "vc01.corp.example",
      "https://vc01.corp.example:7444/lookupservice/sdk",
      undefined,
    ],
    [
      "of another host",
      undefined,
      "https://psc.evil.example/lookupservice/sdk",
      "psc.evil.example, which --lookup-url names",
    ],
    [
      "of another host beside the server",
      "vc01.corp.example",
      "https://vc01.corp.example.evil.example/",
      "vc01.corp.example.evil.example, which --lookup-url names",
    ],
    [
      "of another host by http",
      "vc01.corp.example",
      "http://127.0.0.1:1/",
      "127.0.0.1, which --lookup-url names",
    ],
    ["that hides its host", undefined, "https://vc01.corp.example@evil.example/", "what --lookup-url names"],
    ["that is none", undefined, "vc01.corp.example:x", "what --lookup-url names"],
    ["of the own host, not of the server named", "vc02", "https://vc01.corp.example/", "vc02"],
  ])("heed a Lookup Service %s", (_, word, url, other) => {
    const govc = { GOVC_URL: "vc01.corp.example", GOVC_USERNAME: "u", GOVC_PASSWORD: "S3cret" };
    const vsphere = { VSPHERE_SERVER: "vc01.corp.example", VSPHERE_USER: "u", VSPHERE_PASSWORD: "S3cret" };
    for (const env of [govc, vsphere]) {
      const { user, password, withheld } = environmentCredentials(
        { env, flags: { "lookup-url": url } },
        word,
      );
      if (other === undefined)
        expect({ user, password, withheld }).toEqual({ user: "u", password: "S3cret" });
      else {
        expect({ user, password }).toEqual({});
        expect(withheld).toMatch(
          /^the credentials of \w+_\* are for vc01\.corp\.example and are not sent to /,
        );
        expect(withheld?.endsWith(` to ${other}`)).toBe(true);
      }
    }
    const own = { VSSO_SERVER: "vc01.corp.example", VSSO_USER: "u" };
    expect(environmentCredentials({ env: own, flags: { "lookup-url": url } }, word).user).toBe("u");
  });

  it("are the family's own when the command line names no server", () => {
    const env = { GOVC_URL: "vc01", GOVC_USERNAME: "u", GOVC_PASSWORD: "p" };
    expect(environmentCredentials({ env, flags: {} }, undefined)).toMatchObject({ user: "u", password: "p" });
  });
});

describe("a password", () => {
  it.each<[string, () => Promise<Setting>]>([
    ["of stdin", async () => ({ flags: { "password-stdin": true }, stdin: Readable.from(["S3cret\n"]) })],
    [
      "of stdin in pieces",
      async () => ({ flags: { "password-stdin": true }, stdin: Readable.from(["S3", "cret"]) }),
    ],
    ["of a file", async () => ({ flags: { "password-file": await fileOf("S3cret\n") } })],
    ["of a file of Windows", async () => ({ flags: { "password-file": await fileOf("S3cret\r\n") } })],
    ["of the environment", async () => ({ env: { VSSO_PASSWORD: "S3cret" } })],
    [
      "of a file that the environment names",
      async () => ({ env: { VSSO_PASSWORD_FILE: await fileOf("S3cret\n") } }),
    ],
    [
      "of the same user in the environment",
      async () => ({ env: { VSSO_USER: "ME@corp", VSSO_PASSWORD: "S3cret" } }),
    ],
    ["of GOVC_URL", async () => ({ env: { GOVC_URL: "me%40corp:S3cret@vc01" } })],
    [
      "of stdin rather than of the environment",
      async () => ({
        flags: { "password-stdin": true },
        stdin: Readable.from(["S3cret"]),
        env: { VSSO_PASSWORD: "other" },
      }),
    ],
    ["of a terminal", async () => ({ stdin: typing("S3cret\r") })],
    ["of a terminal, corrected", async () => ({ stdin: typing("x\u0015S3crr\u007f\u007fret\b", "t\n") })],
    ["of a terminal, with keys that mean nothing", async () => ({ stdin: typing("S3\u001acr\u0000et\r") })],
    [
      "of a terminal, with arrows and other keys without a character",
      async () => ({
        stdin: typing(
          "S\u001b[A3\u001b[1;5Dc\u001bOPr\u001b[3~e\u001b[[At\u001bO5Q\u001b\u001b[C\u009bB\u008fA\r",
        ),
      }),
    ],
    [
      "of a terminal, with an arrow in pieces",
      async () => ({ stdin: typing("S3\u001b", "[", "1;", "5", "Acr\u001b", "OAet", "\r") }),
    ],
    ["of a terminal, with Alt and a character", async () => ({ stdin: typing("S3\u001bxcret\r") })],
    ["of a terminal, with the key Esc", async () => ({ stdin: typing("S3\u001b", "cret\u001b\r") })],
    [
      "of a terminal, pasted between marks",
      async () => ({ stdin: typing("\u001b[200~S3cret\u001b[201~\r") }),
    ],
    [
      "of a terminal that answers a question nobody asked",
      async () => ({
        stdin: typing("S3\u001b]11;rgb:0/0/0\u001b\\\u001b]0;t\u0007\u001bP1$r0m\u001b\\cret\r"),
      }),
    ],
    ["of a terminal, ended within a sequence", async () => ({ stdin: typing("S3cret\u001b[1\r") })],
  ])("%s", async (_, setting) => {
    expect(await password("me@corp", await setting())).toBe("S3cret");
  });

  it("keeps every character but one line feed at the end", async () => {
    const odd = " \t& <p>\"\u00e4\u20ac\ud83d\udd11'% \n";
    expect(await password("me", { flags: { "password-file": await fileOf(`${odd}\n`) } })).toBe(odd);
    const keys = Buffer.from("p\u00e4\ud83d\udd11\r");
    const stdin = typing(...[...keys].map((byte) => Buffer.from([byte])));
    expect(await password("me", { stdin })).toBe("p\u00e4\ud83d\udd11");
  });

  it("is asked for on stderr without an echo, and the terminal is as before afterwards", async () => {
    const stdin = typing("S3cret\r");
    const { context, said } = contextOf({ stdin });
    const modesWhenSaid: boolean[][] = [];
    const err = (text: string) => {
      modesWhenSaid.push([...stdin.modes]);
      context.err(text);
    };
    await readPassword({ ...context, err }, "me@corp", {});
    // Already when the question is read nothing is echoed.
    expect(modesWhenSaid[0]).toEqual([true]);
    expect(said()).toBe("Password of me@corp: \n");
    expect(stdin.modes).toEqual([true, false]);
    expect(stdin.isPaused()).toBe(true);
    expect(stdin.listenerCount("data") + stdin.listenerCount("end")).toBeLessThanOrEqual(1);
  });

  it.each<[string, FakeTerminal]>([
    ["Ctrl-C", typing("S3\u0003")],
    ["Ctrl-D", typing("\u0004")],
    ["Ctrl-C within a sequence", typing("S3\u001b]x\u0003")],
    ["the end of the terminal", new FakeTerminal().end() as unknown as FakeTerminal],
  ])("is not waited for after %s", async (_, stdin) => {
    await expect(password("me", { stdin })).rejects.toMatchObject({ code: "ABORTED" });
    expect(stdin.modes).toEqual([true, false]);
  });

  it("is not waited for after a signal", async () => {
    const interrupt = new AbortController();
    const stdin = new FakeTerminal();
    const asked = password("me", { stdin, signal: interrupt.signal });
    while (stdin.modes.length === 0) await new Promise((resolve) => setImmediate(resolve));
    interrupt.abort(new Error("stopped by SIGTERM"));
    await expect(asked).rejects.toMatchObject({ code: "ABORTED" });
    expect(stdin.modes).toEqual([true, false]);
    await expect(
      password("me", { flags: { "password-stdin": true }, stdin, signal: interrupt.signal }),
    ).rejects.toMatchObject({ code: "ABORTED" });
  });

  it.each<[string, () => Promise<Setting>, RegExp]>([
    ["none at all", async () => ({}), /^no password of me is given$/],
    [
      "that of another user",
      async () => ({ env: { VSSO_USER: "you", VSSO_PASSWORD: "S3cret" } }),
      /^no password of me is given; that of the environment is you's$/,
    ],
    [
      "that of another server",
      async () => ({ env: { GOVC_URL: "vc01", GOVC_PASSWORD: "S3cret" }, word: "vc02" }),
      /GOVC_\* are for vc01 and are not sent to vc02$/,
    ],
    ["an empty file", async () => ({ flags: { "password-file": await fileOf("\n") } }), /is empty$/],
    ["nothing on stdin", async () => ({ flags: { "password-stdin": true } }), /is empty$/],
    ["nothing typed", async () => ({ stdin: typing("\r") }), /was typed$/],
    [
      "a file that is none",
      async () => ({ flags: { "password-file": "/nonexistent/file" } }),
      /^cannot read the password from/,
    ],
    [
      "a folder",
      async () => ({ flags: { "password-file": await temporaryFolder() } }),
      /^cannot read the password from/,
    ],
    [
      "bytes that are no text",
      async () => ({ flags: { "password-file": await fileOf(Buffer.from([0xff, 0xfe])) } }),
      /is not UTF-8$/,
    ],
    [
      "a file of megabytes",
      async () => ({ flags: { "password-file": await fileOf(Buffer.alloc(5_000_000)) } }),
      /larger than 4 MiB$/,
    ],
    [
      "two ways at once",
      async () => ({ flags: { "password-stdin": true, "password-file": "f" } }),
      /exclude each other$/,
    ],
    [
      "a terminal that has to tell something else",
      async () => ({ flags: { token: "-" }, stdin: typing("S3cret\r") }),
      /^no password of me is given$/,
    ],
  ])("is an error of usage when there is %s", async (_, setting, message) => {
    const refused = password("me", await setting());
    await expect(refused).rejects.toMatchObject({ code: "USAGE", message: expect.stringMatching(message) });
    await expect(refused).rejects.not.toThrow(/S3cret/);
  });

  it("names the ways to give it", async () => {
    await expect(password("me", {})).rejects.toMatchObject({
      hint: "give it by --password-stdin, --password-file FILE or VSSO_PASSWORD; on a terminal it is asked for",
    });
  });
});

describe("a certificate and its key", () => {
  let holder: RsaIdentity;
  let other: RsaIdentity;
  beforeAll(async () => {
    [holder, other] = await Promise.all([makeRsaSelfSigned("holder"), makeRsaSelfSigned("other")]);
  });

  async function signer(setting: Setting) {
    const { context } = contextOf(setting);
    const source = keySource(context, environmentCredentials(context, undefined));
    return source && loadSigner(context, source);
  }
  const sha256 = async (setting: Setting) => (await signer(setting))?.certificate.fingerprint256;

  it("come from two files, from one that holds both, and from the environment", async () => {
    const cert = await fileOf(holder.cert);
    const key = await fileOf(holder.key);
    const both = await fileOf(`${holder.key}${holder.cert}`);
    const der = await fileOf(holder.der);
    const expected = holder.certificate.fingerprint256;
    expect(await sha256({ flags: { cert, key } })).toBe(expected);
    expect(await sha256({ flags: { cert: der, key } })).toBe(expected);
    expect(await sha256({ flags: { cert: both } })).toBe(expected);
    expect(await sha256({ env: { VSSO_CERT: cert, VSSO_KEY: key } })).toBe(expected);
    expect(await sha256({ env: { VSSO_CERT: holder.cert, VSSO_KEY: holder.key } })).toBe(expected);
    expect(await sha256({ env: { VSSO_CERT: both } })).toBe(expected);
    expect(await sha256({ env: { GOVC_CERTIFICATE: cert, GOVC_PRIVATE_KEY: key } })).toBe(expected);
    expect(await signer({})).toBeUndefined();
  });

  it("are never put together from the command line and the environment", async () => {
    const cert = await fileOf(holder.cert);
    const key = await fileOf(holder.key);
    await expect(signer({ flags: { cert }, env: { VSSO_KEY: key } })).rejects.toThrow(/private key.*missing/);
    await expect(signer({ flags: { key }, env: { VSSO_CERT: cert } })).rejects.toThrow(/--key needs/);
    await expect(signer({ env: { VSSO_CERT: cert } })).rejects.toMatchObject({
      code: "USAGE",
      hint: "give it as VSSO_KEY",
    });
    await expect(signer({ env: { GOVC_CERTIFICATE: cert } })).rejects.toMatchObject({
      hint: "give it as GOVC_PRIVATE_KEY",
    });
  });

  it("an encrypted key is asked for its passphrase on a terminal", async () => {
    const cert = await fileOf(holder.cert);
    for (const type of ["pkcs8", "pkcs1"] as const) {
      const key = await fileOf(encryptedKey(holder, "open sesame", type), "encrypted.pem");
      const stdin = typing("open sesame\r");
      const { context, said } = contextOf({ flags: { cert, key }, stdin });
      const source = keySource(context, {})!;
      expect((await loadSigner(context, source)).certificate.fingerprint256).toBe(
        holder.certificate.fingerprint256,
      );
      expect(said()).toBe(`Passphrase of --key ${key}: \n`);
      const wrong = signer({ flags: { cert, key }, stdin: typing("open poppy\r") });
      await expect(wrong).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      await expect(wrong).rejects.not.toThrow(/poppy/);
      await expect(signer({ flags: { cert, key } })).rejects.toMatchObject({
        code: "USAGE",
        message: expect.stringContaining("is encrypted"),
        hint: expect.stringContaining("openssl pkey"),
      });
    }
  });

  it.each<[string, () => Promise<Flags>]>([
    [
      "a key of another certificate",
      async () => ({ cert: await fileOf(holder.cert), key: await fileOf(other.key) }),
    ],
    [
      "a certificate that is none",
      async () => ({ cert: await fileOf("hello"), key: await fileOf(holder.key) }),
    ],
    ["a key that is none", async () => ({ cert: await fileOf(holder.cert), key: await fileOf("hello") })],
    [
      "the two in each other's place",
      async () => ({ cert: await fileOf(holder.key), key: await fileOf(holder.cert) }),
    ],
  ])("%s is refused", async (_, flags) => {
    await expect(signer({ flags: await flags() })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      hint: expect.stringMatching(/./),
    });
  });

  it("an empty or a missing file is an error of usage", async () => {
    const cert = await fileOf("");
    await expect(signer({ flags: { cert, key: cert } })).rejects.toMatchObject({ code: "USAGE" });
    await expect(signer({ flags: { cert: "/nonexistent", key: cert } })).rejects.toMatchObject({
      code: "USAGE",
      message: "cannot read the certificate from /nonexistent",
    });
  });
});
