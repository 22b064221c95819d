import { inspect } from "node:util";

/** What was read of a session that another program made. */
export interface FoundParts {
  /** `host:port`, where it is told whose session it is. */
  readonly server?: string | undefined;
  readonly vapi?: string | undefined;
  readonly vim?: string | undefined;
  /** Files that it was read from. */
  readonly files?: readonly string[];
}

/**
 * A session that was read from what another program left: `VCenter.adopt` and `SessionBroker.import` take it as it is.
 * Nobody has asked the server yet whether it is alive. Printing does not show the IDs, and copies of its fields do not
 * hold them.
 */
export class FoundSession {
  /** `host:port` of the server that it is of; undefined where that is not told. */
  readonly server: string | undefined;
  /** Files that it was read from. */
  readonly files: readonly string[];
  readonly #vapi: string | undefined;
  readonly #vim: string | undefined;

  constructor({ server, vapi, vim, files = [] }: FoundParts) {
    this.server = server;
    this.files = files;
    this.#vapi = vapi;
    this.#vim = vim;
    Object.defineProperty(this, inspect.custom, { value: () => `FoundSession ${inspect(this.toJSON())}` });
  }

  /** ID at the vAPI side; undefined where none was found. A secret. */
  get vapi(): string | undefined {
    return this.#vapi;
  }

  /** ID at the VIM side; undefined where none was found. A secret. */
  get vim(): string | undefined {
    return this.#vim;
  }

  /** What may be shown: no IDs. */
  toJSON(): Readonly<Record<string, unknown>> {
    const { server = null, files, vapi, vim } = this;
    return { server, files, vapi: vapi !== undefined, vim: vim !== undefined };
  }
}
