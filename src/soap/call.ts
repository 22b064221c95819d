import type { XmlLimits } from "../xml/reader.ts";
import { type DecodedAnswer, decodeEnvelope } from "./decode.ts";
import { encodeOperation } from "./encode.ts";
import { exchangeSoap, type SoapAnswer } from "./exchange.ts";
import type { ServiceSchema } from "./schema.ts";
import type { MessageSecurity } from "./security.ts";
import type { SoapTransport } from "./transport.ts";

export interface SoapCall {
  readonly transport: SoapTransport;
  readonly url: string;
  readonly schema: ServiceSchema;
  readonly operation: string;
  /** Children of the request element, by name. */
  readonly input: object;
  readonly soapAction: string;
  /** True for a read that may be repeated when the server is briefly unavailable. */
  readonly idempotent?: boolean;
  /** Signs the message, for operations that want it. */
  readonly security?: MessageSecurity | undefined;
  readonly limits?: XmlLimits | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One SOAP 1.1 exchange, written and read by the tables of a schema.
 *
 * @throws InvalidArgumentError as `encodeOperation`, and as `exchangeSoap`.
 */
export async function callSoap<Result = unknown>(call: SoapCall): Promise<SoapAnswer<Result>> {
  const { transport, url, schema, operation, security, idempotent, limits, signal } = call;
  return await exchangeSoap<Result>({
    transport,
    url,
    operation: { namespace: schema.namespace, local: operation },
    action: call.soapAction,
    bodyXml: encodeOperation(schema, operation, call.input),
    security,
    idempotent,
    signal,
    read: (text) => decodeEnvelope(text, schema, operation, { limits }) as DecodedAnswer<Result>,
  });
}
