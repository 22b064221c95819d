/**
 * Endings of names of secrets, in any case and without what separates words: of OAuth (RFC 6749, 7523, 7636, 8628,
 * 8693), of vAPI, which marks the value of a secret with `SECRET`, and of what else holds a password.
 */
const SECRET_NAME = new RegExp(
  `(?:${[
    "token|password|passwd|pwd|passcode|passphrase|secret|assertion|samlresponse|sessionid|sessionkey|ticket|cookie",
    "credentials?|privatekey|apikey|authorization|codeverifier|devicecode",
  ].join("|")})$`,
);

/** Elements of SOAP messages whose content is a secret; the last ones are answers that hold the key of a session. */
const SECRET_ELEMENT = new RegExp(
  `(?:password|passwd|passcode|passphrase|secret|ticket)$|^(?:${[
    "assertion|encryptedassertion|binarysecuritytoken|binaryexchange|usercertificatetoken|signaturevalue",
    "(?:vc)?sessioncookie|sessionid|sessionkey|privatekey|dbpass|dbuser|dbjdbcurl",
    "(?:login[a-z]*|clonesession|acquire[a-z]*ticket|impersonateuser)response",
  ].join("|")})$`,
);

const WORDS =
  "pass[_-]?(?:wd|word|code|phrase)|pwd|secret|token|assertion|session[_-]?(?:id|key)|ticket|cookie|credentials?" +
  "|private[_-]?key|api[_-]?key|authorization|code[_-]?verifier|device[_-]?code|saml[_-]?response";

/** What a text that cannot be read must not mention to be shown. Quantifiers are bounded: texts are of any length. */
const MENTION = new RegExp(
  `pass[_-]?(?:wd|word|code|phrase)|secret|token|assertion|(?:${WORDS}|[?&]code)["'\\\\\\s]{0,20}[=:>]|[\\w+/=-]{64}|eyJ[\\w-]{10}|\0`,
  "i",
);

/** Secrets within a text that may well talk of them: elements, members and fields. */
const EMBEDDED = new RegExp(
  [
    `<[^\\s<>/]{0,200}?(?:${WORDS}|BinaryExchange|SignatureValue|dbPass|dbUser|dbJdbcUrl)`,
    `(?:${WORDS})(?:["'\\\\\\s]{0,20}=|["'\\\\]{1,20}\\s{0,20}:)|[?&]code=`,
    "(?:pass[_-]?(?:wd|word|code|phrase)|secret)\\s{0,20}:",
  ].join("|"),
  "i",
);

/** JSON or XML in Base64, as tokens are, and private keys. */
const TOKEN = /(?<![\w+/=-])(?:eyJ|P[C-H])[\w+/-]{40}|PRIVATE KEY-----/;

/** Encodings within encodings that are looked through. */
const MAX_LAYERS = 4;
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

/** Whether a member, field or attribute of that name holds a secret. */
export function isSecretName(name: string): boolean {
  return SECRET_NAME.test(plain(name));
}

/** Whether an element holds a secret, by its name without prefix. */
export function isSecretElement(local: string): boolean {
  return SECRET_ELEMENT.test(plain(local));
}

/** Whether a text has the form of something that holds a secret. */
export function embedsSecret(text: string): boolean {
  return anyLayer(text, EMBEDDED, TOKEN);
}

/** Whether a text so much as mentions secrets, or has what looks like one. */
export function mentionsSecret(text: string): boolean {
  return anyLayer(text, MENTION, EMBEDDED, TOKEN);
}

/** The text that entities of XML stand for. */
export function withoutEntities(text: string): string {
  if (!text.includes("&")) return text;
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{2,4}));/gi, (all, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[String(name).toLowerCase()] ?? all;
    return character(decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)) ?? all;
  });
}

function anyLayer(text: string, ...patterns: readonly RegExp[]): boolean {
  let layer = text;
  for (let depth = 0; depth < MAX_LAYERS; depth++) {
    if (patterns.some((pattern) => pattern.test(layer))) return true;
    const below = withoutEscapes(withoutPercent(withoutEntities(layer)));
    if (below === layer) return false;
    layer = below;
  }
  // Deeper than anybody encodes without a reason.
  return true;
}

function withoutPercent(text: string): string {
  if (!text.includes("%")) return text;
  return text.replace(/(?:%[\da-f]{2}){1,100}/gi, (run) =>
    Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8"),
  );
}

function withoutEscapes(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\u([\da-f]{4})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function character(code: number): string | undefined {
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}

function plain(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, "");
}
