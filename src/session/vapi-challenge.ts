import type { AuthenticationChallenge } from "../errors.ts";

/** Longer texts are not of a server that wants to be understood. */
const MAX_LENGTH = 8192;
const MAX_CHALLENGES = 16;

const SEPARATORS = /[\s,]*/y;
const PARAMETER = /([!#$%&'*+.^_`|~\w-]+)\s*=\s*(?:"((?:[^"\\]|\\[\s\S])*)"|([^\s",]+))/y;
const SCHEME = /([!#$%&'*+.^_`|~\w-]+)(?=[\s,]|$)/y;
const TOKEN68 = /[ \t]+[\w.~+/-]+=*(?=\s*(?:,|$))/y;
const REST_OF_ITEM = /[^,]*,?/y;

/**
 * The challenges of one or more `WWW-Authenticate` fields (RFC 9110, 11.6.1): several in one text, separated by commas
 * as their parameters are. What is none is passed over.
 */
export function parseChallenges(text: string): AuthenticationChallenge[] {
  const source = text.slice(0, MAX_LENGTH);
  const found: { readonly scheme: string; readonly parameters: Map<string, string> }[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match) at = pattern.lastIndex;
    return match;
  };
  while (take(SEPARATORS) && at < source.length && found.length <= MAX_CHALLENGES) {
    const current = found.at(-1);
    const parameter = current && take(PARAMETER);
    if (parameter) {
      const [, name = "", quoted, bare] = parameter;
      const key = name.toLowerCase();
      if (!current.parameters.has(key)) {
        current.parameters.set(key, quoted?.replace(/\\([\s\S])/g, "$1") ?? bare ?? "");
      }
      continue;
    }
    const scheme = take(SCHEME)?.[1];
    if (scheme === undefined) {
      take(REST_OF_ITEM);
      continue;
    }
    found.push({ scheme, parameters: new Map() });
    take(TOKEN68);
  }
  return found
    .slice(0, MAX_CHALLENGES)
    .map(({ scheme, parameters }) => ({ scheme, parameters: Object.fromEntries(parameters) }));
}

/** All `WWW-Authenticate` fields of an answer in one text; undefined for none. */
export function challengeHeader(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): string | undefined {
  const value = headers["www-authenticate"];
  return Array.isArray(value) ? value.join(", ") : value;
}
