import { VsphereSsoError } from "../../errors.ts";

/** What a warning may say of an error: words of another package may hold a secret. */
export function reasonOf(error: unknown): string {
  return error instanceof VsphereSsoError ? error.message : "an error that is none of this package's";
}
