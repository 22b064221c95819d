/** More is never shown; a secret that is longer is known by its pieces. */
const MAX_READ = 16_384;
/** Encodings within encodings that are undone. */
const MAX_LAYERS = 3;
/** A shared run of this many characters is a piece of a token. */
const PIECE = 12;
/** The shortest beginning of a secret, broken off, that gives something away. */
const SHORTEST_BEGINNING = 3;

/** Stands for what a server said, which is left out as a whole: a gap would tell where the secret stood, and how long it is. */
export const LEFT_OUT = "the server's words are left out: they repeat a secret";

/**
 * A secret that every text repeats: for a request with more secrets than can be sought. It is no text that a header or
 * a name could be.
 */
export const ANY_TEXT = "\u0000";

/**
 * Whether a text quotes a secret, however short: as it is, encoded (entities, percent, JSON, Base64, hex), in other
 * case, with other white space; or a piece of a long one.
 */
export function repeatsSecret(text: string, secrets: readonly string[]): boolean {
  if (secrets.includes(ANY_TEXT)) return true;
  if (secrets.some((secret) => secret !== "" && text.includes(secret))) return true;
  const needles = secrets.flatMap((secret) => decodings(secret).flatMap(encodings));
  const remnants = secrets.flatMap(remnantOf);
  return decodings(text.slice(0, MAX_READ)).some((decoded) => {
    const line = comparable(decoded);
    const ascii = asciiOf(decoded);
    const pieces = new Set(Array.from({ length: line.length }, (_, at) => line.slice(at, at + PIECE)));
    return (
      remnants.some((remnant) => ascii.includes(remnant)) ||
      needles.some(
        (needle) => line.includes(needle) || holdsPiece(pieces, needle) || holdsBeginning(line, needle),
      )
    );
  });
}

/** Of a long secret any run, aligned so that none of twice the length is missed. */
function holdsPiece(pieces: ReadonlySet<string>, needle: string): boolean {
  for (let at = 0; at + 2 * PIECE <= needle.length; at += PIECE) {
    if (pieces.has(needle.slice(at, at + PIECE))) return true;
  }
  return false;
}

/** Of a secret its beginning, where the text or an ellipsis breaks it off. */
function holdsBeginning(line: string, needle: string): boolean {
  for (let length = Math.min(needle.length, 2 * PIECE) - 1; length >= SHORTEST_BEGINNING; length--) {
    const beginning = needle.slice(0, length);
    if (line.endsWith(beginning) || line.includes(`${beginning}..`)) return true;
  }
  return false;
}

/** Letters without case, and neither white space nor what stands for it in forms, nor what nobody sees. */
function comparable(text: string): string {
  return text
    .normalize("NFKC")
    .toUpperCase()
    .toLowerCase()
    .replace(/[\s+\p{Cc}\p{Cf}]+/gu, "");
}

/** What is left of a secret where another character set destroyed the rest; nothing of one that is ASCII. */
function remnantOf(secret: string): string[] {
  const remnant = asciiOf(secret);
  return remnant.length > SHORTEST_BEGINNING && remnant !== comparable(secret) ? [remnant] : [];
}

/** The visible ASCII characters of a text. */
function asciiOf(text: string): string {
  return text.replace(/[\s+]|[^\x21-\x7e]+/g, "").toLowerCase();
}

/** What a text reads once its encodings are undone, in whichever order they were made. */
function decodings(text: string): string[] {
  const found = new Set([text]);
  let layer = [text];
  for (let depth = 0; depth < MAX_LAYERS; depth++) {
    layer = layer.flatMap((each) => [withoutEntities(each), withoutPercent(each), withoutEscapes(each)]);
    layer = layer.filter((each) => !found.has(each) && found.add(each));
  }
  return [...found];
}

/** The comparable forms in which a secret may be quoted that cannot be told apart from other text. */
function encodings(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const forms = [secret, bytes.toString("hex"), bytes.toString("base64url")];
  // Within a longer text, as behind the ID in a Basic header, it begins at any of three places of a group.
  for (const before of [0, 1, 2]) {
    const text = Buffer.concat([Buffer.alloc(before), bytes]).toString("base64url");
    const end = Math.floor(((before + bytes.length) * 4) / 3);
    const core = text.slice(Math.ceil((before * 4) / 3), end);
    if (core.length > SHORTEST_BEGINNING) forms.push(core);
  }
  const all = forms.flatMap((form) => [form, form.replaceAll("-", "+").replaceAll("_", "/")]);
  return [...new Set(all.map(comparable))].filter((form) => form !== "");
}

const ENTITIES: Readonly<Record<string, string>> = {
  __proto__: null as never,
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
};

function withoutEntities(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{2,4}));/gi, (all, decimal, hex, name) => {
    if (name !== undefined) return ENTITIES[String(name).toLowerCase()] ?? all;
    return character(decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)) ?? all;
  });
}

function withoutPercent(text: string): string {
  return text.replace(/(?:%[\da-f]{2})+/gi, (run) =>
    Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8"),
  );
}

function withoutEscapes(text: string): string {
  return text.replace(/\\(?:u([\da-f]{4})|x([\da-f]{2})|([^ux]))/gi, (all, long, short, one) => {
    if (one !== undefined) return /[bfnrt]/.test(one) ? " " : one;
    return character(Number.parseInt(long ?? short, 16)) ?? all;
  });
}

function character(code: number): string | undefined {
  return code <= 0x10ffff ? String.fromCodePoint(code) : undefined;
}
