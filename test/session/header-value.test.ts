import { describe, expect, test } from "vitest";
import { InvalidArgumentError } from "../../src/errors.ts";
import { checkSessionId } from "../../src/session/header-value.ts";

describe("a session ID", () => {
  test.each([
    ["32 hex digits", "b00db39f948d13ea1e59b4d6fce56389"],
    ["a UUID", "7d2f1c9e-5b6a-4c8d-9e0f-112233445566"],
    ["one character", "x"],
    ["inner spaces, quotes, commas and semicolons", 'a "b", c; d=e'],
    ["letters beyond ASCII", "sitzung-\u00e4\u00ff"],
    ["sixty-four thousand characters", "a".repeat(64_000)],
  ])("may be %s", (_, id) => {
    expect(checkSessionId(id)).toBe(id);
  });

  test.each([
    ["is empty", ""],
    ["ends with a line break", "secret-id\n"],
    ["holds a header of its own", "secret-id\r\nx-other: 1"],
    ["holds a NUL", "secret-id\0"],
    ["holds wide characters", "secret-id\u20ac"],
    ["begins with a space", " secret-id"],
    ["is no text", 42 as unknown as string],
  ])("is refused, unquoted, when it %s", (_, id) => {
    expect(() => checkSessionId(id)).toThrow(InvalidArgumentError);
    try {
      checkSessionId(id);
    } catch (error) {
      expect(String(error)).not.toContain("secret-id");
    }
  });
});
