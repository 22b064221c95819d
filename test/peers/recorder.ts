import { createServer, type IncomingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import type { AddressInfo } from "node:net";

/** A message as it went over the wire. */
export interface RecordedMessage {
  readonly path: string;
  readonly action: string;
  readonly request: string;
  readonly status: number;
  readonly answer: string;
}

export interface Recorder extends AsyncDisposable {
  /** `http://127.0.0.1:port`, which passes everything on. */
  readonly url: string;
  readonly messages: readonly RecordedMessage[];
  /** The last message whose SOAPAction ends so. */
  last(action: string): RecordedMessage;
}

/** A server on loopback that passes requests on to an https server, byte for byte, and keeps both sides of it. */
export async function startRecorder(target: {
  readonly url: string;
  readonly ca: string;
}): Promise<Recorder> {
  const messages: RecordedMessage[] = [];
  const server = createServer(async (incoming, outgoing) => {
    try {
      const body = await bytesOf(incoming);
      const { host } = new URL(target.url);
      const path = incoming.url ?? "/";
      const { status, headers, answer } = await forward(new URL(path, target.url), target.ca, {
        method: incoming.method,
        headers: { ...incoming.headers, host, connection: "close" },
        body,
      });
      messages.push({
        path,
        action: String(incoming.headers.soapaction ?? "").replaceAll('"', ""),
        request: body.toString("utf8"),
        status,
        answer: answer.toString("utf8"),
      });
      outgoing.writeHead(status, {
        "content-type": headers["content-type"] ?? "text/xml",
        date: headers.date,
      });
      outgoing.end(answer);
    } catch (error) {
      outgoing.writeHead(502).end(String(error));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    messages,
    last(action) {
      const message = messages.findLast((each) => each.action.endsWith(action));
      if (!message) throw new Error(`no ${action} among ${messages.map((each) => each.action).join(", ")}`);
      return message;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function forward(
  url: URL,
  ca: string,
  { method, headers, body }: { method: string | undefined; headers: IncomingHttpHeaders; body: Buffer },
): Promise<{ status: number; headers: IncomingHttpHeaders; answer: Buffer }> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, { method, headers, ca, agent: false }, (response) => {
      bytesOf(response).then(
        (answer) => resolve({ status: response.statusCode ?? 0, headers: response.headers, answer }),
        reject,
      );
    });
    request.once("error", reject);
    request.end(body);
  });
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces);
}
