import { EventEmitter } from "node:events";
import { describe, expect, it } from "vitest";
import { Signals } from "../../src/cli/signals.ts";
import { isInForeground } from "../../src/cli/terminal.ts";

/** Signals of a process that is none, at a time that the test sets. */
function setUp() {
  const source = new EventEmitter();
  const clock = { now: 1000 };
  let exits = 0;
  const signals = new Signals(source, {
    exit: () => {
      exits++;
    },
    now: () => clock.now,
  });
  return {
    signals,
    clock,
    send: (name: string) => source.emit(name, name),
    exits: () => exits,
  };
}

describe("a signal", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"])("%s interrupts, and a second means now", (name) => {
    const { signals, clock, send, exits } = setUp();
    send(name);
    expect(signals.interrupt.reason).toMatchObject({ message: `stopped by ${name}` });
    expect(exits()).toBe(0);
    clock.now += 1000;
    send(name);
    expect(exits()).toBe(1);
  });

  it("that comes twice at once, as timeout sends it to a program and to its group, is one", () => {
    const { clock, send, exits } = setUp();
    send("SIGTERM");
    send("SIGTERM");
    expect(exits()).toBe(0);
    send("SIGINT");
    expect(exits()).toBe(1);
    clock.now += 1000;
    send("SIGTERM");
    expect(exits()).toBe(2);
  });

  it("of whatever kind goes to the program that runs, and interrupts nothing", async () => {
    const { signals, send, exits } = setUp();
    const names = [
      ...["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1"],
      ...["SIGUSR2", "SIGALRM", "SIGCONT", "SIGWINCH"],
    ];
    const taken: string[] = [];
    let end: () => void = () => undefined;
    const work = new Promise<void>((resolve) => {
      end = resolve;
    });
    const done = signals.during((name) => taken.push(name), work);
    for (const name of names) send(name);
    expect(taken).toEqual(names);
    expect({ aborted: signals.interrupt.aborted, exits: exits() }).toEqual({ aborted: false, exits: 0 });
    end();
    await done;
    send("SIGUSR2");
    expect(taken).toEqual(names);
    send("SIGINT");
    expect(signals.interrupt.aborted).toBe(true);
  });

  it("SIGUSR1 is always taken, lest it open the inspector", () => {
    const { signals, send } = setUp();
    expect(send("SIGUSR1")).toBe(true);
    expect(send("SIGUSR2")).toBe(false);
    expect(signals.interrupt.aborted).toBe(false);
  });
});

describe("the foreground of a terminal", () => {
  /** As proc(5) has it: pid (name) state ppid pgrp session tty_nr tpgid … */
  const at = (group: number, terminal: number, foreground: number, name = "node") =>
    isInForeground(() => `42 (${name}) S 7 ${group} 5 ${terminal} ${foreground} 4194304 97 0\n`);

  it.each([
    ["its group is the one that keys go to", at(42, 34816, 42), true],
    ["it runs in the background", at(42, 34816, 7), false],
    ["it has no terminal", at(42, 0, -1), false],
    ["its name is like the numbers", at(42, 34816, 42, "a) S 1 2 3 0 5 (b"), true],
  ])("when %s", (_, found, expected) => {
    expect(found).toBe(expected);
  });
});
