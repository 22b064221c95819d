import { DS_NAMESPACE, SAML2_NAMESPACE, WSSE_NAMESPACE, WSU_NAMESPACE } from "../../xml/names.ts";
import { attributesOf, elementsOf, is, walk } from "../dom.ts";
import { type StsFault, wsse } from "./fault.ts";
import { checkShape, isBase64, isId, isString, isUri, type Shape, TEXT } from "./schema.ts";

const wsseName = (local: string): string => `{${WSSE_NAMESPACE}}${local}`;
const wsuName = (local: string): string => `{${WSU_NAMESPACE}}${local}`;
const dsName = (local: string): string => `{${DS_NAMESPACE}}${local}`;

const uri = { value: isUri };
const id = { value: isId };
/** Empty is as good as absent: govmomi writes it so, and real servers take it. */
const optionalId = { value: (text: string): boolean => text === "" || isId(text) };
const STRING: Shape = { text: isString, further: "foreign" };
const SECRET: Shape = { ...STRING, attributes: { Type: uri } };
const BINARY_TOKEN: Shape = {
  text: isString,
  attributes: { ValueType: uri, EncodingType: uri },
  further: "any",
};
/** What names an algorithm, and may hold parameters of it. */
const ALGORITHM: Shape = { open: true, attributes: { Algorithm: { value: isUri, required: true } } };

const TOKEN_REFERENCE: Shape = {
  further: "foreign",
  others: "any",
  children: {
    [wsseName("Reference")]: {
      many: true,
      // Empty: there is not even white space in it.
      shape: { attributes: { URI: uri, ValueType: uri }, further: "foreign" },
    },
    [wsseName("KeyIdentifier")]: {
      many: true,
      shape: { ...STRING, attributes: { ValueType: uri, EncodingType: uri } },
    },
  },
};

const REFERENCE: Shape = {
  ordered: true,
  attributes: { Id: id, URI: uri, Type: uri },
  children: {
    [dsName("Transforms")]: {
      shape: { children: { [dsName("Transform")]: { required: true, many: true, shape: ALGORITHM } } },
    },
    [dsName("DigestMethod")]: { required: true, shape: ALGORITHM },
    [dsName("DigestValue")]: { required: true, shape: { text: isBase64 } },
  },
};

const SIGNATURE: Shape = {
  ordered: true,
  attributes: { Id: optionalId },
  children: {
    [dsName("SignedInfo")]: {
      required: true,
      shape: {
        ordered: true,
        attributes: { Id: id },
        children: {
          [dsName("CanonicalizationMethod")]: { required: true, shape: ALGORITHM },
          [dsName("SignatureMethod")]: { required: true, shape: ALGORITHM },
          [dsName("Reference")]: { required: true, many: true, shape: REFERENCE },
        },
      },
    },
    [dsName("SignatureValue")]: { required: true, shape: { text: isBase64, attributes: { Id: id } } },
    [dsName("KeyInfo")]: {
      // The schema has text here; the service wants the one reference and nothing else.
      shape: {
        attributes: { Id: id },
        others: "any",
        children: { [wsseName("SecurityTokenReference")]: { many: true, shape: TOKEN_REFERENCE } },
      },
    },
    [dsName("Object")]: {
      many: true,
      shape: { open: true, attributes: { Id: id, MimeType: { value: isString }, Encoding: uri } },
    },
  },
};

/** Parts of a security header. What is not listed is not looked into: assertions are proven by their signature. */
const PARTS: readonly (readonly [namespace: string, local: string, shape: Shape])[] = [
  [
    WSU_NAMESPACE,
    "Timestamp",
    {
      ordered: true,
      further: "foreign",
      children: {
        [wsuName("Created")]: { required: true, shape: STRING },
        [wsuName("Expires")]: { required: true, shape: STRING },
      },
    },
  ],
  [
    WSSE_NAMESPACE,
    "UsernameToken",
    {
      ordered: true,
      further: "id",
      children: { [wsseName("Username")]: { required: true, shape: STRING } },
      others: "any",
    },
  ],
  [
    WSSE_NAMESPACE,
    "UserCertificateToken",
    {
      ordered: true,
      children: {
        [wsseName("UserCertificate")]: { required: true, shape: BINARY_TOKEN },
        [wsseName("SignatureInfo")]: { required: true, shape: TEXT },
        [wsseName("SignatureAlgorithm")]: {
          required: true,
          shape: { text: (text) => text === "SHA256withRSA" },
        },
        [wsseName("SignatureValue")]: { required: true, shape: { text: isBase64, attributes: { Id: id } } },
      },
    },
  ],
  [WSSE_NAMESPACE, "BinarySecurityToken", BINARY_TOKEN],
  [DS_NAMESPACE, "Signature", SIGNATURE],
];

/**
 * Checks the attributes of a security header, and each of its parts, against their schema.
 *
 * @throws StsFault InvalidSecurity.
 */
export function checkHeaderSchema(security: Element): void {
  checkShape(security, { others: "any", further: "foreign" }, invalid);
  for (const part of elementsOf(security)) {
    const [, , shape] = PARTS.find(([namespace, local]) => is(part, namespace, local)) ?? [];
    if (shape) checkShape(part, shape, invalid);
    if (is(part, WSSE_NAMESPACE, "UsernameToken")) checkSecrets(part);
  }
  checkUnique(security);
}

/** How many passwords and passcodes there are is said by the service, not by the schema. */
function checkSecrets(token: Element): void {
  for (const child of elementsOf(token)) {
    const secret = is(child, WSSE_NAMESPACE, "Password") || is(child, WSSE_NAMESPACE, "Passcode");
    if (secret) checkShape(child, SECRET, invalid);
  }
}

/** No two elements of the header have the same ID. */
function checkUnique(security: Element): void {
  const seen = new Set<string>();
  walk(security, (element) => {
    for (const { namespaceURI, localName, value } of attributesOf(element)) {
      const isWsuId = namespaceURI === WSU_NAMESPACE && localName === "Id";
      const isOwnId =
        !namespaceURI &&
        ((element.namespaceURI === DS_NAMESPACE && localName === "Id") ||
          (element.namespaceURI === SAML2_NAMESPACE && localName === "ID"));
      if (value === "" || (!isWsuId && !isOwnId)) continue;
      if (seen.has(value)) throw invalid(`there are multiple occurrences of the ID value '${value}'`);
      seen.add(value);
    }
  });
}

function invalid(reason: string): StsFault {
  return wsse("InvalidSecurity", `The Security header does not conform to its schema: ${reason}.`);
}
