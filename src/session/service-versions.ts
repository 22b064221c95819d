import { VIM_NAMESPACE } from "../xml/names.ts";
import { child, children, parseXml } from "../xml/reader.ts";
import type { DoorTransport } from "./transport.ts";

/**
 * Versions of `urn:vim25`, newest first, by which messages of this package can be spoken. The version in SOAPAction
 * decides what a server takes and tells; a server refuses one that it does not know.
 */
export const VIM_VERSIONS: readonly string[] = [
  "9.1.1.0",
  "9.1.0.0",
  "9.0.0.0",
  "8.0.3.1",
  "8.0.3.0",
  "8.0.2.0",
  "8.0.1.0",
  "8.0.0.2",
  "8.0.0.1",
  "8.0.0.0",
  "7.0.3.2",
  "7.0.3.1",
  "7.0.3.0",
  "7.0.2.1",
  "7.0.2.0",
  "7.0.1.1",
  "7.0.1.0",
  "7.0.0.2",
  "7.0.0.0",
  "6.9.1",
  "6.8.7",
  "6.7.3",
  "6.7.2",
  "6.7.1",
  "6.7",
  "6.5",
  "6.0",
];

/** What every server knows that is worth talking to, and what sessions take no more than. */
export const BASE_VERSION = "6.5";

/** The document is a few kilobytes. */
const LIMITS = { maxLength: 1024 * 1024, maxDepth: 8, maxElements: 10_000 };
/** What can stand in SOAPAction; `2.5u2server` is one too. */
const VERSION = /^[\w.]{1,32}$/;

/**
 * Reads `vimServiceVersions.xml`: the versions of a namespace that a server speaks, its own first; none where the
 * document does not tell.
 *
 * @throws XmlError
 */
export function parseServiceVersions(xml: string, namespace: string = VIM_NAMESPACE): readonly string[] {
  const root = parseXml(xml, LIMITS);
  const entries = children(root, "", "namespace").filter(
    (entry) => child(entry, "", "name")?.text.trim() === namespace,
  );
  return entries
    .flatMap((entry) => [
      ...children(entry, "", "version"),
      ...children(entry, "", "priorVersions").flatMap((prior) => children(prior, "", "version")),
    ])
    .map((version) => version.text.trim())
    .filter((version) => VERSION.test(version));
}

/**
 * The version to speak with a server: the newest that both sides know, or the server's own where it knows none of
 * ours. Undefined where the document is missing or says nothing.
 */
export function chooseVersion(served: readonly string[]): string | undefined {
  return VIM_VERSIONS.find((version) => served.includes(version)) ?? served[0];
}

/**
 * Asks a server for its versions, without a login. No document is no failure: undefined.
 *
 * @throws every error of the transport.
 */
export async function negotiateVersion(
  transport: DoorTransport,
  sdkUrl: string,
): Promise<string | undefined> {
  return chooseVersion(await servedVersions(transport, `${sdkUrl}/vimServiceVersions.xml`, VIM_NAMESPACE));
}

/**
 * The versions of a namespace that a document of a server lists; none where there is no such document.
 *
 * @throws every error of the transport.
 */
export async function servedVersions(
  transport: DoorTransport,
  url: string,
  namespace: string,
): Promise<readonly string[]> {
  const headers = { accept: "text/xml, application/xml" };
  const response = await transport.request(url, { method: "GET", headers });
  if (response.status !== 200) return [];
  try {
    return parseServiceVersions(response.body.toString("utf8"), namespace);
  } catch {
    // A page in its place, or XML that is refused: the server does not publish its versions.
    return [];
  }
}

/** The version to speak where the server publishes none: that of its API, if it has one. */
export function versionOfApi(apiVersion: string): string {
  return /^\d{1,3}(\.\d{1,3}){1,3}$/.test(apiVersion) ? apiVersion : BASE_VERSION;
}
