import { describe, expect, it } from "vitest";
import { Spinner } from "../../src/cli/output/spinner.ts";

describe("the spinner", () => {
  it("shows nothing while a question is asked", async () => {
    let shown = "";
    const spinner = new Spinner({
      isTTY: true,
      write: (text: string) => {
        shown += text;
      },
    });
    await spinner.during("logging in", async () => {
      await expect.poll(() => shown, { timeout: 10_000, interval: 20 }).toContain("logging in");
      await spinner.hushed(async () => {
        // The line is free for the question.
        expect(shown).toMatch(/\r *\r$/);
        const before = shown;
        await new Promise((resolve) => setTimeout(resolve, 350));
        expect(shown).toBe(before);
      });
      shown = "";
      await expect.poll(() => shown, { timeout: 10_000, interval: 20 }).toContain("logging in");
    });
    expect(shown).toMatch(/\r *\r$/);
  });
});
