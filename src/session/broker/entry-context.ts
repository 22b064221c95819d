import type { KeepAliveOptions } from "../keep-alive.ts";
import type { PooledBridge } from "../session-pool.ts";
import type { Vault } from "./vault.ts";

/** What all entries of a broker have in common. */
export interface EntryContext {
  readonly vault: Vault;
  /** This process, as a holder. */
  readonly holder: string;
  /** Whether sessions are ended when their last holder leaves. */
  readonly endsWithLast: boolean;
  readonly maxAgeMs: number;
  readonly limitWaitMs: number;
  readonly keepAlive: KeepAliveOptions | undefined;
  readonly warn: (message: string) => void;
}

/** Who uses the sessions of an entry: one connection. */
export interface EntryUser {
  readonly bridge: PooledBridge;
  /** By which its credential is told from others. */
  readonly mark: string;
  /** To be told what became of a login. */
  settle(error: unknown): Promise<void>;
}

/** Whose sessions an entry keeps, and where. */
export interface EntryName {
  /** In the store. */
  readonly key: string;
  /** `host:port`. */
  readonly server: string;
  readonly principal: string;
}

/** Milliseconds that a holder counts without another word from it; sessions idle for as long. */
export const HOLD_MS: number = 30 * 60_000;
