import { InvalidArgumentError, VimFaultError } from "../errors.ts";
import { formatAuthority, parseServer } from "../net/authority.ts";
import { Transport } from "../net/transport.ts";
import type { XmlElement } from "../xml/reader.ts";
import { SESSION_CARRIERS, type SessionHeaders, type SessionService, sessionHeaders } from "./carrier.ts";
import type { CallOptions, DoorOptions } from "./door.ts";
import { Once } from "./once.ts";
import { servedVersions } from "./service-versions.ts";
import type { SoapFields } from "./soap-fields.ts";
import type { DoorTransport } from "./transport.ts";
import type { ManagedObjectReference } from "./vim-calls.ts";
import { callVmomi } from "./vmomi.ts";

/** The SOAP services beside VIM that take its session. */
export type SiblingName = Extract<SessionService, "pbm" | "sms" | "vslm" | "eam" | "vsan">;

/** What holds the session: a `VimSoap` door, or anything else that knows its ID. */
export interface SessionHolder {
  readonly sessionId: string | undefined;
}

/**
 * The `carrier` of `createWsdlClient` for a service: before every call it looks up which session there is.
 *
 * @example
 * const pbm = await createWsdlClient("pbmService.wsdl", {
 *   transport, endpoint: "https://vc01.corp.example/pbm", carrier: sessionCarrier("pbm", vim),
 * });
 */
export function sessionCarrier(service: SessionService, holder: SessionHolder): () => SessionHeaders {
  return () => {
    const { sessionId } = holder;
    if (sessionId !== undefined) return sessionHeaders(service, sessionId);
    throw new VimFaultError(
      "NOT_AUTHENTICATED",
      `There is no session for ${SESSION_CARRIERS[service].path}`,
      {
        door: "vim-soap",
        fault: "",
        faultString: "",
        hint: "log in first",
      },
    );
  };
}

export interface SiblingOptions extends DoorOptions {
  /**
   * Version of the service's namespace for SOAPAction, as `2.0` of PBM. Default: of vSAN the one that the server
   * publishes as its own, of the others none.
   */
  readonly version?: string | undefined;
  /** Path where it is not that of `SESSION_CARRIERS`, as `/pbm/sdk`. */
  readonly path?: string | undefined;
}

export interface SiblingCallOptions extends CallOptions {
  /** True for what may reach the server twice. Default false. */
  readonly repeatable?: boolean | undefined;
}

/**
 * Calls of a service beside VIM (PBM, SMS, VSLM, EAM, vSAN) under a VIM session, without a WSDL.
 *
 * @example
 * const pbm = new SiblingService("pbm", "vc01.corp.example", vim);
 * const [content] = await pbm.call("PbmRetrieveServiceContent", { type: "PbmServiceInstance", value: "ServiceInstance" });
 */
export class SiblingService implements AsyncDisposable {
  readonly url: string;
  readonly #name: SiblingName;
  readonly #carry: () => SessionHeaders;
  readonly #holder: SessionHolder;
  readonly #version: Once<string | undefined>;
  readonly #transport: DoorTransport;
  readonly #ownTransport: Transport | undefined;

  /** @throws InvalidArgumentError for a server or an option that cannot be used. */
  constructor(name: SiblingName, server: string, holder: SessionHolder, options: SiblingOptions = {}) {
    const { version, path = SESSION_CARRIERS[name].path, transport } = options;
    if (!/^(?:\/[\w.-]+)+$/.test(path))
      throw new InvalidArgumentError("The path of a service is as /pbm/sdk");
    if (version !== undefined && !/^[\w.]{1,32}$/.test(version)) {
      throw new InvalidArgumentError(`The version of ${name} is none`, { hint: "give it as 2.0" });
    }
    const origin = `https://${formatAuthority(parseServer(server))}`;
    this.url = `${origin}${path}`;
    this.#name = name;
    this.#holder = holder;
    this.#carry = sessionCarrier(name, holder);
    this.#ownTransport = transport ? undefined : new Transport(options);
    this.#transport = transport ?? (this.#ownTransport as Transport);
    this.#version = new Once(async () => {
      if (version !== undefined || name !== "vsan") return version;
      return (await servedVersions(this.#transport, `${origin}/sdk/vsanServiceVersions.xml`, "urn:vsan"))[0];
    });
  }

  /**
   * Calls a method of one of the service's objects.
   *
   * @returns the `returnval` elements, none where the method returns nothing.
   * @throws VimFaultError `NOT_AUTHENTICATED` without a session, and as `VimSoap.call`.
   */
  async call(
    operation: string,
    target: ManagedObjectReference,
    parameters: SoapFields = {},
    options: SiblingCallOptions = {},
  ): Promise<readonly XmlElement[]> {
    // Before anything is asked: without a session there is nothing to ask for.
    this.#carry();
    const version = await this.#version.get(options.signal);
    const { headers, soapHeaders } = this.#carry();
    const { sessionId } = this.#holder;
    const namespace = `urn:${this.#name}`;
    return await callVmomi({
      transport: this.#transport,
      url: this.url,
      door: "vim-soap",
      namespace,
      action: version === undefined ? namespace : `${namespace}/${version}`,
      operation,
      target,
      parameters,
      httpHeaders: headers,
      headerXml: soapHeaders.join(""),
      idempotent: options.repeatable ?? false,
      signal: options.signal,
      secrets: () => (sessionId === undefined ? [] : [sessionId]),
    });
  }

  /** Closes the connections, unless the transport was given. */
  async close(): Promise<void> {
    await this.#ownTransport?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
