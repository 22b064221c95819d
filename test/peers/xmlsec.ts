/** The program `xmlsec1` (Debian package of that name), which signs and verifies XML by libxml2 and OpenSSL. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Finished, run } from "./process.ts";

/** An attribute that is an ID: its local name, and namespace and name of the elements that have it. */
export interface IdAttribute {
  readonly attribute: string;
  readonly namespace: string;
  readonly element: string;
}

const WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";

/** IDs of signed messages and of assertions. */
export const ID_ATTRIBUTES: readonly IdAttribute[] = [
  { attribute: "Id", namespace: WSU, element: "Timestamp" },
  { attribute: "Id", namespace: "http://schemas.xmlsoap.org/soap/envelope/", element: "Body" },
  { attribute: "Id", namespace: WSSE, element: "BinarySecurityToken" },
  { attribute: "ID", namespace: "urn:oasis:names:tc:SAML:2.0:assertion", element: "Assertion" },
];

/** XPath of the signature in a message's `wsse:Security`; an assertion beside it has one of its own. */
export const MESSAGE_SIGNATURE = "/*/*[1]/*[local-name()='Security']/*[local-name()='Signature']";
/** XPath of the signature of an assertion that is a document. */
export const ASSERTION_SIGNATURE = "/*/*[local-name()='Signature']";

/**
 * Verifies the signature at an XPath with the key of a certificate; code 0 says that it is valid. The certificate
 * itself is not verified.
 */
export async function xmlsecVerify(xml: string, cert: string, signature: string): Promise<Finished> {
  return withFiles({ "document.xml": xml, "cert.pem": cert }, (path) =>
    run("xmlsec1", [
      "--verify",
      "--pubkey-cert-pem",
      path("cert.pem"),
      "--node-xpath",
      signature,
      // KeyInfo is not to bring another key.
      "--enabled-key-data",
      "rsa",
      ...idOptions(),
      path("document.xml"),
    ]),
  );
}

/** Fills in the signature template of a document; throws when that fails. */
export async function xmlsecSign(
  template: string,
  identity: { readonly cert: string; readonly key: string },
): Promise<string> {
  const done = await withFiles(
    { "template.xml": template, "cert.pem": identity.cert, "key.pem": identity.key },
    (path) =>
      run("xmlsec1", [
        "--sign",
        "--privkey-pem",
        `${path("key.pem")},${path("cert.pem")}`,
        ...idOptions(),
        path("template.xml"),
      ]),
  );
  if (done.code !== 0) throw new Error(`xmlsec1 --sign ended with ${done.code}: ${done.stderr}`);
  return done.stdout;
}

function idOptions(): string[] {
  return ID_ATTRIBUTES.flatMap((id) => [`--id-attr:${id.attribute}`, `${id.namespace}:${id.element}`]);
}

async function withFiles(
  files: Readonly<Record<string, string>>,
  use: (path: (name: string) => string) => Promise<Finished>,
): Promise<Finished> {
  const folder = await mkdtemp(join(tmpdir(), "vsso-xmlsec-"));
  try {
    await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
    return await use((name) => join(folder, name));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
