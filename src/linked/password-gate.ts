import { lacksRights } from "../session/principal.ts";
import { abortedBy, waitFor } from "../session/wait.ts";
import { isCredentialRefusal } from "../sts/credential-refusal.ts";

/** Milliseconds for which a node at most waits for the verdict of the one that was shown the password. */
const LEAD_MS = 10_000;
/** Part of a node's own time for which it waits at most: several that hang one after another leave it time. */
const LEAD_SHARE = 1 / 8;

/** Leave to show the password to one node. */
export interface Turn {
  /** To be told what became of the login: what it threw, or undefined. */
  settle(error: unknown): void;
}

/** A node that is to be logged in to. */
export interface GateLogin {
  /** What the node is told from others by. */
  readonly node: object;
  /** Makes sure that the node answers, without the password. */
  readonly reach: () => Promise<unknown>;
  readonly signal: AbortSignal;
  /** The node's time, where it is limited. */
  readonly nodeTimeoutMs?: number | undefined;
}

/**
 * Sees that a password which every node is given is shown to one alone until it is known to be right: a wrong one
 * counts towards the lock-out of the account at each. A node has its turn only when it answers at all, so that one
 * which is down keeps nobody waiting; one that answers, but not the login, lets the next try after a while. Where one
 * has taken the password, the refusal of another is that one's own.
 */
export class PasswordGate {
  #accepted = false;
  /** While no node has taken the password, the refusal of one is that of all. */
  #refusal: { readonly error: unknown } | undefined;
  readonly #refusals = new WeakMap<object, { readonly error: unknown }>();
  /** Settled when the node that is shown the password has answered, or was waited for long enough. */
  #leader: Leader | undefined;

  /** @throws as `requireUnrefused`; what `reach` throws; AbortedError. */
  async enter({ node, reach, signal, nodeTimeoutMs }: GateLogin): Promise<Turn> {
    this.requireUnrefused(node);
    if (!this.#accepted) await reach();
    for (;;) {
      if (signal.aborted) throw abortedBy(signal);
      this.requireUnrefused(node);
      if (this.#accepted) return { settle: (error) => this.#note(node, error) };
      const leader = this.#leader;
      if (leader === undefined) return this.#lead(node);
      const timer = setTimeout(leader.leave, leadMs(nodeTimeoutMs));
      try {
        await waitFor(leader.left, [signal]);
      } finally {
        clearTimeout(timer);
      }
    }
  }

  /** @throws the refusal of the password by the node; by any other while none has taken it. */
  requireUnrefused(node: object): void {
    const refusal = this.#refusal ?? this.#refusals.get(node);
    if (refusal) throw refusal.error;
  }

  #lead(node: object): Turn {
    let tell: () => void = () => undefined;
    const left = new Promise<void>((resolve) => {
      tell = resolve;
    });
    const leave = (): void => {
      if (this.#leader === leader) this.#leader = undefined;
      tell();
    };
    const leader = { left, leave };
    this.#leader = leader;
    return {
      settle: (error) => {
        this.#note(node, error);
        leave();
      },
    };
  }

  #note(node: object, error: unknown): void {
    if (error === undefined || lacksRights(error)) {
      this.#accepted = true;
      this.#refusal = undefined;
      this.#refusals.delete(node);
    } else if (isCredentialRefusal(error)) {
      const refusal = { error };
      this.#refusals.set(node, refusal);
      if (!this.#accepted) this.#refusal = refusal;
    }
  }
}

interface Leader {
  readonly left: Promise<void>;
  readonly leave: () => void;
}

function leadMs(nodeTimeoutMs: number | undefined): number {
  return nodeTimeoutMs === undefined ? LEAD_MS : Math.min(LEAD_MS, nodeTimeoutMs * LEAD_SHARE);
}
