import {
  HttpStatusError,
  ProtocolError,
  SessionLimitError,
  VapiError,
  VimFaultError,
  XmlError,
} from "../errors.ts";
import { isLoginRefusal, lacksRights } from "./principal.ts";
import type { SessionSide } from "./session-event.ts";

/** Milliseconds for which a server that has no room for a session, or cannot make one, is not asked for another. */
const PAUSE_MS = 10_000;

/** Errors that an answer is behind: somebody has seen what was sent. */
const ANSWERED = [HttpStatusError, ProtocolError, VapiError, VimFaultError, XmlError];

interface Remembered {
  readonly error: unknown;
  readonly until: number;
}

interface Memory {
  everywhere?: Remembered;
  at: Partial<Record<SessionSide, Remembered>>;
  vapiRefusesTokens: boolean;
}

const nothing = (): Memory => ({ at: {}, vapiRefusesTokens: false });

/**
 * Remembers of a credential why a login failed where another one would do harm: a refused credential until somebody
 * says that it was changed, for servers lock accounts; a server without room for a while, and so long one side that
 * answered a password with some other failure, for that may count as a wrong one.
 */
export class RefusalMemory {
  readonly #now: () => number;
  #known: Memory = nothing();
  #refusals = 0;

  /** @param now clock in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** How many refusals there have been, forgotten ones too. */
  get refusals(): number {
    return this.#refusals;
  }

  /** Whether vAPI has refused a token, which VIM may take. */
  get vapiRefusesTokens(): boolean {
    return this.#known.vapiRefusesTokens;
  }

  noteThatVapiRefusesTokens(): void {
    this.#known.vapiRefusesTokens = true;
  }

  /** Whether an error is one that is remembered for logins at this side. */
  remembers(error: unknown, side: SessionSide): boolean {
    return [this.#known.everywhere, this.#known.at[side]].some((each) => each?.error === error);
  }

  /** @throws the error that is remembered for logins at this side. */
  check(side: SessionSide): void {
    for (const each of [this.#known.everywhere, this.#known.at[side]]) {
      if (each && this.#now() < each.until) throw each.error;
    }
  }

  /**
   * @param shown what was shown to the server, where SAML tokens and JWTs are both tokens; undefined where it did not
   *   come to that.
   */
  note(error: unknown, side: SessionSide, shown: "password" | "token" | undefined): void {
    const known = this.#known;
    if (isLoginRefusal(error)) {
      this.#refusals++;
      const refused = { error, until: Number.POSITIVE_INFINITY };
      // A token that one side does not take is not wrong at the other, and nor is a password for which there are no rights.
      if (shown === "token" || lacksRights(error)) known.at[side] = refused;
      else known.everywhere = refused;
      return;
    }
    const pause = { error, until: this.#now() + PAUSE_MS };
    if (error instanceof SessionLimitError) known.everywhere = pause;
    else if (shown === "password" && ANSWERED.some((kind) => error instanceof kind)) known.at[side] = pause;
  }

  /** @returns what brings back all that is forgotten, for the credential that it is of. */
  forget(): () => void {
    const before = this.#known;
    this.#known = nothing();
    return () => {
      this.#known = before;
    };
  }
}
