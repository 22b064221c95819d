import { ProtocolError } from "../errors.ts";
import { type DecodedAnswer, readEnvelope, refuseAnswer } from "../soap/decode.ts";
import {
  SAML2_NAMESPACE,
  SOAP_NAMESPACE,
  WSA_NAMESPACE,
  WSSE_NAMESPACE,
  WST_NAMESPACE,
} from "../xml/names.ts";
import { rawElement } from "../xml/raw-element.ts";
import { attribute, child, children, TreeSink, type XmlElement } from "../xml/reader.ts";
import { TOKEN_TYPE_SAML2 } from "./names.ts";

/** What an answer of the STS holds. */
export interface StsAnswer {
  /** Exact text of the assertion granted. */
  readonly assertion: string | undefined;
  readonly context: string | undefined;
  /** The server's leg of an authentication. */
  readonly binaryExchange: Uint8Array | undefined;
  readonly status: { readonly code: string; readonly reason: string | null } | undefined;
}

/** A token of thousands of groups takes some hundred Ki. */
const LIMITS = { maxLength: 2 * 1024 * 1024, maxElements: 50_000 };

/** Blocks by which servers answer a secured message; TLS has said who answers. */
const UNDERSTOOD = [
  { namespace: WSSE_NAMESPACE, local: "Security" },
  ...["Action", "To", "RelatesTo", "MessageID"].map((local) => ({ namespace: WSA_NAMESPACE, local })),
];

/**
 * Reads an answer: a RequestSecurityTokenResponse, or a collection of exactly one, its children in any order.
 *
 * @throws ProtocolError, XmlError as `readEnvelope`.
 */
export function readStsAnswer(text: string): DecodedAnswer<StsAnswer> {
  const tree = new TreeSink(LIMITS.maxElements);
  const fault = readEnvelope(
    text,
    (namespace, local, tag) => {
      const known = local === "RequestSecurityTokenResponseCollection" || local === RSTR;
      if (namespace !== WST_NAMESPACE || !known) refuseAnswer(namespace, local, WST_NAMESPACE, RSTR);
      tree.open(namespace, local, tag);
      return tree;
    },
    { limits: LIMITS, understoodHeaders: UNDERSTOOD },
  );
  if (fault) return { kind: "fault", fault };
  if (!tree.root) throw unexpected("the SOAP body is empty");
  return { kind: "result", value: readResponse(tree.root, text), issues: [] };
}

const RSTR = "RequestSecurityTokenResponse";

/** The one response, be it bare or in a collection. */
function single(root: XmlElement): XmlElement {
  if (root.local === RSTR) return root;
  const responses = children(root, WST_NAMESPACE, RSTR);
  const [response] = responses;
  if (response !== undefined && responses.length === 1) return response;
  throw unexpected(`the collection holds ${responses.length} responses instead of one`);
}

function readResponse(root: XmlElement, text: string): StsAnswer {
  const response = single(root);
  const status = child(response, WST_NAMESPACE, "Status");
  const code = status && child(status, WST_NAMESPACE, "Code")?.text.trim();
  if (status && !code) throw unexpected("the status has no code");
  const reason = status && child(status, WST_NAMESPACE, "Reason")?.text.trim();
  const exchange = child(response, WST_NAMESPACE, "BinaryExchange")?.text;
  return {
    assertion: readToken(response, response === root ? [root] : [root, response], text),
    context: attribute(response, "", "Context"),
    binaryExchange: exchange === undefined ? undefined : decodeLeg(exchange),
    status: code ? { code, reason: reason || null } : undefined,
  };
}

function readToken(response: XmlElement, path: readonly XmlElement[], text: string): string | undefined {
  const requested = children(response, WST_NAMESPACE, "RequestedSecurityToken");
  const [holder] = requested;
  if (holder === undefined) return undefined;
  if (requested.length > 1) throw unexpected("the response holds several tokens");
  const type = child(response, WST_NAMESPACE, "TokenType")?.text.trim();
  if (type !== undefined && type.toLowerCase() !== TOKEN_TYPE_SAML2.toLowerCase()) {
    throw unexpected(`the token is of the type ${JSON.stringify(type.slice(0, 120))} instead of SAML 2.0`);
  }
  const [token] = holder.children;
  if (holder.children.length !== 1 || token?.local !== "Assertion" || token.namespace !== SAML2_NAMESPACE) {
    const found = holder.children.map((each) => each.local.slice(0, 80)).join(", ") || "nothing";
    throw unexpected(`the response grants ${found} instead of one SAML 2.0 assertion`);
  }
  // By its place: elsewhere in the answer, as in a header, there may be others. Of each step of the path there is one.
  const soap = ["Envelope", "Body"].map((local) => ({ namespace: SOAP_NAMESPACE, local }));
  return rawElement(text, SAML2_NAMESPACE, "Assertion", [...soap, ...path, holder]);
}

function decodeLeg(text: string): Uint8Array {
  const base64 = text.replace(/[ \t\r\n]+/g, "");
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64)) throw unexpected("the BinaryExchange is not base64");
  return new Uint8Array(Buffer.from(base64, "base64"));
}

function unexpected(message: string): ProtocolError {
  return new ProtocolError("RESPONSE_UNEXPECTED", message, {
    hint: "check that the URL is that of vCenter's Security Token Service",
  });
}
