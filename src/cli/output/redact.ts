/** Elements of SOAP messages whose content is a secret. */
const SECRET_START =
  /<((?:[\w.-]{1,64}:)?(?:Password|Passcode|password|Assertion|BinarySecurityToken|BinaryExchange|SignatureValue|vcSessionCookie|dbPass|dbUser|dbJdbcUrl))(?:\s[^<>]*)?>/g;

/** A message with the content of its secret elements replaced; what ends within one ends there. */
export function redactBody(body: string): string {
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
