import { readSslTrust } from "../../index.ts";
import { printable } from "./text.ts";

/**
 * What changes between two registrations, one field a line: `-` before what goes, `+` before what comes, a blank
 * before what identifies the registration and stays.
 */
export function registrationDiff(before: object | null, after: object | null): string {
  const old = flatten(before);
  const fresh = flatten(after);
  const lines: string[] = [];
  for (const path of new Set([...old.keys(), ...fresh.keys()])) {
    const [was, is] = [old.get(path), fresh.get(path)];
    if (was === is) {
      if (path === "serviceId") lines.push(`  ${path}: ${was}`);
      continue;
    }
    if (was !== undefined) lines.push(`- ${path}: ${was}`);
    if (is !== undefined) lines.push(`+ ${path}: ${is}`);
  }
  return lines.map((line) => `${printable(line)}\n`).join("");
}

/** Simple values by their path, as `serviceEndpoints[0].url`. */
function flatten(value: object | null): Map<string, string> {
  const fields = new Map<string, string>();
  const add = (path: string, item: unknown): void => {
    if (item === undefined || item === null) return;
    if (typeof item !== "object") {
      fields.set(path, shown(path, String(item)));
      return;
    }
    for (const [name, inner] of Object.entries(item)) {
      add(Array.isArray(item) ? `${path}[${name}]` : path === "" ? name : `${path}.${name}`, inner);
    }
  };
  add("", value);
  return fields;
}

/** A certificate by what tells it from others; everything else as it is. */
function shown(path: string, value: string): string {
  if (!/\.sslTrust\[\d+\]$/.test(path)) return value;
  const trust = readSslTrust(value);
  return "error" in trust ? `${value.slice(0, 40)}… (${trust.error})` : `${trust.sha256} ${trust.subject}`;
}
