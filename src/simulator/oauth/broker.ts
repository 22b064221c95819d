import { randomUUID, timingSafeEqual } from "node:crypto";
import type { HttpAnswer, HttpRequest } from "../router.ts";
import { currentGroups } from "../sts/directory.ts";
import { StsFault } from "../sts/fault.ts";
import type { NodeView } from "../view.ts";
import { type Claims, signJwt } from "./jwt.ts";
import { BROKER_TENANT, brokerIssuer, type OAuthClient } from "./provider.ts";

const PATH = /^\/acs\/t\/([^/]+)\/token$/;
const LIFETIME_SECONDS = 3600;
const FORM = /^application\/x-www-form-urlencoded\s*(;|$)/i;

/** Whether a path is the token endpoint of a tenant of the broker. */
export function isBrokerPath(path: string): boolean {
  return PATH.exec(path)?.[1] === BROKER_TENANT;
}

/** Answers one request to the token endpoint of the identity broker. */
export function answerBroker(request: HttpRequest, view: NodeView): HttpAnswer {
  if (request.method !== "POST") return { status: 405, headers: { allow: "POST" }, body: "" };
  if (!FORM.test(request.headers["content-type"] ?? "")) {
    return refuse(400, "invalid_request", "The body is not a form.");
  }
  const form = new URLSearchParams(request.body.toString());
  const client = clientOf(request.headers.authorization, view);
  if (!client) {
    const answer = refuse(401, "invalid_client", "The client is unknown, or its secret is wrong.");
    return { ...answer, headers: { ...answer.headers, "www-authenticate": 'Basic realm="acs"' } };
  }
  switch (form.get("grant_type")) {
    case "client_credentials": {
      const upn = `${client.id}@${view.sso.domain}`;
      return tokens({ sub: client.id, upn, groups: client.groups ?? [] }, client, form, view);
    }
    case "password":
      return byPassword(client, form, view);
    default:
      return refuse(400, "unsupported_grant_type", "Use client_credentials or password.");
  }
}

function byPassword(client: OAuthClient, form: URLSearchParams, view: NodeView): HttpAnswer {
  const [username, password] = [form.get("username"), form.get("password")];
  if (username === null || password === null) {
    return refuse(400, "invalid_request", "username and password are needed.");
  }
  try {
    const person = view.sso.directory.authenticate(username, password, view.faults);
    const groups = currentGroups(person, view.faults);
    return tokens({ sub: person.upn, upn: person.upn, groups }, client, form, view);
  } catch (error) {
    if (error instanceof StsFault) return refuse(400, "invalid_grant", error.message);
    throw error;
  }
}

function tokens(subject: Claims, client: OAuthClient, form: URLSearchParams, view: NodeView): HttpAnswer {
  const now = Math.floor(view.now / 1000);
  const { key, publicKey } = view.sso.signing;
  const claims = {
    ...subject,
    iss: brokerIssuer(view.node.port),
    aud: client.id,
    iat: now,
    exp: now + LIFETIME_SECONDS,
    jti: randomUUID(),
  };
  const withIdToken = form.get("scope")?.split(" ").includes("openid") && subject.sub !== client.id;
  return json(200, {
    access_token: signJwt(claims, key, publicKey),
    token_type: "Bearer",
    expires_in: LIFETIME_SECONDS,
    ...(withIdToken && { id_token: signJwt({ ...claims, jti: randomUUID() }, key, publicKey) }),
  });
}

function clientOf(authorization: string | undefined, view: NodeView): OAuthClient | undefined {
  const encoded = /^Basic ([A-Za-z0-9+/]+=*)$/i.exec(authorization ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const [, id, secret] = /^([^:]*):(.*)$/s.exec(Buffer.from(encoded, "base64").toString()) ?? [];
  return view.federation.clients.find(
    (client) => sameText(decodeForm(id), client.id) && sameText(decodeForm(secret), client.secret),
  );
}

/** RFC 6749, 2.3.1: both parts are form-encoded before they are joined. */
function decodeForm(text = ""): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function sameText(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function refuse(status: number, error: string, description: string): HttpAnswer {
  return json(status, { error, error_description: description });
}

function json(status: number, value: object): HttpAnswer {
  return {
    status,
    headers: { "content-type": "application/json", "cache-control": "no-store" },
    body: JSON.stringify(value),
  };
}
