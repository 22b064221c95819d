import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const SRC = fileURLToPath(new URL("../src", import.meta.url));

/** What each folder may import from, beside itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  "errors.ts": [],
  xml: ["errors.ts"],
  net: ["errors.ts"],
  soap: ["errors.ts", "xml", "net"],
  lookup: ["errors.ts", "xml", "soap", "net"],
  saml: ["errors.ts", "xml", "net"],
  sts: ["errors.ts", "xml", "net", "soap", "saml"],
  oauth: ["errors.ts", "net", "saml"],
  session: ["errors.ts", "xml", "net", "soap", "saml", "sts", "lookup"],
  linked: ["errors.ts", "xml", "net", "soap", "saml", "sts", "lookup", "session"],
  simulator: ["errors.ts", "xml"],
  "index.ts": ["errors.ts", "linked", "lookup", "net", "oauth", "saml", "session", "soap", "sts", "xml"],
  cli: ["errors.ts", "index.ts", "simulator"],
};

/** Which folder alone may import a package; every other package is refused. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  undici: ["net"],
  saxes: ["xml"],
  "xml-crypto": ["xml", "simulator"],
  "@xmldom/xmldom": ["xml", "simulator"],
  xpath: ["xml", "simulator"],
  pkijs: ["saml"],
  "openid-client": ["oauth"],
  soap: ["soap"],
  "@redis/client": ["session"],
  "@peculiar/asn1-schema": ["simulator"],
  "@peculiar/asn1-x509": ["simulator"],
};

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly specifier: string;
}

function imports(): Import[] {
  const files = readdirSync(SRC, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  return files.flatMap((name) => {
    const text = readFileSync(join(SRC, name), "utf8");
    const found = text.matchAll(
      /(?:^|\s)(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)|^import "([^"]+)"/gm,
    );
    return [...found].map((match) => ({
      file: name,
      folder: name.split("/")[0] ?? name,
      specifier: match[1] ?? match[2] ?? match[3] ?? "",
    }));
  });
}

describe("the layers", () => {
  const all = imports();

  test("are all known", () => {
    expect(all.length).toBeGreaterThan(100);
    expect([...new Set(all.map((i) => i.folder))].filter((folder) => !(folder in MAY_IMPORT))).toEqual([]);
  });

  test("depend in one direction only", () => {
    const wrong = all
      .filter(({ specifier }) => specifier.startsWith("."))
      .map((i) => ({
        ...i,
        target: relative(SRC, resolve(SRC, dirname(i.file), i.specifier)).split("/")[0] ?? "",
      }))
      .filter(({ folder, target }) => target !== folder && !MAY_IMPORT[folder]?.includes(target))
      .map(({ file, specifier }) => `${file} imports ${specifier}`);
    expect(wrong).toEqual([]);
  });

  test("keep each package to the folder that owns it", () => {
    const wrong = all
      .filter(({ specifier }) => !specifier.startsWith(".") && !specifier.startsWith("node:"))
      .filter(({ folder, specifier }) => !PACKAGES[specifier]?.includes(folder))
      .map(({ file, specifier }) => `${file} imports ${specifier}`);
    expect(wrong).toEqual([]);
  });

  test("change nothing that the whole process shares", () => {
    const shared =
      /setGlobalDispatcher|NODE_TLS_REJECT_UNAUTHORIZED|globalAgent|globalThis|console\.|process\.(exit|on)\b/;
    const wrong = readdirSync(SRC, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !name.startsWith("cli/"))
      .filter((name) =>
        shared.test(readFileSync(join(SRC, name), "utf8").replace(/^\s*(\*|\/[/*]).*$/gm, "")),
      );
    expect(wrong).toEqual([]);
  });
});
