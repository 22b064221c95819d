/** Programs that check XML signatures and are not ours: xmlsec1, and the one of the Java platform. */
import { fileURLToPath } from "node:url";
import { withFiles } from "./files.ts";
import { type Finished, run } from "./process.ts";
import { ID_ATTRIBUTES } from "./xmlsec.ts";

/** XPath of the first signature that is an assertion's, wherever the assertion stands. */
const ANY_ASSERTION_SIGNATURE = "(//*[local-name()='Assertion']/*[local-name()='Signature'])[1]";

/** An assertion whose KeyInfo has to lead to one of the trusted certificates (a PEM file) at a time. */
export async function xmlsecWithAnchor(xml: string, anchorFile: string, at = new Date()): Promise<Finished> {
  const time = at.toISOString().replace("T", " ").slice(0, 19);
  const ids = ID_ATTRIBUTES.flatMap((id) => [`--id-attr:${id.attribute}`, `${id.namespace}:${id.element}`]);
  return withFiles({ "document.xml": xml }, ({ path }) =>
    run(
      "xmlsec1",
      [
        ...["--verify", "--node-xpath", ANY_ASSERTION_SIGNATURE, ...ids, "--enabled-key-data", "x509"],
        ...["--trusted-pem", anchorFile, "--verification-time", time, path("document.xml")],
      ],
      // It reads the time as a local one.
      { TZ: "UTC" },
    ),
  );
}

/**
 * The signature of a message or an assertion with the key of a certificate (PEM). Prints the names of the signed
 * elements.
 */
export async function javaWithKey(
  xml: string,
  certificate: string,
  parent: "Security" | "Assertion",
): Promise<Finished> {
  const source = fileURLToPath(new URL("clients/XmlSignature.java", import.meta.url));
  return withFiles({ "document.xml": xml, "certificate.pem": certificate }, ({ path }) =>
    run("java", [source, "verify", path("document.xml"), path("certificate.pem"), parent]),
  );
}
