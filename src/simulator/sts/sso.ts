import type { Conversations } from "./conversations.ts";
import type { Directory } from "./directory.ts";
import type { Limits } from "./policy.ts";
import type { TokenSigning } from "./signing.ts";

/** Single sign-on of a linked group: one directory, one signing key, one policy for all nodes. */
export interface Sso {
  readonly domain: string;
  readonly limits: Limits;
  readonly directory: Directory;
  readonly signing: TokenSigning;
  readonly conversations: Conversations;
  /** Passcodes a user is asked for, one after the other; by login name in lower case. */
  readonly passcodes: ReadonlyMap<string, readonly string[]>;
  /** Login names of smart card certificates, by the base64 of their DER. */
  readonly smartCards: ReadonlyMap<string, string>;
}
