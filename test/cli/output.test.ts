import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatTable } from "../../src/cli/output/table.ts";
import { type Simulator, startSimulator } from "../../src/simulator/index.ts";
import { startRawServer } from "../net/servers.ts";
import { authority, vsso } from "./host.ts";

describe("output", () => {
  let simulator: Simulator;
  let argv: readonly string[];

  beforeAll(async () => {
    simulator = await startSimulator({ nodes: 3 });
    argv = [authority(simulator), "--ca", simulator.caFile];
  });
  afterAll(() => simulator.close());

  describe("tables", () => {
    it.each(["nodes", "endpoints", "lookup list", "discover"])(
      "of %s fit a terminal of 80 columns",
      async (command) => {
        const { out } = await vsso([...command.split(" "), ...argv], { columns: 80 });
        expect(out.split("\n").filter((line) => line.length > 80)).toEqual([]);
        expect(out.split("\n").length).toBeGreaterThan(4);
      },
    );

    it.each(["nodes", "endpoints", "lookup list"])("of %s are untruncated in a pipe", async (command) => {
      const { out } = await vsso([...command.split(" "), ...argv]);
      expect(out).not.toContain("…");
      expect(Math.max(...out.split("\n").map((line) => line.length))).toBeGreaterThan(80);
    });

    it("use the width there is", async () => {
      const wide = await vsso(["nodes", ...argv], { columns: 120 });
      expect(wide.out).toBe((await vsso(["nodes", ...argv])).out);
      const narrow = await vsso(["nodes", ...argv], { columns: 80 });
      expect(Math.max(...narrow.out.split("\n").map((line) => line.length))).toBe(80);
      expect(narrow.out).toContain("…");
    });

    it("keep every column on the narrowest of terminals", () => {
      const cut = formatTable(["A", "B"], [["a".repeat(30), "b".repeat(40)]], 10);
      expect(cut.split("\n").map((line) => line.split(/ {2,}/))).toEqual([
        ["A", "B"],
        ["aaaaaaa…", "bbbbbbb…"],
        [""],
      ]);
    });

    it("have no blanks at line ends", async () => {
      const { out } = await vsso(["endpoints", ...argv]);
      expect(out).not.toMatch(/ $/m);
    });

    it("have no colour and no escape sequence, NO_COLOR or not", async () => {
      for (const env of [{}, { NO_COLOR: "1" }]) {
        for (const columns of [80, 200]) {
          const { out, err, shown } = await vsso(["discover", ...argv, "-v"], {
            columns,
            terminal: true,
            env,
          });
          expect(out + err + shown).not.toContain("\u001b");
        }
      }
    });
  });

  describe("while work is under way", () => {
    it("a terminal shows it, and nothing of it stays", async () => {
      simulator.faults = { delayMs: 350 };
      try {
        const { code, out, err, shown } = await vsso(["nodes", ...argv], { terminal: true });
        expect({ code, err }).toEqual({ code: 0, err: "" });
        expect(out).not.toContain("asking");
        expect(shown).toMatch(/^\r⠋ asking 127\.0\.0\.1:\d+\r/);
        expect(shown).toMatch(/\r +\r$/);
        expect(shown).not.toContain("\u001b");
      } finally {
        simulator.faults = {};
      }
    });

    it("a line of it makes way for messages", async () => {
      simulator.faults = { delayMs: 250, serviceUnavailable: 1 };
      try {
        const { code, err, shown } = await vsso(["nodes", ...argv, "-v"], { terminal: true });
        expect(code).toBe(0);
        expect(err).toMatch(/^retry: /);
        // Cleared before the message and again at the end.
        expect(shown.match(/\r +\r/g)?.length).toBeGreaterThanOrEqual(2);
      } finally {
        simulator.faults = {};
      }
    });

    it("is not shown where stderr is no terminal", async () => {
      const { port } = await startRawServer(() => undefined);
      const { code, err, shown } = await vsso(["nodes", `127.0.0.1:${port}`, "--timeout", "0.3"]);
      expect(code).toBe(5);
      expect(shown).toBe("");
      expect(err).toMatch(/^error\[TIMEOUT\]: /);
    });
  });
});
