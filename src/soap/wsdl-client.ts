import { fileURLToPath } from "node:url";
import type { WSDL } from "soap";
import { AbortedError, InvalidArgumentError, ProtocolError, type QName } from "../errors.ts";
import { abortable } from "../net/deadline.ts";
import { SOAP_NAMESPACE, XSI_NAMESPACE } from "../xml/names.ts";
import { parseXml, TreeSink, type XmlElement, type XmlLimits } from "../xml/reader.ts";
import { readEnvelope, refuseAnswer } from "./decode.ts";
import { exchangeSoap } from "./exchange.ts";
import type { MessageSecurity } from "./security.ts";
import type { SoapTransport } from "./transport.ts";
import { addressIn, asError, loadEngine, methodOf } from "./wsdl-engine.ts";
import { readWsdlFiles } from "./wsdl-files.ts";
import { correctNamespaces, toSoapInput } from "./wsdl-input.ts";
import { type OperationModel, WsdlModel } from "./wsdl-model.ts";
import { AnswerShaper, type Prefixes, rewriteAnswer } from "./wsdl-output.ts";
import { writeCanonical } from "./xml-writer.ts";

/** What goes along with a message beside its body. */
export interface CarriedHeaders {
  /** HTTP headers, names in lower case. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Blocks of the SOAP header: each one element with the namespace declarations that it needs, sent as it is. */
  readonly soapHeaders?: readonly string[] | undefined;
}

export interface WsdlClientOptions {
  /** Sends the messages; decides on trust, time-outs and retries. */
  readonly transport: SoapTransport;
  /** Where the service is. Default: the address in the WSDL. */
  readonly endpoint?: string | URL | undefined;
  /** Secures every message, for services that want a signed WS-Security header. */
  readonly security?: MessageSecurity | undefined;
  /** Asked before every call for what the session needs, as its cookie or its SOAP header. */
  readonly carrier?: ((operation: string) => CarriedHeaders | Promise<CarriedHeaders>) | undefined;
  /** SOAP header blocks of answers that the caller deals with, though they must be understood. */
  readonly understoodHeaders?: readonly QName[] | undefined;
  /** Bounds on what is read of an answer. Elements and attributes, together: 500,000 unless `maxElements` is given. */
  readonly limits?: XmlLimits | undefined;
}

export interface WsdlCallOptions extends CarriedHeaders {
  readonly signal?: AbortSignal | undefined;
  /** True for a read that may be repeated when the server is briefly unavailable. Default false. */
  readonly idempotent?: boolean | undefined;
}

/** A service bound to a WSDL. */
export interface WsdlClient {
  /** Names of the operations. */
  readonly operations: readonly string[];
  readonly endpoint: string;
  /**
   * Calls an operation.
   *
   * `input` holds the children of the request element by name, in any order: objects for complex types, lists where
   * an element may be repeated, `{ type, value }` for managed object references and `{ value, … }` for other text
   * with attributes; attributes stand beside elements; `$type` names a derived type. Answers have the same shape.
   * Whole numbers beyond what a number holds exactly are bigints. What a schema admits only as `xsd:any` cannot be
   * sent, and is left out of answers.
   *
   * @returns the `returnval` where that is all that the response may hold, undefined for an empty response, else
   *   the children of the response element by name.
   * @throws InvalidArgumentError for an unknown operation or an input that the schema does not allow,
   *   SoapFaultError when the server says no, ProtocolError, XmlError or HttpStatusError when the answer is not
   *   one, and every error of the transport.
   */
  call(operation: string, input: object, options?: WsdlCallOptions): Promise<unknown>;
}

/**
 * Binds a WSDL (document/literal, SOAP 1.1) with everything that it imports, from files. The `soap` package, which
 * does the work, is loaded on the first use; it never touches the network.
 *
 * @throws InvalidArgumentError when a file is missing, is not usable, or imports something from the network;
 *   UnsupportedError when the WSDL has another style, or names that the engine cannot carry.
 */
export async function createWsdlClient(wsdl: string | URL, options: WsdlClientOptions): Promise<WsdlClient> {
  const path = pathOf(wsdl);
  const model = new WsdlModel(await readWsdlFiles(path));
  const engine = await loadEngine(path);
  const endpoint = endpointOf(options.endpoint ?? addressIn(engine), path);
  return new BoundClient(model, engine, endpoint, options);
}

/** An answer takes about a kilobyte of memory for each of these while it is read. */
const MAX_TREE = 500_000;

class BoundClient implements WsdlClient {
  readonly operations: readonly string[];
  readonly endpoint: string;
  readonly #model: WsdlModel;
  readonly #engine: WSDL;
  readonly #options: WsdlClientOptions;

  constructor(model: WsdlModel, engine: WSDL, endpoint: string, options: WsdlClientOptions) {
    this.operations = [...model.operations.keys()];
    this.endpoint = endpoint;
    this.#model = model;
    this.#engine = engine;
    this.#options = options;
  }

  async call(name: string, input: object, options: WsdlCallOptions = {}): Promise<unknown> {
    const operation = this.#model.operation(name);
    const bodyXml = this.#writeBody(operation, input);
    const carried = await this.#carried(name, options.signal);
    const { transport, security, limits, understoodHeaders } = this.#options;
    const { value } = await exchangeSoap<XmlElement | undefined>({
      transport,
      security,
      url: this.endpoint,
      operation: operation.request,
      action: operation.action,
      bodyXml,
      headerXml: headerBlocks(carried) + headerBlocks(options),
      httpHeaders: { ...carried.headers, ...options.headers },
      idempotent: options.idempotent,
      signal: options.signal,
      read: (text) => {
        let tree: TreeSink | undefined;
        const fault = readEnvelope(
          text,
          (namespace, local, tag) => {
            const { response } = operation;
            if (namespace !== response.namespace || local !== response.local) {
              refuseAnswer(namespace, local, response.namespace, response.local);
            }
            tree = new TreeSink(limits?.maxElements ?? MAX_TREE);
            tree.open(namespace, local, tag);
            return tree;
          },
          { limits, understoodHeaders },
        );
        return fault ? { kind: "fault", fault } : { kind: "result", value: tree?.root, issues: [] };
      },
    });
    return value && this.#readBody(operation, value);
  }

  async #carried(name: string, signal: AbortSignal | undefined): Promise<CarriedHeaders> {
    const { carrier } = this.#options;
    if (!carrier) return {};
    const asked = (async () => carrier(name))();
    if (!signal) return await asked;
    return await abortable(asked, signal).catch((error: unknown) => {
      if (!signal.aborted || error !== signal.reason) throw error;
      throw new AbortedError(`The call of ${name} was aborted`, { cause: error });
    });
  }

  /** The request element, written by the `soap` package and brought into canonical form. */
  #writeBody(operation: OperationModel, input: object): string {
    const args = toSoapInput(this.#model, operation.requestType, input, operation.name);
    const method = methodOf(this.#engine, operation.name);
    try {
      const xml = this.#engine.objectToDocumentXML(
        method.input.$name ?? operation.request.local,
        args,
        method.input.targetNSAlias ?? "",
        method.input.targetNamespace ?? operation.request.namespace,
        method.input.$type || method.input.$lookupType,
      );
      const root = parseXml(
        `<soap:Body xmlns:soap="${SOAP_NAMESPACE}" xmlns:xsi="${XSI_NAMESPACE}"${this.#engine.xmlnsInEnvelope}>${xml}</soap:Body>`,
      );
      const [written, ...others] = root.children;
      if (!written || others.length > 0)
        throw new Error(`wrote ${root.children.length} elements instead of one`);
      const { requestType, request } = operation;
      return writeCanonical(correctNamespaces(this.#model, requestType, request.namespace, written));
    } catch (error) {
      throw new InvalidArgumentError(`the request of ${operation.name} cannot be written with this WSDL`, {
        cause: asError(error),
        hint: "check that the WSDL and the schemas that it imports are complete",
      });
    }
  }

  #readBody(operation: OperationModel, answer: XmlElement): unknown {
    let prefixes: Prefixes;
    let read: unknown;
    try {
      const rewritten = rewriteAnswer(this.#model, operation.responseType, answer);
      prefixes = rewritten.prefixes;
      const envelope = this.#engine.xmlToObject(rewritten.xml) as {
        Body?: Readonly<Record<string, unknown>>;
      };
      read = envelope.Body?.[operation.response.local];
    } catch (error) {
      throw new ProtocolError(
        "RESPONSE_UNEXPECTED",
        `${this.endpoint} answered ${operation.name} with what does not fit its WSDL`,
        {
          url: this.endpoint,
          cause: asError(error),
          hint: "check that the WSDL is that of the server's version",
        },
      );
    }
    const { elements, attributes } = operation.responseType;
    const shaped = new AnswerShaper(this.#model, prefixes).shape(
      operation.responseType,
      read,
      operation.response.local,
    );
    if (elements.length === 0 && attributes.size === 0) return undefined;
    const [only, ...others] = elements;
    return only?.name === "returnval" && others.length === 0
      ? (shaped as { readonly returnval?: unknown }).returnval
      : shaped;
  }
}

function pathOf(wsdl: string | URL): string {
  if (typeof wsdl === "string" && !/^[a-z][a-z0-9+.-]+:/i.test(wsdl)) return wsdl;
  const url = new URL(wsdl);
  if (url.protocol === "file:") return fileURLToPath(url);
  throw new InvalidArgumentError(`a WSDL is read from a file, not from ${url.protocol}//${url.host}`, {
    hint: "save the WSDL and what it imports, and give the path",
  });
}

function endpointOf(endpoint: string | URL | undefined, path: string): string {
  const url = endpoint !== undefined && URL.canParse(String(endpoint)) ? new URL(endpoint) : undefined;
  if (url?.protocol === "https:" || url?.protocol === "http:") return url.href;
  throw new InvalidArgumentError(
    endpoint === undefined
      ? `${path} names no address of the service`
      : `the address of the service is no URL: ${String(endpoint)}`,
    { hint: "give the option endpoint, as https://host/path" },
  );
}

function headerBlocks({ soapHeaders = [] }: CarriedHeaders): string {
  for (const block of soapHeaders) {
    try {
      // A document may begin so, but not what stands within another.
      if (/^\s*<\?xml|^\uFEFF/.test(block)) throw new Error("it begins as a document of its own");
      parseXml(block);
    } catch (error) {
      throw new InvalidArgumentError("a SOAP header block is not well-formed XML of one element", {
        cause: error,
        hint: "escape its values, and declare in it every namespace that it uses",
      });
    }
  }
  return soapHeaders.join("");
}
