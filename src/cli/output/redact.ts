/** Elements of SOAP messages whose content is a secret. */
const SECRET_START =
  /<((?:[\w.-]{1,64}:)?(?:Password|Passcode|password|Assertion|EncryptedAssertion|BinarySecurityToken|BinaryExchange|UserCertificateToken|SignatureValue|vcSessionCookie|dbPass|dbUser|dbJdbcUrl))(?:\s[^<>]*)?>/g;

/** Names of secrets in forms, queries and JSON (RFC 6749, 7523, 7636, 8628, 8693; vAPI). */
const SECRET_NAMES =
  "access_token|refresh_token|id_token|subject_token|actor_token|client_secret|client_assertion|assertion|password|passcode|device_code|code_verifier|session_id";

/** A field of a form or of a query. An authorization code is one only there: in JSON `code` is of an error. */
const SECRET_FIELD = new RegExp(`((?:^|[?&])(?:${SECRET_NAMES}|code|SAMLResponse)=)[^&#\\s]+`, "g");

/** A member of a JSON object; the string of a message that was cut may have no end. */
const SECRET_MEMBER = new RegExp(`("(?:${SECRET_NAMES})"\\s{0,20}:\\s{0,20}")(?:[^"\\\\]|\\\\.)+`, "gs");

/** A message with its secrets replaced, be it XML, a form or JSON. */
export function redactBody(body: string): string {
  return redactElements(redactUrl(body.replace(SECRET_MEMBER, "$1[redacted]")));
}

/** A URL, or a form, with the values of secret fields replaced. */
export function redactUrl(url: string): string {
  return url.replace(SECRET_FIELD, "$1[redacted]");
}

/** Replaces the content of secret elements; what ends within one ends there. */
function redactElements(body: string): string {
  let redacted = "";
  let at = 0;
  for (SECRET_START.lastIndex = 0; ; SECRET_START.lastIndex = at) {
    const start = SECRET_START.exec(body);
    if (!start) return redacted + body.slice(at);
    const contentAt = start.index + start[0].length;
    redacted += body.slice(at, contentAt);
    at = contentAt;
    if (start[0].endsWith("/>")) continue;
    redacted += "[redacted]";
    at = body.indexOf(`</${start[1]}`, contentAt);
    if (at < 0) return redacted;
  }
}
