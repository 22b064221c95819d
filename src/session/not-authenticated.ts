import { VapiError, VimFaultError } from "../errors.ts";

/** Whether an error says that the server does not know the session of a call. */
export function isNotAuthenticated(error: unknown): error is VapiError | VimFaultError {
  return (error instanceof VapiError || error instanceof VimFaultError) && error.code === "NOT_AUTHENTICATED";
}
