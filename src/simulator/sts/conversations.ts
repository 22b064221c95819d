const MAX_OPEN = 1024;

/** Logins that take several messages, by the context they share; the least recently used fall out. */
export class Conversations {
  readonly #open = new Map<string, unknown>();

  begin(context: string, state: unknown): void {
    this.#open.delete(context);
    this.#open.set(context, state);
    for (const oldest of this.#open.keys()) {
      if (this.#open.size <= MAX_OPEN) break;
      this.#open.delete(oldest);
    }
  }

  /** Ends a conversation and gives what was kept of it; one that goes on is begun again. */
  take(context: string): unknown {
    const state = this.#open.get(context);
    this.#open.delete(context);
    return state;
  }
}
