import { describe, expect, test } from "vitest";
import { repeatsSecret } from "../../src/net/secret-words.ts";
import { oauthError } from "../../src/oauth/refusal.ts";
import { serverWords } from "../../src/oauth/words.ts";

const LEFT_OUT = "the server's words are left out: they repeat a secret";
const SECRET = "S3 <c>r\"é&t'/+?";
const JWT = `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.${"Ab3_-".repeat(60)}`;
const base64 = (text: string) => Buffer.from(text).toString("base64");
const entities = (text: string) =>
  text.replace(/[<>&"']/g, (c) => ({ "<": "&lt;", ">": "&gt;", "&": "&amp;", '"': "&quot;" })[c] ?? "&#39;");

describe("words of a server that repeat a secret are left out", () => {
  test.each<[string, string, string]>([
    ["as it is", SECRET, SECRET],
    ["as entities", SECRET, entities(SECRET)],
    ["as numeric entities", SECRET, [...SECRET].map((c) => `&#${c.codePointAt(0)};`).join("")],
    [
      "as hexadecimal entities",
      SECRET,
      [...SECRET].map((c) => `&#x${c.charCodeAt(0).toString(16)};`).join(""),
    ],
    ["as entities of entities", SECRET, entities(entities(SECRET))],
    ["percent-encoded", SECRET, encodeURIComponent(SECRET)],
    ["percent-encoded twice", SECRET, encodeURIComponent(encodeURIComponent(SECRET))],
    ["as a form has it", SECRET, new URLSearchParams({ a: SECRET }).toString()],
    ["as JSON", SECRET, JSON.stringify(SECRET)],
    [
      "as escapes",
      SECRET,
      [...SECRET].map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`).join(""),
    ],
    ["percent-encoded, then as JSON", '"\\"\\', encodeURIComponent(JSON.stringify('"\\"\\'))],
    ["in Base64", SECRET, base64(SECRET)],
    ["in a Basic header", SECRET, `Basic ${base64(`client:${SECRET}`)}`],
    ["in a Basic header of another client", SECRET, `Basic ${base64(`client1:${SECRET}`)}`],
    ["in a Basic header of a third client", SECRET, `Basic ${base64(`client12:${SECRET}`)}`],
    ["in hexadecimal", SECRET, Buffer.from(SECRET).toString("hex").toUpperCase()],
    ["in capitals", "Straße-9", "STRASSE-9"],
    ["in small letters", "S3CRET", "s3cret"],
    ["with white space collapsed", "a  b\tc", "a b c"],
    ["broken over lines", "abcdefgh", "abcd\r\n efgh"],
    ["with marks that nobody sees", "abcdefgh", "abcd\u200befgh"],
    ["of three characters", "pw1", "pw1"],
    ["of one character", "x", "axb"],
    ["broken off", "correct-horse", "correct-hor"],
    ["broken off by an ellipsis", "correct-horse", "'corre…' is wrong"],
    ["broken off by points", "correct-horse", "'corre...' is wrong"],
    ["which is a token", JWT, JWT],
    ["of which a piece is shown", JWT, JWT.slice(100, 130)],
    ["beyond what is shown", "correct-horse", `${".".repeat(500)}correct-horse`],
  ])("%s", (_, secret, quoted) => {
    expect(serverWords(`wrong: ${quoted}`, ["other-secret", secret])).toBe(LEFT_OUT);
    const failure = oauthError("invalid_grant", "it", { words: `wrong: ${quoted}`, secrets: [secret] });
    expect(failure.message).toBe(`it was refused with invalid_grant: ${LEFT_OUT}`);
  });

  test.each([
    ["there is none", "The token is expired", []],
    ["they hold another one", "The token is expired", [SECRET, JWT, "correct-horse"]],
    ["they hold its first letters", "cor is unknown", ["correct-horse"]],
    ["it is empty or blank", "The token is expired", ["", "  "]],
  ])("but not when %s", (_, words, secrets) => {
    expect(serverWords(words, secrets)).toBe(`"${words}"`);
  });

  test("also where the code should be, unless the code is a known one", () => {
    for (const error of ["bad:pw1", "PW1", "bad-pw1"]) {
      expect(oauthError(error, "it", { secrets: ["pw1"] })).toMatchObject({
        error: "[redacted]",
        message: "it was refused with [redacted]",
      });
    }
    const known = oauthError("access_denied", "it", { words: "no", secrets: ["s"] });
    expect(known).toMatchObject({
      code: "GRANT_REFUSED",
      message: 'it was refused with access_denied: "no"',
    });
  });

  test("whatever is done to keep it from ending", () => {
    const hostile = `${"&amp;".repeat(50_000)}${"%25".repeat(50_000)}${"\\\\".repeat(50_000)}`;
    expect(repeatsSecret(hostile, [JWT.repeat(30), SECRET])).toBe(false);
    expect(repeatsSecret(`${SECRET}${hostile}`, [JWT.repeat(30), SECRET])).toBe(true);
  });
});
