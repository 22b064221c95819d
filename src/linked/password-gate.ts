import { lacksRights } from "../session/principal.ts";
import { abortedBy, waitFor } from "../session/wait.ts";
import { isCredentialRefusal } from "../sts/credential-refusal.ts";

/** Milliseconds for which the other nodes wait for the verdict of the one that was shown the password. */
const LEAD_MS = 10_000;

/** Leave to show the password to one node. */
export interface Turn {
  /** To be told what became of the login: what it threw, or undefined. */
  settle(error: unknown): void;
}

export interface PasswordGateOptions {
  /** The time of one node: half of it is the most that others wait for another. */
  readonly nodeTimeoutMs?: number | undefined;
}

/**
 * Sees that a password which every node is given is shown to one alone until it is known to be right: a wrong one
 * counts towards the lock-out of the account at each. A node has its turn only when it answers at all, so that one
 * which is down keeps nobody waiting; one that answers, but not the login, lets the next try after a while.
 */
export class PasswordGate {
  readonly #leadMs: number;
  #accepted = false;
  #refusal: { readonly error: unknown } | undefined;
  /** Settled when the node that is shown the password has answered, or had its time. */
  #leader: Promise<void> | undefined;

  constructor({ nodeTimeoutMs }: PasswordGateOptions = {}) {
    this.#leadMs = nodeTimeoutMs === undefined ? LEAD_MS : Math.min(LEAD_MS, nodeTimeoutMs / 2);
  }

  /**
   * @param reach makes sure that the node answers, without the password.
   * @throws the refusal of the password by whichever node; what `reach` throws; AbortedError.
   */
  async enter(reach: () => Promise<unknown>, signal: AbortSignal): Promise<Turn> {
    this.requireUnrefused();
    if (!this.#accepted) await reach();
    for (;;) {
      if (signal.aborted) throw abortedBy(signal);
      this.requireUnrefused();
      if (this.#accepted) return { settle: (error) => this.#note(error) };
      if (this.#leader === undefined) return this.#lead();
      await waitFor(this.#leader, [signal]);
    }
  }

  /** @throws the refusal of the password by whichever node. */
  requireUnrefused(): void {
    if (this.#refusal) throw this.#refusal.error;
  }

  #lead(): Turn {
    let tell: () => void = () => undefined;
    const leader = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const leave = (): void => {
      clearTimeout(timer);
      if (this.#leader === leader) this.#leader = undefined;
      tell();
    };
    const timer = setTimeout(leave, this.#leadMs);
    this.#leader = leader;
    return {
      settle: (error) => {
        this.#note(error);
        leave();
      },
    };
  }

  #note(error: unknown): void {
    if (error === undefined || lacksRights(error)) this.#accepted = true;
    else if (isCredentialRefusal(error)) this.#refusal = { error };
  }
}
