import { type Authority, authorityOf, formatAuthority } from "../net/authority.ts";

/** A registered URL that can be called; undefined for anything else, as registrations hold all sorts of text. */
export function registeredUrl(
  text: string | null | undefined,
): { url: URL; authority: Authority } | undefined {
  if (!text || !URL.canParse(text)) return undefined;
  const url = new URL(text);
  try {
    return { url, authority: authorityOf(url) };
  } catch {
    return undefined;
  }
}

/** `host:port` of a registered URL; undefined when it cannot be called. */
export function registeredAuthority(text: string | null | undefined): string | undefined {
  const registered = registeredUrl(text);
  return registered && formatAuthority(registered.authority);
}
