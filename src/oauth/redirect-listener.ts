import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { InvalidArgumentError } from "../errors.ts";
import { isLoopback } from "../net/target.ts";

/** Waits on this machine for a browser to come back from signing in. */
export interface RedirectListener extends AsyncDisposable {
  /** Where the browser has to come, its port filled in. */
  readonly redirectUri: string;
  /** Where it came with our state, with what else the authorization server put into the query. */
  readonly callback: Promise<URL>;
}

const HEADERS = {
  "content-type": "text/html; charset=utf-8",
  "cache-control": "no-store",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'",
  connection: "close",
};

/**
 * Listens at a loopback address (RFC 8252, 7.3). The first request that carries a code or an error and our state
 * counts. Any page that the browser shows can send it here with others, which must not end the sign-in: they are
 * answered and forgotten, as are those for another host, whose name was made to lead here.
 *
 * @param redirectUri `http` on this machine; without a port, or with port 0, any free one.
 * @throws InvalidArgumentError for another URL, and for a port that is taken.
 */
export async function listenForRedirect(redirectUri: string, state: string): Promise<RedirectListener> {
  const wanted = parseRedirectUri(redirectUri);
  const { createServer } = await import("node:http");
  let arrived: (url: URL) => void = () => undefined;
  const callback = new Promise<URL>((resolve) => {
    arrived = resolve;
  });
  let actual = wanted;
  const server = createServer((request, response) => {
    const url = callbackUrl(request, actual);
    if (!url) {
      answer(response, 404, "There is nothing here.");
      return;
    }
    const states = url.searchParams.getAll("state");
    if (!isFor(request, actual) || states.length !== 1 || states[0] !== state) {
      answer(response, 400, "This is not the answer to the sign-in that was started.");
      return;
    }
    if (url.searchParams.has("error")) answer(response, 200, "You were not signed in.");
    else answer(response, 200, "You are signed in.");
    arrived(url);
  });
  const host = wanted.hostname.replace(/^\[|\]$/g, "");
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(
        new InvalidArgumentError(`Cannot listen at the redirect URI ${wanted.origin}`, {
          cause,
          hint: "Name a free port of this machine, or none.",
        }),
      );
    });
    server.listen(Number(wanted.port), host, resolve);
  });
  actual = new URL(wanted);
  actual.port = String((server.address() as AddressInfo).port);
  return {
    // As URL would write it, but for port 80, which it would leave out.
    redirectUri: actual.href,
    callback,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      // Lets the answer out to the browser; those that say nothing are not waited for.
      server.closeIdleConnections();
      const late = setTimeout(() => server.closeAllConnections(), 500);
      await closed;
      clearTimeout(late);
    },
  };
}

function parseRedirectUri(text: string): URL {
  let url: URL | undefined;
  try {
    url = new URL(text);
  } catch {
    // Said below.
  }
  const host = url?.hostname.replace(/^\[|\]$/g, "") ?? "";
  if (
    url?.protocol === "http:" &&
    isLoopback(host) &&
    url.search === "" &&
    url.hash === "" &&
    !url.username
  ) {
    return url;
  }
  throw new InvalidArgumentError("The redirect URI must be an http URL of this machine, without query", {
    hint: "As http://127.0.0.1/callback, for any free port.",
  });
}

function callbackUrl(request: IncomingMessage, at: URL): URL | undefined {
  if (request.method !== "GET" || request.url === undefined || !request.url.startsWith("/")) return undefined;
  const url = new URL(`${at.origin}${request.url}`);
  if (url.pathname !== at.pathname) return undefined;
  return url.searchParams.has("code") || url.searchParams.has("error") ? url : undefined;
}

/** Whether the request names the host and port of the redirect URI, as a browser does that was sent there. */
function isFor({ headers: { host } }: IncomingMessage, at: URL): boolean {
  // Compared as URLs: the browser leaves port 80 out.
  const url = `http://${host}/`;
  return /^[\w.:[\]-]+$/.test(host ?? "") && URL.canParse(url) && new URL(url).host === at.host;
}

function answer(response: ServerResponse, status: number, words: string): void {
  response.writeHead(status, HEADERS);
  response.end(
    `<!doctype html><html lang="en"><title>vsphere-sso</title><p>${words} You can close this window.</p></html>`,
  );
}
