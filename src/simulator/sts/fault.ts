import { escapeText } from "../../xml/escape.ts";
import { SOAP_NAMESPACE, WSSE_NAMESPACE, WST_NAMESPACE } from "../../xml/names.ts";

/** What each fault says when nothing more is known. */
const DEFAULT_TEXTS = {
  wst: {
    FailedAuthentication: "Authentication failed.",
    InvalidRequest: "The request was invalid or malformed.",
    InvalidTimeRange: "The requested time range is invalid or unsupported.",
    UnableToRenew: "The requested renewal failed.",
    RequestFailed: "The specified request failed.",
  },
  wsse: {
    MessageExpired: "The message has expired",
    InvalidSecurity: "An error was discovered processing the <wsse:Security> header.",
    FailedCheck: "The signature or decryption was invalid",
    SecurityTokenUnavailable: "Referenced security token could not be retrieved",
    InvalidSecurityToken: "An invalid security token was provided",
    UnsupportedSecurityToken: "An unsupported token was provided",
  },
  soap: {
    Client: "The request cannot be understood.",
    VersionMismatch: "The server speaks SOAP 1.1.",
    MustUnderstand: "A header is not understood.",
  },
} as const;

const NAMESPACES = { wst: WST_NAMESPACE, wsse: WSSE_NAMESPACE, soap: SOAP_NAMESPACE } as const;

type Family = keyof typeof DEFAULT_TEXTS;

/** Thrown to answer with a SOAP fault of this name and text, and without detail. */
export class StsFault extends Error {
  readonly namespace: string;
  /** Local name of the fault code. */
  readonly local: string;

  constructor(namespace: string, local: string, text: string) {
    super(text);
    this.namespace = namespace;
    this.local = local;
  }
}

/** A fault of WS-Trust; several texts are chained, from the outermost to the cause. */
export function wst(local: keyof (typeof DEFAULT_TEXTS)["wst"], ...texts: readonly string[]): StsFault {
  return fault("wst", local, DEFAULT_TEXTS.wst[local], texts);
}

/** A fault of WS-Security. */
export function wsse(local: keyof (typeof DEFAULT_TEXTS)["wsse"], ...texts: readonly string[]): StsFault {
  return fault("wsse", local, DEFAULT_TEXTS.wsse[local], texts);
}

/** A fault of SOAP itself: the message did not get as far as the service. */
export function soap(local: keyof (typeof DEFAULT_TEXTS)["soap"], ...texts: readonly string[]): StsFault {
  return fault("soap", local, DEFAULT_TEXTS.soap[local], texts);
}

function fault(family: Family, local: string, text: string, texts: readonly string[]): StsFault {
  return new StsFault(NAMESPACES[family], local, texts.length === 0 ? text : texts.join(" :: "));
}

/** Any reason for which a caller is not known, disguised. */
export function invalidCredentials(): StsFault {
  return wst("FailedAuthentication", "Invalid credentials");
}

export function writeStsFault({ namespace, local, message }: StsFault): string {
  const code =
    namespace === SOAP_NAMESPACE
      ? `<faultcode>S:${local}</faultcode>`
      : `<faultcode xmlns:ns0="${namespace}">ns0:${local}</faultcode>`;
  return (
    `<?xml version="1.0" encoding="UTF-8"?><S:Envelope xmlns:S="${SOAP_NAMESPACE}"><S:Body><S:Fault>${code}` +
    `<faultstring>${escapeText(message)}</faultstring></S:Fault></S:Body></S:Envelope>`
  );
}
