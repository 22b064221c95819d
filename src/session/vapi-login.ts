import { InvalidArgumentError, VapiError } from "../errors.ts";
import type { TransportResponse } from "../net/transport.ts";
import type { PasswordCredential } from "../sts/credential.ts";
import type { SignatureAlgorithm } from "../xml/signer.ts";
import type { DoorCredential } from "./door.ts";
import { readDoorCredential } from "./door-credential.ts";
import { readVapiError } from "./vapi-error.ts";
import { replyText } from "./vapi-reply.ts";

/** What another signature over the same token does not change. */
const OTHER_REASON = /session|limit|maximum|too many|lock|disabled|expire/i;

/** Whether an answer refuses a credential and says no more than that: then another signature may be what it wants. */
export function isPlainRefusal(reply: TransportResponse): boolean {
  if (reply.status !== 401) return false;
  const context = { door: "vapi-rest", what: "The login", login: true } as const;
  const error = readVapiError({ ...reply, text: replyText(reply) }, context);
  if (!(error instanceof VapiError) || error.errorType !== "UNAUTHENTICATED") return false;
  return !error.messages.some(({ id, text }) => OTHER_REASON.test(id) || OTHER_REASON.test(text));
}

/** Where a session is asked for. */
export interface LoginTarget {
  readonly path: string;
  readonly host: string;
  /** Only where the URL says one. */
  readonly port: number | undefined;
  /** In the place of the port that is signed by default. */
  readonly signedPort: number | undefined;
}

export interface LoginSigning {
  readonly algorithm: SignatureAlgorithm | undefined;
  readonly clockOffsetMs: number;
}

/** A credential, ready to be shown. */
export interface LoginPlan {
  readonly kind: "password" | "bearer" | "holder-of-key" | "jwt";
  /** What no message may quote; the plan puts to it what it sends. */
  readonly secrets: string[];
  /** Value of `Authorization`, made anew for each request. */
  authorization(target: LoginTarget): Promise<string>;
}

/** What to do when the server refuses; it gives no reason. */
export const REFUSAL_HINTS: Readonly<Record<LoginPlan["kind"], string>> = {
  password:
    "check the name (name@domain) and the password; wrong ones count towards the lock-out of the account, so do not repeat this blindly",
  bearer:
    "the server gives no reason; a bearer token must be delegatable, not expired by the server's clock (compare the clocks), issued by this server's STS, and the vAPI endpoint must accept bearer tokens; a holder-of-key token may work",
  "holder-of-key":
    "the server gives no reason; the token must be delegatable, not expired by the server's clock (compare the clocks), and issued by this server's STS",
  jwt: "the token must be issued by a provider that this vCenter trusts; where the server takes none, exchange it for a SAML token first",
};

/**
 * How a credential is shown to vAPI's REST.
 *
 * @throws InvalidArgumentError for what no server would accept, before anything is sent.
 */
export async function planLogin(credential: DoorCredential, signing: LoginSigning): Promise<LoginPlan> {
  const identity = readDoorCredential(credential);
  if (identity.kind === "password") {
    const { username, password } = identity;
    const authorization = basicAuthorization(username, password);
    const secrets = [password, authorization.slice("Basic ".length)];
    return { kind: "password", secrets, authorization: async () => authorization };
  }
  if (identity.kind === "jwt") {
    const { jwt } = identity;
    return { kind: "jwt", secrets: [jwt], authorization: async () => `Bearer ${jwt}` };
  }
  const { kind, token } = identity;
  // Loaded where a token is there, which has loaded most of it: a password needs none of this.
  const { signHeader } = await import("./sign-header.ts");
  const secrets = [token.assertion];
  return {
    kind,
    secrets,
    async authorization({ path, host, port, signedPort }) {
      const request = { method: "POST", path, host, port };
      const header = await signHeader(token, request, { ...signing, signedPort });
      secrets.push(header.slice("SIGN ".length));
      return header;
    },
  };
}

/**
 * Value of `Authorization` that goes along with every request.
 *
 * @throws InvalidArgumentError for what cannot be shown so.
 */
export function basicOf(credential: PasswordCredential): string {
  const identity = readDoorCredential(credential);
  if (identity.kind === "password") return basicAuthorization(identity.username, identity.password);
  throw new InvalidArgumentError("basic is no user name with a password");
}

/**
 * Value of `Authorization` for name and password (RFC 7617, UTF-8).
 *
 * @throws InvalidArgumentError for what cannot be shown so.
 */
function basicAuthorization(username: string, password: string): string {
  if (username.includes(":")) {
    throw new InvalidArgumentError(
      "The user name holds a colon, which ends the name in Basic authentication",
      {
        hint: "give it as name@domain; over SOAP (vim-soap) any name can log in",
      },
    );
  }
  if (/[\u0000-\u001f\u007f]/.test(username + password)) {
    throw new InvalidArgumentError("The user name or password holds a control character", {
      hint: "look for a line break at its end",
    });
  }
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
