/** From this version on a session of one side of a vCenter is known to the other. */
export const SHARED_SESSIONS_SINCE = "8.0.3";

/** The first version that answers VI/JSON (8.0 U1). */
export const VIM_JSON_SINCE = "8.0.1";

/** Whether a version, as `8.0.3.0`, is another one or later. By number: 8.0.10 is later than 8.0.3. */
export function isAtLeast(version: string, minimum: string): boolean {
  const parts = version.split(".").map((part) => Number.parseInt(part, 10) || 0);
  for (const [index, least] of minimum.split(".").map(Number).entries()) {
    const part = parts[index] ?? 0;
    if (part !== least) return part > least;
  }
  return true;
}
