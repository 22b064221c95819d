import { appendFile, writeFile } from "node:fs/promises";
import type { SoapTransport } from "../../soap/transport.ts";

/** Headers whose values are secrets. */
const SECRET_HEADERS =
  /^(authorization|proxy-authorization|cookie|set-cookie|vmware-api-session-id|vmware-cgi-ticket)$/i;

/** Elements of SOAP messages whose content is a secret. */
const SECRET_ELEMENTS =
  /(<(?:[\w.-]+:)?(Password|Passcode|password|Assertion|BinarySecurityToken|BinaryExchange|SignatureValue|vcSessionCookie|dbPass|dbUser|dbJdbcUrl)(?:\s[^>]*)?>)[\s\S]*?(<\/(?:[\w.-]+:)?\2>)/g;

/**
 * A transport that writes every exchange to `file` (mode 0600), secrets left out.
 *
 * @throws when the file cannot be written.
 */
export async function traceTo(transport: SoapTransport, file: string): Promise<SoapTransport> {
  await writeFile(file, "", { mode: 0o600 });
  const write = (lines: readonly string[]) => appendFile(file, `${lines.join("\n")}\n\n`);
  return {
    async request(url, request) {
      await write([
        `${new Date().toISOString()} > ${request.method} ${url}`,
        ...headerLines(">", request.headers),
        redactBody(request.body),
      ]);
      try {
        const response = await transport.request(url, request);
        await write([
          `${new Date().toISOString()} < ${response.status} ${url}`,
          ...headerLines("<", response.headers),
          redactBody(response.body.toString("utf8")),
        ]);
        return response;
      } catch (error) {
        await write([
          `${new Date().toISOString()} ! ${url} ${error instanceof Error ? error.message : error}`,
        ]);
        throw error;
      }
    },
  };
}

function headerLines(
  mark: string,
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((text) => `${mark} ${name}: ${SECRET_HEADERS.test(name) ? "[redacted]" : text}`),
  );
}

/** A message with the content of its secret elements replaced. */
export function redactBody(body: string): string {
  return body.replace(SECRET_ELEMENTS, "$1[redacted]$3");
}
