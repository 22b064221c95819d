import { execFileSync } from "node:child_process";
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import {
  formatCurlConfig,
  formatPowercliCommand,
  formatPyvmomiScript,
  parseCurlConfig,
  parseSessionEnvironment,
  parseSessionJson,
  writeSessionFile,
} from "../../../src/session/index.ts";
import { temporaryFolder } from "./folders.ts";

const SESSION = { server: "vc01.corp.example", vapi: "vapi-id", vim: "vim-id" };

/** Everything that a header can carry and that somebody could take for something else. */
const ODD = "a\"b\\c'd$e`f#g;h=i:j %n\\n@k\u00e9\u00ff{}[]<>|&()";

describe("a curl config", () => {
  it("has the header, the cookie, and whom to trust", () => {
    expect(formatCurlConfig({ ...SESSION, server: "vc01:8443", ca: "/etc/ca.pem" })).toBe(
      [
        "# for https://vc01:8443 and no other server",
        'proto = "=https"',
        'header = "vmware-api-session-id: vapi-id"',
        'cookie = "vmware_soap_session=\\"vim-id\\""',
        'cacert = "/etc/ca.pem"',
        "",
      ].join("\n"),
    );
  });

  it("says where certificates are not verified, and names no authorities then", () => {
    const text = formatCurlConfig({ ...SESSION, vim: null, insecure: true, ca: "/etc/ca.pem" });
    expect(text).toMatch(/^insecure$/m);
    expect(text).not.toMatch(/cacert|cookie/);
  });

  it.each([ODD, "x", "\\", '"', '\\"', "trailing\\\\"])("is read back with the ID %j", (id) => {
    const found = parseCurlConfig(formatCurlConfig({ ...SESSION, vapi: id, vim: null }));
    expect([found.vapi, found.vim]).toEqual([id, undefined]);
  });

  it("is read back with both sides", () => {
    const found = parseCurlConfig(formatCurlConfig(SESSION));
    expect([found.vapi, found.vim, found.server]).toEqual(["vapi-id", "vim-id", undefined]);
    expect(inspect(found) + JSON.stringify(found)).not.toMatch(/vapi-id|vim-id/);
  });

  it.each([
    ["a header with dashes", '--header "vmware-api-session-id: x"\n', { vapi: "x" }],
    ["a short option", '-H "VMware-Api-Session-Id:x"\r\n', { vapi: "x" }],
    ["a colon in the place of the sign", "header: vmware-api-session-id:x\n", { vapi: "x" }],
    ["a cookie", '-b "a=b; vmware_soap_session=x; c=d"\n', { vim: "x" }],
    ["a header of cookies", 'header = "Cookie: vmware_soap_session=\\"x;y\\""\n', { vim: "x;y" }],
    ["the cookie of vAPI", 'cookie = "vmware-api-session-id=x"\n', { vapi: "x" }],
    [
      "a URL",
      'url = "https://vc01:8443/api/vcenter/vm"\nheader = "vmware-api-session-id: x"\n',
      { vapi: "x", server: "vc01:8443" },
    ],
    [
      "the same session twice",
      'header = "vmware-api-session-id: x"\n-H "vmware-api-session-id: x"\n',
      { vapi: "x" },
    ],
    [
      "what is of no interest",
      '# vmware-api-session-id: no\nsilent\n-H "A: b"\n-H "vmware-api-session-id: x"',
      { vapi: "x" },
    ],
  ])("of somebody else is read with %s", (_, text, expected) => {
    const { vapi, vim, server } = parseCurlConfig(text);
    expect({ vapi, vim, server }).toEqual({
      vapi: undefined,
      vim: undefined,
      server: undefined,
      ...expected,
    });
  });

  it.each([
    ["nothing", ""],
    ["other headers", 'header = "Authorization: Basic secret"\n'],
    ["a file of cookies", 'cookie = "vmware_soap_session.txt"\n'],
    ["two sessions", 'header = "vmware-api-session-id: x"\nheader = "vmware-api-session-id: y"\n'],
    ["two servers", 'header = "vmware-api-session-id: x"\nurl = "https://a/"\nurl = "https://b/"\n'],
    ["a URL with a password", 'header = "vmware-api-session-id: x"\nurl = "https://u:secret@a/"\n'],
    ["too much", `header = "vmware-api-session-id: x"\n${"#".repeat(1_100_000)}`],
    ["a control character", 'header = "vmware-api-session-id: x\\vy"\n'],
  ])("with %s is refused, and not quoted", (_, text) => {
    let failure: unknown;
    try {
      parseCurlConfig(text);
    } catch (error) {
      failure = error;
    }
    expect(failure).toMatchObject({ code: "STORE_UNREADABLE", hint: expect.any(String) });
    expect(inspect(failure)).not.toContain("secret");
  });

  it("refuses a path that would add a line", () => {
    expect(() => formatCurlConfig({ ...SESSION, ca: "/a\noutput = /etc/passwd" })).toThrow(/line break/);
  });
});

describe("a script for pyVmomi", () => {
  it("connects with the session of the VIM side", () => {
    expect(formatPyvmomiScript({ ...SESSION, ca: "/etc/ca.pem" })).toBe(
      [
        "import ssl",
        "from pyVim.connect import SmartConnect",
        'si = SmartConnect(host="vc01.corp.example", port=443, sessionId="vim-id", sslContext=ssl.create_default_context(cafile="/etc/ca.pem"))',
        "",
      ].join("\n"),
    );
    const bare = formatPyvmomiScript({ ...SESSION, server: "[2001:db8::1]:8443" });
    expect(bare).toContain('(host="[2001:db8::1]", port=8443, sessionId="vim-id")');
    expect(formatPyvmomiScript({ ...SESSION, insecure: true })).toContain("disableSslCertValidation=True)");
  });

  it.each([ODD, "\\", '"', "'''", "\u00a0x\u00a0".trim()])("gives Python the ID %j", (id) => {
    const script = formatPyvmomiScript({ ...SESSION, vim: id, ca: "/tmp/\u{1f600}\u2028.pem" });
    expect(script).toMatch(/^[\x20-\x7e\n]*$/);
    // A SmartConnect of the test's own, which tells what it is given.
    const stub =
      "import sys,types,json\nm=types.ModuleType('pyVim.connect')\nm.SmartConnect=lambda **k:k\nsys.modules['pyVim']=types.ModuleType('pyVim')\nsys.modules['pyVim.connect']=m\nclass ssl:\n  create_default_context=staticmethod(lambda cafile:cafile)\nsys.modules['ssl']=ssl\n";
    const out = execFileSync("python3", ["-I", "-c", `${stub}${script}print(json.dumps(si))`], {
      encoding: "utf8",
    });
    expect(JSON.parse(out)).toEqual({
      host: "vc01.corp.example",
      port: 443,
      sessionId: id,
      sslContext: "/tmp/\u{1f600}\u2028.pem",
    });
  });
});

describe("a command for PowerCLI", () => {
  it("connects with the session of the VIM side", () => {
    expect(formatPowercliCommand(SESSION)).toBe(
      "Connect-VIServer -Server 'vc01.corp.example' -Session 'vim-id'\n",
    );
    expect(formatPowercliCommand({ ...SESSION, server: "vc01:8443" })).toContain("-Port 8443 -Session");
  });

  it("doubles what ends a text in single quotes, and leaves the rest", () => {
    expect(formatPowercliCommand({ ...SESSION, vim: "a'b$(c)`\"d" })).toContain("-Session 'a''b$(c)`\"d'\n");
  });
});

describe.each([
  ["pyVmomi", formatPyvmomiScript],
  ["PowerCLI", formatPowercliCommand],
])("%s", (program, format) => {
  it("is given no session of the vAPI side alone", () => {
    expect(() => format({ ...SESSION, vim: null })).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED", message: expect.stringContaining(program) }),
    );
  });
});

it.each([formatCurlConfig, formatPyvmomiScript, formatPowercliCommand])(
  "%o takes no IDs that cannot be sent, and quotes none",
  (format) => {
    for (const vim of ["", "secret\nline", " secret"]) {
      expect(() => format({ ...SESSION, vapi: null, vim })).toThrow(
        expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.not.stringContaining("secret") }),
      );
    }
    expect(() => format({ ...SESSION, vapi: null, vim: null })).toThrow(/no session/);
  },
);

describe("the JSON of a session", () => {
  it("is read as session login prints it", () => {
    const text = JSON.stringify({
      server: "vc01",
      shared: true,
      vapi: { id: ODD },
      vim: null,
    });
    const found = parseSessionJson(`${text}\n`);
    expect([found.server, found.vapi, found.vim]).toEqual(["vc01:443", ODD, undefined]);
  });

  it.each([
    "",
    "null",
    "[]",
    "{}",
    '{"vapi":null,"vim":null}',
    '{"vapi":{"id":""}}',
    '{"vapi":{"id":1}}',
    '{"vapi":"secret"}',
    '{"vapi":{"id":"secret\\n"}}',
    '{"server":1,"vapi":{"id":"secret"}}',
    '{"server":"u:secret@vc01","vapi":{"id":"x"}}',
    '{"__proto__":{"vapi":{"id":"secret"}}}',
    '{"vapi":{"id":"secret"',
  ])("%s is refused, and not quoted", (text) => {
    let failure: unknown;
    try {
      parseSessionJson(text);
    } catch (error) {
      failure = error;
    }
    expect(failure).toMatchObject({ code: "STORE_UNREADABLE", hint: expect.any(String) });
    expect(inspect(failure)).not.toContain("secret");
  });
});

describe("the variables of a session", () => {
  it("are read as session login prints them, and as files of variables have them", () => {
    const text =
      "export VSSO_SERVER=vc01:8443\nexport VSSO_SESSION_ID='it'\\''s $x'\nVSSO_VIM_SESSION_ID=\"a\\\"b\"\nOTHER=1\nexport VMWARE_API_SESSION_ID=no\n";
    const found = parseSessionEnvironment(text);
    expect([found.server, found.vapi, found.vim]).toEqual(["vc01:8443", "it's $x", 'a"b']);
  });

  it("take the vAPI side of programs that know that alone", () => {
    expect(parseSessionEnvironment("VMWARE_API_SESSION_ID=x").vapi).toBe("x");
    expect(parseSessionEnvironment("export VSSO_SESSION_ID=\nexport VSSO_VIM_SESSION_ID=y").vim).toBe("y");
  });

  it.each([
    "",
    "VSSO_SESSION_ID=",
    "VSSO_SESSION_ID=$(secret)",
    "VSSO_SESSION_ID=`secret`",
    'VSSO_SESSION_ID="$secret"',
    "VSSO_SESSION_ID='secret",
    "VSSO_SESSION_ID=x; rm secret",
    "VSSO_SESSION_ID=x\nVSSO_SERVER=u:secret@vc01",
  ])("%j are refused, and not quoted", (text) => {
    let failure: unknown;
    try {
      parseSessionEnvironment(text);
    } catch (error) {
      failure = error;
    }
    expect(failure).toMatchObject({ code: "STORE_UNREADABLE", hint: expect.any(String) });
    expect(inspect(failure)).not.toContain("secret");
  });
});

describe("a file for a session", () => {
  it("can be read by its owner alone, whatever stood there before", async () => {
    const folder = await temporaryFolder();
    await chmod(folder, 0o777);
    const file = join(folder, "a");
    await writeFile(file, "long text of before");
    await chmod(file, 0o644);
    await writeSessionFile(file, "text");
    expect(await readFile(file, "utf8")).toBe("text");
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(["a"]);
  });

  it("is not written through a link, nor in the place of a folder, nor where there is none", async () => {
    const folder = await temporaryFolder();
    await writeFile(join(folder, "a"), "before");
    await symlink(join(folder, "a"), join(folder, "link"));
    await mkdir(join(folder, "b"));
    for (const name of ["link", "b", "none/c"]) {
      await expect(writeSessionFile(join(folder, name), "text")).rejects.toMatchObject({
        code: "STORE_UNAVAILABLE",
      });
    }
    expect(await readFile(join(folder, "a"), "utf8")).toBe("before");
    expect((await readdir(folder)).sort()).toEqual(["a", "b", "link"]);
  });
});
