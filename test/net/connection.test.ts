import { connect } from "node:net";
import { expect, test } from "vitest";
import { ConnectionError } from "../../src/errors.ts";
import { Connection } from "../../src/net/connection.ts";
import { exchange } from "../../src/net/exchange.ts";
import { AttemptError } from "../../src/net/failures.ts";
import { failureOf, startRawServer } from "./servers.ts";

test("a connection never opens a second socket: a request to a dead one fails as not sent", async () => {
  const server = await startRawServer(() => undefined);
  const url = `http://127.0.0.1:${server.port}`;
  const socket = connect(server.port, "127.0.0.1");
  const connection = await Connection.open(url, async () => socket);
  socket.destroy();
  const failed = exchange(
    connection,
    { method: "GET", path: "/", headers: {}, body: undefined },
    {
      host: `127.0.0.1:${server.port}`,
      url,
      signal: new AbortController().signal,
      headersTimeoutMs: 1000,
      bodyTimeoutMs: 1000,
      maxResponseBytes: 1000,
    },
  );
  const error = await failureOf(failed, AttemptError);
  expect([error.sent, error.error instanceof ConnectionError]).toEqual([false, true]);
  expect(connection.usable).toBe(false);
  await connection.destroy();
});
