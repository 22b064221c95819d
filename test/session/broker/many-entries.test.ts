import { expect, onTestFinished, test } from "vitest";
import { Transport } from "../../../src/net/transport.ts";
import type { DoorTransport } from "../../../src/session/transport.ts";
import { noteListenerWarnings } from "../../helpers/listener-warnings.ts";
import { lab, times } from "./lab.ts";

const ENTRIES = 12;

test("many sessions that are ended at once give Node.js no cause to warn", async () => {
  const warnings = noteListenerWarnings();
  const { simulator, url, connect, broker } = await lab();
  const base = new Transport({ trust: { ca: simulator.ca } });
  onTestFinished(() => base.close());
  let isClosing = false;
  let ending = 0;
  let tell: () => void = () => undefined;
  const allEnding = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const transport: DoorTransport = {
    request: async (target, request) => {
      if (isClosing) {
        if (++ending === ENTRIES) tell();
        await allEnding;
      }
      return base.request(target, request);
    },
  };
  const one = broker();
  await Promise.all(
    times(ENTRIES, (index) => one.acquire(url, { ...connect, transport, principal: `job-${index}` })),
  );
  expect(simulator.sessions).toHaveLength(ENTRIES);
  isClosing = true;
  await one.close();
  expect(simulator.sessions).toEqual([]);
  expect(await warnings()).toEqual([]);
});
