import type { ServiceName } from "./services.ts";
import { readSslTrust, type SslTrust } from "./ssl-trust.ts";

/** The plain data of an endpoint. */
export interface EndpointFields {
  /** The predefined service it is, by the documented filters; null for every other. */
  readonly service: ServiceName | null;
  /** Node the registration names; null where it names none. */
  readonly nodeId: string | null;
  /** `serviceType.product` */
  readonly product: string;
  /** `serviceType.type` */
  readonly serviceType: string;
  /** `endpointType.protocol`; null where the registration does not say. */
  readonly protocol: string | null;
  /** `endpointType.type`; null where the registration does not say. */
  readonly endpointType: string | null;
  /** Where to call, the rewrite policy applied; null for a registration without endpoints. */
  readonly url: string | null;
  /** ID of the registration; null for an assumed endpoint. */
  readonly serviceId: string | null;
  /** True for a well-known path that no registration confirmed. */
  readonly assumed: boolean;
}

/** What an endpoint keeps of its registration beside its plain data. */
interface Registered {
  /** As on the wire. */
  readonly sslTrust?: readonly string[];
  readonly read?: (value: string) => SslTrust;
  /** The URL as registered, where `url` is another. */
  readonly url?: string | null;
}

/** One endpoint of one registration; a registration without endpoints is one with `url: null`. */
export class Endpoint implements EndpointFields {
  readonly service: ServiceName | null;
  readonly nodeId: string | null;
  readonly product: string;
  readonly serviceType: string;
  readonly protocol: string | null;
  readonly endpointType: string | null;
  readonly url: string | null;
  readonly serviceId: string | null;
  readonly assumed: boolean;
  readonly #registered: Registered;

  constructor(fields: EndpointFields, registered: Registered = {}) {
    this.service = fields.service;
    this.nodeId = fields.nodeId;
    this.product = fields.product;
    this.serviceType = fields.serviceType;
    this.protocol = fields.protocol;
    this.endpointType = fields.endpointType;
    this.url = fields.url;
    this.serviceId = fields.serviceId;
    this.assumed = fields.assumed;
    this.#registered = registered;
  }

  /** The URL as registered, before the rewrite policy. */
  get registeredUrl(): string | null {
    return this.#registered.url === undefined ? this.url : this.#registered.url;
  }

  /**
   * Certificates registered for the endpoint's TLS, decoded when first asked for. They may be older than what the
   * server presents: registrations keep the old one when a certificate is replaced (Broadcom KB 322835).
   */
  get sslTrust(): readonly SslTrust[] {
    return (this.#registered.sslTrust ?? []).map(this.#registered.read ?? readSslTrust);
  }

  /** The same endpoint at another URL. */
  withUrl(url: string): Endpoint {
    return new Endpoint({ ...this, url }, { ...this.#registered, url: this.registeredUrl });
  }

  /** The row of `vsso discover -o json`. */
  toJSON(): EndpointFields & { readonly sslTrust: readonly SslTrust[] } {
    const { service, nodeId, product, serviceType, protocol, endpointType, url, serviceId, assumed } = this;
    return {
      service,
      nodeId,
      product,
      serviceType,
      protocol,
      endpointType,
      url,
      serviceId,
      assumed,
      sslTrust: this.sslTrust,
    };
  }
}
