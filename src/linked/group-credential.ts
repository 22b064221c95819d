import { InvalidArgumentError } from "../errors.ts";
import { principalOf, type SessionCredential } from "../session/principal.ts";
import type { SecurityTokenService } from "../sts/client.ts";
import { TokenSource } from "../sts/token-source.ts";
import type { GroupLogin } from "./options.ts";
import { PasswordGate } from "./password-gate.ts";

/**
 * Looks at a credential before anything is sent.
 *
 * @throws InvalidArgumentError for what is none.
 */
export function checkCredential(credential: SessionCredential | undefined): void {
  if (credential === undefined) throw new InvalidArgumentError("There is no credential");
  principalOf(credential, {
    sts: () => Promise.reject(new TypeError("nothing is asked for yet")),
    now: Date.now,
  });
}

/** The credential of a group: what its nodes are given. */
export class GroupCredential {
  readonly #login: GroupLogin;
  readonly #sts: () => Promise<SecurityTokenService>;
  /** Whether the Security Token Service is asked for a token. */
  readonly traded: boolean;
  /** Of a password that is shown to the nodes themselves. A token source remembers its refusals itself. */
  readonly gate: PasswordGate | undefined;
  #source: Promise<TokenSource> | undefined;

  constructor(login: GroupLogin, sts: () => Promise<SecurityTokenService>) {
    const { credential, tokenRequest } = login;
    this.#login = login;
    this.#sts = sts;
    const isShown = "password" in credential && tokenRequest === false;
    this.traded = isTraded(credential) && !isShown;
    this.gate = isShown ? new PasswordGate() : undefined;
  }

  /** What a node is given. One token source for all of them, so that one token is asked for. */
  async obtain(): Promise<SessionCredential> {
    if (!this.traded) return this.#login.credential;
    this.#source ??= this.#makeSource();
    return this.#source;
  }

  async #makeSource(): Promise<TokenSource> {
    const { credential, holderOfKey, tokenRequest } = this.#login;
    if (!isTraded(credential))
      throw new InvalidArgumentError("The credential is no one's that a token is issued for");
    try {
      const service = await this.#sts();
      return TokenSource.of(service, {
        delegatable: true,
        ...(tokenRequest === false ? {} : tokenRequest),
        ...(holderOfKey && { holderOfKey }),
        credential,
      });
    } catch (error) {
      this.#source = undefined;
      throw error;
    }
  }
}

type Traded = Parameters<typeof TokenSource.of>[1]["credential"];

function isTraded(credential: SessionCredential): credential is Traded {
  return !(credential instanceof TokenSource || "jwt" in credential || "assertion" in credential);
}
