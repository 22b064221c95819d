import { escapeAttribute } from "../xml/escape.ts";
import { DS_NAMESPACE, SAML2_METADATA_NAMESPACE } from "../xml/names.ts";
import type { HttpAnswer } from "./router.ts";
import { signingLeaf } from "./sts/signing.ts";
import type { NodeView } from "./view.ts";

const PATH = /^\/websso\/SAML2\/Metadata(?:\/([^/]*))?$/;

/** SAML metadata of the SSO domain, with the certificates that tokens are signed with; undefined for other paths. */
export function metadataPage(path: string, view: NodeView): HttpAnswer | undefined {
  const match = PATH.exec(path);
  const { domain } = view.sso;
  if (!match || (match[1] && match[1].toLowerCase() !== domain.toLowerCase())) return undefined;
  return {
    status: 200,
    headers: {
      "content-type": "application/samlmetadata+xml; charset=utf-8",
      "content-disposition": `attachment; filename="${domain}.xml"`,
    },
    body: metadata(view),
  };
}

function metadata({ node, sso, faults }: NodeView): string {
  const base = `https://127.0.0.1:${node.port}/websso/SAML2`;
  const certificates = [signingLeaf(sso.signing, faults), sso.signing.authority]
    .map(({ raw }) => `<ds:X509Certificate>${raw.toString("base64")}</ds:X509Certificate>`)
    .join("");
  const sso2 = ["HTTP-Redirect", "HTTP-POST"]
    .map(
      (binding) =>
        `<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:${binding}" ` +
        `Location="${escapeAttribute(`${base}/SSO/${sso.domain}`)}"/>`,
    )
    .join("");
  return (
    `<?xml version="1.0" encoding="UTF-8"?>\n<md:EntityDescriptor xmlns:md="${SAML2_METADATA_NAMESPACE}" ` +
    `entityID="${escapeAttribute(`${base}/Metadata/${sso.domain}`)}">` +
    `<md:IDPSSODescriptor WantAuthnRequestsSigned="false" ` +
    `protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">` +
    `<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="${DS_NAMESPACE}"><ds:X509Data>${certificates}` +
    `</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>` +
    `<md:NameIDFormat>http://schemas.xmlsoap.org/claims/UPN</md:NameIDFormat>${sso2}` +
    `</md:IDPSSODescriptor></md:EntityDescriptor>\n`
  );
}
