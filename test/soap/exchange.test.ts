import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { describe, expect, onTestFinished, test } from "vitest";
import { AbortedError, ProtocolError, SoapFaultError, TimeoutError } from "../../src/errors.ts";
import { LOOKUP_SCHEMA } from "../../src/lookup/wsdl-tables.ts";
import { Transport, type TransportOptions } from "../../src/net/transport.ts";
import { callSoap, type SoapCall } from "../../src/soap/call.ts";
import type { ServiceSchema } from "../../src/soap/schema.ts";

const SOAP = "http://schemas.xmlsoap.org/soap/envelope/";
const XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
const schema: ServiceSchema = LOOKUP_SCHEMA;
const EMPTY_LIST = envelope('<ListResponse xmlns="urn:lookup"/>');

function envelope(body: string): string {
  return `<s:Envelope xmlns:s="${SOAP}" ${XSI}><s:Body>${body}</s:Body></s:Envelope>`;
}

/** A server, and how to ask it for a list. */
async function serve(handler: (body: string, ...rest: Parameters<RequestListener>) => void) {
  const server = createServer((request, response) => {
    let body = "";
    request
      .setEncoding("utf8")
      .on("data", (text: string) => {
        body += text;
      })
      .on("end", () => handler(body, request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/sdk`;
  return async (call: Partial<SoapCall> = {}, options: TransportOptions = {}) => {
    const transport = new Transport({ retry: { retries: 2, baseDelayMs: 1 }, ...options });
    onTestFinished(() => transport.close());
    return callSoap({
      transport,
      url,
      schema,
      operation: "List",
      input: { _this: { type: "T", value: "t" } },
      soapAction: "urn:lookup/2.0",
      ...call,
    });
  };
}

/** The error for one answer. */
async function refusal(
  body: string | Uint8Array,
  headers: Readonly<Record<string, string>> = {},
  status = 200,
): Promise<Error & { readonly code?: string }> {
  const ask = await serve((_body, _request, response) =>
    response.writeHead(status, { "content-type": "text/xml", ...headers }).end(body),
  );
  return ask().then(
    () => new Error("was accepted"),
    (error: Error) => error,
  );
}

describe("a message that is signed", () => {
  test("is signed anew for every attempt", async () => {
    const bodies: string[] = [];
    const ask = await serve((body, _request, response) => {
      bodies.push(body);
      if (bodies.length < 3) response.writeHead(503).end();
      else response.end(EMPTY_LIST);
    });
    let signatures = 0;
    const security = { secure: async () => `<signature number="${++signatures}"/>` };
    expect((await ask({ security, idempotent: true })).value).toEqual([]);
    expect(bodies).toEqual([1, 2, 3].map((number) => `<signature number="${number}"/>`));
  });

  test("is not sent when signing fails, and the call fails with its error", async () => {
    let requests = 0;
    const ask = await serve((_body, _request, response) => response.end(`${++requests}`));
    const failure = new Error("no token");
    for (const secure of [
      () => Promise.reject(failure),
      () => {
        throw failure;
      },
    ]) {
      await expect(ask({ security: { secure } })).rejects.toBe(failure);
    }
    expect(requests).toBe(0);
  });

  test("is waited for no longer than the call may take, and not once the caller gives up", async () => {
    const ask = await serve((_body, _request, response) => response.end());
    const security = { secure: () => new Promise<never>(() => undefined) };
    await expect(ask({ security }, { totalTimeoutMs: 20 })).rejects.toBeInstanceOf(TimeoutError);
    const caller = new AbortController();
    const aborting = {
      secure: () => {
        setImmediate(() => caller.abort());
        return new Promise<never>(() => undefined);
      },
    };
    await expect(ask({ security: aborting, signal: caller.signal })).rejects.toBeInstanceOf(AbortedError);
  });
});

describe("an answer that is none", () => {
  const XHTML = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x"><html>maintenance</html>';
  test.each([
    ["with the prolog of XML", `<?xml version="1.0" encoding="UTF-8"?>\n${XHTML}`, {}],
    ["with the prolog and the type", `<?xml version="1.0"?>${XHTML}`, { "content-type": "text/html" }],
    ["after comments", `<?xml version='1.0'?><!-- a --> <!-- b --><html>maintenance</html>`, {}],
    ["in Latin-1", Buffer.from("<html>maintenanc\u00e9</html>", "latin1"), {}],
  ])("is a page, %s", async (_name, body, headers) => {
    const error = await refusal(body, headers);
    expect(error).toMatchObject({ code: "RESPONSE_HTML" });
    expect(error.message).toContain("maintenanc");
  });

  test("is not taken for a page for what stands in a comment, however many there are", async () => {
    const error = await refusal(`${"<!---->".repeat(500_000)}<!-- <html> --><a/>`);
    expect(error).toMatchObject({ code: "RESPONSE_NOT_SOAP" });
  });

  test.each([
    ["in the first tag", '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas'],
    ["in the declaration", "<?xml vers"],
    ["after the declaration", '<?xml version="1.0"?>\n'],
    ["in the body", EMPTY_LIST.slice(0, -20)],
    [
      "within a character of several bytes",
      Buffer.from(`<s:Envelope xmlns:s="${SOAP}"><s:Body>\u20ac`).subarray(0, -1),
    ],
  ])("is cut short %s", async (_name, body) => {
    const error = await refusal(body);
    expect(error).toMatchObject({ code: "RESPONSE_TRUNCATED" });
    expect(error.message).toMatch(/: "<.*"$/);
  });

  test.each([
    ["a DOCTYPE", '<!DOCTYPE list SYSTEM "x"><list/>', "XML_DOCTYPE", '"<!DOCTYPE list SYSTEM'],
    [
      "a nest too deep",
      envelope(`<ListResponse xmlns="urn:lookup">${"<deep>".repeat(100)}`),
      "XML_LIMIT",
      '"<s:Envelope xmlns',
    ],
  ])("with %s shows how it begins, and little more", async (_name, body, code, start) => {
    const error = await refusal(body);
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(start);
    expect(error.message.length).toBeLessThan(400);
  });

  test.each([
    ["Latin-1", Buffer.from(envelope("<a>\u00e9</a>"), "latin1")],
    ["a surrogate", Buffer.from([...Buffer.from("<a>"), 0xed, 0xa0, 0x80, ...Buffer.from("</a>")])],
    ["an overlong form", Buffer.from([...Buffer.from("<a>"), 0xc0, 0xbc, ...Buffer.from("</a>")])],
    ["UTF-16", Buffer.from(EMPTY_LIST, "utf16le").subarray(1)],
    ["half a character in the middle", Buffer.from([0x3c, 0xe2, 0x82, 0x3e])],
  ])("that is not UTF-8 is refused, not repaired: %s", async (_name, body) => {
    const error = await refusal(body);
    expect(error).toBeInstanceOf(ProtocolError);
    expect(error).toMatchObject({ code: "RESPONSE_NOT_SOAP" });
  });

  test("with a processing instruction is told to be that", async () => {
    const answer = `<?xml version="1.0"?><?xml-stylesheet href="x"?>${envelope("<x/>")}`;
    const error = await refusal(answer);
    expect(error).toMatchObject({ code: "RESPONSE_NOT_SOAP" });
    expect(error.message).toContain("XML with a processing instruction, which is refused (HTTP 200): ");
    expect((await refusal("<x>")).message).not.toContain("instruction");
  });

  test("is a page under another status whatever its encoding", async () => {
    const error = await refusal(Buffer.from("Gateway indisponibl\u00e9", "latin1"), {}, 502);
    expect(error).toMatchObject({ code: "HTTP_STATUS", status: 502 });
  });

  test("and would unpack to millions of elements is refused", async () => {
    const bomb = gzipSync(
      envelope(`<ListResponse xmlns="urn:lookup">${"<returnval/>".repeat(3_000_000)}</ListResponse>`),
    );
    expect(await refusal(bomb, { "content-encoding": "gzip" })).toMatchObject({ code: "RESPONSE_TOO_LARGE" });
  });

  test("but has millions of elements is refused before it fills the memory", async () => {
    const answer = envelope(
      `<ListResponse xmlns="urn:lookup">${"<returnval/>".repeat(2_000_001)}</ListResponse>`,
    );
    expect(await refusal(answer)).toMatchObject({ code: "XML_LIMIT" });
  });
});

describe("the type of a fault", () => {
  const fault = async (detail: string): Promise<SoapFaultError> => {
    const error = await refusal(
      envelope(
        `<s:Fault><faultcode>s:Server</faultcode><faultstring>x</faultstring><detail>${detail}</detail></s:Fault>`,
      ),
      {},
      500,
    );
    if (!(error instanceof SoapFaultError)) throw error;
    return error;
  };
  const NAME = "LookupFaultEntryNotFoundFaultFault";
  const TYPE = "LookupFaultEntryNotFoundFault";

  test.each([
    ["is its xsi:type", `<Other xmlns="urn:lookup" xsi:type="${TYPE}"/>`],
    ["is its element's name", `<${NAME} xmlns="urn:lookup"/>`],
    [
      "is its element's name when the type has an unbound prefix",
      `<${NAME} xmlns="urn:lookup" xsi:type="no:${TYPE}"/>`,
    ],
    [
      "is its element's name when the type has no namespace",
      `<l:${NAME} xmlns:l="urn:lookup" xsi:type="${TYPE}"/>`,
    ],
    ["is that of a later element when the first says nothing", `<stack/><${NAME} xmlns="urn:lookup"/>`],
  ])("%s", async (_name, detail) => {
    expect(await fault(detail)).toMatchObject({
      code: "ENTRY_NOT_FOUND",
      faultType: { namespace: "urn:lookup", local: TYPE },
    });
  });

  test.each([
    ["another namespace", `<${NAME} xmlns="urn:evil"/>`, "urn:evil"],
    ["no namespace", `<${NAME}/>`, ""],
    [
      "a type of another namespace",
      `<${NAME} xmlns="urn:lookup" xmlns:e="urn:evil" xsi:type="e:${TYPE}"/>`,
      "urn:evil",
    ],
  ])("has no meaning with %s", async (_name, detail, namespace) => {
    expect(await fault(detail)).toMatchObject({ code: "SOAP_FAULT", faultType: { namespace } });
  });

  test("has the fields of the element that it is taken from", async () => {
    const found = await fault(
      `<stack><name>no</name></stack><${NAME} xmlns="urn:lookup"><name>yes</name></${NAME}>`,
    );
    expect(found.fields).toEqual({ name: "yes" });
  });
});
