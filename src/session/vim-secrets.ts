import { secretsIn } from "./secrets-in.ts";

/**
 * Values in the parameters of a VIM method that are confidential. `sessionId` and `sessionID` are none there: they are
 * keys, by which the SessionManager lists sessions, and a fault that names one should say so.
 */
export function secretsInParameters(parameters: object = {}): string[] {
  if (!("sessionId" in parameters || "sessionID" in parameters)) return secretsIn(parameters);
  const { sessionId: _, sessionID: __, ...others } = parameters as Readonly<Record<string, unknown>>;
  return secretsIn(others);
}
