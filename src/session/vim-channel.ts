import { InvalidArgumentError, VimFaultError } from "../errors.ts";
import { authorityOf, formatAuthority, parseServer } from "../net/authority.ts";
import { parseTarget } from "../net/target.ts";
import { Transport } from "../net/transport.ts";
import type { SamlSecurityOptions } from "../sts/saml-security.ts";
import { VIM_NAMESPACE } from "../xml/names.ts";
import type { XmlElement } from "../xml/reader.ts";
import { cookieHeader, parseSessionCookie, SessionCookie, type SetSessionCookie } from "./cookie.ts";
import type { CallOptions, DoorOptions } from "./door.ts";
import { isNotAuthenticated } from "./not-authenticated.ts";
import { Once } from "./once.ts";
import { readServiceContent, type ServiceContent } from "./service-content.ts";
import { BASE_VERSION, negotiateVersion, versionOfApi } from "./service-versions.ts";
import { propertyOf, readProperty } from "./session-manager.ts";
import type { SoapFields } from "./soap-fields.ts";
import type { DoorTransport } from "./transport.ts";
import type { ManagedObjectReference } from "./vim-calls.ts";
import type { VimLogin } from "./vim-login.ts";
import { callVmomi } from "./vmomi.ts";

export interface VimSoapOptions extends DoorOptions {
  /** Version of `urn:vim25` to speak, as `8.0.3.0`. Default: the newest that both sides know. */
  readonly version?: string | undefined;
  /** In the place of `https://SERVER/sdk`, as `http://localhost:8085/sdk` on the vCenter itself. */
  readonly baseUrl?: string | URL | undefined;
  /** Of messages of the server, as `en_US`. Default: the server's own. */
  readonly locale?: string | undefined;
  /** How the messages of LoginByToken are secured. */
  readonly messageSecurity?: Omit<SamlSecurityOptions, "clockOffsetMs"> | undefined;
}

/** One message to `/sdk`. */
export interface VimMessage extends CallOptions {
  readonly operation: string;
  readonly target: ManagedObjectReference;
  readonly parameters?: SoapFields | undefined;
  /** Whether it may reach the server twice. */
  readonly idempotent?: boolean;
  /** What it presents, where it asks for a session. */
  readonly login?: VimLogin | undefined;
  /** In the place of the channel's, as one that shows a certificate. */
  readonly transport?: DoorTransport | undefined;
  /** The session to send; `null` for none. Default: the cookie that there is. */
  readonly session?: string | null | undefined;
  /** Version to speak. Default: one that is old enough for every server. */
  readonly version?: string | undefined;
  readonly headerXml?: string | undefined;
  /** Whether the answer holds a secret. */
  readonly confidential?: boolean | undefined;
  /** Told of an answer that is no failure by its status, and of its cookie, before it is read. */
  readonly onAccepted?: ((setCookie: SetSessionCookie | undefined) => void) | undefined;
}

export interface VimAnswer {
  readonly results: readonly XmlElement[];
  readonly setCookie: SetSessionCookie | undefined;
}

const SERVICE_INSTANCE: ManagedObjectReference = { type: "ServiceInstance", value: "ServiceInstance" };

/** Messages to one `/sdk`: under its cookie, in a version that it knows. */
export class VimChannel {
  readonly url: string;
  readonly cookie: SessionCookie = new SessionCookie();
  readonly #given: string | undefined;
  readonly #transport: DoorTransport;
  readonly #ownTransport: Transport | undefined;
  readonly #content: Once<ServiceContent>;
  readonly #version: Once<string>;
  /** Version of messages that any will do for. */
  #base: string;

  /** @throws InvalidArgumentError for a server or an option that cannot be used. */
  constructor(server: string, options: VimSoapOptions) {
    const { version, transport } = options;
    this.url = sdkUrl(server, options.baseUrl);
    if (version !== undefined && !/^[\w.]{1,32}$/.test(version)) {
      throw new InvalidArgumentError("The version of vim25 is none", { hint: "give it as 8.0.3.0" });
    }
    this.#given = version;
    this.#base = version ?? BASE_VERSION;
    this.#ownTransport = transport ? undefined : new Transport(options);
    this.#transport = transport ?? (this.#ownTransport as Transport);
    this.#content = new Once(() => this.#retrieveContent());
    this.#version = new Once(() => this.#negotiate());
  }

  content(options: CallOptions = {}): Promise<ServiceContent> {
    return this.#content.get(options.signal);
  }

  version(options: CallOptions = {}): Promise<string> {
    return this.#version.get(options.signal);
  }

  /** Sends a message; where the server does not know its version, once more in one that it does. */
  async send(message: VimMessage): Promise<VimAnswer> {
    const version = message.version ?? this.#base;
    try {
      return await this.#attempt(message, version);
    } catch (error) {
      if (!isVersionMismatch(error) || this.#given !== undefined) throw error;
      // Refused before it began: not even a login has been tried.
      const served = await negotiateVersion(this.#transport, this.url);
      if (served === undefined || served === version) throw error;
      this.#base = served;
      return await this.#attempt(message, served);
    }
  }

  /** Calls a method of the SessionManager. */
  async manage(
    operation: string,
    parameters: SoapFields,
    options: Pick<VimMessage, "signal" | "idempotent" | "confidential">,
  ): Promise<readonly XmlElement[]> {
    const { signal, idempotent = false, confidential } = options;
    const { sessionManager: target } = await this.content({ signal });
    const message = { operation, target, parameters, signal, idempotent, confidential };
    return (await this.send(message)).results;
  }

  /** Reads a property of the SessionManager; undefined where it is not set. */
  async sessionProperty(property: string, { signal }: CallOptions): Promise<XmlElement | undefined> {
    const { sessionManager, propertyCollector } = await this.content({ signal });
    const session = this.cookie.id;
    const { results } = await this.send({
      operation: "RetrieveProperties",
      target: propertyCollector,
      parameters: propertyOf(sessionManager, property),
      signal,
      idempotent: true,
    });
    return readProperty(results, property, {
      url: this.url,
      secrets: session === undefined ? [] : [session],
    });
  }

  async close(): Promise<void> {
    await this.#ownTransport?.close();
  }

  async #attempt(message: VimMessage, version: string): Promise<VimAnswer> {
    const { login, session = this.cookie.id ?? null, transport = this.#transport } = message;
    const sentWith = session ?? undefined;
    let setCookie: SetSessionCookie | undefined;
    const results = await callVmomi({
      transport: {
        request: async (url, request) => {
          const response = await transport.request(url, request);
          setCookie = parseSessionCookie(response.headers["set-cookie"]);
          if (response.status === 200) message.onAccepted?.(setCookie);
          return response;
        },
      },
      url: this.url,
      door: "vim-soap",
      namespace: VIM_NAMESPACE,
      action: `${VIM_NAMESPACE}/${version}`,
      operation: message.operation,
      target: message.target,
      parameters: message.parameters,
      httpHeaders: {
        ...login?.httpHeaders,
        ...(sentWith !== undefined && { cookie: cookieHeader(sentWith) }),
      },
      headerXml: message.headerXml,
      security: login?.security,
      idempotent: message.idempotent,
      signal: message.signal,
      login: login !== undefined,
      loginHint: login?.hint,
      confidential: message.confidential ?? false,
      secrets: () =>
        [...(login?.secrets ?? []), sentWith, setCookie?.id].filter((secret) => secret !== undefined),
    }).catch((error: unknown) => {
      // What comes with the refusal of a session is the ID of none.
      if (sentWith === undefined || !isNotAuthenticated(error)) this.cookie.note(sentWith, setCookie);
      throw error;
    });
    this.cookie.note(sentWith, setCookie);
    return { results, setCookie };
  }

  async #retrieveContent(): Promise<ServiceContent> {
    const operation = "RetrieveServiceContent";
    const { results } = await this.send({ operation, target: SERVICE_INSTANCE, idempotent: true });
    return readServiceContent(results[0], this.url);
  }

  async #negotiate(): Promise<string> {
    if (this.#given !== undefined) return this.#given;
    const negotiated = await negotiateVersion(this.#transport, this.url);
    return negotiated ?? versionOfApi((await this.content()).about.apiVersion);
  }
}

function isVersionMismatch(error: unknown): boolean {
  return error instanceof VimFaultError && error.code === "VERSION_MISMATCH";
}

function sdkUrl(server: string, baseUrl: string | URL | undefined): string {
  if (baseUrl === undefined) return `https://${formatAuthority(parseServer(server))}/sdk`;
  const url = parseTarget(baseUrl);
  authorityOf(url);
  if (url.search !== "" || url.hash !== "") {
    throw new InvalidArgumentError("The base URL of VIM SOAP has a query or a fragment");
  }
  const path = url.pathname.replace(/\/+$/, "");
  return `${url.origin}${path === "" ? "/sdk" : path}`;
}
