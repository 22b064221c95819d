import { isAtLeast, SHARED_SESSIONS_SINCE } from "./api-version.ts";

/** Which servers share sessions between their sides, by `host:port`, as they were seen to. A `Map` is one. */
export interface ShareDecisions {
  get(host: string): boolean | undefined;
  set(host: string, shared: boolean): unknown;
}

/** `auto` tries where the version says so, `always` whatever it says, `never` does not. */
export type SharePolicy = "auto" | "always" | "never";

export interface ShareDecisionOptions {
  /** `host:port`. */
  readonly host: string;
  readonly policy: SharePolicy;
  readonly decisions: ShareDecisions;
}

/** Finds out whether a server takes a session of one side at the other, and remembers it. */
export class ShareDecision {
  readonly #options: ShareDecisionOptions;
  #shared: boolean | undefined;
  #proven = false;

  constructor(options: ShareDecisionOptions) {
    this.#options = options;
  }

  /** Undefined until it was found out. */
  get shared(): boolean | undefined {
    return this.#shared;
  }

  /** Whether the server itself took a session; else it is what others have seen. */
  get proven(): boolean {
    return this.#proven;
  }

  /**
   * Whether the session is to be used at the other side: what others have seen is believed, else the server is asked,
   * unless that is not wanted or the version says that it is hopeless.
   *
   * @param ask tries the session there; undefined where it turned out to have ended, which like all it throws is no
   *   decision.
   */
  async decide(
    apiVersion: () => Promise<string>,
    ask: () => Promise<boolean | undefined>,
  ): Promise<"untried" | "ended" | boolean> {
    const { host, policy, decisions } = this.#options;
    const decided = this.#shared ?? (policy === "auto" ? decisions.get(host) : undefined);
    if (decided === true && !this.#proven) {
      this.#shared = true;
      return "untried";
    }
    const hopeless = !(await this.isLikely(apiVersion));
    if (hopeless) {
      // Not for others to know: it follows from what they know too, and servers are upgraded.
      this.#shared = false;
      return false;
    }
    const taken = await ask();
    if (taken === undefined) return "ended";
    this.learn(taken);
    return taken;
  }

  /** Whether trying is wanted and not hopeless, by what is known and by the version. */
  async isLikely(apiVersion: () => Promise<string>): Promise<boolean> {
    const { host, policy, decisions } = this.#options;
    const decided = this.#shared ?? (policy === "auto" ? decisions.get(host) : undefined);
    if (policy === "never" || decided === false) return false;
    return policy === "always" || decided === true || isAtLeast(await apiVersion(), SHARED_SESSIONS_SINCE);
  }

  /** Takes what the server has shown. */
  learn(shared: boolean): void {
    this.#shared = shared;
    this.#proven = shared;
    this.#options.decisions.set(this.#options.host, shared);
  }
}
