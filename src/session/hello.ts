import { InvalidArgumentError, ProtocolError, UnsupportedError } from "../errors.ts";
import type { TransportResponse } from "../net/transport.ts";
import { redactError } from "../sts/secrets.ts";
import { SESSION_HEADER } from "./header-value.ts";
import { isObject, ownText, parseJson } from "./json-text.ts";
import type { DoorTransport } from "./transport.ts";
import { holdsVapiError, readVapiError } from "./vapi-error.ts";
import { replyText } from "./vapi-reply.ts";

/** Releases of VI/JSON that this package knows, the one it likes best first. */
export const VIM_JSON_RELEASES: readonly string[] = ["9.1.0.0", "9.0.0.0", "8.0.3.0", "8.0.2.0", "8.0.1.0"];

/** The first release of VI/JSON, which had no `hello` yet. */
export const FIRST_VIM_JSON_RELEASE = "8.0.1.0";

/** What the operation takes. */
const MAX_RELEASES = 128;
const MAX_LENGTH = 64;
const RELEASE = /^[\w.-]+$/;

const PATH = "/api/vcenter/system?action=hello";

export interface HelloOptions {
  /** In order of preference. */
  readonly releases: readonly string[];
  /** Session to send along, for servers that want one. */
  readonly sessionId?: string | undefined;
}

/** A release that both sides know; or that the server has no `hello`, or answers it to nobody without a session. */
export type HelloAnswer = { readonly release: string } | "absent" | "unauthenticated";

/**
 * Releases as a caller gives them.
 *
 * @throws InvalidArgumentError for none, too many, and what cannot be one.
 */
export function checkReleases(releases: readonly string[]): readonly string[] {
  if (!Array.isArray(releases) || releases.length === 0 || releases.length > MAX_RELEASES) {
    throw new InvalidArgumentError(`Give 1 to ${MAX_RELEASES} releases`);
  }
  for (const release of releases) checkRelease(release);
  return releases;
}

/** @throws InvalidArgumentError for what cannot be the name of a release. */
export function checkRelease(release: string): string {
  if (
    typeof release === "string" &&
    release.length <= MAX_LENGTH &&
    RELEASE.test(release) &&
    /\w/.test(release)
  ) {
    return release;
  }
  throw new InvalidArgumentError("That is no release of VI/JSON", {
    hint: `Give it as ${FIRST_VIM_JSON_RELEASE}; it is the apiVersion of the server's about.`,
  });
}

/**
 * Asks a vCenter which release of VI/JSON to use (`POST /api/vcenter/system?action=hello`, since 8.0 U2).
 *
 * @throws UnsupportedError when both sides have no release in common; VapiError, HttpStatusError and ProtocolError for
 *   every other answer; every error of the transport.
 */
export async function hello(
  transport: DoorTransport,
  origin: string,
  { releases, sessionId }: HelloOptions,
): Promise<HelloAnswer> {
  const url = `${origin}${PATH}`;
  const what = `hello of ${origin}`;
  const secrets = sessionId === undefined ? [] : [sessionId];
  const reply = await transport
    .request(url, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        accept: "application/json",
        ...(sessionId !== undefined && { [SESSION_HEADER]: sessionId }),
      },
      body: JSON.stringify({ api_releases: releases }),
      // It changes nothing.
      idempotent: true,
    })
    .catch((error: unknown) => {
      redactError(error, secrets, { operation: what, url });
      throw error;
    });
  const { status } = reply;
  const text = replyText(reply);
  if (status === 404 || status === 405 || status === 501) return "absent";
  if (status === 401 || status === 403) return "unauthenticated";
  // Of servers that read no JSON under /api; what vAPI itself says is an error of the request.
  if (status === 400 && !holdsVapiError(text)) return "absent";
  if (status < 200 || status > 299) {
    throw readVapiError({ ...reply, text }, { door: "vim-json", what, secrets });
  }
  return { release: chosen(reply, text, releases) };
}

function chosen({ url }: TransportResponse, text: string, offered: readonly string[]): string {
  const answer = parseJson(text);
  if (isObject(answer) && answer.api_release === "") {
    throw new UnsupportedError(`${url} knows none of the releases ${offered.join(", ")}`, {
      worksAt: "vim-soap",
      hint: "the server is newer or older than all of them: name its own release (its about.apiVersion), or use SOAP",
    });
  }
  const release = isObject(answer) ? ownText(answer, "api_release") : undefined;
  // It becomes part of a path, so that nothing else will do.
  if (release !== undefined && offered.includes(release)) return release;
  throw new ProtocolError(
    "RESPONSE_UNEXPECTED",
    `${url} answered hello with no release that it was asked for`,
    {
      url,
      hint: "check that the server is a vCenter, and whether a proxy answers in its place; the release can be given",
    },
  );
}
