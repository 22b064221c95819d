import type { X509Certificate } from "node:crypto";
import {
  HttpStatusError,
  InvalidArgumentError,
  ProtocolError,
  type VsphereSsoError,
  XmlError,
} from "../errors.ts";
import { formatAuthority, parseServer } from "../net/authority.ts";
import { excerpt } from "../net/excerpt.ts";
import { parseCertificates } from "../net/x509.ts";
import { DS_NAMESPACE, SAML2_METADATA_NAMESPACE } from "../xml/names.ts";
import { attribute, children, parseXml, type XmlElement } from "../xml/reader.ts";
import { readCertificate } from "./key-info.ts";

/** What asking for anchors needs of a transport; `Transport` is one. What it trusts decides what the anchors are worth. */
export interface AnchorTransport {
  request(
    url: string,
    request: {
      readonly method: "GET";
      readonly headers?: Readonly<Record<string, string>>;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<AnchorReply>;
}

interface AnchorReply {
  readonly status: number;
  readonly body: Buffer;
  readonly url: string;
}

export interface MetadataAnchorsOptions {
  readonly transport: AnchorTransport;
  /** SSO domain, where it is not the server's default one. */
  readonly ssoDomain?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SigningCertificateAnchorsOptions {
  readonly transport: AnchorTransport;
  /** vAPI session ID. */
  readonly sessionId: string;
  readonly signal?: AbortSignal | undefined;
}

const MAX_LENGTH = 1024 * 1024;

/**
 * Signing certificates of a server's Security Token Service out of its SAML metadata, which anyone may read. Of
 * metadata that list several identity providers (a server's trust in others may be among them) only the one whose
 * entityID is of the server, and of the domain where one is given, is read.
 *
 * @param server as `parseServer` takes it.
 * @throws HttpStatusError when the server has no such metadata (404: no such SSO domain), ProtocolError when its
 *   answer is not SAML metadata with a signing certificate, or does not show which of several providers it is, InvalidArgumentError for a server or domain that
 *   cannot be one, and every error of the transport.
 */
export async function metadataAnchors(
  server: string,
  options: MetadataAnchorsOptions,
): Promise<X509Certificate[]> {
  const { transport, ssoDomain, signal } = options;
  if (ssoDomain !== undefined && !/^[^/\\?#%\s]+$/.test(ssoDomain)) {
    throw new InvalidArgumentError(`Not an SSO domain: ${JSON.stringify(ssoDomain.slice(0, 120))}`);
  }
  const suffix = ssoDomain === undefined ? "" : `/${encodeURIComponent(ssoDomain)}`;
  const authority = parseServer(server);
  const url = `https://${formatAuthority(authority)}/websso/SAML2/Metadata${suffix}`;
  const reply = await transport.request(url, {
    method: "GET",
    headers: { accept: "application/samlmetadata+xml, application/xml, text/xml" },
    signal,
  });
  const text = readReply(reply, {
    404:
      ssoDomain === undefined
        ? "The server has no SSO metadata: ask the vCenter or Platform Services Controller that runs the Security Token Service."
        : "The server has no such SSO domain: check its name, or leave it out to ask for the default one.",
  });
  const providers = identityProviders(parseMetadata(text, reply.url));
  const texts = choose(providers, authority.host, ssoDomain, reply.url).flatMap(signingCertificates);
  const certificates = texts.map((base64) => {
    const certificate = readCertificate(base64);
    if (certificate === undefined) {
      throw unexpected(reply.url, "metadata with a signing certificate that cannot be read");
    }
    return certificate;
  });
  if (certificates.length === 0) throw unexpected(reply.url, "metadata without a signing certificate");
  return unique(certificates);
}

/**
 * Signing certificates of a vCenter's Security Token Service as its API tells them, the active one first
 * (vCenter 7.0 Update 3 and later; privilege System.Read).
 *
 * @param server as `parseServer` takes it.
 * @throws HttpStatusError when the session is not, or no longer, valid (401), is not allowed to (403), or the
 *   server has no such API (404); ProtocolError for an answer that is something else; InvalidArgumentError; every
 *   error of the transport.
 */
export async function signingCertificateAnchors(
  server: string,
  options: SigningCertificateAnchorsOptions,
): Promise<X509Certificate[]> {
  const { transport, sessionId, signal } = options;
  if (!/^[\x21-\x7e]+$/.test(sessionId)) throw new InvalidArgumentError("The session ID is not one");
  const url = `https://${formatAuthority(parseServer(server))}/api/vcenter/certificate-management/vcenter/signing-certificate`;
  const reply = await transport.request(url, {
    method: "GET",
    headers: { accept: "application/json", "vmware-api-session-id": sessionId },
    signal,
  });
  const text = readReply(reply, {
    401: "The session is over or of another server: log in again.",
    403: "The session's user needs the privilege System.Read.",
    404: "vCenter has this since 7.0 Update 3; before, take the anchors from its metadata.",
  });
  const chains = chainsOf(parseJson(text, reply.url));
  const leaves = chains.map((chain) => {
    const [pem] = Array.isArray(chain) ? chain : [];
    if (typeof pem !== "string")
      throw unexpected(reply.url, "a certificate chain that is empty or not a list");
    return leafOf(pem, reply.url);
  });
  if (leaves.length === 0) throw unexpected(reply.url, "no signing certificate");
  return unique(leaves);
}

/** The body of a good answer. What it says otherwise stays out of the error, but for its status. */
function readReply(reply: AnchorReply, hints: Readonly<Record<number, string>>): string {
  const { status, url, body } = reply;
  if (status !== 200) {
    throw new HttpStatusError(`${url} answered with HTTP status ${status}`, {
      status,
      url,
      hint: hints[status] ?? "Check that the server is a vCenter, and what proxy is in between.",
    });
  }
  const text = body.toString("utf8").replace(/^\uFEFF/, "");
  if (text.trim() === "") {
    throw new ProtocolError("RESPONSE_EMPTY", `${url} answered with an empty body`, { url });
  }
  if (/^\s*(?:<\?xml[^>]*>\s*)?(?:<!doctype\s+html|<html[\s>])/i.test(text)) {
    throw new ProtocolError("RESPONSE_HTML", `${url} answered with a web page: ${excerpt(text)}`, {
      url,
      hint: "The server is something else than a vCenter, or a proxy answered in its place.",
    });
  }
  return text;
}

function parseMetadata(text: string, url: string): XmlElement {
  let root: XmlElement;
  try {
    root = parseXml(text, { maxLength: MAX_LENGTH });
  } catch (error) {
    if (!(error instanceof XmlError)) throw error;
    throw unexpected(url, `something else than SAML metadata (${error.message}): ${excerpt(text)}`, error);
  }
  if (root.namespace !== SAML2_METADATA_NAMESPACE || !/^Entit(?:y|ies)Descriptor$/.test(root.local)) {
    throw unexpected(url, `something else than SAML metadata: ${excerpt(text)}`);
  }
  return root;
}

/** Entities that are identity providers: the root itself, or those of a list, which may hold lists. */
function identityProviders(element: XmlElement): XmlElement[] {
  if (element.local === "EntityDescriptor") {
    return children(element, SAML2_METADATA_NAMESPACE, "IDPSSODescriptor").length > 0 ? [element] : [];
  }
  return element.children
    .filter((c) => c.namespace === SAML2_METADATA_NAMESPACE && /^Entit(?:y|ies)Descriptor$/.test(c.local))
    .flatMap(identityProviders);
}

/** The provider that was asked for. One alone is it under whatever name: a server may be asked by address or alias. */
function choose(
  providers: readonly XmlElement[],
  host: string,
  ssoDomain: string | undefined,
  url: string,
): readonly XmlElement[] {
  if (providers.length <= 1) return providers;
  const own = providers.filter((p) => isOf(attribute(p, "", "entityID") ?? "", host, ssoDomain));
  if (own.length === 1) return own;
  throw new ProtocolError(
    "RESPONSE_UNEXPECTED",
    `${url} answered with metadata of ${providers.length} identity providers, of which ${own.length} could be the one asked for`,
    {
      url,
      hint: "Ask the server by the name that it has in its entityID, and give the SSO domain.",
    },
  );
}

/** Whether an entityID, `https://<host>/websso/SAML2/Metadata/<domain>`, is of a host, on any port, and a domain. */
function isOf(entityId: string, host: string, ssoDomain: string | undefined): boolean {
  if (!URL.canParse(entityId)) return false;
  const { protocol, hostname, pathname } = new URL(entityId);
  if (protocol !== "https:" || hostname.replace(/^\[|\]$|\.$/g, "").toLowerCase() !== host) return false;
  const [, domain] = /^\/websso\/SAML2\/Metadata\/([^/]+)$/i.exec(pathname) ?? [];
  return ssoDomain === undefined || domain?.toLowerCase() === encodeURIComponent(ssoDomain).toLowerCase();
}

/**
 * The first certificate of each key that signs for an identity provider. Those that follow it are its issuers,
 * which as anchors would vouch for much more.
 */
function signingCertificates(element: XmlElement): string[] {
  const keys = children(element, SAML2_METADATA_NAMESPACE, "IDPSSODescriptor")
    .flatMap((d) => children(d, SAML2_METADATA_NAMESPACE, "KeyDescriptor"))
    .filter((k) => (attribute(k, "", "use") ?? "signing") === "signing");
  return keys
    .flatMap((k) => children(k, DS_NAMESPACE, "KeyInfo"))
    .flatMap((k) => children(k, DS_NAMESPACE, "X509Data"))
    .flatMap((data) => children(data, DS_NAMESPACE, "X509Certificate").slice(0, 1))
    .map((certificate) => certificate.text);
}

function parseJson(text: string, url: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch (cause) {
    throw unexpected(url, `something else than JSON: ${excerpt(text)}`, cause);
  }
  throw unexpected(url, `something else than signing certificates: ${excerpt(text)}`);
}

/** The active chain first, then the others. */
function chainsOf(value: object): readonly unknown[] {
  const { active_cert_chain: active, signing_cert_chains: all } = value as Readonly<Record<string, unknown>>;
  return [active, ...(Array.isArray(all) ? all : [])].flatMap((chain) =>
    typeof chain === "object" && chain !== null && "cert_chain" in chain ? [chain.cert_chain] : [],
  );
}

function leafOf(pem: string, url: string): X509Certificate {
  try {
    const [certificate] = parseCertificates(pem, "the answer");
    if (certificate !== undefined) return certificate;
  } catch (cause) {
    throw unexpected(url, "a signing certificate that cannot be read", cause);
  }
  throw unexpected(url, "a signing certificate that cannot be read");
}

function unique(certificates: readonly X509Certificate[]): X509Certificate[] {
  return [...new Map(certificates.map((c) => [c.fingerprint256, c])).values()];
}

function unexpected(url: string, what: string, cause?: unknown): VsphereSsoError {
  return new ProtocolError("RESPONSE_UNEXPECTED", `${url} answered with ${what}`, {
    url,
    cause,
    hint: "Check that the server is a vCenter.",
  });
}
