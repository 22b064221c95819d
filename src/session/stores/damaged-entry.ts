import { StoreError } from "../../errors.ts";

/** An entry is damaged: what it held is lost, and another one may take its place. */
export class DamagedEntryError extends StoreError {
  /** How it is damaged. */
  readonly what: string | undefined;

  /** @param where what is damaged, as the subject of a sentence. */
  constructor(what: string | undefined, where = "An entry of the session store") {
    super("STORE_UNREADABLE", `${where} is damaged${what === undefined ? "" : `: ${what}`}`, {
      hint: "log in anew, which replaces it; the session that it may have held ends when it has idled",
    });
    this.what = what;
  }
}
