import { ProtocolError, type QName } from "../errors.ts";
import { SOAP_NAMESPACE, SOAP12_NAMESPACE } from "../xml/names.ts";
import { readXml, type StartTag, type XmlLimits, type XmlSink } from "../xml/reader.ts";
import { FaultReader, type SoapFault } from "./fault-reader.ts";
import { operationOf, type ResultOf, registryOf, type SoapSchema, typeOf } from "./schema.ts";
import { type DecodeIssue, ValueReader } from "./value-reader.ts";

export type { DecodeIssue, SoapFault };

export interface DecodeOptions {
  readonly limits?: XmlLimits | undefined;
  /** Names of header blocks that the caller deals with; any other that must be understood is an error. */
  readonly understoodHeaders?: readonly QName[] | undefined;
}

/** What a server answered. */
export type DecodedAnswer<Result = unknown> =
  | {
      readonly kind: "result";
      /** The returned value, a list where the schema allows several; undefined for empty responses. */
      readonly value: Result;
      readonly issues: readonly DecodeIssue[];
    }
  | { readonly kind: "fault"; readonly fault: SoapFault };

/**
 * Reads a SOAP 1.1 answer to `operation`, by namespace and name whatever the prefixes. A fault is an answer, not
 * an error; what merely does not fit the schema is told in `issues`.
 *
 * @throws InvalidArgumentError for an operation that the schema does not have.
 * @throws XmlError as `readXml`.
 * @throws ProtocolError `RESPONSE_NOT_SOAP` when the text is XML but no SOAP 1.1 envelope with a body,
 *   `RESPONSE_UNEXPECTED` when it answers something else, lacks the result, or has a header block that must be
 *   understood and is not.
 */
export function decodeEnvelope<Operations, Name extends keyof Operations & string>(
  text: string,
  schema: SoapSchema<Operations>,
  operation: Name,
  options: DecodeOptions = {},
): DecodedAnswer<ResultOf<Operations, Name>> {
  const { response } = operationOf(schema, operation);
  const name = `${operation}Response`;
  const reader = new ValueReader(
    schema.namespace,
    registryOf(schema),
    typeOf(name, response ? [response] : []),
  );
  const fault = readEnvelope(
    text,
    (namespace, local) => {
      if (namespace !== schema.namespace || local !== name)
        refuseAnswer(namespace, local, schema.namespace, name);
      return reader;
    },
    options,
  );
  if (fault) return { kind: "fault", fault };
  const value = reader.value(0) ?? (response?.[2] === "*" ? [] : undefined);
  if (value === undefined && response && response[2] !== "?") {
    unexpected(`the ${name} has no usable ${response[0]}`);
  }
  // The reader builds by the tables that the type was generated with.
  return { kind: "result", value: value as ResultOf<Operations, Name>, issues: reader.issues };
}

/** Gives the sink for the content of the body's child, or throws when that is not what was asked for. */
export type BeginAnswer = (namespace: string, local: string, tag: StartTag) => XmlSink;

/**
 * Reads an envelope whose answer goes to the sink that `begin` gives; returns the fault if that is what came.
 *
 * @throws as `decodeEnvelope`.
 */
export function readEnvelope(
  text: string,
  begin: BeginAnswer,
  options: DecodeOptions = {},
): SoapFault | undefined {
  const sink = new EnvelopeSink(begin, options);
  readXml(text, sink, options.limits);
  return sink.finish();
}

/** Refuses an answer by its name. */
export function refuseAnswer(
  namespace: string,
  local: string,
  wantedNamespace: string,
  wanted: string,
): never {
  unexpected(`the SOAP body holds ${show(namespace, local)} instead of ${show(wantedNamespace, wanted)}`);
}

/** Where within the envelope the parser stands. */
type Place = "document" | "envelope" | "header" | "header-block" | "body" | "content" | "aside";

class EnvelopeSink implements XmlSink {
  readonly #begin: BeginAnswer;
  readonly #options: DecodeOptions;
  #place: Place = "document";
  /** Depth within a header block, the content of the body, or an element that is passed over. */
  #depth = 0;
  #content: XmlSink | undefined;
  #fault: FaultReader | undefined;
  #hasBody = false;

  constructor(begin: BeginAnswer, options: DecodeOptions) {
    this.#begin = begin;
    this.#options = options;
  }

  /** The fault, if that is what came. */
  finish(): SoapFault | undefined {
    if (!this.#hasBody) notSoap("the SOAP envelope has no Body");
    if (!this.#content) unexpected("the SOAP body is empty");
    return this.#fault?.fault();
  }

  open(namespace: string, local: string, tag: StartTag): void {
    switch (this.#place) {
      case "content":
        this.#depth++;
        this.#content?.open(namespace, local, tag);
        break;
      case "document":
        this.#openRoot(namespace, local);
        break;
      case "envelope":
        this.#openPart(namespace, local);
        break;
      case "header":
        this.#checkUnderstood(namespace, local, tag);
        this.#place = "header-block";
        this.#depth = 1;
        break;
      case "body":
        this.#openContent(namespace, local, tag);
        break;
      default:
        this.#depth++;
    }
  }

  text(piece: string): void {
    if (this.#place === "content") this.#content?.text(piece);
  }

  close(tag: StartTag): void {
    switch (this.#place) {
      case "content":
        if (--this.#depth === 0) this.#place = "body";
        else this.#content?.close(tag);
        break;
      case "header-block":
        if (--this.#depth === 0) this.#place = "header";
        break;
      case "aside":
        if (--this.#depth === 0) this.#place = "envelope";
        break;
      case "header":
      case "body":
        this.#place = "envelope";
        break;
      default:
        this.#place = "document";
    }
  }

  #openRoot(namespace: string, local: string): void {
    if (local !== "Envelope" || namespace !== SOAP_NAMESPACE) {
      notSoap(
        local === "Envelope" && namespace === SOAP12_NAMESPACE
          ? "the answer is a SOAP 1.2 envelope; vCenter's services speak SOAP 1.1"
          : `the answer is XML, but its root is ${show(namespace, local)} instead of a SOAP envelope`,
      );
    }
    this.#place = "envelope";
  }

  #openPart(namespace: string, local: string): void {
    if (namespace === SOAP_NAMESPACE && local === "Body") {
      if (this.#hasBody) unexpected("the SOAP envelope has more than one Body");
      this.#hasBody = true;
      this.#place = "body";
    } else if (namespace === SOAP_NAMESPACE && local === "Header") {
      this.#place = "header";
    } else {
      this.#place = "aside";
      this.#depth = 1;
    }
  }

  #openContent(namespace: string, local: string, tag: StartTag): void {
    if (this.#content) unexpected(`the SOAP body has a second child, ${show(namespace, local)}`);
    if (namespace === SOAP_NAMESPACE && local === "Fault") {
      this.#fault = new FaultReader();
      this.#content = this.#fault;
    } else {
      this.#content = this.#begin(namespace, local, tag);
    }
    this.#place = "content";
    this.#depth = 1;
  }

  /** SOAP 1.1, 4.2.3: a block that must be understood is processed, or the message is refused. */
  #checkUnderstood(namespace: string, local: string, tag: StartTag): void {
    const must = tag.attribute(SOAP_NAMESPACE, "mustUnderstand")?.trim();
    if (must !== "1" && must !== "true") return;
    const known = this.#options.understoodHeaders?.some(
      (h) => h.namespace === namespace && h.local === local,
    );
    if (!known) {
      unexpected(`the answer has a header that must be understood and is not: ${show(namespace, local)}`);
    }
  }
}

function notSoap(message: string): never {
  throw new ProtocolError("RESPONSE_NOT_SOAP", message, {
    hint: "check that the URL is that of the SOAP service",
  });
}

function unexpected(message: string): never {
  throw new ProtocolError("RESPONSE_UNEXPECTED", message, {
    hint: "check that the URL is that of the right service",
  });
}

function show(namespace: string, local: string): string {
  return namespace === "" ? local : `{${namespace}}${local}`;
}
