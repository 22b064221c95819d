import { InvalidArgumentError } from "../errors.ts";
import { authorityOf, formatAuthority, parseServer } from "../net/authority.ts";
import { parseTarget } from "../net/target.ts";

export const DEFAULT_SSO_DOMAIN = "vsphere.local";

const HINT = "give the SSO domain as in vsphere.local";

/**
 * The URL of the STS: of a server's name by the well-known path, of a URL with a path that URL. An SSO domain that
 * is given takes the place of the one in the URL.
 *
 * @throws InvalidArgumentError for what is no server, no URL, or no SSO domain.
 */
export function stsUrl(endpoint: string | { readonly url: string | null }, ssoDomain?: string): string {
  const domain = ssoDomain === undefined ? undefined : encodeURIComponent(checkDomain(ssoDomain));
  const text = typeof endpoint === "string" ? endpoint.trim() : endpoint.url;
  if (text === null) {
    throw new InvalidArgumentError("The endpoint of the STS has no URL", {
      hint: "its registration is damaged: give the server's name instead",
    });
  }
  if (!/^https?:\/\//i.test(text) || (typeof endpoint === "string" && /^https:\/\/[^/]+\/?$/i.test(text))) {
    const host = formatAuthority(parseServer(text));
    return new URL(`https://${host}/sts/STSService/${domain ?? DEFAULT_SSO_DOMAIN}`).href;
  }
  const url = parseTarget(text);
  authorityOf(url);
  if (url.search !== "" || url.hash !== "") {
    throw new InvalidArgumentError("The URL of the STS must not have a query or a fragment", {
      hint: "the address is https://host/sts/STSService/<SSO domain>",
    });
  }
  if (domain === undefined) return url.href;
  const path = /^(.*\/STSService)(?:\/[^/]*)?\/?$/.exec(url.pathname)?.[1];
  if (path === undefined) {
    throw new InvalidArgumentError(`The URL ${url.origin}${url.pathname} has no place for an SSO domain`, {
      hint: "leave the SSO domain out, or give the server's name",
    });
  }
  url.pathname = `${path}/${domain}`;
  return url.href;
}

/** The SSO domain that a URL asks, for messages; undefined where it names none. */
export function domainOf(url: string): string | undefined {
  const segment = /\/STSService\/([^/]+)\/?$/.exec(new URL(url).pathname)?.[1];
  if (segment === undefined) return undefined;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** What names of domains are made of: dots, hyphens, underscores (some directories have them), letters and digits. */
const DOMAIN = /^[\p{L}\p{M}\p{N}._-]+$/u;

function checkDomain(domain: string): string {
  if (typeof domain !== "string" || /^\.*$/.test(domain)) {
    throw new InvalidArgumentError("The SSO domain is empty", { hint: HINT });
  }
  // It becomes one segment of a path: a slash, or `;` before a parameter, would ask for something else.
  if (!DOMAIN.test(domain)) {
    throw new InvalidArgumentError("The SSO domain holds a character that no domain name has", {
      hint: HINT,
    });
  }
  return domain;
}
