import { isIPv4 } from "node:net";
import { InvalidArgumentError } from "../errors.ts";

/**
 * The URL of a request.
 *
 * @throws InvalidArgumentError when it cannot be parsed, or holds a user name or password (never echoed).
 */
export function parseTarget(url: string | URL): URL {
  let target: URL;
  try {
    target = new URL(url);
  } catch {
    // Not quoted: what cannot be parsed may hold a password.
    throw new InvalidArgumentError("The URL of a request cannot be parsed", {
      hint: "An absolute https:// URL is needed.",
    });
  }
  if (target.username !== "" || target.password !== "") {
    throw new InvalidArgumentError(`The URL of a request to ${target.host} holds a user name or password`, {
      hint: "Give the credential by its own option.",
    });
  }
  return target;
}

/** Whether a host is this machine, by its name or address alone. */
export function isLoopback(host: string): boolean {
  if (host === "localhost" || host === "::1") return true;
  return isIPv4(host) && host.startsWith("127.");
}
