import { AbortedError, InvalidArgumentError, SoapFaultError, UnsupportedError } from "../errors.ts";
import { abortable } from "../net/deadline.ts";
import { callSoap } from "../soap/call.ts";
import type { SoapAnswer } from "../soap/exchange.ts";
import type { MessageSecurity } from "../soap/security.ts";
import type { SoapTransport } from "../soap/transport.ts";
import {
  LOOKUP_SCHEMA,
  LOOKUP_SOAP_ACTION,
  type LookupOperations,
  type LookupServiceContent,
  type ManagedObjectReference,
} from "./wsdl-tables.ts";

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions extends CallOptions {
  /** Signs the message: `samlSecurity` of a token whose subject administers the SSO domain. */
  readonly security: MessageSecurity;
}

/** How a call is sent. */
export interface CallSettings {
  /** False for what may not reach the server twice. Default true. */
  readonly idempotent?: boolean;
  readonly security?: MessageSecurity;
  readonly action?: string;
}

/** How a write is sent: secured, and once. `version` is that of the interface which brought the operation. */
export function writing(options: WriteOptions, version?: "3.0"): CallSettings {
  // From plain JavaScript they may be left out.
  const security = (options as WriteOptions | undefined)?.security;
  if (security === undefined) {
    throw new InvalidArgumentError("A change of the Lookup Service needs a token", {
      hint: "give { security: samlSecurity(token) } with a token of an administrator",
    });
  }
  return { idempotent: false, security, ...(version !== undefined && { action: `urn:lookup/${version}` }) };
}

type OperationName = keyof LookupOperations & string;
type Input<Name extends OperationName> = LookupOperations[Name]["request"];
type Answer<Name extends OperationName> = SoapAnswer<LookupOperations[Name]["result"]>;
/** Operations of the ServiceRegistration object. */
type RegistrationOperation = "List" | "Get" | "GetSiteId" | "Create" | "Set" | "Delete" | "SetTrustAnchor";

const SERVICE_INSTANCE: ManagedObjectReference = { type: "LookupServiceInstance", value: "ServiceInstance" };
/** Known beforehand on every server, which spares the exchange that would tell it. */
const SERVICE_REGISTRATION: ManagedObjectReference = {
  type: "LookupServiceRegistration",
  value: "ServiceRegistration",
};

/** Calls the operations of one Lookup Service, and knows the references of its objects. */
export class LookupCaller {
  readonly #transport: SoapTransport;
  readonly #url: string;
  #registration = SERVICE_REGISTRATION;
  #content: Promise<LookupServiceContent> | undefined;

  constructor(transport: SoapTransport, url: string) {
    this.#transport = transport;
    this.#url = url;
  }

  async call<Name extends OperationName>(
    operation: Name,
    input: Input<Name>,
    options: CallOptions,
    settings: CallSettings = {},
  ): Promise<Answer<Name>> {
    return callSoap<LookupOperations[Name]["result"]>({
      transport: this.#transport,
      url: this.#url,
      schema: LOOKUP_SCHEMA,
      operation,
      input,
      soapAction: settings.action ?? LOOKUP_SOAP_ACTION,
      idempotent: settings.idempotent ?? true,
      security: settings.security,
      signal: options.signal,
    });
  }

  /**
   * Calls the ServiceRegistration object; asks for its reference when the well-known one is not the server's. A server
   * that does not know the object has done nothing, so that a write may be repeated.
   */
  async callRegistration<Name extends RegistrationOperation>(
    operation: Name,
    input: Omit<Input<Name>, "_this">,
    options: CallOptions,
    settings: CallSettings = {},
  ): Promise<Answer<Name>> {
    const reference = this.#registration;
    const call = (_this: ManagedObjectReference) =>
      this.call(operation, { _this, ...input } as Input<Name>, options, settings);
    try {
      return await call(reference);
    } catch (error) {
      const unknown = error instanceof SoapFaultError && error.code === "MANAGED_OBJECT_NOT_FOUND";
      if (!unknown || reference !== SERVICE_REGISTRATION) throw error;
      const { serviceRegistration } = await this.serviceContent(options);
      if (!serviceRegistration) {
        throw new UnsupportedError(
          `${this.#url} is a Lookup Service of vSphere 5: it has no ServiceRegistration`,
          {
            cause: error,
            hint: "vSphere 6.0 is the first version supported",
          },
        );
      }
      this.#registration = serviceRegistration;
      return call(serviceRegistration);
    }
  }

  /** The root object, asked for anew. */
  async retrieveServiceContent(options: CallOptions): Promise<LookupServiceContent> {
    return (await this.call("RetrieveServiceContent", { _this: SERVICE_INSTANCE }, options)).value;
  }

  /** Asked for once, whoever waits: the request is nobody's own, so nobody's signal ends it for the others. */
  async serviceContent({ signal }: CallOptions): Promise<LookupServiceContent> {
    this.#content ??= this.retrieveServiceContent({}).catch((error: unknown) => {
      this.#content = undefined;
      throw error;
    });
    if (!signal) return this.#content;
    return abortable(this.#content, signal).catch((error: unknown) => {
      throw signal.aborted ? new AbortedError("The call was aborted", { cause: signal.reason }) : error;
    });
  }
}
